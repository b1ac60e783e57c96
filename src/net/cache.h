/* Names and what was found for them, for as long as that holds; the least used leaves first.
 * SPDX-License-Identifier: MIT */
#ifndef MW_NET_CACHE_H
#define MW_NET_CACHE_H

#include "base/alloc.h"
#include "base/list.h"
#include "net/resolve.h"

enum { MW_CACHE_NAMES = 256 };

struct mw_cache {
    struct mw_allocator allocator;
    struct mw_link entries; /* the last used first */
    unsigned count;
};

void mw_cache_init(struct mw_cache *cache, const struct mw_allocator *a);
void mw_cache_clear(struct mw_cache *cache);

/* Keeps an answer until the time `expires` of the caller's clock. `wrong` is a constant text, or
 * NULL. Without memory it is not kept. Names are in lower case. */
void mw_cache_put(struct mw_cache *cache, const char *name, const struct mw_addresses *found,
                  const char *wrong, double expires);

/* False if there is nothing that still holds. */
bool mw_cache_get(struct mw_cache *cache, const char *name, double now, struct mw_addresses *found,
                  const char **wrong);

#endif
