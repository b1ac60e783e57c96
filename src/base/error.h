/* What can become of an exchange: the phases of its life and one failure with all that is known.
 * SPDX-License-Identifier: MIT */
#ifndef MW_BASE_ERROR_H
#define MW_BASE_ERROR_H

#include "base/attribute.h"
#include "moonwire.h"

/* In the order in which an exchange goes through them. */
enum mw_phase {
    MW_PHASE_RESOLVE,
    MW_PHASE_CONNECT,
    MW_PHASE_PROXY,
    MW_PHASE_TLS,
    MW_PHASE_SEND,
    MW_PHASE_HEAD,
    MW_PHASE_BODY,
    MW_PHASE_DECODE
};

const char *mw_phase_name(enum mw_phase phase);

/* Filled on the stack by whoever sees a failure, copied by the exchange. Start from
 * mw_failure_init; texts may stay empty. */
struct mw_failure {
    int code; /* mw_error */
    enum mw_phase phase;
    int system_errno;
    int tls_depth;
    const char *clock; /* which one ran out, "" if none: a constant */
    char text[256];
    char address[80];
    char tls[160];
    char tls_subject[160];
};

void mw_failure_init(struct mw_failure *f, int code, enum mw_phase phase);
void mw_failure_text(struct mw_failure *f, const char *format, ...) MW_PRINTF(2, 3);

/* The same of a clock that ran out. */
void mw_failure_clock(struct mw_failure *f, const char *clock, const char *format, ...)
    MW_PRINTF(3, 4);

/* A failure of the system: picks the code by errno (ECONNREFUSED, ENETUNREACH, ETIMEDOUT …). */
void mw_failure_system(struct mw_failure *f, int system_errno, enum mw_phase phase);

/* The error that a status stands for (DESIGN.md, "Errors"); MW_NO_ERROR below 400. */
int mw_error_of_status(int status);

#endif
