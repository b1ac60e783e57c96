/* The URLs of proxies, and the lists of hosts that need none.
 * SPDX-License-Identifier: MIT */
#include "base/proxy.h"

#include "base/grammar.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { MOST_HOST = 255, MOST_CREDENTIAL = 255 }; /* of a name; what SOCKS can carry (RFC 1929) */

struct text {
    const char *at;
    size_t length;
};

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

static const struct scheme *find_scheme(struct text name)
{
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (strlen(schemes[i].name) == name.length &&
            strncasecmp(schemes[i].name, name.at, name.length) == 0)
            return &schemes[i];
    }
    return NULL;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Returns the end of what it has written, with a NUL; NULL where that cannot be. */
static char *decode(char *to, struct text from)
{
    const char *end = from.at + from.length;
    for (const char *c = from.at; c < end; c++) {
        char byte = *c;
        if (byte == '%') {
            int high = end - c > 2 ? digit_of(c[1]) : -1, low = high >= 0 ? digit_of(c[2]) : -1;
            if (low < 0)
                return NULL;
            byte = (char)(high << 4 | low);
            c += 2;
        }
        if (byte == '\0')
            return NULL;
        *to++ = byte;
    }
    *to++ = '\0';
    return to;
}

static const char *read_port(struct text text, unsigned short *port)
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
static bool is_ipv6(struct text host)
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

static const char *check_host(struct text host, bool bracketed)
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
    struct text user, password, host;
    bool has_user, bracketed;
    unsigned short port;
};

/* A zone that is the number 25 looks like an encoded "%" with nothing behind it. */
static struct text zone_of(struct text host)
{
    const char *mark = memchr(host.at, '%', host.length);
    if (mark == NULL)
        return (struct text){"", 0};
    struct text zone = {mark + 1, host.length - (size_t)(mark + 1 - host.at)};
    if (zone.length > 2 && memcmp(zone.at, "25", 2) == 0)
        zone = (struct text){zone.at + 2, zone.length - 2};
    return zone;
}

static const char *split_authority(struct text text, struct parts *p)
{
    const char *at = memrchr(text.at, '@', text.length), *end = text.at + text.length;
    p->has_user = at != NULL;
    if (at != NULL) {
        const char *colon = memchr(text.at, ':', (size_t)(at - text.at));
        p->user = (struct text){text.at, (size_t)((colon != NULL ? colon : at) - text.at)};
        p->password = colon != NULL ? (struct text){colon + 1, (size_t)(at - colon - 1)}
                                    : (struct text){"", 0};
        text = (struct text){at + 1, (size_t)(end - at - 1)};
    }
    const char *port = memchr(text.at, ':', text.length);
    p->host = (struct text){text.at, (size_t)((port != NULL ? port : end) - text.at)};
    if (text.length > 0 && text.at[0] == '[') {
        const char *close = memchr(text.at, ']', text.length);
        if (close == NULL)
            return "the \"[\" of its host has no \"]\"";
        p->bracketed = true;
        p->host = (struct text){text.at + 1, (size_t)(close - text.at - 1)};
        port = close + 1;
        if (port < end && *port != ':')
            return "only a port may follow the \"]\" of its host";
        port = port < end ? port : NULL;
    }
    if (port == NULL)
        return NULL;
    return read_port((struct text){port + 1, (size_t)(end - port - 1)}, &p->port);
}

static const char *split(const char *text, struct parts *p)
{
    const char *mark = strstr(text, "://");
    struct text scheme = {"http", 4};
    memset(p, 0, sizeof *p);
    if (mark != NULL)
        scheme = (struct text){text, (size_t)(mark - text)};
    p->scheme = find_scheme(scheme);
    if (p->scheme == NULL)
        return "it does not begin with http, https, socks5 or socks5h";
    p->port = p->scheme->port;
    const char *authority = mark != NULL ? mark + 3 : text;
    size_t length = strcspn(authority, "/?#");
    const char *rest = authority + length;
    if (rest[0] != '\0' && strcmp(rest, "/") != 0)
        return "a proxy has no path";
    const char *wrong = split_authority((struct text){authority, length}, p);
    return wrong != NULL ? wrong : check_host(p->host, p->bracketed);
}

static char *put_lower(char *to, struct text text)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = text.at[i];
        *to++ = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    return to;
}

static char *put_host(char *to, struct text host)
{
    struct text zone = zone_of(host);
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
