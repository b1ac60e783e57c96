/* Connections by origin. An origin lives while there is a connection of it, or somebody who waits.
 * SPDX-License-Identifier: MIT */
#include "net/origin.h"

#include <event2/event.h>

#include <string.h>
#include <time.h>

/* So often a connection goes to the next of its own origin while others are kept out. */
enum { MOST_HANDED_ON = 16 };

struct mw_pool {
    struct mw_origins origins;
    struct mw_pool_limits limits;
    const struct mw_pool_events *events;
    struct mw_link hungry;
    struct mw_link idle; /* mw_pooled.age */
    unsigned count, idle_count;
    struct event *sweep;
    bool serving, again; /* serve() is on the stack; and is wanted once more */
};

static double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void forget_if_unused(struct mw_pool *pool, struct mw_origin *o)
{
    if (o->count == 0 && mw_list_empty(&o->waiting))
        mw_origins_remove(&pool->origins, o);
}

/* ---- who waits ----------------------------------------------------------------------------- */

/* Whether its own limits allow for one more. */
static bool has_place(const struct mw_pool *pool, const struct mw_origin *o)
{
    const struct mw_agent *agent = o->key.agent;
    return o->count < pool->limits.per_origin &&
           (agent == NULL || agent->per_origin == 0 || o->count < agent->per_origin);
}

static bool may_open(const struct mw_pool *pool, const struct mw_origin *o)
{
    return has_place(pool, o) &&
           (pool->count < pool->limits.connections || !mw_list_empty(&pool->idle));
}

static void note_hunger(struct mw_pool *pool, struct mw_origin *o)
{
    if (!mw_list_empty(&o->waiting) && has_place(pool, o) && !mw_linked(&o->hungry))
        mw_list_append(&pool->hungry, &o->hungry);
}

static void close_idle(struct mw_pool *pool, struct mw_pooled *p)
{
    mw_pool_remove(pool, p);
    pool->events->close(p);
}

/* The connection that has been idle for longest. */
static struct mw_pooled *oldest(const struct mw_pool *pool)
{
    return MW_ITEM(pool->idle.previous, struct mw_pooled, age);
}

static void make_room(struct mw_pool *pool)
{
    if (pool->count >= pool->limits.connections && !mw_list_empty(&pool->idle))
        close_idle(pool, oldest(pool));
}

/* Whether another origin needs but a place. */
static bool keeps_out_others(const struct mw_pool *pool, const struct mw_origin *o)
{
    for (const struct mw_link *l = pool->hungry.next; l != &pool->hungry; l = l->next) {
        const struct mw_origin *other = MW_ITEM(l, struct mw_origin, hungry);
        if (other != o && !mw_list_empty(&other->waiting) && has_place(pool, other))
            return true;
    }
    return false;
}

static struct mw_waiting *take_first(struct mw_origin *o)
{
    struct mw_waiting *w = MW_ITEM(o->waiting.next, struct mw_waiting, link);
    mw_unlink(&w->link);
    w->origin = NULL;
    return w;
}

/* One of each hungry origin in turn, while there is room. */
static void serve_some(struct mw_pool *pool)
{
    while (!mw_list_empty(&pool->hungry)) {
        struct mw_origin *o = MW_ITEM(pool->hungry.next, struct mw_origin, hungry);
        if (!has_place(pool, o) || mw_list_empty(&o->waiting)) {
            mw_unlink(&o->hungry);
            forget_if_unused(pool, o);
            continue;
        }
        if (!may_open(pool, o))
            return;
        mw_unlink(&o->hungry);
        o->count++; /* held, whatever becomes of the others meanwhile */
        make_room(pool);
        o->count--;
        struct mw_waiting *w = take_first(o);
        note_hunger(pool, o);
        o->count++;
        pool->events->turn(w, NULL);
        o->count--;
        note_hunger(pool, o);
        forget_if_unused(pool, o);
    }
}

