/* Connections by origin. An origin lives while there is a connection of it, or somebody who waits.
 * SPDX-License-Identifier: MIT */
#include "net/pool.h"

#include "base/grammar.h"

#include <event2/event.h>

#include <string.h>
#include <time.h>

enum { FIRST_BUCKETS = 64 };

struct mw_origin {
    struct mw_origin *next; /* in its bucket */
    struct mw_link hungry;  /* in the pool's list: some wait, and its own limit allows for more */
    struct mw_link idle;    /* mw_pooled.idle */
    struct mw_link waiting; /* mw_waiting.link, the first to come first */
    unsigned count;         /* connections, idle ones too */
    size_t hash;
    struct mw_origin_key key; /* with copies of its texts */
};

struct mw_pool {
    struct mw_allocator allocator;
    struct mw_pool_limits limits;
    const struct mw_pool_events *events;
    struct mw_origin **buckets;
    size_t bucket_count, origin_count;
    struct mw_origin *last; /* asked for the last time; NULL if it is gone */
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

/* ---- origins ------------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_key(const struct mw_origin_key *a, const struct mw_origin_key *b)
{
    return a->port == b->port && a->secure == b->secure &&
           (strcmp(a->host, b->host) == 0 || mw_same_name(a->host, b->host)) &&
           same_text(a->addresses, b->addresses) && same_text(a->unix_path, b->unix_path) &&
           same_text(a->local_address, b->local_address) &&
           (!a->secure || mw_tls_options_same(&a->tls, &b->tls));
}

static void free_key(struct mw_origin_key *key, const struct mw_allocator *a)
{
    mw_dealloc(a, (void *)key->host);
    mw_dealloc(a, (void *)key->addresses);
    mw_dealloc(a, (void *)key->unix_path);
    mw_dealloc(a, (void *)key->local_address);
    mw_tls_options_free(&key->tls, a);
}

static bool copy_text(const char **to, const char *from, const struct mw_allocator *a)
{
    *to = from != NULL ? mw_strdup(a, from) : NULL;
    return from == NULL || *to != NULL;
}

/* What was copied is freed by the caller, whatever the result. */
static bool copy_key(struct mw_origin_key *to, const struct mw_origin_key *from,
                     const struct mw_allocator *a)
{
    to->port = from->port;
    to->secure = from->secure;
    return copy_text(&to->host, from->host, a) && copy_text(&to->addresses, from->addresses, a) &&
           copy_text(&to->unix_path, from->unix_path, a) &&
           copy_text(&to->local_address, from->local_address, a) &&
           (!from->secure || mw_tls_options_copy(&to->tls, &from->tls, a));
}

/* FNV-1a, of the parts that differ most. */
static size_t hash_of(const struct mw_origin_key *key)
{
    size_t hash = 2166136261u;
    for (const char *c = key->host; *c != '\0'; c++) {
        unsigned char byte = (unsigned char)*c;
        hash = (hash ^ (byte >= 'A' && byte <= 'Z' ? byte | 0x20u : byte)) * 16777619u;
    }
    for (const char *c = key->unix_path; c != NULL && *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    return (hash ^ key->port ^ (key->secure ? 0x10000u : 0)) * 16777619u;
}

static struct mw_origin **bucket_of(const struct mw_pool *pool, size_t hash)
{
    return &pool->buckets[hash & (pool->bucket_count - 1)];
}

/* Without memory the buckets just stay fuller. */
static void grow(struct mw_pool *pool)
{
    size_t count = pool->bucket_count, twice = 2 * count;
    struct mw_origin **old = pool->buckets;
    struct mw_origin **buckets = mw_zalloc(&pool->allocator, twice * sizeof *buckets);
    if (buckets == NULL)
        return;
    pool->buckets = buckets;
    pool->bucket_count = twice;
    for (size_t i = 0; i < count; i++) {
        while (old[i] != NULL) {
            struct mw_origin *o = old[i];
            struct mw_origin **bucket = bucket_of(pool, o->hash);
            old[i] = o->next;
            o->next = *bucket;
            *bucket = o;
        }
    }
    mw_dealloc(&pool->allocator, old);
}

static struct mw_origin *find_origin(struct mw_pool *pool, const struct mw_origin_key *key)
{
    if (pool->last != NULL && same_key(&pool->last->key, key))
        return pool->last;
    struct mw_origin *o = *bucket_of(pool, hash_of(key));
    while (o != NULL && !same_key(&o->key, key))
        o = o->next;
    if (o != NULL)
        pool->last = o;
    return o;
}

static struct mw_origin *new_origin(struct mw_pool *pool, const struct mw_origin_key *key)
{
    struct mw_origin *o = mw_zalloc(&pool->allocator, sizeof *o);
    if (o == NULL)
        return NULL;
    if (!copy_key(&o->key, key, &pool->allocator)) {
        free_key(&o->key, &pool->allocator);
        mw_dealloc(&pool->allocator, o);
        return NULL;
    }
    if (pool->origin_count >= pool->bucket_count)
        grow(pool);
    mw_list_init(&o->idle);
    mw_list_init(&o->waiting);
    o->hash = hash_of(key);
    struct mw_origin **bucket = bucket_of(pool, o->hash);
    o->next = *bucket;
    *bucket = o;
    pool->origin_count++;
    pool->last = o;
    return o;
}

static struct mw_origin *origin_for(struct mw_pool *pool, const struct mw_origin_key *key)
{
    struct mw_origin *o = find_origin(pool, key);
    return o != NULL ? o : new_origin(pool, key);
}

static void forget_if_unused(struct mw_pool *pool, struct mw_origin *o)
{
    if (o->count > 0 || !mw_list_empty(&o->waiting))
        return;
    struct mw_origin **at = bucket_of(pool, o->hash);
    while (*at != o)
        at = &(*at)->next;
    *at = o->next;
    pool->origin_count--;
    if (pool->last == o)
        pool->last = NULL;
    mw_unlink(&o->hungry);
    free_key(&o->key, &pool->allocator);
    mw_dealloc(&pool->allocator, o);
}

/* ---- who waits ----------------------------------------------------------------------------- */

static bool may_open(const struct mw_pool *pool, const struct mw_origin *o)
{
    return o->count < pool->limits.per_origin &&
           (pool->count < pool->limits.connections || !mw_list_empty(&pool->idle));
}

static void note_hunger(struct mw_pool *pool, struct mw_origin *o)
{
    if (!mw_list_empty(&o->waiting) && o->count < pool->limits.per_origin && !mw_linked(&o->hungry))
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
        if (o->count >= pool->limits.per_origin || mw_list_empty(&o->waiting)) {
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
    if (!p->is_idle)
        return;
    p->is_idle = false;
    mw_unlink(&p->idle);
    mw_unlink(&p->age);
    pool->idle_count--;
}

void mw_pool_park(struct mw_pool *pool, struct mw_pooled *p)
{
    struct mw_origin *o = p->origin;
    if (!mw_list_empty(&o->waiting)) {
        pool->events->turn(take_first(o), p);
        return;
    }
    p->is_idle = true;
    p->idle_since = now();
    mw_list_prepend(&o->idle, &p->idle);
    mw_list_prepend(&pool->idle, &p->age);
    if (++pool->idle_count > pool->limits.idle)
        close_idle(pool, oldest(pool));
    arm_sweep(pool);
    if (!mw_list_empty(&pool->hungry))
        serve(pool);
}

void mw_pool_drop_idle(struct mw_pool *pool)
{
    while (!mw_list_empty(&pool->idle))
        close_idle(pool, oldest(pool));
}

/* ---- connections --------------------------------------------------------------------------- */

enum mw_pool_answer mw_pool_ask(struct mw_pool *pool, const struct mw_origin_key *key,
                                struct mw_waiting *w, struct mw_pooled **p)
{
    struct mw_origin *o = find_origin(pool, key);
    if (o != NULL && !mw_list_empty(&o->idle)) {
        *p = MW_ITEM(o->idle.next, struct mw_pooled, idle);
        take(pool, *p);
        return MW_POOL_FOUND;
    }
    if (o == NULL)
        o = new_origin(pool, key);
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
    struct mw_origin *o = origin_for(pool, key);
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
    pool->allocator = *a;
    pool->limits = *limits;
    pool->events = events;
    mw_list_init(&pool->hungry);
    mw_list_init(&pool->idle);
    pool->bucket_count = FIRST_BUCKETS;
    pool->buckets = mw_zalloc(a, pool->bucket_count * sizeof *pool->buckets);
    pool->sweep = evtimer_new(base, on_sweep, pool);
    if (pool->buckets == NULL || pool->sweep == NULL) {
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
    for (size_t i = 0; i < pool->bucket_count; i++) {
        for (struct mw_origin *o = pool->buckets[i]; o != NULL; o = o->next)
            note_hunger(pool, o);
    }
    serve(pool);
}

void mw_pool_free(struct mw_pool *pool)
{
    if (pool == NULL)
        return;
    struct mw_allocator allocator = pool->allocator;
    if (pool->sweep != NULL)
        event_free(pool->sweep);
    for (size_t i = 0; pool->buckets != NULL && i < pool->bucket_count; i++) {
        while (pool->buckets[i] != NULL) /* made for one that could not be opened */
            forget_if_unused(pool, pool->buckets[i]);
    }
    mw_dealloc(&allocator, pool->buckets);
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
