/* Any URL, not only one that a request may go to: taken apart, resolved against another, and
 * brought to one form. RFC 3986, and where it is silent what browsers do (url.spec.whatwg.org).
 * SPDX-License-Identifier: MIT */
#ifndef MW_BASE_URL_PARSE_H
#define MW_BASE_URL_PARSE_H

#include "base/alloc.h"
#include "base/span.h"

#include <stdbool.h>

struct mw_parsed_url {
    char *href;              /* all but user and password, with a NUL; holds what the spans show */
    struct mw_span scheme;   /* "https" */
    struct mw_span user;     /* percent-decoded, so that they may hold any byte */
    struct mw_span password; /* the same */
    struct mw_span origin;   /* "https://h:8080", without a port that is the scheme's own */
    struct mw_span host;     /* "h", "127.0.0.1", "::1"; it may be empty, though not in a web URL */
    struct mw_span zone;     /* of an address of IPv6 */
    struct mw_span path;     /* as it is sent */
    struct mw_span query;    /* without its "?" */
    struct mw_span fragment; /* without its "#" */
    bool has_user, has_password, has_host, has_zone, has_query, has_fragment;
    bool opaque; /* no "/" behind the scheme, so that nothing can be relative to it: "mailto:a@b" */
    int port;    /* the scheme's own if it names none; 0 where neither is known */
};

/* Resolves `reference` against `base`, an absolute URL (RFC 3986, 5.2), or reads an absolute URL if
 * `base` is empty. Either may hold any bytes. Read leniently as browsers do: blanks and control
 * bytes at the ends and tabs and line ends anywhere are dropped, "\" is "/" in the schemes of the
 * web, bytes that have no place in a path, a query or a fragment are percent-encoded; never in a
 * host.
 *
 * Returns NULL and fills *url, which mw_parsed_url_free frees; or words for what is wrong, which
 * hold nothing of either text. Without memory these are mw_url_no_memory.
 *
 * The fragment of the base is not inherited (5.2.2). After a redirect it is (RFC 9110, 10.2.2), if
 * `!url->has_fragment`: that is the caller's. User and password are those of the reference; of the
 * base only if the reference names no host. */
const char *mw_url_resolve(const struct mw_allocator *a, struct mw_span base,
                           struct mw_span reference, struct mw_parsed_url *url);

/* The same for one URL. Unless `lenient`, bytes that would have to be dropped, replaced or encoded
 * are an error, but for those of a host, which IDNA maps. */
const char *mw_url_parse(const struct mw_allocator *a, struct mw_span text, bool lenient,
                         struct mw_parsed_url *url);

void mw_parsed_url_free(struct mw_parsed_url *url, const struct mw_allocator *a);

extern const char mw_url_no_memory[];

#endif
