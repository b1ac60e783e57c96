/* Texts without the secrets in them, for logs.
 * SPDX-License-Identifier: MIT */
#ifndef MW_BASE_REDACT_H
#define MW_BASE_REDACT_H

#include <stddef.h>

/* What stands in the place of a secret. */
#define MW_REDACTED "***"

/* Each writes the text with a NUL behind it and returns its length without that; `out` NULL: it
 * only counts.
 *
 * The value of a header field: of Cookie and Set-Cookie the values of the cookies go, of
 * Authorization and its kin all but a well-known scheme; of any other field user and password of
 * the URLs in it. */
size_t mw_redact_field(char *out, const char *name, const char *value);

/* Any text: user and password of the URLs in it. */
size_t mw_redact_text(char *out, const char *text);

#endif
