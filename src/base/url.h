/* Where a request goes: a URL or its parts, checked, and joined into the texts that HTTP needs.
 * SPDX-License-Identifier: MIT */
#ifndef MW_BASE_URL_H
#define MW_BASE_URL_H

#include "base/alloc.h"
#include "base/span.h"

#include <stdbool.h>
#include <stddef.h>

struct mw_url_parts {
    struct mw_span scheme;         /* without the colon */
    struct mw_span user, password; /* percent-encoded (mw_percent_decode); in no text of mw_url */
    bool has_user, has_password;
    struct mw_span host; /* without brackets */
    bool bracketed;      /* it had them, so it must be an IPv6 address */
    struct mw_span zone; /* of such an address: "eth0"; it is no part of `host` */
    bool has_zone;
    struct mw_span path;          /* with its "/" or empty */
    struct mw_span query;         /* without the "?" */
    struct mw_span fragment;      /* without the "#" */
    bool has_query, has_fragment; /* which may be empty */
    int port;                     /* 0: the scheme's own */
};

/* Takes a URL apart (RFC 3986). Returns NULL, or words for what is wrong
 * with it. The spans point into `text`; their bytes are not checked. */
const char *mw_url_split(const char *text, struct mw_url_parts *parts);

/* Takes the zone ("%eth0") off the host, if there is one. */
void mw_url_cut_zone(struct mw_url_parts *parts);

struct mw_url {
    char *href;            /* "http://[::1]:8080/path?query"; the block that holds all of these */
    const char *whole;     /* the same with its fragment, which is never sent: for the user */
    const char *fragment;  /* "#section", the end of that; NULL: it has none */
    const char *target;    /* "/path?query" */
    const char *host;      /* "::1" */
    const char *authority; /* "[::1]:8080", without a port that is the scheme's own, nor a zone */
    const char *address;   /* "fe80::1%eth0", where there is a zone; NULL otherwise */
    bool secure;           /* https */
    bool known;            /* a scheme that we speak */
    unsigned short port;
    size_t room; /* bytes of the block */
};

/* Joins parts whose bytes have been checked, and which do not lie in the url. That is zeroed, or
 * was joined before: its block is used again if that is large enough. Returns false without memory;
 * the url is then still to be freed.
 */
bool mw_url_join(struct mw_url *url, const struct mw_allocator *a,
                 const struct mw_url_parts *parts);
void mw_url_free(struct mw_url *url, const struct mw_allocator *a);

#endif
