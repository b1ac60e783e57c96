/* The field Content-Range: which part of a file a reply carries (RFC 9110, 14.4).
 * SPDX-License-Identifier: MIT */
#ifndef MW_BASE_CONTENT_RANGE_H
#define MW_BASE_CONTENT_RANGE_H

#include <stdbool.h>

struct mw_content_range {
    bool satisfied;        /* false: "bytes *" and the total, as 416 has it */
    long long first, last; /* -1 where it is not satisfied */
    long long total;       /* -1: not told ("*") */
};

/* Strict: bytes alone, no blanks but the one behind the unit, and numbers that make sense together.
 */
bool mw_content_range_parse(struct mw_content_range *range, const char *text);

#endif
