/* Cookies by the letter of draft-ietf-httpbis-rfc6265bis: the text of Set-Cookie taken apart,
 * dates, and the rules by which domains and paths match. The sections named here are its own.
 * SPDX-License-Identifier: MIT */
#ifndef MW_BASE_COOKIE_H
#define MW_BASE_COOKIE_H

#include "base/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MW_COOKIE_LONGEST = 4096,           /* name and value together (5.6) */
    MW_COOKIE_ATTRIBUTE_LONGEST = 1024, /* longer ones are ignored */
    MW_COOKIE_OLDEST = 400 * 86400      /* seconds that a cookie may live (5.5) */
};

enum mw_same_site {
    MW_SAME_SITE_DEFAULT,
    MW_SAME_SITE_STRICT,
    MW_SAME_SITE_LAX,
    MW_SAME_SITE_NONE
};

/* What one Set-Cookie says. The spans point into its text. */
struct mw_set_cookie {
    struct mw_span name, value; /* one of them may be empty */
    struct mw_span domain;      /* without its first dot, in whatever case; empty: none */
    struct mw_span path;        /* begins with "/"; empty: the default-path is meant */
    bool has_path;              /* there was such an attribute, be it empty */
    bool persistent;
    int64_t expires; /* seconds since 1970, not beyond the limit; 0 where it is not persistent */
    bool secure, http_only;
    enum mw_same_site same_site;
};

/* Takes the value of a Set-Cookie field apart (5.6), at the time `now`. Returns NULL, or words for
 * why it is to be ignored. */
const char *mw_cookie_parse(struct mw_set_cookie *c, const char *text, size_t length, int64_t now);

/* Reads a cookie-date (5.1.1). False if it is none. */
bool mw_cookie_date(const char *text, size_t length, int64_t *seconds);

/* The earlier of `expires` and the latest time that is allowed (5.5). */
int64_t mw_cookie_limit(int64_t expires, int64_t now);

/* Why there can be no cookie of that name and value, whoever sets it; NULL: there can. */
const char *mw_cookie_wrong(struct mw_span name, struct mw_span value);

/* What a prefix of the name promises (5.4). `names` is whatever a server would take for the name:
 * of a cookie without one, its value. */
bool mw_cookie_says_secure(struct mw_span names); /* __Secure- */
bool mw_cookie_says_host(struct mw_span names);   /* __Host- */

/* Whether the host is an address, which has no parent domains. */
bool mw_cookie_is_address(const char *host);

/* 5.1.3, of texts in lower case. */
bool mw_cookie_domain_match(const char *host, const char *domain);

/* 5.1.4: how much of the request's path is the default-path, 0 standing for "/"; and whether a
 * cookie's path covers that of a request. */
size_t mw_cookie_default_path(struct mw_span path);
bool mw_cookie_path_match(struct mw_span path, struct mw_span cookie_path);

/* "Strict"; "" for the default. */
const char *mw_same_site_name(enum mw_same_site same_site);

#endif
