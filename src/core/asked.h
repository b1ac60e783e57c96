/* What was asked for, kept for who asks later (mw_exchange_asked).
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_ASKED_H
#define MW_CORE_ASKED_H

#include "moonwire.h"

#include <stdbool.h>

struct mw_first_leg;

/* Of the body: what can be said of it when it has gone. */
struct mw_asked_body {
    unsigned char kind; /* mw_body_kind */
    bool credentials;   /* of the whole request: they were used, and are gone */
    uint64_t length, offset;
    char *file;
};

/* Part of the preparation. MW_ENOMEM with mw_message set. */
int mw_asked_prepare(mw_exchange *x, const mw_options *options);

/* The exchange is about to go on with another URL: copies what will change. False without memory.
 */
bool mw_asked_keep(mw_exchange *x);

/* Whether the bytes of the body stay until x is freed. */
bool mw_asked_needs_body(const mw_exchange *x);

void mw_asked_free(mw_exchange *x);

#endif
