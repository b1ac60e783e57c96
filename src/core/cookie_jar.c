/* The store of cookies: by domain, by age and by use.
 * SPDX-License-Identifier: MIT */
#include "core/cookie_jar.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All cookies of one domain, by use. Those of the host alone and those of what is below it lie
 * together. */
struct mw_cookie_domain {
    struct mw_cookie_domain *next; /* of its bucket */
    struct mw_link cookies;
    size_t count;
    char name[];
};

mw_cookie_jar *mw_cookie_jar_new(mw_alloc_fn alloc, void *ud)
{
    struct mw_allocator a = mw_default_allocator;
    if (alloc != NULL)
        a = (struct mw_allocator){alloc, ud};
    mw_cookie_jar *jar = mw_zalloc(&a, sizeof *jar);
    if (jar == NULL)
        return NULL;
    jar->allocator = a;
    jar->users = 1;
    jar->next_expiry = INT64_MAX;
    mw_list_init(&jar->by_age);
    mw_list_init(&jar->by_use);
    return jar;
}

void mw_cookie_jar_retain(mw_cookie_jar *jar)
{
    jar->users++;
}

void mw_cookie_jar_free(mw_cookie_jar *jar)
{
    if (jar == NULL || --jar->users > 0)
        return;
    struct mw_allocator a = jar->allocator;
    mw_cookie_jar_clear(jar);
    mw_dealloc(&a, jar->selected);
    mw_dealloc(&a, jar->text);
    mw_dealloc(&a, jar);
}

int mw_cookie_jar_fail(mw_cookie_jar *jar, int result, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(jar->message, sizeof jar->message, format, args);
    va_end(args);
    return result;
}

const char *mw_cookie_jar_message(const mw_cookie_jar *jar)
{
    return jar->message;
}

/* ---- domains ------------------------------------------------------------------------------- */

static struct mw_cookie_domain **bucket_of(mw_cookie_jar *jar, const char *name)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return &jar->buckets[(hash ^ hash >> 16) % MW_COOKIE_BUCKETS];
}

static struct mw_cookie_domain *find_domain(mw_cookie_jar *jar, const char *name)
{
    struct mw_cookie_domain *d = *bucket_of(jar, name);
    while (d != NULL && strcmp(d->name, name) != 0)
        d = d->next;
    return d;
}

static struct mw_cookie_domain *need_domain(mw_cookie_jar *jar, const char *name)
{
    struct mw_cookie_domain *d = find_domain(jar, name);
    if (d != NULL)
        return d;
    size_t size = strlen(name) + 1;
    d = mw_alloc(&jar->allocator, sizeof *d + size);
    if (d == NULL)
        return NULL;
    struct mw_cookie_domain **bucket = bucket_of(jar, name);
    d->next = *bucket;
    *bucket = d;
    d->count = 0;
    mw_list_init(&d->cookies);
    memcpy(d->name, name, size);
    return d;
}

static void drop_if_empty(mw_cookie_jar *jar, struct mw_cookie_domain *d)
{
    if (d->count > 0)
        return;
    struct mw_cookie_domain **at = bucket_of(jar, d->name);
    while (*at != d)
        at = &(*at)->next;
    *at = d->next;
    mw_dealloc(&jar->allocator, d);
}

/* ---- cookies in and out -------------------------------------------------------------------- */

void mw_cookie_jar_discard(mw_cookie_jar *jar, struct mw_stored_cookie *s)
{
    struct mw_cookie_domain *d = s->domain;
    mw_unlink(&s->by_age);
    mw_unlink(&s->by_use);
    mw_unlink(&s->of_domain);
    jar->count--;
    d->count--;
    jar->selected_count = 0; /* it may be one of them */
    mw_dealloc(&jar->allocator, s);
    drop_if_empty(jar, d);
}

static struct mw_stored_cookie *aged(const struct mw_link *link)
{
    return MW_ITEM(link, struct mw_stored_cookie, by_age);
}

void mw_cookie_jar_clear(mw_cookie_jar *jar)
{
    while (!mw_list_empty(&jar->by_age))
        mw_cookie_jar_discard(jar, aged(jar->by_age.next));
    jar->next_expiry = INT64_MAX;
}

