/* Error numbers, their names, and which of them an errno or a status stands for.
 * SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ERRORS(X)                                                                                  \
    X(NO_ERROR)                                                                                    \
    X(CONNECTION_REFUSED_ERROR)                                                                    \
    X(REMOTE_HOST_CLOSED_ERROR)                                                                    \
    X(HOST_NOT_FOUND_ERROR)                                                                        \
    X(TIMEOUT_ERROR)                                                                               \
    X(OPERATION_CANCELLED_ERROR)                                                                   \
    X(SSL_HANDSHAKE_FAILED_ERROR)                                                                  \
    X(TEMPORARY_NETWORK_FAILURE_ERROR)                                                             \
    X(NETWORK_SESSION_FAILED_ERROR)                                                                \
    X(TOO_MANY_REDIRECTS_ERROR)                                                                    \
    X(INSECURE_REDIRECT_ERROR)                                                                     \
    X(UNKNOWN_NETWORK_ERROR)                                                                       \
    X(PROXY_CONNECTION_REFUSED_ERROR)                                                              \
    X(PROXY_CONNECTION_CLOSED_ERROR)                                                               \
    X(PROXY_NOT_FOUND_ERROR)                                                                       \
    X(PROXY_TIMEOUT_ERROR)                                                                         \
    X(PROXY_AUTHENTICATION_REQUIRED_ERROR)                                                         \
    X(UNKNOWN_PROXY_ERROR)                                                                         \
    X(CONTENT_ACCESS_DENIED)                                                                       \
    X(CONTENT_OPERATION_NOT_PERMITTED_ERROR)                                                       \
    X(CONTENT_NOT_FOUND_ERROR)                                                                     \
    X(AUTHENTICATION_REQUIRED_ERROR)                                                               \
    X(CONTENT_RE_SEND_ERROR)                                                                       \
    X(CONTENT_CONFLICT_ERROR)                                                                      \
    X(CONTENT_GONE_ERROR)                                                                          \
    X(UNKNOWN_CONTENT_ERROR)                                                                       \
    X(PROTOCOL_UNKNOWN_ERROR)                                                                      \
    X(PROTOCOL_INVALID_OPERATION_ERROR)                                                            \
    X(PROTOCOL_FAILURE)                                                                            \
    X(INTERNAL_SERVER_ERROR)                                                                       \
    X(OPERATION_NOT_IMPLEMENTED_ERROR)                                                             \
    X(SERVICE_UNAVAILABLE_ERROR)                                                                   \
    X(UNKNOWN_SERVER_ERROR)

static const struct {
    const char *name;
    int error;
} errors[] = {
#define X(name) {#name, MW_##name},
    ERRORS(X)
#undef X
};

const char *mw_error_at(size_t index, int *error)
{
    if (index >= sizeof errors / sizeof errors[0])
        return NULL;
    *error = errors[index].error;
    return errors[index].name;
}

const char *mw_error_name(int error)
{
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (errors[i].error == error)
            return errors[i].name;
    }
    return NULL;
}

const char *mw_phase_name(enum mw_phase phase)
{
    static const char *const names[] = {"resolve", "connect", "proxy", "tls",
                                        "send",    "head",    "body",  "decode"};
    return names[phase];
}

void mw_failure_init(struct mw_failure *f, int code, enum mw_phase phase)
{
    memset(f, 0, sizeof *f);
    f->code = code;
    f->phase = phase;
    f->tls_depth = -1;
    f->clock = "";
}

void mw_failure_text(struct mw_failure *f, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(f->text, sizeof f->text, format, args);
    va_end(args);
}

void mw_failure_clock(struct mw_failure *f, const char *clock, const char *format, ...)
{
    va_list args;
    f->clock = clock;
    va_start(args, format);
    vsnprintf(f->text, sizeof f->text, format, args);
    va_end(args);
}

static int error_of_errno(int system_errno)
{
    switch (system_errno) {
    case ECONNREFUSED:
        return MW_CONNECTION_REFUSED_ERROR;
    case 0: /* an orderly close */
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
        return MW_REMOTE_HOST_CLOSED_ERROR;
    case ETIMEDOUT:
        return MW_TIMEOUT_ERROR;
    case ENETDOWN:
    case ENETRESET:
        return MW_TEMPORARY_NETWORK_FAILURE_ERROR;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case EADDRNOTAVAIL: /* no address of that family to connect from */
    case EAFNOSUPPORT:
        return MW_NETWORK_SESSION_FAILED_ERROR;
    default:
        return MW_UNKNOWN_NETWORK_ERROR;
    }
}

void mw_failure_system(struct mw_failure *f, int system_errno, enum mw_phase phase)
{
    mw_failure_init(f, error_of_errno(system_errno), phase);
    f->system_errno = system_errno;
}

int mw_error_of_status(int status)
{
    switch (status) {
    case 400:
    case 418:
        return MW_PROTOCOL_INVALID_OPERATION_ERROR;
    case 401:
        return MW_AUTHENTICATION_REQUIRED_ERROR;
    case 403:
        return MW_CONTENT_ACCESS_DENIED;
    case 404:
        return MW_CONTENT_NOT_FOUND_ERROR;
    case 405:
        return MW_CONTENT_OPERATION_NOT_PERMITTED_ERROR;
    case 407:
        return MW_PROXY_AUTHENTICATION_REQUIRED_ERROR;
    case 409:
        return MW_CONTENT_CONFLICT_ERROR;
    case 410:
        return MW_CONTENT_GONE_ERROR;
    case 500:
        return MW_INTERNAL_SERVER_ERROR;
    case 501:
        return MW_OPERATION_NOT_IMPLEMENTED_ERROR;
    case 503:
        return MW_SERVICE_UNAVAILABLE_ERROR;
    default:
        break;
    }
    if (status >= 500)
        return MW_UNKNOWN_SERVER_ERROR;
    return status >= 400 ? MW_UNKNOWN_CONTENT_ERROR : MW_NO_ERROR;
}
