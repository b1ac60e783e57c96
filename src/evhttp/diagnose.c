/* From what a bufferevent saw to a documented error, with its phase and its cause.
 * SPDX-License-Identifier: MIT */
#include "evhttp/state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* The socket beneath a TLS handshake. libevent does not tell when it is connected; OpenSSL begins
 * before it is, so a refused connection looks like a failed handshake. */
static bool transport_connected(const struct connection *c, int system_errno)
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    if (system_errno == 0 || system_errno == ECONNRESET || system_errno == EPIPE)
        return true; /* it was connected, and is no more */
    if (mw_tls_bev_heard(&c->tls))
        return true;
    return getpeername(bufferevent_getfd(c->bev), (struct sockaddr *)&peer, &size) == 0;
}

enum mw_phase diagnose_phase(const struct connection *c, int system_errno)
{
    if (!c->connected)
        return c->tls.bev != NULL && transport_connected(c, system_errno) ? MW_PHASE_TLS
                                                                          : MW_PHASE_CONNECT;
    if (c->head_seen)
        return MW_PHASE_BODY;
    return mw_exchange_phase(c->x) == MW_PHASE_SEND ? MW_PHASE_SEND : MW_PHASE_HEAD;
}

static const char *cause(const struct mw_failure *f)
{
    if (f->system_errno != 0)
        return strerror(f->system_errno);
    return f->tls[0] != '\0' ? "it closed the connection without close_notify"
                             : "it closed the connection";
}

void diagnose(const struct connection *c, short what, int system_errno, struct mw_failure *f)
{
    /* errno means something only where the system reported an error, not at an end of data */
    if (what & BEV_EVENT_EOF)
        system_errno = 0;
    enum mw_phase phase = diagnose_phase(c, system_errno);
    mw_failure_system(f, system_errno, phase);
    snprintf(f->address, sizeof f->address, "%s", c->address);
    bool tls_failed = c->tls.bev != NULL && mw_tls_bev_explain(&c->tls, f);
    if (f->phase == MW_PHASE_TLS || (tls_failed && phase != MW_PHASE_CONNECT)) {
        mw_tls_words(f, c->host, c->address);
    } else if (phase == MW_PHASE_CONNECT) {
        if (system_errno == 0)
            f->code = MW_UNKNOWN_NETWORK_ERROR;
        mw_failure_text(f, "cannot connect to %s: %s", c->address, strerror(system_errno));
    } else {
        static const char *const where[] = {
            [MW_PHASE_SEND] = "while the request was being sent",
            [MW_PHASE_HEAD] = "before the head of the reply was complete",
            [MW_PHASE_BODY] = "before the body of the reply was complete",
        };
        mw_failure_text(f, "lost %s %s: %s", c->address, where[phase], cause(f));
    }
}
