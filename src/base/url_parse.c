/* URLs read and resolved: the pieces of a reference and of its base, put together in one form.
 * SPDX-License-Identifier: MIT */
#include "base/url_parse.h"

#include "base/url_host.h"
#include "base/url_path.h"
#include "base/url_percent.h"
#include "base/url_pieces.h"

#include <stdio.h>

enum { LONGEST_ZONE = 15 }; /* as the names of interfaces */

const char mw_url_no_memory[] = "there is no memory for it";

/* What a URL is made of, before it is written. */
struct draft {
    struct mw_span scheme, user, password, host, zone, path, query, fragment;
    bool has_user, has_password, has_host, has_zone, has_query, has_fragment;
    bool decoded; /* user and password are: they are the base's */
    bool web, opaque;
    int port; /* 0: none */
    char name[MW_HOST_SIZE];
};

/* ---- what browsers leave out ------------------------------------------------------------------
 */

static bool is_blank(char c)
{
    return (unsigned char)c <= ' ';
}

/* Copies the text without blanks and control bytes at its ends, and without tabs and line ends. */
static struct mw_span clean(char *at, struct mw_span text)
{
    struct mw_span result = {at, 0};
    while (text.length > 0 && is_blank(text.at[0]))
        text = (struct mw_span){text.at + 1, text.length - 1};
    while (text.length > 0 && is_blank(text.at[text.length - 1]))
        text.length--;
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] != '\t' && text.at[i] != '\n' && text.at[i] != '\r')
            at[result.length++] = text.at[i];
    }
    return result;
}

static bool holds_only(struct mw_span text, const char *keep)
{
    char room[3];
    for (size_t i = 0; i < text.length; i++) {
        if (mw_percent_encode(room, (struct mw_span){text.at + i, 1}, keep) - room != 1)
            return false;
    }
    return true;
}

/* What the grammar of RFC 3986 has no place for; a host is looked at later. */
static const char *check_strictly(struct mw_span text, const struct mw_url_pieces *p)
{
    struct mw_span user = {p->authority.at, 0};
    for (size_t i = 0; i < p->authority.length; i++) {
        if (p->authority.at[i] == '@')
            user.length = i;
    }
    if (memchr(text.at, '\\', text.length) == NULL && holds_only(user, MW_KEEP_USER ":%") &&
        holds_only(p->path, MW_KEEP_PATH "%") && holds_only(p->query, MW_KEEP_QUERY "%") &&
        holds_only(p->fragment, MW_KEEP_QUERY "%"))
        return NULL;
    return "it holds a byte that must be percent-encoded";
}

/* ---- from pieces to a draft --------------------------------------------------------------------
 */

static const char *check_zone(struct mw_span zone)
{
    if (zone.length == 0 || zone.length > LONGEST_ZONE || !holds_only(zone, ""))
        return "the zone of the host is no name of an interface";
    return NULL;
}

/* A host of a scheme that we know nothing of: a name of its own kind. It may be empty, but then
 * nothing may stand around it. */
static const char *take_foreign_host(const struct mw_authority *parts, struct draft *d)
{
    static const char forbidden[] = " \"#/:<>?@[\\]^`{|}\x7f";
    for (size_t i = 0; i < parts->host.length; i++) {
        char c = parts->host.at[i];
        if ((unsigned char)c < ' ' || strchr(forbidden, c) != NULL)
            return "the host holds a byte that no host may hold";
    }
    if (parts->host.length == 0 && (parts->has_user || parts->port != 0))
        return "it has no host";
    d->host = parts->host;
    return NULL;
}

static const char *take_host(const struct mw_authority *parts, struct draft *d, bool file)
{
    const char *wrong;
    if (parts->bracketed)
        wrong = mw_host_normalize_ipv6(parts->host, d->name);
    else if (!d->web)
        return take_foreign_host(parts, d);
    else if (file && parts->host.length == 0)
        return NULL;
    else
        wrong = mw_host_normalize(parts->host, d->name);
    if (wrong == NULL && parts->has_zone)
        wrong = check_zone(parts->zone);
    if (wrong == NULL && !(file && strcmp(d->name, "localhost") == 0))
        d->host = mw_span(d->name);
    return wrong;
}

static const char *take_authority(struct mw_span text, struct draft *d)
{
    int own;
    struct mw_authority parts;
    const char *wrong = mw_authority_cut(text, &parts);
    bool file = mw_url_is_web(d->scheme, &own) && own == 0;
    if (wrong == NULL && file && (parts.has_user || parts.port != 0))
        wrong = "a URL of a file has neither user nor port";
    if (wrong == NULL)
        wrong = take_host(&parts, d, file);
    d->has_host = true;
    d->has_user = parts.has_user;
    d->user = parts.user;
    d->has_password = parts.has_password;
    d->password = parts.password;
    d->has_zone = parts.has_zone;
    d->zone = parts.zone;
    d->port = parts.port != 0 ? parts.port : own;
    return wrong;
}

