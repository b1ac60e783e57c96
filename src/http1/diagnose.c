/* Where an exchange is, and what the end of its connection means there.
 * SPDX-License-Identifier: MIT */
#include "http1/client.h"

#include <stdio.h>
#include <string.h>

enum mw_phase http1_phase_of(const struct http1_client *c)
{
    if (c->head_seen)
        return MW_PHASE_BODY;
    if (c->connected) {
        bool sending = c->sending != HTTP1_SEND_NOTHING || wire_pending(&c->wire) > 0 ||
                       (c->write_failed && !c->heard);
        return sending ? MW_PHASE_SEND : MW_PHASE_HEAD;
    }
    if (c->dial != NULL)
        return MW_PHASE_CONNECT; /* though it be to a proxy: http1_tunnel_blame */
    return mw_exchange_phase(c->x);
}

static const char *cause(const struct mw_failure *f)
{
    if (f->system_errno != 0)
        return strerror(f->system_errno);
    return f->tls[0] != '\0' ? "it closed the connection without close_notify"
                             : "it closed the connection";
}

static void tell_loss(const struct http1_client *c, struct mw_failure *f)
{
    static const char *const where[] = {
        [MW_PHASE_SEND] = "while the request was being sent",
        [MW_PHASE_HEAD] = "before the head of the reply was complete",
        [MW_PHASE_BODY] = "before the body of the reply was complete",
    };
    mw_failure_text(f, "lost %s %s: %s", c->address, where[f->phase], cause(f));
}

void http1_diagnose(const struct http1_client *c, enum mw_io how, struct mw_failure *f)
{
    enum mw_phase phase = http1_phase_of(c);
    if (how == MW_IO_FAILED)
        mw_socket_explain(&c->wire.socket, phase, f);
    else
        mw_failure_system(f, 0, phase);
    /* What came first is the cause: reading tells no more than that the connection is gone. */
    if (c->write_failed && !c->heard && f->tls[0] == '\0')
        mw_failure_system(f, c->write_errno, phase);
    snprintf(f->address, sizeof f->address, "%s", c->address);
    if (c->connected && f->code != MW_PROTOCOL_FAILURE && f->phase >= MW_PHASE_SEND &&
        f->phase <= MW_PHASE_BODY)
        tell_loss(c, f);
}
