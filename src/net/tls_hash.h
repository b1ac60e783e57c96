/* Hashes and chance, from the library that does TLS.
 * SPDX-License-Identifier: MIT */
#ifndef MW_NET_TLS_HASH_H
#define MW_NET_TLS_HASH_H

#include "base/span.h"

#include <stdbool.h>
#include <stddef.h>

enum mw_hash { MW_MD5, MW_SHA256, MW_SHA512_256 };

enum { MW_LONGEST_HASH = 32 }; /* bytes */

/* Hashes the spans as if they were one, and writes as many lower-case hexadecimal digits as there
 * are, and a NUL: at most 2 * MW_LONGEST_HASH + 1 bytes. False where there is no memory, or where
 * the system forbids this hash. */
bool mw_hash_hex(enum mw_hash hash, const struct mw_span *spans, size_t count, char *hex);

/* Bytes that nobody can guess. False where the system has none. */
bool mw_random_bytes(void *bytes, size_t length);

#endif
