/* The cookies of an exchange: from its replies into the jar, and from there into its requests.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_COOKIES_H
#define MW_CORE_COOKIES_H

#include "moonwire.h"

#include <stdbool.h>

struct mw_cookies {
    mw_cookie_jar *jar; /* NULL: the exchange has none */
    char *own;          /* what the user's Cookie fields said; NULL: nothing, or nothing any more */
    bool own_read;
};

void mw_cookies_prepare(mw_exchange *x, const mw_options *options);
void mw_cookies_free(mw_exchange *x);

/* A head of a reply is in x: what it sets goes into the jar. */
void mw_cookies_take(mw_exchange *x);

/* The composer of the field Cookie (leg.h). */
int mw_cookies_compose(mw_exchange *x);

#endif
