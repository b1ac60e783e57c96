/* References cut into pieces (RFC 3986, appendix B, with the slashes of browsers).
 * SPDX-License-Identifier: MIT */
#include "base/url_pieces.h"

#include <strings.h>

bool mw_url_is_web(struct mw_span scheme, int *port)
{
    static const struct {
        const char *name;
        int port;
    } known[] = {{"http", 80}, {"https", 443}, {"ws", 80}, {"wss", 443}, {"ftp", 21}, {"file", 0}};
    *port = 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strlen(known[i].name) == scheme.length &&
            strncasecmp(known[i].name, scheme.at, scheme.length) == 0) {
            *port = known[i].port;
            return true;
        }
    }
    return false;
}

/* The length of a scheme with a colon behind it; 0 for none. */
static size_t scheme_length(struct mw_span text)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = text.at[i], letter = (char)(c | 0x20);
        bool more = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
        if (c == ':')
            return i;
        if (!(letter >= 'a' && letter <= 'z') && !(i > 0 && more))
            return 0;
    }
    return 0;
}

/* Cuts what is behind the first `mark` off. */
static bool cut_behind(struct mw_span *text, char mark, struct mw_span *rest)
{
    const char *at = memchr(text->at, mark, text->length);
    *rest = (struct mw_span){"", 0};
    if (at == NULL)
        return false;
    size_t before = (size_t)(at - text->at);
    *rest = (struct mw_span){at + 1, text->length - before - 1};
    text->length = before;
    return true;
}

static bool is_slash(struct mw_span text, size_t i, bool web)
{
    return i < text.length && (text.at[i] == '/' || (web && text.at[i] == '\\'));
}

void mw_url_cut(struct mw_span text, struct mw_span base, struct mw_url_pieces *p)
{
    int port;
    memset(p, 0, sizeof *p);
    p->has_fragment = cut_behind(&text, '#', &p->fragment);
    p->has_query = cut_behind(&text, '?', &p->query);
    p->scheme = (struct mw_span){text.at, scheme_length(text)};
    p->has_scheme = p->scheme.length > 0;
    p->web = mw_url_is_web(p->has_scheme ? p->scheme : base, &port);
    struct mw_span rest = text;
    if (p->has_scheme)
        rest = (struct mw_span){text.at + p->scheme.length + 1, text.length - p->scheme.length - 1};
    p->has_authority = is_slash(rest, 0, p->web) && is_slash(rest, 1, p->web);
    if (p->has_authority) {
        size_t end = 2;
        while (end < rest.length && !is_slash(rest, end, p->web))
            end++;
        p->authority = (struct mw_span){rest.at + 2, end - 2};
        rest = (struct mw_span){rest.at + end, rest.length - end};
    } else if (p->has_scheme && p->web && p->scheme.length == base.length &&
               strncasecmp(p->scheme.at, base.at, base.length) == 0) {
        p->has_scheme = false; /* "http:g" is relative as it once was (RFC 3986, 5.2.2) */
    }
    p->path = rest;
}

static const char *cut_port(struct mw_span text, int *port)
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

/* "[fe80::1%25eth0]": the zone's "%" is percent-encoded, which not everybody does (RFC 6874). */
static void cut_zone(struct mw_authority *parts)
{
    parts->has_zone = cut_behind(&parts->host, '%', &parts->zone);
    if (parts->zone.length > 2 && memcmp(parts->zone.at, "25", 2) == 0)
        parts->zone = (struct mw_span){parts->zone.at + 2, parts->zone.length - 2};
}

const char *mw_authority_cut(struct mw_span text, struct mw_authority *parts)
{
    struct mw_span port;
    const struct mw_span none = {"", 0};
    *parts = (struct mw_authority){.user = none, .password = none, .host = none, .zone = none};
    const char *at = text.length > 0 ? memrchr(text.at, '@', text.length) : NULL;
    if (at != NULL) { /* the last one, as in browsers: a host holds none */
        parts->user = (struct mw_span){text.at, (size_t)(at - text.at)};
        parts->has_user = true;
        parts->has_password = cut_behind(&parts->user, ':', &parts->password);
        text = (struct mw_span){at + 1, text.length - (size_t)(at + 1 - text.at)};
    }
    if (text.length > 0 && text.at[0] == '[') {
        parts->bracketed = true;
        text = (struct mw_span){text.at + 1, text.length - 1};
        parts->host = text;
        if (!cut_behind(&parts->host, ']', &port))
            return "the \"[\" of the host has no \"]\"";
        if (port.length > 0 && port.at[0] != ':')
            return "only a port may follow the \"]\" of the host";
        if (port.length > 0)
            port = (struct mw_span){port.at + 1, port.length - 1};
        cut_zone(parts);
    } else {
        parts->host = text;
        cut_behind(&parts->host, ':', &port);
    }
    return cut_port(port, &parts->port);
}
