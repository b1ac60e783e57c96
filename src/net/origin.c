/* Origins in a table by hash, which grows with them; the one asked for last is found at once.
 * SPDX-License-Identifier: MIT */
#include "net/origin.h"

#include "base/grammar.h"

#include <string.h>

enum { FIRST_BUCKETS = 64 };

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_key(const struct mw_origin_key *a, const struct mw_origin_key *b)
{
    return a->port == b->port && a->secure == b->secure && a->agent == b->agent &&
           (strcmp(a->host, b->host) == 0 || mw_same_name(a->host, b->host)) &&
           same_text(a->addresses, b->addresses) && same_text(a->unix_path, b->unix_path) &&
           same_text(a->local_address, b->local_address) && same_text(a->proxy, b->proxy) &&
           a->tunnel == b->tunnel && (!a->secure || mw_tls_options_same(&a->tls, &b->tls));
}

static void free_key(struct mw_origin_key *key, const struct mw_allocator *a)
{
    mw_dealloc(a, (void *)key->host);
    mw_dealloc(a, (void *)key->addresses);
    mw_dealloc(a, (void *)key->unix_path);
    mw_dealloc(a, (void *)key->local_address);
    mw_dealloc(a, (void *)key->proxy);
    mw_tls_options_free(&key->tls, a);
    mw_agent_release(key->agent);
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
    to->tunnel = from->tunnel;
    to->agent = mw_agent_retain(from->agent);
    return copy_text(&to->host, from->host, a) && copy_text(&to->addresses, from->addresses, a) &&
           copy_text(&to->unix_path, from->unix_path, a) &&
           copy_text(&to->local_address, from->local_address, a) &&
           copy_text(&to->proxy, from->proxy, a) &&
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
    for (const char *c = key->proxy; c != NULL && *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    hash ^= (size_t)key->agent >> 4; /* of a heap's blocks the last bits are all the same */
    return (hash ^ key->port ^ (key->secure ? 0x10000u : 0)) * 16777619u;
}

static struct mw_bucket *bucket_of(const struct mw_origins *all, size_t hash)
{
    return &all->buckets[hash & (all->room - 1)];
}

/* Without memory the buckets just stay fuller. */
static void grow(struct mw_origins *all)
{
    size_t count = all->room;
    struct mw_bucket *old = all->buckets;
    struct mw_bucket *buckets = mw_zalloc(&all->allocator, 2 * count * sizeof *buckets);
    if (buckets == NULL)
        return;
    all->buckets = buckets;
    all->room = 2 * count;
    for (size_t i = 0; i < count; i++) {
        while (old[i].first != NULL) {
            struct mw_origin *o = old[i].first;
            struct mw_bucket *bucket = bucket_of(all, o->hash);
            old[i].first = o->next;
            o->next = bucket->first;
            bucket->first = o;
        }
    }
    mw_dealloc(&all->allocator, old);
}

struct mw_origin *mw_origins_find(struct mw_origins *all, const struct mw_origin_key *key)
{
    if (all->last != NULL && same_key(&all->last->key, key))
        return all->last;
    struct mw_origin *o = bucket_of(all, hash_of(key))->first;
    while (o != NULL && !same_key(&o->key, key))
        o = o->next;
    if (o != NULL)
        all->last = o;
    return o;
}

struct mw_origin *mw_origins_add(struct mw_origins *all, const struct mw_origin_key *key)
{
    struct mw_origin *o = mw_zalloc(&all->allocator, sizeof *o);
    if (o == NULL)
        return NULL;
    if (!copy_key(&o->key, key, &all->allocator)) {
        free_key(&o->key, &all->allocator);
        mw_dealloc(&all->allocator, o);
        return NULL;
    }
    if (all->count >= all->room)
        grow(all);
    mw_list_init(&o->idle);
    mw_list_init(&o->waiting);
    o->hash = hash_of(key);
    struct mw_bucket *bucket = bucket_of(all, o->hash);
    o->next = bucket->first;
    bucket->first = o;
    all->count++;
    all->last = o;
    return o;
}

void mw_origins_remove(struct mw_origins *all, struct mw_origin *o)
{
    struct mw_origin **at = &bucket_of(all, o->hash)->first;
    while (*at != o)
        at = &(*at)->next;
    *at = o->next;
    all->count--;
    if (all->last == o)
        all->last = NULL;
    mw_unlink(&o->hungry);
    free_key(&o->key, &all->allocator);
    mw_dealloc(&all->allocator, o);
}

bool mw_origins_init(struct mw_origins *all, const struct mw_allocator *a)
{
    all->allocator = *a;
    all->room = FIRST_BUCKETS;
    all->buckets = mw_zalloc(a, all->room * sizeof *all->buckets);
    return all->buckets != NULL;
}

void mw_origins_deinit(struct mw_origins *all)
{
    for (size_t i = 0; all->buckets != NULL && i < all->room; i++) {
        while (all->buckets[i].first != NULL)
            mw_origins_remove(all, all->buckets[i].first);
    }
    mw_dealloc(&all->allocator, all->buckets);
}
