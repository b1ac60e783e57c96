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

/* The first entry for the host and port; *result tells of one that is wrong, whether it is that or
 * not. */
static const char *find(mw_exchange *x, const mw_options *o, int *result)
{
    const char *found = NULL;
    for (size_t i = 0; i < o->resolve_count && *result == MW_OK; i++) {
        const mw_resolve *entry = &o->resolve[i];
        *result = check_entry(x->rt, entry);
        if (*result == MW_OK && found == NULL && strcasecmp(entry->host, x->url.host) == 0 &&
            (entry->port == 0 || entry->port == x->url.port))
            found = entry->addresses;
    }
    return found;
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
    const char *addresses = result == MW_OK ? find(x, o, &result) : NULL;
    if (result != MW_OK)
        return result;
    if (addresses == NULL)
        addresses = x->url.address; /* an address with a zone, which must not be in Host */
    if (!copy(&route->addresses, addresses, a) ||
        !copy(&route->local_address, o->local_address, a) ||
        !copy(&route->unix_path, o->unix_path, a))
        return mw_fail(x->rt, MW_ENOMEM, "no memory for a request");
    x->outgoing.addresses = route->addresses;
    x->outgoing.local_address = route->local_address;
    x->outgoing.unix_path = route->unix_path;
    return MW_OK;
}

void mw_route_free(struct mw_route *route, const struct mw_allocator *a)
{
    mw_dealloc(a, route->addresses);
    mw_dealloc(a, route->local_address);
    mw_dealloc(a, route->unix_path);
    memset(route, 0, sizeof *route);
}
