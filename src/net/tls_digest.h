/* SHA-256 of bytes that come one after the other, from the library that does TLS.
 * SPDX-License-Identifier: MIT */
#ifndef MW_NET_TLS_DIGEST_H
#define MW_NET_TLS_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

enum { MW_DIGEST_HEX = 65 }; /* 64 lower-case hexadecimal digits and a NUL */

struct mw_digest;

/* NULL where there is no memory, or where the system forbids it. Its memory is the library's, not
 * of our allocator. */
struct mw_digest *mw_digest_new(void);
bool mw_digest_add(struct mw_digest *digest, const void *bytes, size_t length);

/* Writes what has been added comes to. It must be begun anew before it takes more. */
bool mw_digest_hex(struct mw_digest *digest, char hex[MW_DIGEST_HEX]);

/* Forgets what was added. */
bool mw_digest_begin(struct mw_digest *digest);
void mw_digest_free(struct mw_digest *digest); /* NULL is allowed */

#endif
