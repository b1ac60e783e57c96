/* The pool's own: where connections go, found by all that makes two of them different.
 * SPDX-License-Identifier: MIT */
#ifndef MW_NET_ORIGIN_H
#define MW_NET_ORIGIN_H

#include "net/pool.h"

struct mw_origin {
    struct mw_origin *next; /* in its bucket */
    struct mw_link hungry;  /* in the pool's list: some wait, and its own limit allows for more */
    struct mw_link idle;    /* mw_pooled.idle */
    struct mw_link waiting; /* mw_waiting.link, the first to come first */
    struct mw_link kept;    /* in its agent's list, while `idle` is not empty */
    unsigned count;         /* connections, idle ones too */
    unsigned idle_count;
    unsigned handed_on; /* how often one went straight to who waited, since one was given up */
    size_t hash;
    struct mw_origin_key key; /* with copies of its texts */
};

struct mw_bucket {
    struct mw_origin *first;
};

struct mw_origins {
    struct mw_allocator allocator;
    struct mw_bucket *buckets;
    size_t room, count;     /* buckets, a power of two; origins */
    struct mw_origin *last; /* asked for the last time; NULL if it is gone */
};

bool mw_origins_init(struct mw_origins *all, const struct mw_allocator *a); /* a zeroed one */
void mw_origins_deinit(struct mw_origins *all); /* with all that are in it */

struct mw_origin *mw_origins_find(struct mw_origins *all, const struct mw_origin_key *key);
struct mw_origin *mw_origins_add(struct mw_origins *all, const struct mw_origin_key *key);
void mw_origins_remove(struct mw_origins *all, struct mw_origin *o); /* and frees it */

#endif
