/* A pool of connections that are none, and who asks for them: for the C tests of net/pool.h.
 * SPDX-License-Identifier: MIT */
#ifndef MW_SPEC_POOL_H
#define MW_SPEC_POOL_H

#include "net.h"
#include "net/pool.h"

enum { MOST = 64 };

/* A connection that is none: the pool knows only its place. */
struct connection {
    struct mw_pooled pooled;
    int number;
};

/* One that wants a connection. */
struct asker {
    struct mw_waiting waiting;
    struct mw_origin_key key;
    struct connection *got;
    int turns;
    int fails;  /* it makes nothing of its turn */
    int passes; /* it gives what it gets back at once */
};

static struct event_base *base;
static struct mw_pool *pool;
static int opened, closed;
static int closed_numbers[MOST];

static struct mw_origin_key key_of(const char *host)
{
    return (struct mw_origin_key){.host = host, .port = 80};
}

static struct connection *open_one(const struct mw_origin_key *key)
{
    struct connection *c = test_need(calloc(1, sizeof *c));
    c->number = ++opened;
    CHECK(mw_pool_add(pool, key, &c->pooled));
    return c;
}

static void discard(struct connection *c)
{
    mw_pool_remove(pool, &c->pooled);
    free(c);
}

static void on_close(struct mw_pooled *p)
{
    struct connection *c = MW_ITEM(p, struct connection, pooled);
    CHECK(p->origin == NULL);
    CHECK(!p->is_idle);
    if (closed < MOST)
        closed_numbers[closed] = c->number;
    closed++;
    free(c);
}

static void on_turn(struct mw_waiting *w, struct mw_pooled *p)
{
    struct asker *asker = MW_ITEM(w, struct asker, waiting);
    struct connection *c = p != NULL ? MW_ITEM(p, struct connection, pooled) : NULL;
    CHECK(w->origin == NULL);
    CHECK(asker->got == NULL);
    asker->turns++;
    if (asker->fails) {
        if (c != NULL)
            discard(c);
        return;
    }
    if (c == NULL)
        c = open_one(&asker->key);
    if (asker->passes)
        mw_pool_park(pool, &c->pooled);
    else
        asker->got = c;
}

static const struct mw_pool_events events = {on_close, on_turn};

static void begin(unsigned connections, unsigned per_origin, unsigned idle, double idle_seconds)
{
    const struct mw_pool_limits limits = {connections, per_origin, idle, idle_seconds};
    base = test_need(event_base_new());
    pool = test_need(mw_pool_new(&mw_default_allocator, base, &limits, &events));
    opened = closed = 0;
}

static void end(void)
{
    mw_pool_drop_idle(pool, NULL);
    CHECK_INT(mw_pool_connections(pool), 0);
    CHECK_INT(mw_pool_idle(pool), 0);
    mw_pool_free(pool);
    event_base_free(base);
}

/* What the pool answers; takes or opens a connection where it says so. */
static enum mw_pool_answer ask(struct asker *asker, const struct mw_origin_key *key)
{
    struct mw_pooled *p = NULL;
    asker->key = *key;
    enum mw_pool_answer answer = mw_pool_ask(pool, key, &asker->waiting, &p);
    if (answer == MW_POOL_FOUND)
        asker->got = MW_ITEM(p, struct connection, pooled);
    else if (answer == MW_POOL_OPEN)
        asker->got = open_one(key);
    return answer;
}

static void park(struct asker *asker)
{
    struct connection *c = test_need(asker->got);
    asker->got = NULL;
    mw_pool_park(pool, &c->pooled);
}

static void leave(struct asker *asker)
{
    struct connection *c = test_need(asker->got);
    asker->got = NULL;
    discard(c);
}

#endif
