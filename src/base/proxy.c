/* The URLs of proxies, and the lists of hosts that need none.
 * SPDX-License-Identifier: MIT */
#include "base/proxy.h"

#include "base/grammar.h"
#include "base/url_percent.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { MOST_HOST = 255, MOST_CREDENTIAL = 255 }; /* of a name; what SOCKS can carry (RFC 1929) */

static const struct scheme {
    const char *name;
    enum mw_proxy_kind kind;
    unsigned short port;
} schemes[] = {
    {"http", MW_PROXY_HTTP, 80},       {"https", MW_PROXY_HTTPS, 443},
    {"socks5", MW_PROXY_SOCKS5, 1080}, {"socks5h", MW_PROXY_SOCKS5H, 1080},
    {"socks", MW_PROXY_SOCKS5H, 1080},
};

/* ---- the URL of a proxy -------------------------------------------------------------------- */

static const struct scheme *find_scheme(struct mw_span name)
{
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (strlen(schemes[i].name) == name.length &&
            strncasecmp(schemes[i].name, name.at, name.length) == 0)
            return &schemes[i];
    }
    return NULL;
}

/* Returns the end of what it has written, with a NUL; NULL where that cannot be. */
static char *decode(char *to, struct mw_span from)
{
    char *end = mw_bad_escape(from) < 0 ? mw_percent_decode(to, from) : NULL;
    if (end == NULL || memchr(to, '\0', (size_t)(end - to)) != NULL)
        return NULL;
    *end++ = '\0';
    return end;
}

static const char *read_port(struct mw_span text, unsigned short *port)
{
    unsigned number = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return "its port is not a number";
        number = number * 10 + (unsigned)(text.at[i] - '0');
        if (number > 65535)
            return "its port is larger than 65535";
    }
    if (text.length > 0 && number == 0)
        return "port 0 cannot be connected to";
    if (number != 0)
        *port = (unsigned short)number;
    return NULL;
}

/* With the zone of an address, whose "%" a URL encodes (RFC 6874, 2). */
static bool is_ipv6(struct mw_span host)
{
    char address[64];
    unsigned char bytes[16];
    const char *zone = memchr(host.at, '%', host.length);
    size_t length = zone != NULL ? (size_t)(zone - host.at) : host.length;
    if (length >= sizeof address)
        return false;
    memcpy(address, host.at, length);
    address[length] = '\0';
    return inet_pton(AF_INET6, address, bytes) == 1;
}

static const char *check_host(struct mw_span host, bool bracketed)
{
    if (host.length == 0)
        return "it has no host";
    if (host.length > MOST_HOST)
        return "its host is longer than 255 bytes";
    if (mw_bad_host(host.at, host.length) >= 0)
        return "its host has a byte that is not allowed there";
    bool colon = memchr(host.at, ':', host.length) != NULL;
    if ((bracketed || colon) && !is_ipv6(host))
        return "its host is not an IPv6 address, but in brackets";
    return NULL;
}

struct parts {
    const struct scheme *scheme;
    struct mw_span user, password, host;
    bool has_user, bracketed;
    unsigned short port;
};

/* A zone that is the number 25 looks like an encoded "%" with nothing behind it. */
static struct mw_span zone_of(struct mw_span host)
{
    const char *mark = memchr(host.at, '%', host.length);
    if (mark == NULL)
        return (struct mw_span){"", 0};
    struct mw_span zone = {mark + 1, host.length - (size_t)(mark + 1 - host.at)};
    if (zone.length > 2 && memcmp(zone.at, "25", 2) == 0)
        zone = (struct mw_span){zone.at + 2, zone.length - 2};
    return zone;
}

static const char *split_authority(struct mw_span text, struct parts *p)
{
    const char *at = memrchr(text.at, '@', text.length), *end = text.at + text.length;
    p->has_user = at != NULL;
    if (at != NULL) {
        const char *colon = memchr(text.at, ':', (size_t)(at - text.at));
        p->user = (struct mw_span){text.at, (size_t)((colon != NULL ? colon : at) - text.at)};
        p->password = colon != NULL ? (struct mw_span){colon + 1, (size_t)(at - colon - 1)}
                                    : (struct mw_span){"", 0};
        text = (struct mw_span){at + 1, (size_t)(end - at - 1)};
    }
    const char *port = memchr(text.at, ':', text.length);
    p->host = (struct mw_span){text.at, (size_t)((port != NULL ? port : end) - text.at)};
    if (text.length > 0 && text.at[0] == '[') {
        const char *close = memchr(text.at, ']', text.length);
        if (close == NULL)
            return "the \"[\" of its host has no \"]\"";
        p->bracketed = true;
        p->host = (struct mw_span){text.at + 1, (size_t)(close - text.at - 1)};
        port = close + 1;
        if (port < end && *port != ':')
            return "only a port may follow the \"]\" of its host";
        port = port < end ? port : NULL;
    }
    if (port == NULL)
        return NULL;
    return read_port((struct mw_span){port + 1, (size_t)(end - port - 1)}, &p->port);
}

