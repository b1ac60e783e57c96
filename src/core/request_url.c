/* Where a request goes: a URL or its parts, of which every byte is checked.
 * SPDX-License-Identifier: MIT */
#include "core/request.h"

#include "base/grammar.h"
#include "base/url_host.h"

#include <arpa/inet.h>
#include <string.h>

enum { LONGEST_ZONE = 15 }; /* as the names of interfaces */

static bool has_empty_part(struct mw_span host)
{
    for (size_t i = 0; i < host.length; i++) {
        if (host.at[i] == '.' && (i == 0 || host.at[i - 1] == '.'))
            return true;
    }
    return false;
}

static bool is_ipv6(struct mw_span host)
{
    char text[64];
    unsigned char address[16];
    if (host.length >= sizeof text)
        return false;
    memcpy(text, host.at, host.length);
    text[host.length] = '\0';
    return inet_pton(AF_INET6, text, address) == 1;
}

static int check_host(mw_runtime *rt, const struct mw_url_parts *parts)
{
    struct mw_span host = parts->host;
    int result = mw_check_bytes(rt, "hostname", mw_bad_host, host);
    if (result == MW_OK && parts->has_zone)
        result = mw_check_bytes(rt, "zone in the hostname", mw_bad_host, parts->zone);
    if (result != MW_OK)
        return result;
    if (parts->zone.length > LONGEST_ZONE)
        return mw_fail(rt, MW_EINVAL, "bad zone in the hostname: it is longer than %d bytes",
                       LONGEST_ZONE);
    if (host.at == NULL || host.length > 255)
        return mw_fail(rt, MW_EINVAL, "bad hostname: it is longer than 255 bytes");
    if (has_empty_part(host))
        return mw_fail(rt, MW_EINVAL, "bad hostname: \"%.*s\" has an empty part", (int)host.length,
                       host.at);
    if (memchr(host.at, ':', host.length) == NULL && !parts->bracketed)
        return MW_OK;
    if (is_ipv6(host))
        return MW_OK;
    return mw_fail(rt, MW_EINVAL,
                   "bad hostname: \"%.*s\" is not an IPv6 address (a port goes into "
                   "the option port)",
                   (int)host.length, host.at);
}

/* What CONNECT asks for (RFC 9112, 3.2.3). */
static bool is_authority(const char *path)
{
    return path[0] != ':' && strrchr(path, ':') != NULL && mw_bad_authority(path, strlen(path)) < 0;
}

static int parts_of_options(mw_runtime *rt, const mw_options *o, struct mw_url_parts *parts)
{
    memset(parts, 0, sizeof *parts);
    parts->scheme = mw_text_span(o->protocol != NULL ? o->protocol : "http");
    if (parts->scheme.length > 0 && parts->scheme.at[parts->scheme.length - 1] == ':')
        parts->scheme.length--;
    if (o->hostname == NULL)
        return mw_fail(rt, MW_EINVAL, "bad hostname: neither hostname nor url was given");
    parts->host = mw_text_span(o->hostname);
    if (parts->host.length > 1 && parts->host.at[0] == '[' &&
        parts->host.at[parts->host.length - 1] == ']') {
        parts->host.at++;
        parts->host.length -= 2;
        parts->bracketed = true;
    }
    if (memchr(parts->host.at, ':', parts->host.length) != NULL)
        mw_url_cut_zone(parts);
    if (o->port < 0 || o->port > 65535)
        return mw_fail(rt, MW_EINVAL, "bad port: %d is not between 1 and 65535", o->port);
    parts->port = o->port;
    parts->path = mw_text_span(o->path);
    bool asterisk = o->path != NULL && o->method != NULL && strcmp(o->path, "*") == 0 &&
                    strcmp(o->method, "OPTIONS") == 0; /* RFC 9112, 3.2.4 */
    if (o->path != NULL && strchr(o->path, '?') != NULL && o->query != NULL)
        return mw_fail(rt, MW_EINVAL, "bad path: \"%.60s\" holds a query already", o->path);
    bool tunnel = o->path != NULL && mw_is_connect(o->method) && is_authority(o->path);
    if (o->path != NULL && o->path[0] != '/' && !asterisk && !tunnel)
        return mw_fail(rt, MW_EINVAL, "bad path: \"%.60s\" does not begin with \"/\"", o->path);
    parts->query = mw_text_span(o->query);
    parts->has_query = parts->query.length > 0;
    return MW_OK;
}

/* What has another form as well gets the one that http.url, redirects and policies know it by, into
 * `name`; any other is only checked. */
static int map_host(mw_runtime *rt, struct mw_url_parts *parts, char name[MW_HOST_SIZE])
{
    bool empty = parts->host.at == NULL; /* which check_host refuses */
    bool v6 = !empty && (parts->bracketed || memchr(parts->host.at, ':', parts->host.length));
    if (empty || v6 || !mw_host_may_change(parts->host))
        return MW_OK;
    const char *wrong = mw_host_normalize(parts->host, name);
    if (wrong != NULL)
        return mw_fail(rt, MW_EINVAL, "bad hostname: %s", wrong);
    parts->host = mw_text_span(name);
    return MW_OK;
}

int mw_exchange_prepare_url(mw_exchange *x, const mw_options *o)
{
    char name[MW_HOST_SIZE];
    struct mw_url_parts parts;
    mw_runtime *rt = x->rt;
    int result = MW_OK;
    if (o->url != NULL) {
        const char *wrong = mw_url_split(o->url, &parts);
        bool secret = wrong != NULL && strchr(o->url, '@') != NULL; /* a password is not repeated */
        if (wrong != NULL)
            return mw_fail(rt, MW_EINVAL, "bad url%s%.80s%s: %s", secret ? "" : " \"",
                           secret ? "" : o->url, secret ? "" : "\"", wrong);
    } else {
        result = parts_of_options(rt, o, &parts);
    }
    if (result == MW_OK)
        result = mw_check_bytes(rt, "protocol", mw_bad_token, parts.scheme);
    if (result == MW_OK)
        result = map_host(rt, &parts, name);
    if (result == MW_OK)
        result = check_host(rt, &parts);
    if (result == MW_OK)
        result = mw_check_bytes(rt, "path", mw_bad_target, parts.path);
    if (result == MW_OK)
        result = mw_check_bytes(rt, "query", mw_bad_target, parts.query);
    if (result == MW_OK)
        result = mw_check_bytes(rt, "fragment", mw_bad_field_value, parts.fragment);
    if (result == MW_OK && !mw_url_join(&x->url, &rt->allocator, &parts))
        result = mw_fail(rt, MW_ENOMEM, "no memory for the URL");
    return result;
}
