/* URLs: their parts lie in them, and one that was joined comes apart into the same again; so does
 * any that was resolved. SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include "base/grammar.h"
#include "base/url.h"
#include "base/url_parse.h"

#include <arpa/inet.h>

static void must_lie_within(struct mw_span s, const char *text, size_t length)
{
    MUST(s.length == 0 || (s.at >= text && s.at + s.length <= text + length));
}

static int is_ipv6(struct mw_span host)
{
    unsigned char address[16];
    char *text = fuzz_copy(host.at, host.length, 1);
    int good = inet_pton(AF_INET6, text, address) == 1;
    free(text);
    return good;
}

/* What a request checks before it joins the parts (src/core/request.c). */
static int is_clean(const struct mw_url_parts *p)
{
    int v6 = p->bracketed || p->has_zone || memchr(p->host.at, ':', p->host.length) != NULL;
    return mw_bad_token(p->scheme.at, p->scheme.length) < 0 &&
           mw_bad_host(p->host.at, p->host.length) < 0 && (!v6 || is_ipv6(p->host)) &&
           (!p->has_zone || mw_bad_host(p->zone.at, p->zone.length) < 0) &&
           mw_bad_target(p->path.at, p->path.length) < 0 &&
           mw_bad_target(p->query.at, p->query.length) < 0 &&
           mw_bad_field_value(p->fragment.at, p->fragment.length) < 0;
}

/* href is scheme "://" authority target, a zone being in href alone, and no text of it holds a byte
 * that could end a line. */
static void must_fit(const struct mw_url *url, const struct mw_url_parts *p)
{
    const char *authority = strstr(url->href, "://");
    size_t length = strlen(url->authority), host = strlen(url->host);
    MUST(authority != NULL);
    if (!p->has_zone) {
        MUST(strncmp(authority + 3, url->authority, length) == 0);
        MUST(authority + 3 + length == url->target);
    }
    MUST((url->address != NULL) == p->has_zone);
    MUST(!p->has_zone || (strncmp(url->address, url->host, host) == 0 &&
                          url->address[host] == '%' && strchr(url->authority, '%') == NULL));
    MUST(url->target[0] == '/' || url->target[0] == '?');
    MUST(mw_bad_target(url->target, strlen(url->target)) < 0);
    MUST(mw_bad_authority(url->authority, length) < 0);
    MUST(mw_bad_host(url->host, host) < 0);
    MUST(!url->secure || url->known);
    size_t href = strlen(url->href);
    MUST((url->fragment != NULL) == p->has_fragment);
    MUST(p->has_fragment || url->whole == url->href);
    MUST(!p->has_fragment ||
         (strncmp(url->whole, url->href, href) == 0 && url->fragment == url->whole + href &&
          url->fragment[0] == '#' && strlen(url->fragment + 1) == p->fragment.length &&
          strncmp(url->fragment + 1, p->fragment.at, p->fragment.length) == 0));
}

static void split(const uint8_t *data, size_t size)
{
    const struct mw_allocator *a = &mw_default_allocator;
    struct mw_url_parts parts, again;
    struct mw_url url = {0}, twice = {0};
    char *text = fuzz_copy((const char *)data, size, 1);
    size_t length = strlen(text);
    if (mw_url_split(text, &parts) == NULL) {
        must_lie_within(parts.scheme, text, length);
        must_lie_within(parts.host, text, length);
        must_lie_within(parts.zone, text, length);
        must_lie_within(parts.user, text, length);
        must_lie_within(parts.password, text, length);
        must_lie_within(parts.path, text, length);
        must_lie_within(parts.query, text, length);
        must_lie_within(parts.fragment, text, length);
        MUST(parts.port >= 0 && parts.port <= 65535 && parts.host.length > 0);
        MUST(mw_url_join(&url, a, &parts)); /* whatever its bytes, it has the room */
        if (is_clean(&parts)) {
            must_fit(&url, &parts);
            MUST(mw_url_split(url.whole, &again) == NULL && is_clean(&again));
            MUST(mw_url_join(&twice, a, &again));
            MUST(strcmp(url.whole, twice.whole) == 0);
            MUST(mw_url_join(&twice, a, &again)); /* in the block that it has */
            MUST(strcmp(url.href, twice.href) == 0 && strcmp(url.target, twice.target) == 0);
            MUST(strcmp(url.host, twice.host) == 0 && url.port == twice.port);
            MUST(!parts.has_zone || strcmp(url.address, twice.address) == 0);
            mw_url_free(&twice, a);
        }
        mw_url_free(&url, a);
    }
    free(text);
}

/* ---- any URL -----------------------------------------------------------------------------------
 */

static int same(struct mw_span a, struct mw_span b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.at, b.at, a.length) == 0);
}

/* What was read is in one form: read again, strictly, it stays what it is; and a request that it is
 * for goes there. */
static void must_be_settled(const struct mw_parsed_url *url)
{
    const struct mw_allocator *a = &mw_default_allocator;
    size_t length = strlen(url->href);
    struct mw_parsed_url again;
    struct mw_url_parts parts;
    MUST(mw_bad_target(url->href, strcspn(url->href, "#")) < 0);
    MUST(mw_url_parse(a, mw_span(url->href), false, &again) == NULL);
    MUST(strcmp(url->href, again.href) == 0 && url->port == again.port);
    MUST(same(url->scheme, again.scheme) && same(url->host, again.host) &&
         same(url->zone, again.zone) && same(url->path, again.path) &&
         same(url->query, again.query) && same(url->fragment, again.fragment) &&
         same(url->origin, again.origin));
    MUST(!again.has_user && url->opaque == again.opaque && url->has_host == again.has_host &&
         url->has_query == again.has_query && url->has_fragment == again.has_fragment);
    must_lie_within(url->path, url->href, length);
    must_lie_within(url->host, url->href, length);
    if (url->scheme.length >= 4 && memcmp(url->scheme.at, "http", 4) == 0 &&
        url->origin.length > 0) {
        MUST(mw_url_split(url->href, &parts) == NULL && is_clean(&parts));
        MUST(same(parts.host, url->host) && same(parts.path, url->path));
    }
    mw_parsed_url_free(&again, a);
}

/* A reference, and behind the first line end its base. */
static void resolve(const uint8_t *data, size_t size)
{
    const struct mw_allocator *a = &mw_default_allocator;
    struct mw_parsed_url url;
    char *text = fuzz_copy((const char *)data, size, 0);
    const char *line = size > 0 ? memchr(text, '\n', size) : NULL;
    size_t first = line != NULL ? (size_t)(line - text) : size;
    struct mw_span reference = {text, first}, base = {"http://a/b/c/d;p?q", 18};
    if (line != NULL)
        base = (struct mw_span){line + 1, size - first - 1};
    if (mw_url_resolve(a, base, reference, &url) == NULL)
        must_be_settled(&url);
    mw_parsed_url_free(&url, a);
    if (mw_url_parse(a, reference, true, &url) == NULL)
        must_be_settled(&url);
    mw_parsed_url_free(&url, a);
    if (mw_url_parse(a, reference, false, &url) == NULL)
        must_be_settled(&url);
    mw_parsed_url_free(&url, a);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    split(data, size);
    resolve(data, size);
    return 0;
}
