/* Where an exchange connects to, if not to its host's addresses in the usual way.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_ROUTE_H
#define MW_CORE_ROUTE_H

#include "base/alloc.h"
#include "moonwire.h"

/* What was asked for, copied; each may be NULL. */
struct mw_route {
    mw_resolve *entries; /* `count` of them, their texts behind */
    size_t count;
    char *local_address;
    char *unix_path;
};

/* Fills in x->route and the part of x->outgoing that says the same; x->url is known. MW_EINVAL with
 * mw_message set for what cannot be. */
int mw_route_prepare(mw_exchange *x, const mw_options *options);

/* The same for a URL that is another by now. */
void mw_route_choose(mw_exchange *x);
void mw_route_free(struct mw_route *route, const struct mw_allocator *a);

#endif
