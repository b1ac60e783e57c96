/* The cache of names: a list, searched from the last used on. Connections are made far less often
 * than requests, and a few hundred comparisons cost less than any of them.
 * SPDX-License-Identifier: MIT */
#include "net/cache.h"

#include <string.h>

struct entry {
    struct mw_link link;
    double expires;
    const char *wrong;
    unsigned count;
    char *name;                   /* behind the addresses */
    char text[][MW_ADDRESS_SIZE]; /* count of them */
};

void mw_cache_init(struct mw_cache *cache, const struct mw_allocator *a)
{
    cache->allocator = *a;
    cache->count = 0;
    mw_list_init(&cache->entries);
}

static void drop(struct mw_cache *cache, struct entry *e)
{
    mw_unlink(&e->link);
    cache->count--;
    mw_dealloc(&cache->allocator, e);
}

void mw_cache_clear(struct mw_cache *cache)
{
    while (!mw_list_empty(&cache->entries))
        drop(cache, MW_ITEM(cache->entries.next, struct entry, link));
}

static struct entry *find(struct mw_cache *cache, const char *name)
{
    for (struct mw_link *l = cache->entries.next; l != &cache->entries; l = l->next) {
        struct entry *e = MW_ITEM(l, struct entry, link);
        if (strcmp(e->name, name) == 0)
            return e;
    }
    return NULL;
}

void mw_cache_put(struct mw_cache *cache, const char *name, const struct mw_addresses *found,
                  const char *wrong, double expires)
{
    size_t bytes = found->count * sizeof found->text[0];
    struct entry *old = find(cache, name);
    if (old != NULL)
        drop(cache, old);
    struct entry *e = mw_alloc(&cache->allocator, sizeof *e + bytes + strlen(name) + 1);
    if (e == NULL)
        return;
    e->expires = expires;
    e->wrong = wrong;
    e->count = found->count;
    memcpy(e->text, found->text, bytes);
    e->name = (char *)e->text + bytes;
    memcpy(e->name, name, strlen(name) + 1);
    mw_list_prepend(&cache->entries, &e->link);
    if (++cache->count > MW_CACHE_NAMES)
        drop(cache, MW_ITEM(cache->entries.previous, struct entry, link));
}

bool mw_cache_get(struct mw_cache *cache, const char *name, double now, struct mw_addresses *found,
                  const char **wrong)
{
    struct entry *e = find(cache, name);
    if (e == NULL)
        return false;
    if (e->expires <= now) {
        drop(cache, e);
        return false;
    }
    if (cache->entries.next != &e->link) {
        mw_unlink(&e->link);
        mw_list_prepend(&cache->entries, &e->link);
    }
    found->count = e->count;
    memcpy(found->text, e->text, e->count * sizeof found->text[0]);
    *wrong = e->wrong;
    return true;
}
