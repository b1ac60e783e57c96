/* The text of Set-Cookie taken apart, and what matches a cookie.
 * SPDX-License-Identifier: MIT */
#include "base/cookie.h"

#include <string.h>
#include <strings.h>

static bool span_is(struct mw_span s, const char *word)
{
    return s.length == strlen(word) && strncasecmp(s.at, word, s.length) == 0;
}

static bool begins_with(struct mw_span s, const char *word)
{
    size_t length = strlen(word);
    return s.length >= length && strncasecmp(s.at, word, length) == 0;
}

static struct mw_span trim(struct mw_span s)
{
    while (s.length > 0 && (s.at[0] == ' ' || s.at[0] == '\t')) {
        s.at++;
        s.length--;
    }
    while (s.length > 0 && (s.at[s.length - 1] == ' ' || s.at[s.length - 1] == '\t'))
        s.length--;
    return s;
}

/* Takes off what stands before the byte, and the byte; or all, where there is none. */
static struct mw_span cut(struct mw_span *s, char byte, bool *found)
{
    const char *at = s->length > 0 ? memchr(s->at, byte, s->length) : NULL;
    struct mw_span first = *s;
    *found = at != NULL;
    if (at != NULL)
        first.length = (size_t)(at - s->at);
    size_t gone = first.length + (at != NULL ? 1 : 0);
    s->at += gone;
    s->length -= gone;
    return first;
}

static bool has_control(struct mw_span s)
{
    for (size_t i = 0; i < s.length; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return true;
    }
    return false;
}

bool mw_cookie_says_secure(struct mw_span names)
{
    return begins_with(names, "__Secure-");
}

bool mw_cookie_says_host(struct mw_span names)
{
    return begins_with(names, "__Host-");
}

const char *mw_cookie_wrong(struct mw_span name, struct mw_span value)
{
    if (name.length == 0 && value.length == 0)
        return "it has neither a name nor a value";
    if (has_control(name) || has_control(value))
        return "it holds a control character";
    if (name.length + value.length > MW_COOKIE_LONGEST)
        return "its name and its value are longer than 4096 bytes together";
    if (name.length == 0 && (mw_cookie_says_secure(value) || mw_cookie_says_host(value)))
        return "it has no name, and its value begins as the name of a safer cookie does";
    return NULL;
}

/* ---- attributes ---------------------------------------------------------------------------- */

int64_t mw_cookie_limit(int64_t expires, int64_t now)
{
    int64_t latest = now + MW_COOKIE_OLDEST;
    return expires < latest ? expires : latest;
}

/* 5.6.2. What is no number, or has a sign other than "-", is ignored. */
static bool read_max_age(struct mw_span value, int64_t now, int64_t *expires)
{
    int64_t seconds = 0;
    bool negative = value.length > 0 && value.at[0] == '-';
    size_t i = negative ? 1 : 0;
    if (i >= value.length)
        return false;
    for (; i < value.length; i++) {
        if (value.at[i] < '0' || value.at[i] > '9')
            return false;
        if (seconds <= MW_COOKIE_OLDEST) /* enough is known beyond that */
            seconds = seconds * 10 + (value.at[i] - '0');
    }
    *expires = negative || seconds == 0 ? INT64_MIN : mw_cookie_limit(now + seconds, now);
    return true;
}

static enum mw_same_site read_same_site(struct mw_span value)
{
    if (span_is(value, "Strict"))
        return MW_SAME_SITE_STRICT;
    if (span_is(value, "Lax"))
        return MW_SAME_SITE_LAX;
    return span_is(value, "None") ? MW_SAME_SITE_NONE : MW_SAME_SITE_DEFAULT;
}

const char *mw_same_site_name(enum mw_same_site same_site)
{
    static const char *const names[] = {"", "Strict", "Lax", "None"};
    return names[same_site];
}

