/* SHA-256 of bytes that come one after the other, from the library that does TLS.
 * SPDX-License-Identifier: MIT */
#ifndef MW_NET_TLS_SHA256_H
#define MW_NET_TLS_SHA256_H

#include <stdbool.h>
#include <stddef.h>

enum { MW_SHA256_HEX = 65 }; /* 64 lower-case hexadecimal digits and a NUL */

struct mw_sha256;

/* NULL where there is no memory, or where the system forbids it. Its memory is the library's, not
 * of our allocator. */
struct mw_sha256 *mw_sha256_new(void);
bool mw_sha256_add(struct mw_sha256 *digest, const void *bytes, size_t length);

/* Writes what has been added comes to. It must be begun anew before it takes more. */
bool mw_sha256_hex(struct mw_sha256 *digest, char hex[MW_SHA256_HEX]);

/* Forgets what was added. */
bool mw_sha256_begin(struct mw_sha256 *digest);
void mw_sha256_free(struct mw_sha256 *digest); /* NULL is allowed */

#endif
