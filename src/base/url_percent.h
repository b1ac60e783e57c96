/* Percent-encoding (RFC 3986, 2.1).
 * SPDX-License-Identifier: MIT */
#ifndef MW_BASE_URL_PERCENT_H
#define MW_BASE_URL_PERCENT_H

#include "base/span.h"

#include <stdbool.h>

/* Bytes that a part of a URL may hold beside the unreserved ones (letters, digits, "-._~"), which
 * are never encoded. "%" keeps escapes that are there as they are. The brackets are no part of RFC
 * 3986's grammar of a path or a query, but all the world sends them there. */
#define MW_KEEP_USER "!$&'()*+,;="
#define MW_KEEP_SEGMENT MW_KEEP_USER ":@[]"
#define MW_KEEP_PATH MW_KEEP_SEGMENT "/"
#define MW_KEEP_QUERY MW_KEEP_PATH "?" /* and a fragment */

/* Writes at most three times the length of the text, without a NUL. Returns the end. */
char *mw_percent_encode(char *at, struct mw_span text, const char *keep);

/* Writes at most the length of the text, which may lie in the same place. A "%" without two hex
 * digits behind it stays. Returns the end. */
char *mw_percent_decode(char *at, struct mw_span text);

/* The place of the first "%" without two hex digits behind it; -1 if there is none. */
long long mw_bad_escape(struct mw_span text);

#endif