static bool is_rooted(struct mw_span path, bool web)
{
    return path.length > 0 && (path.at[0] == '/' || (web && path.at[0] == '\\'));
}

/* The path up to its last slash, and another one (RFC 3986, 5.2.3). */
static struct mw_span merge(char *at, struct mw_span base, struct mw_span path)
{
    struct mw_span result = {at, 1};
    const char *slash = base.length > 0 ? memrchr(base.at, '/', base.length) : NULL;
    *at = '/';
    if (slash != NULL)
        result.length = (size_t)(slash - base.at) + 1;
    if (slash != NULL)
        memcpy(at, base.at, result.length);
    if (path.length > 0)
        memcpy(at + result.length, path.at, path.length);
    result.length += path.length;
    return result;
}

static void inherit(const struct mw_parsed_url *base, struct draft *d)
{
    d->has_host = base->has_host;
    d->host = base->host;
    d->has_zone = base->has_zone;
    d->zone = base->zone;
    d->port = base->port;
    d->has_user = base->has_user;
    d->user = base->user;
    d->has_password = base->has_password;
    d->password = base->password;
    d->decoded = true;
}

/* RFC 3986, 5.2.2, of a reference without scheme and authority. `room` is for a path. */
static const char *take_relative(const struct mw_url_pieces *p, const struct mw_parsed_url *base,
                                 char *room, struct draft *d)
{
    if (base->opaque && (p->path.length > 0 || p->has_query))
        return "nothing can be relative to a URL without a \"/\" behind its scheme";
    inherit(base, d);
    d->opaque = base->opaque;
    if (p->path.length == 0) {
        d->path = base->path;
        if (!p->has_query) {
            d->has_query = base->has_query;
            d->query = base->query;
        }
    } else if (!is_rooted(p->path, p->web)) {
        d->path = merge(room, base->path, p->path);
    }
    return NULL;
}

/* One with a scheme and no authority. */
static const char *take_rootless(const struct mw_url_pieces *p, char *room, struct draft *d)
{
    int port;
    bool rooted = is_rooted(p->path, p->web);
    if (mw_url_is_web(p->scheme, &port) && port != 0)
        return "it has no host";
    d->has_host = p->web; /* "file:/path": one that is empty */
    d->opaque = !p->web && !rooted;
    if (p->web && !rooted)
        d->path = merge(room, mw_span(NULL), p->path);
    return NULL;
}

static const char *make_draft(const struct mw_url_pieces *p, const struct mw_parsed_url *base,
                              char *room, struct draft *d)
{
    const struct mw_span none = {"", 0};
    *d = (struct draft){.user = none, .password = none, .host = none, .zone = none};
    if (!p->has_scheme && base == NULL)
        return "it must start with a scheme, as in \"http://\"";
    d->scheme = p->has_scheme ? p->scheme : base->scheme;
    d->web = p->web;
    d->path = p->path;
    d->has_query = p->has_query;
    d->query = p->query;
    d->has_fragment = p->has_fragment;
    d->fragment = p->fragment;
    if (p->has_authority)
        return take_authority(p->authority, d);
    return p->has_scheme ? take_rootless(p, room, d) : take_relative(p, base, room, d);
}

/* ---- from a draft to a URL ---------------------------------------------------------------------
 */

static char *put(char *at, const char *text)
{
    while (*text != '\0')
        *at++ = *text++;
    return at;
}

static struct mw_span between(const char *start, const char *end)
{
    return (struct mw_span){start, (size_t)(end - start)};
}

