/* The store of cookies, as the rest of the core sees it (rfc6265bis, 5.7 and 5.8).
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_COOKIE_JAR_H
#define MW_CORE_COOKIE_JAR_H

#include "base/alloc.h"
#include "base/attribute.h"
#include "base/cookie.h"
#include "base/list.h"
#include "moonwire.h"

enum { MW_COOKIES_OF_DOMAIN = 50, MW_COOKIES_IN_ALL = 3000 }; /* 6.1 */

struct mw_cookie_domain;

struct mw_stored_cookie {
    mw_cookie cookie; /* its texts lie in the same block */
    struct mw_link by_age, by_use, of_domain;
    struct mw_cookie_domain *domain;
    uint64_t number; /* those created earlier have smaller ones */
    size_t path_length;
};

enum { MW_COOKIE_BUCKETS = 256 };

struct mw_cookie_jar {
    struct mw_allocator allocator;
    int users;
    size_t count;
    struct mw_link by_age; /* the oldest first */
    struct mw_link by_use; /* the one that was not sent for longest first */
    uint64_t last_number;
    int64_t next_expiry; /* no cookie expires before */
    struct mw_cookie_domain *buckets[MW_COOKIE_BUCKETS];
    struct mw_stored_cookie **selected;
    size_t selected_count, selected_room;
    char *text; /* the last Cookie field */
    size_t text_room;
    char message[200];
};

/* Where a request goes, or a reply comes from. */
struct mw_cookie_place {
    const char *host; /* in lower case, an address without brackets */
    struct mw_span path;
    bool secure; /* what is sent there nobody else can read */
};

/* An https URL's, or one of this very machine, as browsers and curl have it. */
bool mw_cookie_is_secure(const char *host, bool https);

void mw_cookie_jar_retain(mw_cookie_jar *jar); /* mw_cookie_jar_free ends it */

/* Notes words for mw_cookie_jar_message and returns the code. */
int mw_cookie_jar_fail(mw_cookie_jar *jar, int result, const char *format, ...) MW_PRINTF(3, 4);

/* One Set-Cookie of a reply from there, at the time `now`: 1 if it was taken, 0 if it is refused,
 * MW_ENOMEM. */
int mw_cookie_jar_take(mw_cookie_jar *jar, const struct mw_cookie_place *from, const char *text,
                       size_t length, int64_t now);

/* Puts in a cookie that is all right, in the place of the one that it replaces: 1, or 0 where there
 * is no room for it among better ones, or MW_ENOMEM. The spans and texts are copied. */
int mw_cookie_jar_put(mw_cookie_jar *jar, const struct mw_set_cookie *c, const char *domain,
                      bool host_only, struct mw_span path, int64_t now);

/* Whether no cookie can be for all of that domain, as for "com" or "co.uk". */
bool mw_cookie_is_public(const char *domain);

/* Chooses what is to be sent there, in the order in which that happens. False without memory. */
bool mw_cookie_jar_choose(mw_cookie_jar *jar, const struct mw_cookie_place *to, int64_t now);

/* What was chosen as a Cookie field; "" if that is nothing. It lives until the next call. NULL
 * without memory. */
const char *mw_cookie_jar_join(mw_cookie_jar *jar);

void mw_cookie_jar_discard(mw_cookie_jar *jar, struct mw_stored_cookie *s);

/* Discards what has expired. */
void mw_cookie_jar_sweep(mw_cookie_jar *jar, int64_t now);

#endif