static const char *split(const char *text, struct parts *p)
{
    const char *mark = strstr(text, "://");
    struct mw_span scheme = {"http", 4};
    memset(p, 0, sizeof *p);
    if (mark != NULL)
        scheme = (struct mw_span){text, (size_t)(mark - text)};
    p->scheme = find_scheme(scheme);
    if (p->scheme == NULL)
        return "it does not begin with http, https, socks5 or socks5h";
    p->port = p->scheme->port;
    const char *authority = mark != NULL ? mark + 3 : text;
    size_t length = strcspn(authority, "/?#");
    const char *rest = authority + length;
    if (rest[0] != '\0' && strcmp(rest, "/") != 0)
        return "a proxy has no path";
    const char *wrong = split_authority((struct mw_span){authority, length}, p);
    return wrong != NULL ? wrong : check_host(p->host, p->bracketed);
}

static char *put_lower(char *to, struct mw_span text)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = text.at[i];
        *to++ = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    return to;
}

static char *put_host(char *to, struct mw_span host)
{
    struct mw_span zone = zone_of(host);
    const char *mark = memchr(host.at, '%', host.length);
    if (mark != NULL)
        host.length = (size_t)(mark - host.at);
    to = put_lower(to, host);
    if (zone.length == 0)
        return to;
    *to++ = '%';
    memcpy(to, zone.at, zone.length);
    return to + zone.length;
}

/* What stands in the fields of HTTP, or in the lengths of SOCKS, must fit there. */
static const char *check_credentials(const struct mw_proxy *p)
{
    if (p->user == NULL)
        return NULL;
    if (strlen(p->user) > MOST_CREDENTIAL || strlen(p->password) > MOST_CREDENTIAL)
        return "its user or password is longer than 255 bytes";
    if (!mw_proxy_is_socks(p) && strchr(p->user, ':') != NULL)
        return "its user has a colon, which HTTP takes for the end of the user (RFC 7617, 2)";
    return NULL;
}

/* Into p->name, which has room for `size` bytes, and behind that. */
static const char *join(struct mw_proxy *p, size_t size, const struct parts *parts)
{
    char *name = (char *)p->name, *at = name + size;
    bool v6 = memchr(parts->host.at, ':', parts->host.length) != NULL;
    p->kind = parts->scheme->kind;
    p->port = parts->port;
    p->host = at;
    at = put_host(at, parts->host);
    *at++ = '\0';
    if (parts->has_user && parts->user.length + parts->password.length > 0) {
        p->user = at;
        at = decode(at, parts->user);
        p->password = at;
        if (at != NULL)
            at = decode(at, parts->password);
        if (at == NULL)
            return "its user or password is not percent-encoded as it should be";
    }
    snprintf(name, size, "%s://%s%s%s:%u", parts->scheme->name, v6 ? "[" : "", p->host,
             v6 ? "]" : "", p->port);
    return check_credentials(p);
}

const char *mw_proxy_read(struct mw_proxy *p, const struct mw_allocator *a, const char *text)
{
    struct parts parts;
    memset(p, 0, sizeof *p);
    const char *wrong = split(text, &parts);
    if (wrong != NULL)
        return wrong;
    size_t name = parts.host.length + sizeof "socks5h://[]:65535";
    size_t three_texts = strlen(text) + 3; /* none is longer than what it is made from */
    p->name = mw_alloc(a, name + three_texts);
    if (p->name == NULL)
        return "";
    wrong = join(p, name, &parts);
    if (wrong != NULL)
        mw_proxy_free(p, a);
    return wrong;
}

void mw_proxy_free(struct mw_proxy *p, const struct mw_allocator *a)
{
    mw_dealloc(a, (void *)p->name);
    memset(p, 0, sizeof *p);
}
