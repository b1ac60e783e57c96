/* Paths without dot segments.
 * SPDX-License-Identifier: MIT */
#ifndef MW_BASE_URL_PATH_H
#define MW_BASE_URL_PATH_H

#include "base/span.h"

#include <stdbool.h>

/* Writes a path, which begins with a slash or is empty, without its "." and ".." segments (RFC
 * 3986, 5.2.4; "%2e" is a dot there), and percent-encodes what must be; at most three times its
 * length, and no NUL. Where `backslash`, "\" is a slash. Returns the end. */
char *mw_path_normalize(char *at, struct mw_span path, bool backslash);

#endif
