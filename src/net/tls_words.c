/* Words for what went wrong with TLS; the same for all engines.
 * SPDX-License-Identifier: MIT */
#include "net/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <stdio.h>
#include <string.h>

/* The oldest error is the cause; those after it tell how it travelled up. */
unsigned long mw_tls_take_error(void)
{
    unsigned long error = ERR_get_error();
    ERR_clear_error();
    return error;
}

void mw_tls_reason(unsigned long error, char *text, size_t size)
{
    const char *reason = NULL;
    if (ERR_SYSTEM_ERROR(error))
        reason = strerror(ERR_GET_REASON(error));
    else if (error != 0)
        reason = ERR_reason_error_string(error);
    snprintf(text, size, "%s", reason != NULL ? reason : "unknown error");
}

/* OpenSSL 3 calls it an error of TLS, but it is a peer that went without a word. */
bool mw_tls_cut_off(unsigned long error)
{
    return ERR_GET_LIB(error) == ERR_LIB_SSL &&
           ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
}

/* A server of TLS 1.3 looks at our certificate when our handshake is over, and then may send one of
 * these (RFC 8446, 6.2). */
static bool is_refusal(unsigned long error)
{
    static const int alerts[] = {SSL_AD_BAD_CERTIFICATE,     SSL_AD_UNSUPPORTED_CERTIFICATE,
                                 SSL_AD_CERTIFICATE_REVOKED, SSL_AD_CERTIFICATE_EXPIRED,
                                 SSL_AD_CERTIFICATE_UNKNOWN, SSL_AD_UNKNOWN_CA,
                                 SSL_AD_ACCESS_DENIED,       SSL_AD_CERTIFICATE_REQUIRED};
    if (ERR_GET_LIB(error) != ERR_LIB_SSL)
        return false;
    for (size_t i = 0; i < sizeof alerts / sizeof alerts[0]; i++) {
        if (ERR_GET_REASON(error) == SSL_AD_REASON_OFFSET + alerts[i])
            return true;
    }
    return false;
}

bool mw_tls_tell(const struct mw_tls_peer *peer, unsigned long error, struct mw_failure *f)
{
    const struct mw_tls_fault *fault = peer->fault;
    if (fault != NULL) {
        f->tls_depth = fault->depth;
        snprintf(f->tls, sizeof f->tls, "%s", fault->reason);
        snprintf(f->tls_subject, sizeof f->tls_subject, "%s", fault->subject);
    } else if (error != 0) {
        mw_tls_reason(error, f->tls, sizeof f->tls);
    } else {
        return false;
    }
    f->system_errno = 0; /* OpenSSL's error, whatever errno says */
    f->code = MW_REMOTE_HOST_CLOSED_ERROR;
    if (mw_tls_cut_off(error))
        return false;
    f->code = MW_PROTOCOL_FAILURE;
    if (is_refusal(error))
        f->phase = MW_PHASE_TLS;
    return true;
}

void mw_tls_words(struct mw_failure *f, const char *host, const char *address)
{
    const char *cause = f->tls;
    if (cause[0] == '\0')
        cause = f->system_errno != 0 ? strerror(f->system_errno) : "it closed the connection";
    if (f->phase == MW_PHASE_TLS) {
        f->code = MW_SSL_HANDSHAKE_FAILED_ERROR;
        if (f->tls_depth >= 0)
            mw_failure_text(f, "the certificate of %.60s is not accepted: %.100s (%.80s)", host,
                            f->tls, f->tls_subject);
        else
            mw_failure_text(f, "the TLS handshake with %.60s failed: %.120s", address, cause);
    } else if (f->code == MW_PROTOCOL_FAILURE) {
        mw_failure_text(f, "TLS with %.60s broke: %.120s", address, cause);
    } else if (f->tls[0] != '\0') {
        mw_failure_text(f,
                        "%.60s closed the connection without close_notify: what came may have "
                        "been cut off",
                        address);
    } else {
        mw_failure_text(f, "lost %.60s: %.120s", address, cause);
    }
}
