/* Connections kept for reuse, by all that makes two of them different; limits on their number, and
 * a queue for who has to wait. Knows nothing of what is spoken on them.
 * SPDX-License-Identifier: MIT */
#ifndef MW_NET_POOL_H
#define MW_NET_POOL_H

#include "base/alloc.h"
#include "base/list.h"
#include "net/agent.h"
#include "net/tls_options.h"

#include <stdbool.h>

struct event_base;
struct mw_origin;
struct mw_pool;

/* Which connections serve a request. Everything counts: one that was opened without verification
 * must never serve a request that asks for it. */
struct mw_origin_key {
    const char *host; /* whatever its case */
    unsigned short port;
    bool secure;
    struct mw_tls_options tls; /* of no matter unless it is secure */
    const char *addresses;     /* in the place of those that the host has; NULL: none */
    const char *unix_path;     /* NULL: none */
    const char *local_address; /* NULL: the system's choice */
    const char *proxy;      /* all that makes one proxy another, its credentials too; NULL: none */
    bool tunnel;            /* through the proxy to the host; else the proxy gets the requests */
    struct mw_agent *agent; /* NULL: they are everybody's */
};

/* A connection's place in the pool: zeroed, inside the owner's struct. */
struct mw_pooled {
    struct mw_link idle;      /* in its origin's list, the last used first */
    struct mw_link age;       /* in the pool's, likewise */
    struct mw_origin *origin; /* NULL: it is in no pool */
    double idle_since;        /* or handed on; seconds of CLOCK_MONOTONIC */
    bool is_idle;
};

/* Who asks for a connection: zeroed, inside the owner's struct; stays where it is while it waits.
 */
struct mw_waiting {
    struct mw_link link;
    struct mw_origin *origin; /* NULL: it does not wait */
};

struct mw_pool_limits {
    unsigned connections; /* in all, idle ones too */
    unsigned per_origin;
    unsigned idle;       /* in all */
    double idle_seconds; /* how long one stays idle */
};

struct mw_pool_events {
    /* An idle connection has to go: it is out of the pool already; close and free it. */
    void (*close)(struct mw_pooled *p);
    /* The turn has come for one that waited: it gets `p`, or where that is NULL may open one
     * (mw_pool_add, before it returns). From inside any call of this header that frees a place. */
    void (*turn)(struct mw_waiting *w, struct mw_pooled *p);
};

struct mw_pool *mw_pool_new(const struct mw_allocator *a, struct event_base *base,
                            const struct mw_pool_limits *limits,
                            const struct mw_pool_events *events);
/* Other limits from now on. Nothing is closed for that; some that wait may get their turn. */
void mw_pool_set_limits(struct mw_pool *pool, const struct mw_pool_limits *limits);
void mw_pool_free(struct mw_pool *pool); /* all connections have been removed; NULL is allowed */

enum mw_pool_answer {
    MW_POOL_FOUND, /* *p was idle, and is taken */
    MW_POOL_OPEN,  /* there is none, but one may be opened: mw_pool_add */
    MW_POOL_WAIT,  /* w waits: a turn follows, or mw_pool_leave */
    MW_POOL_NOMEM
};
enum mw_pool_answer mw_pool_ask(struct mw_pool *pool, const struct mw_origin_key *key,
                                struct mw_waiting *w, struct mw_pooled **p);

void mw_pool_leave(struct mw_pool *pool, struct mw_waiting *w); /* waits no longer, if it did */

/* A new connection, about to be opened, counts from now on. False without memory. */
bool mw_pool_add(struct mw_pool *pool, const struct mw_origin_key *key, struct mw_pooled *p);

/* It is idle now: it goes to the first that waits for one of its kind, or is kept for the next; or
 * it is closed, if the place is needed, or was its origin's for long while others waited, or its
 * agent keeps no more. */
void mw_pool_park(struct mw_pool *pool, struct mw_pooled *p);

/* It is gone, or not to be used again. Nothing is closed. One that is in no pool stays so. */
void mw_pool_remove(struct mw_pool *pool, struct mw_pooled *p);

/* Closes those of an agent that are idle; NULL: all, whosoever they are. */
void mw_pool_drop_idle(struct mw_pool *pool, const struct mw_agent *agent);

/* Numbers, for who watches over it. */
unsigned mw_pool_connections(const struct mw_pool *pool);
unsigned mw_pool_idle(const struct mw_pool *pool);

#endif