static char *write_scheme(char *at, const struct draft *d, struct mw_parsed_url *url)
{
    char *start = at;
    for (size_t i = 0; i < d->scheme.length; i++) {
        char c = d->scheme.at[i];
        *at++ = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    url->scheme = between(start, at);
    *at++ = ':';
    return at;
}

static char *write_authority(char *at, const struct draft *d, struct mw_parsed_url *url)
{
    int own;
    bool known = mw_url_is_web(d->scheme, &own) && own != 0;
    bool v6 = memchr(d->host.at, ':', d->host.length) != NULL;
    at = put(at, v6 ? "//[" : "//");
    char *start = at;
    at = mw_percent_encode(at, d->host, MW_KEEP_USER "%:");
    url->host = between(start, at);
    if (d->has_zone) {
        at = put(at, "%25");
        start = at;
        at = mw_percent_encode(at, d->zone, "");
        url->zone = between(start, at);
    }
    if (v6)
        *at++ = ']';
    if (d->port != own)
        at += sprintf(at, ":%d", d->port);
    if (known)
        url->origin = between(url->href, at);
    return at;
}

static char *write_path(char *at, const struct draft *d, struct mw_parsed_url *url)
{
    char *start = at;
    if (d->opaque)
        at = mw_percent_encode(at, d->path, MW_KEEP_PATH "%");
    else if (d->web && d->path.length == 0)
        *at++ = '/';
    else
        at = mw_path_normalize(at, d->path, d->web);
    if (!d->has_host && at - start > 1 && start[0] == '/' && start[1] == '/') {
        memmove(start + 2, start, (size_t)(at - start)); /* or else it would become a host */
        start = put(start, "/.");
        at += 2;
    }
    url->path = between(start, at);
    return at;
}

static char *write_tail(char *at, const struct draft *d, struct mw_parsed_url *url)
{
    url->has_query = d->has_query;
    url->has_fragment = d->has_fragment;
    if (d->has_query) {
        char *start = put(at, "?");
        at = mw_percent_encode(start, d->query, MW_KEEP_QUERY "%");
        url->query = between(start, at);
    }
    if (d->has_fragment) {
        char *start = put(at, "#");
        at = mw_percent_encode(start, d->fragment, MW_KEEP_QUERY "%");
        url->fragment = between(start, at);
    }
    *at++ = '\0';
    return at;
}

static char *write_secret(char *at, struct mw_span text, bool decoded, struct mw_span *result)
{
    char *start = at;
    if (!decoded)
        at = mw_percent_decode(at, text);
    else if (text.length > 0)
        at = (char *)memcpy(at, text.at, text.length) + text.length;
    *result = between(start, at);
    return at;
}

static const char *write_url(const struct mw_allocator *a, const struct draft *d,
                             struct mw_parsed_url *url)
{
    size_t room = 3 * (d->scheme.length + d->host.length + d->zone.length + d->path.length +
                       d->query.length + d->fragment.length) +
                  d->user.length + d->password.length + sizeof ":///.[%25]:65535?#";
    const struct mw_span none = {"", 0};
    *url = (struct mw_parsed_url){.scheme = none,
                                  .user = none,
                                  .password = none,
                                  .origin = none,
                                  .host = none,
                                  .zone = none,
                                  .path = none,
                                  .query = none,
                                  .fragment = none};
    url->href = mw_alloc(a, room);
    if (url->href == NULL)
        return mw_url_no_memory;
    url->has_user = d->has_user;
    url->has_password = d->has_password;
    url->has_host = d->has_host;
    url->has_zone = d->has_zone;
    url->opaque = d->opaque;
    url->port = d->port;
    char *at = write_scheme(url->href, d, url);
    if (d->has_host)
        at = write_authority(at, d, url);
    at = write_path(at, d, url);
    at = write_tail(at, d, url);
    at = write_secret(at, d->user, d->decoded, &url->user);
    write_secret(at, d->password, d->decoded, &url->password);
    return NULL;
}

/* ---- the doors ---------------------------------------------------------------------------------
 */

static const char *read_reference(const struct mw_allocator *a, const struct mw_parsed_url *base,
                                  struct mw_span text, bool lenient, struct mw_parsed_url *url)
{
    struct draft d;
    struct mw_url_pieces pieces;
    const char *wrong = NULL;
    /* a copy of the text, and a path that is merged of the base's and the text's */
    char *scratch = mw_alloc(a, 2 * text.length + (base != NULL ? base->path.length : 0) + 1);
    if (scratch == NULL)
        return mw_url_no_memory;
    char *room = scratch + text.length;
    if (lenient)
        text = clean(scratch, text);
    mw_url_cut(text, base != NULL ? base->scheme : mw_span(NULL), &pieces);
    if (!lenient)
        wrong = check_strictly(text, &pieces);
    if (wrong == NULL)
        wrong = make_draft(&pieces, base, room, &d);
    if (wrong == NULL)
        wrong = write_url(a, &d, url);
    mw_dealloc(a, scratch);
    return wrong;
}

const char *mw_url_parse(const struct mw_allocator *a, struct mw_span text, bool lenient,
                         struct mw_parsed_url *url)
{
    memset(url, 0, sizeof *url);
    return read_reference(a, NULL, text, lenient, url);
}

const char *mw_url_resolve(const struct mw_allocator *a, struct mw_span base,
                           struct mw_span reference, struct mw_parsed_url *url)
{
    struct mw_parsed_url from;
    if (base.length == 0)
        return mw_url_parse(a, reference, true, url);
    memset(url, 0, sizeof *url);
    const char *wrong = mw_url_parse(a, base, true, &from);
    if (wrong != NULL)
        return wrong;
    wrong = read_reference(a, &from, reference, true, url);
    mw_parsed_url_free(&from, a);
    return wrong;
}

void mw_parsed_url_free(struct mw_parsed_url *url, const struct mw_allocator *a)
{
    mw_dealloc(a, url->href);
    memset(url, 0, sizeof *url);
}
