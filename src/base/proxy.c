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

/* ---- hosts without one --------------------------------------------------------------------- */

struct address {
    unsigned char bytes[16];
    unsigned length; /* 4 or 16; 0: it is none */
};

/* An address of IPv4 in the clothes of IPv6 (RFC 4291, 2.5.5.2) is the former. */
static struct address read_address(struct text text)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    char copy[64];
    struct address a = {.length = 0};
    const char *zone = memchr(text.at, '%', text.length);
    if (zone != NULL)
        text.length = (size_t)(zone - text.at);
    if (text.length >= sizeof copy)
        return a;
    memcpy(copy, text.at, text.length);
    copy[text.length] = '\0';
    if (inet_pton(AF_INET, copy, a.bytes) == 1)
        a.length = 4;
    else if (inet_pton(AF_INET6, copy, a.bytes) == 1)
        a.length = 16;
    if (a.length == 16 && memcmp(a.bytes, mapped, sizeof mapped) == 0) {
        memmove(a.bytes, a.bytes + 12, 4);
        a.length = 4;
    }
    return a;
}

static bool same_bits(const unsigned char *a, const unsigned char *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

/* "192.0.2.0/24" */
static bool in_block(struct text entry, const char *slash, const struct address *host)
{
    unsigned bits = 0;
    const char *end = entry.at + entry.length;
    struct address net = read_address((struct text){entry.at, (size_t)(slash - entry.at)});
    if (net.length == 0 || net.length != host->length || slash + 1 == end || end - slash > 4)
        return false;
    for (const char *c = slash + 1; c < end; c++) {
        if (*c < '0' || *c > '9')
            return false;
        bits = bits * 10 + (unsigned)(*c - '0');
    }
    return bits <= 8 * net.length && same_bits(net.bytes, host->bytes, bits);
}

static struct text without_end_dot(struct text host)
{
    if (host.length > 1 && host.at[host.length - 1] == '.')
        host.length--;
    return host;
}

static bool is_or_below(struct text host, struct text domain)
{
    if (domain.length == 0 || host.length < domain.length)
        return false;
    const char *tail = host.at + (host.length - domain.length);
    return strncasecmp(tail, domain.at, domain.length) == 0 && (tail == host.at || tail[-1] == '.');
}

/* Takes the port off an entry; false if that is another one. */
static bool at_port(struct text *entry, unsigned short port)
{
    unsigned short own = 0;
    const char *end = entry->at + entry->length;
    const char *colon = memrchr(entry->at, ':', entry->length);
    const char *bracket = entry->at[0] == '[' ? memchr(entry->at, ']', entry->length) : NULL;
    if (bracket != NULL) {
        colon = bracket + 1 < end && bracket[1] == ':' ? bracket + 1 : NULL;
        *entry = (struct text){entry->at + 1, (size_t)(bracket - entry->at - 1)};
    } else if (colon != NULL && memchr(entry->at, ':', entry->length) != colon) {
        colon = NULL; /* an address of IPv6 */
    } else if (colon != NULL) {
        entry->length = (size_t)(colon - entry->at);
    }
    if (colon == NULL)
        return true;
    return read_port((struct text){colon + 1, (size_t)(end - colon - 1)}, &own) == NULL &&
           own == port;
}

static bool entry_has(struct text entry, struct text host, unsigned short port)
{
    struct address address = read_address(host);
    const char *slash = memchr(entry.at, '/', entry.length);
    if (slash != NULL)
        return address.length > 0 && in_block(entry, slash, &address);
    if (!at_port(&entry, port))
        return false;
    if (entry.length == 1 && entry.at[0] == '*')
        return true;
    struct address named = read_address(entry);
    if (named.length > 0 || address.length > 0)
        return named.length == address.length &&
               memcmp(named.bytes, address.bytes, named.length) == 0;
    if (entry.length > 0 && entry.at[0] == '*')
        entry = (struct text){entry.at + 1, entry.length - 1};
    if (entry.length > 0 && entry.at[0] == '.')
        entry = (struct text){entry.at + 1, entry.length - 1};
    return is_or_below(host, without_end_dot(entry));
}

bool mw_no_proxy(const char *list, const char *host, unsigned short port)
{
    static const char between[] = ", \t";
    struct text name = without_end_dot((struct text){host, strlen(host)});
    for (list += strspn(list, between); *list != '\0'; list += strspn(list, between)) {
        struct text entry = {list, strcspn(list, between)};
        if (entry_has(entry, name, port))
            return true;
        list += entry.length;
    }
    return false;
}

bool mw_is_loopback(const char *host)
{
    struct text name = without_end_dot((struct text){host, strlen(host)});
    struct address a = read_address(name);
    static const unsigned char six[16] = {[15] = 1};
    if (a.length == 4)
        return a.bytes[0] == 127;
    if (a.length == 16)
        return memcmp(a.bytes, six, sizeof six) == 0;
    return is_or_below(name, (struct text){"localhost", 9});
}
