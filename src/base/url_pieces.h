/* The pieces of a reference, as they stand in it: the first half of reading a URL.
 * SPDX-License-Identifier: MIT */
#ifndef MW_BASE_URL_PIECES_H
#define MW_BASE_URL_PIECES_H

#include "base/span.h"

#include <stdbool.h>

struct mw_url_pieces {
    struct mw_span scheme, authority, path, query, fragment;
    bool has_scheme, has_authority, has_query, has_fragment;
    bool web; /* a scheme that browsers know: "\" is "/" */
};

/* One of those schemes; its port, or 0 for "file", which has none. */
bool mw_url_is_web(struct mw_span scheme, int *port);

/* Cuts a reference (RFC 3986, 4.1). `base` is the scheme of the base, which one without a scheme
 * has; empty without a base. */
void mw_url_cut(struct mw_span text, struct mw_span base, struct mw_url_pieces *p);

struct mw_authority {
    struct mw_span user, password, host, zone;
    bool has_user, has_password, has_zone, bracketed;
    int port; /* 0: none */
};

/* Cuts "user:password@[host]:port". Returns NULL, or words. */
const char *mw_authority_cut(struct mw_span text, struct mw_authority *parts);

#endif
