/* Which cookies of a reply go into the jar, and for whom: steps 7 to 22 of rfc6265bis, 5.7.
 * SPDX-License-Identifier: MIT */
#include "core/cookie_jar.h"

#include <arpa/inet.h>
#include <libpsl.h>
#include <string.h>

/* ---- domains ------------------------------------------------------------------------------- */

/* A last dot changes no name, and the list knows none with it. Without the list whatever has no
 * dot is one. */
bool mw_cookie_is_public(const char *domain)
{
    char name[256];
    size_t length = strlen(domain);
    const psl_ctx_t *list = psl_builtin();
    if (length > 0 && domain[length - 1] == '.')
        length--;
    if (length == 0 || length >= sizeof name)
        return false; /* nothing, or what is no name: none is that long */
    memcpy(name, domain, length);
    name[length] = '\0';
    if (list == NULL || mw_cookie_is_address(name))
        return !mw_cookie_is_address(name) && strchr(name, '.') == NULL;
    return psl_is_public_suffix(list, name) != 0;
}

bool mw_cookie_is_secure(const char *host, bool https)
{
    unsigned char v4[4];
    struct in6_addr v6;
    return https || strcmp(host, "localhost") == 0 ||
           (inet_pton(AF_INET, host, v4) == 1 && v4[0] == 127) ||
           (inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6));
}

/* ---- the steps ----------------------------------------------------------------------------- */

/* Step 16: an insecure place must not cover up what a secure one has set. */
static bool covers_secure(mw_cookie_jar *jar, const struct mw_set_cookie *c, const char *domain,
                          struct mw_span path)
{
    for (struct mw_link *l = jar->by_age.next; l != &jar->by_age; l = l->next) {
        const struct mw_stored_cookie *s = MW_ITEM(l, struct mw_stored_cookie, by_age);
        const mw_cookie *old = &s->cookie;
        if (old->secure && strlen(old->name) == c->name.length &&
            memcmp(old->name, c->name.at, c->name.length) == 0 &&
            (mw_cookie_domain_match(old->domain, domain) ||
             mw_cookie_domain_match(domain, old->domain)) &&
            mw_cookie_path_match(path, (struct mw_span){old->path, s->path_length}))
            return true;
    }
    return false;
}

/* Steps 12 to 21, which look at the flags. */
static const char *wrong_flags(const struct mw_set_cookie *c, bool secure, bool host_only,
                               struct mw_span path)
{
    bool root = c->has_path && path.length == 1;
    if (c->secure && !secure)
        return "it is Secure, and comes from a place that is not";
    if (c->same_site == MW_SAME_SITE_NONE && !c->secure)
        return "it is SameSite=None without being Secure";
    if (mw_cookie_says_secure(c->name) && !c->secure)
        return "its name begins with __Secure-, and it is not Secure";
    if (mw_cookie_says_host(c->name) && !(c->secure && host_only && root))
        return "its name begins with __Host-, and it is not Secure, or has a Domain, or another "
               "Path than /";
    return NULL;
}

/* Steps 7 to 10: the domain in lower case, "" for the host alone. Returns words for why not. */
static const char *read_domain(const struct mw_set_cookie *c, const char *host, char *domain)
{
    for (size_t i = 0; i < c->domain.length; i++) {
        char byte = c->domain.at[i];
        if ((unsigned char)byte >= 0x80)
            return "its Domain is not ASCII";
        domain[i] = byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte;
    }
    domain[c->domain.length] = '\0';
    if (*domain != '\0' && mw_cookie_is_public(domain)) {
        if (strcmp(domain, host) != 0)
            return "its Domain is a public suffix";
        *domain = '\0';
    }
    if (*domain != '\0' && !mw_cookie_domain_match(host, domain))
        return "its Domain is not that of the host";
    return NULL;
}

/* Where it belongs, of a cookie as it comes from there. */
static struct mw_span path_of(const struct mw_set_cookie *c, struct mw_span request_path)
{
    size_t length = c->path.length > 0 ? 0 : mw_cookie_default_path(request_path);
    if (c->path.length > 0)
        return c->path;
    return length > 0 ? (struct mw_span){request_path.at, length} : (struct mw_span){"/", 1};
}

int mw_cookie_jar_take(mw_cookie_jar *jar, const struct mw_cookie_place *from, const char *text,
                       size_t length, int64_t now)
{
    struct mw_set_cookie c;
    char domain[MW_COOKIE_ATTRIBUTE_LONGEST + 1];
    mw_cookie_jar_sweep(jar, now);
    const char *wrong = mw_cookie_parse(&c, text, length, now);
    if (wrong == NULL)
        wrong = read_domain(&c, from->host, domain);
    if (wrong != NULL)
        return mw_cookie_jar_fail(jar, 0, "%s", wrong);
    bool host_only = *domain == '\0';
    const char *of = host_only ? from->host : domain;
    struct mw_span path = path_of(&c, from->path);
    wrong = wrong_flags(&c, from->secure, host_only, path);
    if (wrong == NULL && !c.secure && !from->secure && covers_secure(jar, &c, of, path))
        wrong = "it would stand in front of a Secure one, and comes from a place that is not";
    if (wrong != NULL)
        return mw_cookie_jar_fail(jar, 0, "%s", wrong);
    return mw_cookie_jar_put(jar, &c, of, host_only, path, now);
}
