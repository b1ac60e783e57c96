/* Set-Cookie: its parts lie in it and keep their promises, and a cookie that was written out again
 * is read as the same. Dates: what is one lies in the calendar. SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include "base/cookie.h"

enum { NOW = 1700000000 };

static void must_lie_within(struct mw_span s, const char *text, size_t length)
{
    MUST(s.at >= text && s.at + s.length <= text + length);
}

static void must_be_trimmed(struct mw_span s)
{
    MUST(s.length == 0 ||
         (strchr(" \t", s.at[0]) == NULL && strchr(" \t", s.at[s.length - 1]) == NULL));
}

static int same(struct mw_span a, struct mw_span b)
{
    return a.length == b.length && memcmp(a.at, b.at, a.length) == 0;
}

static char *put(char *at, const char *label, struct mw_span text)
{
    at = stpcpy(at, label);
    memcpy(at, text.at, text.length);
    return at + text.length;
}

/* As a server that keeps to the grammar would write it. */
static size_t write_out(const struct mw_set_cookie *c, char *out)
{
    char *at = put(put(out, "", c->name), "=", c->value);
    at = c->domain.length > 0 ? put(at, "; Domain=.", c->domain) : at;
    at = c->has_path ? put(at, "; Path=", c->path) : at;
    at = stpcpy(at, c->secure ? "; Secure" : "");
    at = stpcpy(at, c->http_only ? "; HttpOnly" : "");
    if (c->persistent)
        at += sprintf(at, "; Max-Age=%lld", (long long)(c->expires > NOW ? c->expires - NOW : 0));
    at += sprintf(at, "; SameSite=%s", mw_same_site_name(c->same_site));
    return (size_t)(at - out);
}

static void must_be_the_same(const struct mw_set_cookie *a, const struct mw_set_cookie *b)
{
    MUST(same(a->name, b->name) && same(a->value, b->value));
    MUST(same(a->domain, b->domain) && same(a->path, b->path) && a->has_path == b->has_path);
    MUST(a->secure == b->secure && a->http_only == b->http_only);
    MUST(a->same_site == b->same_site && a->persistent == b->persistent);
    MUST(a->persistent ? (a->expires <= NOW) == (b->expires <= NOW) : b->expires == 0);
    MUST(a->expires <= NOW || a->expires == b->expires);
}

static void try_matches(const struct mw_set_cookie *c)
{
    struct mw_span path = c->path;
    size_t length = mw_cookie_default_path(path);
    MUST(length <= path.length && (path.length == 0 || length < path.length));
    if (path.length > 0) {
        struct mw_span covers = length > 0 ? (struct mw_span){path.at, length} : mw_span("/");
        MUST(mw_cookie_path_match(path, path) && mw_cookie_path_match(path, covers));
    }
    char *domain = fuzz_copy(c->domain.at, c->domain.length, 1), below[2048];
    if (c->domain.length > 0) {
        MUST(mw_cookie_domain_match(domain, domain));
        snprintf(below, sizeof below, "x.%s", domain);
        MUST(mw_cookie_domain_match(below, domain) == !mw_cookie_is_address(below));
        snprintf(below, sizeof below, "x%s", domain);
        MUST(!mw_cookie_domain_match(below, domain) || domain[0] == '.');
    }
    free(domain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mw_set_cookie c, again;
    int64_t seconds;
    char *text = fuzz_copy((const char *)data, size, 0);
    if (mw_cookie_date(text, size, &seconds))
        MUST(seconds >= -11644473600 && seconds <= 253402300799);
    if (mw_cookie_parse(&c, text, size, NOW) == NULL) {
        must_lie_within(c.name, text, size);
        must_lie_within(c.value, text, size);
        must_lie_within(c.domain, text, size);
        must_lie_within(c.path, text, size);
        must_be_trimmed(c.name);
        must_be_trimmed(c.value);
        MUST(c.name.length + c.value.length > 0);
        MUST(c.path.length == 0 || (c.has_path && c.path.at[0] == '/'));
        MUST(c.expires <= NOW + MW_COOKIE_OLDEST);
        char *out = malloc(size + 200);
        size_t length = write_out(&c, out);
        MUST(mw_cookie_parse(&again, out, length, NOW) == NULL);
        must_be_the_same(&c, &again);
        try_matches(&c);
        free(out);
    }
    free(text);
    return 0;
}
