/* What was asked for, kept for who asks later (mw_exchange_asked).
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_ASKED_H
#define MW_CORE_ASKED_H

#include "moonwire.h"

#include <stdbool.h>

struct mw_first_leg;

/* What can be said when it has gone: of the body, and of what must not be kept. */
struct mw_asked_kept {
    unsigned char kind; /* mw_body_kind */
    bool credentials;   /* there were some, which are gone with the end */
    uint64_t length, offset;
    char *file;
    char *proxy, *no_proxy, *proxy_ca_file; /* as the options had them, but for the password */
    bool proxy_insecure;
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