void mw_cookie_jar_sweep(mw_cookie_jar *jar, int64_t now)
{
    if (now < jar->next_expiry)
        return;
    jar->next_expiry = INT64_MAX;
    for (struct mw_link *l = jar->by_age.next, *next; l != &jar->by_age; l = next) {
        struct mw_stored_cookie *s = aged(l);
        next = l->next;
        if (s->cookie.expires == 0)
            continue;
        if (s->cookie.expires <= now)
            mw_cookie_jar_discard(jar, s);
        else if (s->cookie.expires < jar->next_expiry)
            jar->next_expiry = s->cookie.expires;
    }
}

/* One domain holds too many: the one that was not sent for longest goes, if there is one among
 * those that anybody on the way can set and read. */
static struct mw_stored_cookie *worst_of(const struct mw_cookie_domain *d)
{
    for (struct mw_link *l = d->cookies.next; l != &d->cookies; l = l->next) {
        struct mw_stored_cookie *s = MW_ITEM(l, struct mw_stored_cookie, of_domain);
        if (!s->cookie.secure)
            return s;
    }
    return MW_ITEM(d->cookies.next, struct mw_stored_cookie, of_domain);
}

/* 5.7, the end: makes room behind a cookie that came in. Returns false if it was that which went.
 */
static bool remove_excess(mw_cookie_jar *jar, const struct mw_stored_cookie *newest)
{
    struct mw_stored_cookie *worst = NULL;
    if (newest->domain->count > MW_COOKIES_OF_DOMAIN)
        worst = worst_of(newest->domain);
    else if (jar->count > MW_COOKIES_IN_ALL)
        worst = MW_ITEM(jar->by_use.next, struct mw_stored_cookie, by_use);
    if (worst == NULL)
        return true;
    bool other = worst != newest;
    mw_cookie_jar_discard(jar, worst);
    return other;
}

static char *put_text(char **at, struct mw_span text)
{
    char *start = *at;
    if (text.length > 0)
        memcpy(start, text.at, text.length);
    start[text.length] = '\0';
    *at += text.length + 1;
    return start;
}

static struct mw_stored_cookie *new_cookie(mw_cookie_jar *jar, const struct mw_set_cookie *c,
                                           const char *domain, bool host_only, struct mw_span path)
{
    struct mw_span of_domain = {domain, strlen(domain)};
    size_t size = c->name.length + c->value.length + of_domain.length + path.length + 4;
    struct mw_stored_cookie *s = mw_zalloc(&jar->allocator, sizeof *s + size);
    if (s == NULL)
        return NULL;
    char *at = (char *)(s + 1);
    s->path_length = path.length;
    s->cookie.name = put_text(&at, c->name);
    s->cookie.value = put_text(&at, c->value);
    s->cookie.domain = put_text(&at, of_domain);
    s->cookie.path = put_text(&at, path);
    s->cookie.same_site = mw_same_site_name(c->same_site);
    s->cookie.expires = c->persistent ? c->expires : 0;
    s->cookie.host_only = host_only;
    s->cookie.secure = c->secure;
    s->cookie.http_only = c->http_only;
    return s;
}

/* There is at most one of the same name, domain, host-only-flag and path. */
static struct mw_stored_cookie *find_same(const struct mw_cookie_domain *d, const mw_cookie *c)
{
    for (struct mw_link *l = d->cookies.next; l != &d->cookies; l = l->next) {
        struct mw_stored_cookie *s = MW_ITEM(l, struct mw_stored_cookie, of_domain);
        if (s->cookie.host_only == c->host_only && strcmp(s->cookie.name, c->name) == 0 &&
            strcmp(s->cookie.path, c->path) == 0)
            return s;
    }
    return NULL;
}

int mw_cookie_jar_put(mw_cookie_jar *jar, const struct mw_set_cookie *c, const char *domain,
                      bool host_only, struct mw_span path, int64_t now)
{
    struct mw_stored_cookie *s = new_cookie(jar, c, domain, host_only, path);
    if (s != NULL && (s->domain = need_domain(jar, domain)) == NULL) {
        mw_dealloc(&jar->allocator, s);
        s = NULL;
    }
    if (s == NULL)
        return mw_cookie_jar_fail(jar, MW_ENOMEM, "no memory for a cookie");
    struct mw_stored_cookie *old = find_same(s->domain, &s->cookie);
    s->cookie.created = old != NULL ? old->cookie.created : now;
    s->number = old != NULL ? old->number : ++jar->last_number;
    mw_list_append(old != NULL ? &old->by_age : &jar->by_age, &s->by_age); /* just before it */
    mw_list_append(&jar->by_use, &s->by_use);
    mw_list_append(&s->domain->cookies, &s->of_domain);
    jar->count++;
    s->domain->count++;
    if (old != NULL)
        mw_cookie_jar_discard(jar, old);
    if (c->persistent && c->expires <= now) { /* how a server has one removed */
        mw_cookie_jar_discard(jar, s);
        return 1;
    }
    if (c->persistent && c->expires < jar->next_expiry)
        jar->next_expiry = c->expires;
    if (remove_excess(jar, s))
        return 1;
    return mw_cookie_jar_fail(jar, 0, "its domain has %d secure cookies, and it is not secure",
                              MW_COOKIES_OF_DOMAIN);
}