/* A turn may fail at once, and so free the place again: never from inside itself. */
static void serve(struct mw_pool *pool)
{
    pool->again = true;
    if (pool->serving)
        return;
    pool->serving = true;
    while (pool->again) {
        pool->again = false;
        serve_some(pool);
    }
    pool->serving = false;
}

static enum mw_pool_answer wait_for_turn(struct mw_pool *pool, struct mw_origin *o,
                                         struct mw_waiting *w)
{
    w->origin = o;
    mw_list_append(&o->waiting, &w->link);
    note_hunger(pool, o);
    return MW_POOL_WAIT;
}

void mw_pool_leave(struct mw_pool *pool, struct mw_waiting *w)
{
    struct mw_origin *o = w->origin;
    if (o == NULL)
        return;
    mw_unlink(&w->link);
    w->origin = NULL;
    forget_if_unused(pool, o);
}

/* ---- idle ones ----------------------------------------------------------------------------- */

static void arm_sweep(struct mw_pool *pool)
{
    if (pool->idle_count == 0 || evtimer_pending(pool->sweep, NULL))
        return;
    double seconds = pool->limits.idle_seconds / 6;
    struct timeval interval = {(time_t)seconds, 0};
    interval.tv_usec = (suseconds_t)((seconds - (double)interval.tv_sec) * 1e6);
    evtimer_add(pool->sweep, &interval);
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    struct mw_pool *pool = arg;
    double since = now() - pool->limits.idle_seconds;
    (void)fd;
    (void)what;
    while (!mw_list_empty(&pool->idle) && oldest(pool)->idle_since <= since)
        close_idle(pool, oldest(pool));
    arm_sweep(pool);
}

static void take(struct mw_pool *pool, struct mw_pooled *p)
{
    struct mw_origin *o = p->origin;
    if (!p->is_idle)
        return;
    p->is_idle = false;
    mw_unlink(&p->idle);
    mw_unlink(&p->age);
    pool->idle_count--;
    if (--o->idle_count == 0 && o->key.agent != NULL) {
        mw_unlink(&o->kept);
        o->key.agent->origin_count--;
    }
}

static void close_oldest_of(struct mw_pool *pool, struct mw_origin *o)
{
    close_idle(pool, MW_ITEM(o->idle.previous, struct mw_pooled, idle));
}

/* The origin that its agent has used least of late. */
static struct mw_origin *last_of(const struct mw_agent *agent)
{
    return MW_ITEM(agent->origins.previous, struct mw_origin, kept);
}

/* One of the origin's is idle now: its agent keeps no more than it is to. */
static void keep_within(struct mw_pool *pool, struct mw_agent *agent, struct mw_origin *o)
{
    if (o->idle_count == 1)
        agent->origin_count++;
    mw_unlink(&o->kept);
    mw_list_prepend(&agent->origins, &o->kept);
    if (agent->closed || (agent->idle_per_origin > 0 && o->idle_count > agent->idle_per_origin)) {
        close_oldest_of(pool, o);
        return;
    }
    while (agent->idle_origins > 0 && agent->origin_count > agent->idle_origins)
        close_oldest_of(pool, last_of(agent));
}

/* Gives its place to an origin that waits for one: this one comes after all of them. */
static void give_way(struct mw_pool *pool, struct mw_origin *o, struct mw_pooled *p)
{
    o->handed_on = 0;
    mw_unlink(&o->hungry);
    close_idle(pool, p);
}

void mw_pool_park(struct mw_pool *pool, struct mw_pooled *p)
{
    struct mw_origin *o = p->origin;
    p->idle_since = now();
    if (!mw_list_empty(&o->waiting)) {
        if (++o->handed_on > MOST_HANDED_ON && keeps_out_others(pool, o))
            give_way(pool, o, p);
        else
            pool->events->turn(take_first(o), p);
        return;
    }
    p->is_idle = true;
    mw_list_prepend(&o->idle, &p->idle);
    mw_list_prepend(&pool->idle, &p->age);
    o->idle_count++;
    pool->idle_count++;
    if (o->key.agent != NULL)
        keep_within(pool, o->key.agent, o);
    if (pool->idle_count > pool->limits.idle)
        close_idle(pool, oldest(pool));
    arm_sweep(pool);
    if (!mw_list_empty(&pool->hungry))
        serve(pool);
}