/* Of several of a kind the last counts; Max-Age counts before Expires, in whatever order. */
static void read_attribute(struct mw_set_cookie *c, struct mw_span name, struct mw_span value,
                           int64_t now, bool *has_max_age)
{
    int64_t expires;
    if (span_is(name, "Expires")) {
        if (!*has_max_age && mw_cookie_date(value.at, value.length, &expires)) {
            c->expires = mw_cookie_limit(expires, now);
            c->persistent = true;
        }
    } else if (span_is(name, "Max-Age")) {
        if (read_max_age(value, now, &expires)) {
            c->expires = expires;
            c->persistent = *has_max_age = true;
        }
    } else if (span_is(name, "Domain")) {
        size_t dot = value.length > 0 && value.at[0] == '.' ? 1 : 0;
        c->domain = (struct mw_span){value.at + dot, value.length - dot};
    } else if (span_is(name, "Path")) {
        bool usable = value.length > 0 && value.at[0] == '/';
        c->path = (struct mw_span){value.at, usable ? value.length : 0};
        c->has_path = true;
    } else if (span_is(name, "Secure")) {
        c->secure = true;
    } else if (span_is(name, "HttpOnly")) {
        c->http_only = true;
    } else if (span_is(name, "SameSite")) {
        c->same_site = read_same_site(value);
    }
}

const char *mw_cookie_parse(struct mw_set_cookie *c, const char *text, size_t length, int64_t now)
{
    struct mw_span rest = {text, length};
    bool more, found, has_max_age = false;
    memset(c, 0, sizeof *c);
    c->domain.at = c->path.at = text;
    if (has_control(rest))
        return "it holds a control character";
    struct mw_span pair = cut(&rest, ';', &more);
    struct mw_span first = cut(&pair, '=', &found);
    c->name = trim(found ? first : (struct mw_span){text, 0});
    c->value = trim(found ? pair : first);
    const char *wrong = mw_cookie_wrong(c->name, c->value);
    while (wrong == NULL && more) {
        struct mw_span value = cut(&rest, ';', &more);
        struct mw_span name = cut(&value, '=', &found);
        value = trim(value);
        if (value.length <= MW_COOKIE_ATTRIBUTE_LONGEST)
            read_attribute(c, trim(name), value, now, &has_max_age);
    }
    return wrong;
}

/* ---- matching ------------------------------------------------------------------------------ */

/* IPv4 is whatever ends in a number, in any of its forms: no name does. */
bool mw_cookie_is_address(const char *host)
{
    size_t end = strlen(host);
    if (strchr(host, ':') != NULL)
        return true;
    if (end > 0 && host[end - 1] == '.')
        end--;
    size_t start = end;
    while (start > 0 && host[start - 1] != '.')
        start--;
    const char *last = host + start;
    size_t length = end - start;
    if (length >= 2 && last[0] == '0' && (last[1] | 0x20) == 'x')
        return strspn(last + 2, "0123456789abcdefABCDEF") >= length - 2;
    return length > 0 && strspn(last, "0123456789") >= length;
}

bool mw_cookie_domain_match(const char *host, const char *domain)
{
    size_t h = strlen(host), d = strlen(domain);
    if (strcmp(host, domain) == 0)
        return true;
    return d > 0 && h > d && host[h - d - 1] == '.' && strcmp(host + h - d, domain) == 0 &&
           !mw_cookie_is_address(host);
}

size_t mw_cookie_default_path(struct mw_span path)
{
    size_t length = path.length;
    if (length == 0 || path.at[0] != '/')
        return 0;
    while (path.at[length - 1] != '/')
        length--;
    return length - 1;
}

bool mw_cookie_path_match(struct mw_span path, struct mw_span cookie_path)
{
    size_t n = cookie_path.length;
    if (n > path.length || memcmp(path.at, cookie_path.at, n) != 0)
        return false;
    return n == path.length || (n > 0 && cookie_path.at[n - 1] == '/') || path.at[n] == '/';
}
