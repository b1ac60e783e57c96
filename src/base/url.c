/* URLs taken apart and put together.
 * SPDX-License-Identifier: MIT */
#include "base/url.h"

#include "base/grammar.h"

#include <stdio.h>
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

static const char *split_port(struct mw_span text, int *port)
{
    int number = 0;
    if (text.length == 0)
        return NULL; /* "http://host:/" is allowed (RFC 3986, 3.2.3) */
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return "the port is not a number";
        number = number * 10 + (text.at[i] - '0');
        if (number > 65535)
            return "the port is larger than 65535";
    }
    if (number == 0)
        return "port 0 cannot be connected to";
    *port = number;
    return NULL;
}

static const char *split_authority(struct mw_span text, struct mw_url_parts *parts)
{
    if (memchr(text.at, '@', text.length) != NULL)
        return "user and password in a URL are not taken; send an Authorization header";
    struct mw_span port = {NULL, 0};
    const char *colon;
    if (text.length > 0 && text.at[0] == '[') {
        const char *end = memchr(text.at, ']', text.length);
        if (end == NULL)
            return "the \"[\" of the host has no \"]\"";
        parts->host = (struct mw_span){text.at + 1, (size_t)(end - text.at) - 1};
        size_t rest = text.length - (size_t)(end - text.at) - 1;
        if (rest > 0 && end[1] != ':')
            return "only a port may follow the \"]\" of the host";
        colon = rest > 0 ? end + 1 : NULL;
    } else {
        colon = memchr(text.at, ':', text.length);
        parts->host.at = text.at;
        parts->host.length = colon != NULL ? (size_t)(colon - text.at) : text.length;
    }
    if (parts->host.length == 0)
        return "it has no host";
    if (colon != NULL)
        port = (struct mw_span){colon + 1, text.length - (size_t)(colon + 1 - text.at)};
    return split_port(port, &parts->port);
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
    if (*rest == '?')
        parts->query = (struct mw_span){rest + 1, strcspn(rest + 1, "#")};
    return NULL;
}

static bool scheme_is(struct mw_span scheme, const char *name)
{
    return scheme.length == strlen(name) && strncasecmp(scheme.at, name, scheme.length) == 0;
}

bool mw_url_join(struct mw_url *url, const struct mw_allocator *a, const struct mw_url_parts *p)
{
    bool v6 = memchr(p->host.at, ':', p->host.length) != NULL;
    url->secure = scheme_is(p->scheme, "https");
    url->known = url->secure || scheme_is(p->scheme, "http");
    int own = url->secure ? 443 : 80;
    url->port = (unsigned short)(p->port != 0 ? p->port : own);

    char port[8] = "";
    if (url->port != own)
        snprintf(port, sizeof port, ":%u", url->port);
    size_t authority = p->host.length + (v6 ? 2 : 0) + strlen(port);
    size_t target = p->path.length + (p->path.length == 0) + (p->query.at ? p->query.length + 1 : 0);
    size_t href = p->scheme.length + 3 + authority + target;
    size_t size = href + 1 + authority + 1 + p->host.length + 1;
    url->href = mw_alloc(a, size);
    if (url->href == NULL)
        return false;

    char *at = url->href;
    at += snprintf(at, size, "%.*s://%s%.*s%s%s%s%.*s%s%.*s", (int)p->scheme.length, p->scheme.at,
                   v6 ? "[" : "", (int)p->host.length, p->host.at, v6 ? "]" : "", port,
                   p->path.length == 0 ? "/" : "", (int)p->path.length, p->path.at,
                   p->query.at ? "?" : "", (int)p->query.length, p->query.at ? p->query.at : "");
    url->target = url->href + href - target;
    for (char *c = url->href; c < url->target; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c | 0x20); /* scheme and host have no case (RFC 3986, 6.2.2.1) */
    }
    char *copy = at + 1;
    memcpy(copy, url->target - authority, authority);
    copy[authority] = '\0';
    url->authority = copy;
    copy += authority + 1;
    memcpy(copy, url->authority + (v6 ? 1 : 0), p->host.length);
    copy[p->host.length] = '\0';
    url->host = copy;
    return true;
}

void mw_url_free(struct mw_url *url, const struct mw_allocator *a)
{
    mw_dealloc(a, url->href);
    memset(url, 0, sizeof *url);
}
