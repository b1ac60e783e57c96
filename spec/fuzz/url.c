/* URLs: their parts lie in them, and one that was joined comes apart into the same again.
 * SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include "base/grammar.h"
#include "base/url.h"

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
           mw_bad_target(p->query.at, p->query.length) < 0;
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
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct mw_allocator *a = &mw_default_allocator;
    struct mw_url_parts parts, again;
    struct mw_url url, twice;
    char *text = fuzz_copy((const char *)data, size, 1);
    size_t length = strlen(text);
    if (mw_url_split(text, &parts) == NULL) {
        must_lie_within(parts.scheme, text, length);
        must_lie_within(parts.host, text, length);
        must_lie_within(parts.zone, text, length);
        must_lie_within(parts.path, text, length);
        must_lie_within(parts.query, text, length);
        MUST(parts.port >= 0 && parts.port <= 65535 && parts.host.length > 0);
        MUST(mw_url_join(&url, a, &parts)); /* whatever its bytes, it has the room */
        if (is_clean(&parts)) {
            must_fit(&url, &parts);
            MUST(mw_url_split(url.href, &again) == NULL && is_clean(&again));
            MUST(mw_url_join(&twice, a, &again));
            MUST(strcmp(url.href, twice.href) == 0 && strcmp(url.target, twice.target) == 0);
            MUST(strcmp(url.host, twice.host) == 0 && url.port == twice.port);
            MUST(!parts.has_zone || strcmp(url.address, twice.address) == 0);
            mw_url_free(&twice, a);
        }
        mw_url_free(&url, a);
    }
    free(text);
    return 0;
}
