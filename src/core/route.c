/* The options resolve, local_address and unix_path, and the zone of an address.
 * SPDX-License-Identifier: MIT */
#include "core/route.h"

#include "core/exchange.h"
#include "net/address.h"
#include "net/resolve.h"

#include <string.h>
#include <strings.h>

static int check_address(mw_runtime *rt, const mw_resolve *entry, const char *at, size_t length)
{
    char text[MW_ADDRESS_SIZE];
    if (length < sizeof text) {
        memcpy(text, at, length);
        text[length] = '\0';
        if (mw_is_address(text))
            return MW_OK;
    }
    return mw_fail(rt, MW_EINVAL, "bad resolve: \"%.*s\", for %.80s, is not an address",
                   length < 80 ? (int)length : 80, at, entry->host);
}

static int check_entry(mw_runtime *rt, const mw_resolve *entry)
{
    if (entry->host == NULL || entry->host[0] == '\0')
        return mw_fail(rt, MW_EINVAL, "bad resolve: an entry has no host");
    if (entry->port < 0 || entry->port > 65535)
        return mw_fail(rt, MW_EINVAL,
                       "bad resolve: the port %d, of %.80s, is not between 1 and "
                       "65535",
                       entry->port, entry->host);
    const char *at = entry->addresses != NULL ? entry->addresses : "";
    unsigned count = 0;
    for (;; at++) {
        size_t length = strcspn(at, ",");
        int result = check_address(rt, entry, at, length);
        if (result != MW_OK)
            return result;
        if (++count > MW_MAX_ADDRESSES)
            return mw_fail(rt, MW_EINVAL, "bad resolve: more than %d addresses for %.80s",
                           MW_MAX_ADDRESSES, entry->host);
        at += length;
        if (*at == '\0')
            return MW_OK;
    }
}

static size_t texts_of(const mw_resolve *entry)
{
    return strlen(entry->host) + strlen(entry->addresses) + 2;
}

static char *put(char *at, const char *text, const char **copy)
{
    size_t size = strlen(text) + 1;
    *copy = memcpy(at, text, size);
    return at + size;
}

/* A redirect may lead to another host of them, so all are kept, in one block. */
static int copy_entries(mw_exchange *x, const mw_options *o)
{
    struct mw_route *route = &x->route;
    size_t bytes = o->resolve_count * sizeof *route->entries;
    for (size_t i = 0; i < o->resolve_count; i++) {
        int result = check_entry(x->rt, &o->resolve[i]);
        if (result != MW_OK)
            return result;
        bytes += texts_of(&o->resolve[i]);
    }
    if (o->resolve_count == 0)
        return MW_OK;
    route->entries = mw_alloc(&x->rt->allocator, bytes);
    if (route->entries == NULL)
        return mw_fail(x->rt, MW_ENOMEM, "no memory for a request");
    char *at = (char *)(route->entries + o->resolve_count);
    for (; route->count < o->resolve_count; route->count++) {
        mw_resolve *entry = &route->entries[route->count];
        *entry = o->resolve[route->count];
        at = put(at, entry->host, &entry->host);
        at = put(at, entry->addresses, &entry->addresses);
    }
    return MW_OK;
}

void mw_route_choose(mw_exchange *x)
{
    const struct mw_route *route = &x->route;
    x->outgoing.addresses = x->url.address; /* with a zone, which must not be in Host */
    for (size_t i = 0; i < route->count; i++) {
        const mw_resolve *entry = &route->entries[i];
        if (strcasecmp(entry->host, x->url.host) == 0 &&
            (entry->port == 0 || entry->port == x->url.port)) {
            x->outgoing.addresses = entry->addresses;
            return;
        }
    }
}

static int check_local(mw_runtime *rt, const mw_options *o)
{
    struct mw_endpoint e;
    if (o->local_address != NULL && !mw_endpoint_address(&e, o->local_address, 0))
        return mw_fail(rt, MW_EINVAL, "bad local_address: \"%.80s\" is not an address%s",
                       o->local_address,
                       mw_is_address(o->local_address) ? " of an interface of this machine" : "");
    if (o->unix_path != NULL && o->local_address != NULL)
        return mw_fail(rt, MW_EINVAL, "bad local_address: a unix socket is connected to from none");
    if (o->unix_path != NULL && !mw_endpoint_file(&e, o->unix_path))
        return mw_fail(rt, MW_EINVAL, "bad unix_path: its length is not between 1 and %zu bytes",
                       sizeof e.at.file.sun_path - 1);
    return MW_OK;
}

static bool copy(char **to, const char *text, const struct mw_allocator *a)
{
    if (text != NULL)
        *to = mw_strdup(a, text);
    return text == NULL || *to != NULL;
}

int mw_route_prepare(mw_exchange *x, const mw_options *o)
{
    const struct mw_allocator *a = &x->rt->allocator;
    struct mw_route *route = &x->route;
    int result = check_local(x->rt, o);
    if (result == MW_OK)
        result = copy_entries(x, o);
    if (result != MW_OK)
        return result;
    if (!copy(&route->local_address, o->local_address, a) ||
        !copy(&route->unix_path, o->unix_path, a))
        return mw_fail(x->rt, MW_ENOMEM, "no memory for a request");
    x->outgoing.local_address = route->local_address;
    x->outgoing.unix_path = route->unix_path;
    mw_route_choose(x);
    return MW_OK;
}

void mw_route_free(struct mw_route *route, const struct mw_allocator *a)
{
    mw_dealloc(a, route->entries);
    mw_dealloc(a, route->local_address);
    mw_dealloc(a, route->unix_path);
    memset(route, 0, sizeof *route);
}