/* ---- Cookie -------------------------------------------------------------------------------- */

/* A block of at least that size in the place of the old one, whose content is lost. */
static void *make_room(mw_cookie_jar *jar, void *block, size_t *room, size_t size)
{
    if (block != NULL && *room >= size)
        return block;
    mw_dealloc(&jar->allocator, block);
    block = mw_alloc(&jar->allocator, size);
    *room = block != NULL ? size : 0;
    return block;
}

/* 5.8.3, step 4. */
static int compare(const void *a, const void *b)
{
    const struct mw_stored_cookie *x = *(struct mw_stored_cookie *const *)a;
    const struct mw_stored_cookie *y = *(struct mw_stored_cookie *const *)b;
    if (x->path_length != y->path_length)
        return x->path_length > y->path_length ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static bool fits(const struct mw_stored_cookie *s, const struct mw_cookie_place *to, bool same_host)
{
    struct mw_span path = {s->cookie.path, s->path_length};
    return (same_host || !s->cookie.host_only) && (to->secure || !s->cookie.secure) &&
           mw_cookie_path_match(to->path, path);
}

/* The next domain up whose cookies a host may have; NULL behind the last. */
static const char *parent_of(const char *domain, bool is_address)
{
    const char *dot = is_address ? NULL : strchr(domain, '.');
    return dot != NULL && dot[1] != '\0' ? dot + 1 : NULL;
}

bool mw_cookie_jar_choose(mw_cookie_jar *jar, const struct mw_cookie_place *to, int64_t now)
{
    bool is_address = mw_cookie_is_address(to->host);
    size_t room = 0;
    mw_cookie_jar_sweep(jar, now);
    jar->selected_count = 0;
    for (const char *name = to->host; name != NULL; name = parent_of(name, is_address)) {
        const struct mw_cookie_domain *d = find_domain(jar, name);
        room += d != NULL ? d->count : 0;
    }
    if (room == 0)
        return true;
    jar->selected = make_room(jar, jar->selected, &jar->selected_room,
                              room * sizeof(struct mw_stored_cookie *));
    if (jar->selected == NULL)
        return false;
    for (const char *name = to->host; name != NULL; name = parent_of(name, is_address)) {
        const struct mw_cookie_domain *d = find_domain(jar, name);
        for (struct mw_link *l = d != NULL ? d->cookies.next : NULL; d != NULL && l != &d->cookies;
             l = l->next) {
            struct mw_stored_cookie *s = MW_ITEM(l, struct mw_stored_cookie, of_domain);
            if (fits(s, to, name == to->host))
                jar->selected[jar->selected_count++] = s;
        }
    }
    qsort(jar->selected, jar->selected_count, sizeof(struct mw_stored_cookie *), compare);
    for (size_t i = 0; i < jar->selected_count; i++) {
        struct mw_stored_cookie *s = jar->selected[i];
        mw_unlink(&s->by_use);
        mw_list_append(&jar->by_use, &s->by_use);
        mw_unlink(&s->of_domain);
        mw_list_append(&s->domain->cookies, &s->of_domain);
    }
    return true;
}

const char *mw_cookie_jar_join(mw_cookie_jar *jar)
{
    size_t size = 1;
    for (size_t i = 0; i < jar->selected_count; i++) {
        const mw_cookie *c = &jar->selected[i]->cookie;
        size += strlen(c->name) + strlen(c->value) + sizeof "=; ";
    }
    jar->text = make_room(jar, jar->text, &jar->text_room, size);
    if (jar->text == NULL)
        return NULL;
    char *at = jar->text;
    *at = '\0';
    for (size_t i = 0; i < jar->selected_count; i++) {
        const mw_cookie *c = &jar->selected[i]->cookie;
        at = stpcpy(at, i > 0 ? "; " : "");
        at = stpcpy(at, c->name);
        at = stpcpy(at, *c->name != '\0' ? "=" : "");
        at = stpcpy(at, c->value);
    }
    return jar->text;
}
