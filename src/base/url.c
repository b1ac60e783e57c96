/* URLs taken apart and put together.
 * SPDX-License-Identifier: MIT */
#include "base/url.h"

#include "base/grammar.h"
#include "base/url_pieces.h"

#include <string.h>
#include <strings.h>

static bool is_scheme(const char *at, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char c = (char)(at[i] | 0x20);
        bool alpha = c >= 'a' && c <= 'z';
        bool more = (at[i] >= '0' && at[i] <= '9') || strchr("+-.", at[i]) != NULL;
        if (!alpha && !(i > 0 && more))
            return false;
    }
    return length > 0;
}

void mw_url_cut_zone(struct mw_url_parts *parts)
{
    struct mw_span host = parts->host;
    const char *zone = memchr(host.at, '%', host.length);
    parts->has_zone = zone != NULL;
    if (zone == NULL)
        return;
    parts->host.length = (size_t)(zone - host.at);
    parts->zone = (struct mw_span){zone + 1, host.length - parts->host.length - 1};
}

static const char *split_authority(struct mw_span text, struct mw_url_parts *parts)
{
    struct mw_authority found;
    const char *wrong = mw_authority_cut(text, &found);
    if (wrong != NULL)
        return wrong;
    if (found.host.length == 0)
        return "it has no host";
    /* Browsers take it for a slash, which would make another host of it. */
    if (memchr(text.at, '\\', text.length) != NULL)
        return "a \"\\\" is not allowed before the path";
    if (memchr(found.user.at, '@', found.user.length) != NULL ||
        memchr(found.password.at, '@', found.password.length) != NULL)
        return "an \"@\" in a user or a password must be percent-encoded";
    parts->host = found.host;
    parts->bracketed = found.bracketed;
    parts->zone = found.zone;
    parts->has_zone = found.has_zone;
    parts->user = found.user;
    parts->has_user = found.has_user;
    parts->password = found.password;
    parts->has_password = found.has_password;
    parts->port = found.port;
    return NULL;
}

const char *mw_url_split(const char *text, struct mw_url_parts *parts)
{
    memset(parts, 0, sizeof *parts);
    const char *colon = strstr(text, "://");
    if (colon == NULL || !is_scheme(text, (size_t)(colon - text)))
        return "it must start with a scheme, as in \"http://\"";
    parts->scheme = (struct mw_span){text, (size_t)(colon - text)};
    const char *authority = colon + 3;
    size_t length = strcspn(authority, "/?#");
    const char *wrong = split_authority((struct mw_span){authority, length}, parts);
    if (wrong != NULL)
        return wrong;
    const char *path = authority + length;
    parts->path = (struct mw_span){path, strcspn(path, "?#")};
    const char *rest = path + parts->path.length;
    parts->has_query = *rest == '?';
    if (parts->has_query)
        rest++;
    parts->query = (struct mw_span){rest, parts->has_query ? strcspn(rest, "#") : 0};
    rest += parts->query.length;
    parts->has_fragment = *rest == '#';
    if (parts->has_fragment)
        parts->fragment = (struct mw_span){rest + 1, strlen(rest + 1)};
    return NULL;
}

static bool scheme_is(struct mw_span scheme, const char *name)
{
    return scheme.length == strlen(name) && strncasecmp(scheme.at, name, scheme.length) == 0;
}

static char *put(char *at, struct mw_span text)
{
    if (text.length > 0)
        memcpy(at, text.at, text.length);
    return at + text.length;
}

static char *put_text(char *at, const char *text)
{
    return put(at, (struct mw_span){text, strlen(text)});
}

static char *put_lower(char *at, struct mw_span text)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = text.at[i];
        *at++ = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    return at;
}

static char *put_authority(char *at, struct mw_span host, const char *mark, struct mw_span zone,
                           const char *port)
{
    bool v6 = memchr(host.at, ':', host.length) != NULL;
    at = put_text(at, v6 ? "[" : "");
    at = put_lower(at, host);
    at = put(put_text(at, mark), zone);
    at = put_text(at, v6 ? "]" : "");
    return put_text(at, port);
}

static bool reserve(struct mw_url *url, const struct mw_allocator *a, size_t size)
{
    if (url->href != NULL && url->room >= size)
        return true;
    mw_dealloc(a, url->href);
    url->href = mw_alloc(a, size);
    url->room = size;
    return url->href != NULL;
}

/* Behind all others: few have a fragment. */
static void put_whole(struct mw_url *url, char *at, const struct mw_url_parts *p)
{
    url->whole = at;
    at = put_text(at, url->href);
    url->fragment = at;
    at = put(put_text(at, "#"), p->fragment);
    *at = '\0';
}

bool mw_url_join(struct mw_url *url, const struct mw_allocator *a, const struct mw_url_parts *p)
{
    url->secure = scheme_is(p->scheme, "https");
    url->known = url->secure || scheme_is(p->scheme, "http");
    int own = url->secure ? 443 : 80;
    url->port = (unsigned short)(p->port != 0 ? p->port : own);

    char port[sizeof ":65535"] = "";
    if (url->port != own) {
        port[0] = ':';
        mw_put_decimal(port + 1, url->port);
    }
    size_t authority = p->host.length + sizeof "[]" + sizeof port;
    const struct mw_span none = {"", 0};
    size_t href = p->scheme.length + sizeof "://" + authority + sizeof "%25" + p->zone.length +
                  sizeof "/?" + p->path.length + p->query.length;
    size_t whole = p->has_fragment ? href + sizeof "#" + p->fragment.length : 0;
    if (!reserve(url, a,
                 href + authority + 2 * p->host.length + p->zone.length + sizeof "%" + whole))
        return false;

    /* scheme and host have no case (RFC 3986, 6.2.2.1) */
    char *at = url->href;
    at = put_text(put_lower(at, p->scheme), "://");
    at = put_authority(at, p->host, p->has_zone ? "%25" : "", p->zone, port);
    url->target = at;
    at = p->path.length > 0 ? put(at, p->path) : put_text(at, "/");
    if (p->has_query)
        at = put(put_text(at, "?"), p->query);
    *at++ = '\0';
    url->authority = at;
    at = put_authority(at, p->host, "", none, port);
    *at++ = '\0';
    url->host = at;
    at = put_lower(at, p->host);
    *at++ = '\0';
    url->address = NULL;
    if (p->has_zone) {
        url->address = at;
        at = put(put_text(put_lower(at, p->host), "%"), p->zone);
        *at++ = '\0';
    }
    url->whole = url->href;
    url->fragment = NULL;
    if (p->has_fragment)
        put_whole(url, at, p);
    return true;
}

void mw_url_free(struct mw_url *url, const struct mw_allocator *a)
{
    mw_dealloc(a, url->href);
    memset(url, 0, sizeof *url);
}
