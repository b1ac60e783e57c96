/* Base64 (RFC 4648, 4).
 * SPDX-License-Identifier: MIT */
#ifndef MW_BASE_BASE64_H
#define MW_BASE_BASE64_H

#include <stddef.h>

/* What so many bytes become, without a NUL. */
static inline size_t mw_base64_size(size_t length)
{
    return (length + 2) / 3 * 4;
}

/* Writes that, and no NUL. Returns where the next byte goes. */
char *mw_base64_put(char *at, const void *bytes, size_t length);

#endif