void mw_pool_drop_idle(struct mw_pool *pool, const struct mw_agent *agent)
{
    while (agent != NULL && !mw_list_empty(&agent->origins))
        close_oldest_of(pool, last_of(agent));
    while (agent == NULL && !mw_list_empty(&pool->idle))
        close_idle(pool, oldest(pool));
}

/* ---- connections --------------------------------------------------------------------------- */

enum mw_pool_answer mw_pool_ask(struct mw_pool *pool, const struct mw_origin_key *key,
                                struct mw_waiting *w, struct mw_pooled **p)
{
    struct mw_origin *o = mw_origins_find(&pool->origins, key);
    if (o != NULL && !mw_list_empty(&o->idle)) {
        *p = MW_ITEM(o->idle.next, struct mw_pooled, idle);
        take(pool, *p);
        return MW_POOL_FOUND;
    }
    if (o == NULL)
        o = mw_origins_add(&pool->origins, key);
    if (o == NULL)
        return MW_POOL_NOMEM;
    if (!mw_list_empty(&o->waiting) || !may_open(pool, o))
        return wait_for_turn(pool, o, w);
    o->count++; /* held while another makes room for it */
    make_room(pool);
    o->count--;
    return MW_POOL_OPEN;
}

bool mw_pool_add(struct mw_pool *pool, const struct mw_origin_key *key, struct mw_pooled *p)
{
    struct mw_origin *o = mw_origins_find(&pool->origins, key);
    if (o == NULL)
        o = mw_origins_add(&pool->origins, key);
    if (o == NULL)
        return false;
    p->origin = o;
    o->count++;
    pool->count++;
    return true;
}

void mw_pool_remove(struct mw_pool *pool, struct mw_pooled *p)
{
    struct mw_origin *o = p->origin;
    if (o == NULL)
        return;
    take(pool, p);
    p->origin = NULL;
    o->count--;
    pool->count--;
    note_hunger(pool, o);
    forget_if_unused(pool, o);
    if (!mw_list_empty(&pool->hungry))
        serve(pool);
}

struct mw_pool *mw_pool_new(const struct mw_allocator *a, struct event_base *base,
                            const struct mw_pool_limits *limits,
                            const struct mw_pool_events *events)
{
    struct mw_pool *pool = mw_zalloc(a, sizeof *pool);
    if (pool == NULL)
        return NULL;
    pool->limits = *limits;
    pool->events = events;
    mw_list_init(&pool->hungry);
    mw_list_init(&pool->idle);
    bool made = mw_origins_init(&pool->origins, a);
    pool->sweep = evtimer_new(base, on_sweep, pool);
    if (!made || pool->sweep == NULL) {
        mw_pool_free(pool);
        return NULL;
    }
    return pool;
}

void mw_pool_set_limits(struct mw_pool *pool, const struct mw_pool_limits *limits)
{
    const struct mw_pool_limits *now_are = &pool->limits;
    if (now_are->connections == limits->connections && now_are->per_origin == limits->per_origin &&
        now_are->idle == limits->idle && now_are->idle_seconds == limits->idle_seconds)
        return;
    pool->limits = *limits;
    for (size_t i = 0; i < pool->origins.room; i++) {
        for (struct mw_origin *o = pool->origins.buckets[i].first; o != NULL; o = o->next)
            note_hunger(pool, o);
    }
    serve(pool);
}

void mw_pool_free(struct mw_pool *pool)
{
    if (pool == NULL)
        return;
    struct mw_allocator allocator = pool->origins.allocator;
    if (pool->sweep != NULL)
        event_free(pool->sweep);
    mw_origins_deinit(&pool->origins); /* some were made for one that could not be opened */
    mw_dealloc(&allocator, pool);
}

unsigned mw_pool_connections(const struct mw_pool *pool)
{
    return pool->count;
}

unsigned mw_pool_idle(const struct mw_pool *pool)
{
    return pool->idle_count;
}
