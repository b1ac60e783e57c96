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
    if (mw_tls_heard(&c->tls))
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

static const char *cause(int system_errno)
{
    return system_errno == 0 ? "it closed the connection" : strerror(system_errno);
}

static void tell_tls(const struct connection *c, struct mw_failure *f)
{
    f->code = MW_SSL_HANDSHAKE_FAILED_ERROR;
    if (f->tls_depth >= 0)
        mw_failure_text(f, "the certificate of %.60s is not accepted: %.80s (%.80s)",
                        mw_exchange_outgoing(c->x)->host, f->tls, f->tls_subject);
    else
        mw_failure_text(f, "the TLS handshake with %.60s failed: %.120s", c->address,
                        f->tls[0] ? f->tls : cause(f->system_errno));
}

void diagnose(const struct connection *c, short what, int system_errno, struct mw_failure *f)
{
    /* errno means something only where the system reported an error, not at an end of data */
    if (what & BEV_EVENT_EOF)
        system_errno = 0;
    enum mw_phase phase = diagnose_phase(c, system_errno);
    mw_failure_system(f, system_errno, phase);
    snprintf(f->address, sizeof f->address, "%s", c->address);
    bool tls_failed = c->tls.bev != NULL && mw_tls_explain(&c->tls, f);
    if (c->tls.bev != NULL && (tls_failed || f->tls[0] != '\0')) {
        f->system_errno = 0; /* OpenSSL's error, whatever errno says */
        f->code = MW_REMOTE_HOST_CLOSED_ERROR;
    }
    if (phase == MW_PHASE_TLS) {
        tell_tls(c, f);
    } else if (phase == MW_PHASE_CONNECT) {
        if (system_errno == 0)
            f->code = MW_UNKNOWN_NETWORK_ERROR;
        mw_failure_text(f, "cannot connect to %s: %s", c->address, strerror(system_errno));
    } else if (tls_failed) {
        f->code = MW_PROTOCOL_FAILURE;
        mw_failure_text(f, "TLS with %s broke: %.120s", c->address, f->tls);
    } else {
        static const char *const where[] = {
            [MW_PHASE_SEND] = "while the request was being sent",
            [MW_PHASE_HEAD] = "before the head of the reply was complete",
            [MW_PHASE_BODY] = "before the body of the reply was complete",
        };
        mw_failure_text(f, "lost %s %s: %s", c->address, where[phase], cause(f->system_errno));
    }
}
