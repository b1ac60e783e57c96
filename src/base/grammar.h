/* Which bytes HTTP allows where (RFC 9110, RFC 3986). Each check answers with the place of the
 * first byte that is not allowed, or -1 when all are.
 * SPDX-License-Identifier: MIT */
#ifndef MW_BASE_GRAMMAR_H
#define MW_BASE_GRAMMAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The classes that one byte is in, for those who read byte by byte:
 *   TOKEN   ALPHA DIGIT ! # $ % & ' * + - . ^ _ ` | ~
 *   VALUE   HTAB SP VCHAR obs-text
 *   TARGET  VCHAR but " # < > \ ^ ` { | }
 *   HOST    ALPHA DIGIT - . _ ~ ! $ & ' ( ) * + , ; = % :
 *   RECEIVED  TARGET and \ ^ ` { | }, which browsers send as they are in queries */
enum { MW_TOKEN = 1, MW_VALUE = 2, MW_TARGET = 4, MW_HOST = 8, MW_RECEIVED = 16 };
extern const unsigned char mw_byte_classes[256];

static inline bool mw_byte_is(char byte, unsigned class)
{
    return (mw_byte_classes[(unsigned char)byte] & class) != 0;
}

ssize_t mw_bad_token(const char *bytes, size_t length);       /* RFC 9110, 5.6.2: methods, names */
ssize_t mw_bad_field_value(const char *bytes, size_t length); /* RFC 9110, 5.5 */

/* A path with its query. More lenient than RFC 3986 only in "[" and "]", which all the world sends
 * in queries; a "#" ends the target and is refused. */
ssize_t mw_bad_target(const char *bytes, size_t length);

/* A registered name, an IPv4 address, or an IPv6 address with or without its brackets. */
ssize_t mw_bad_host(const char *bytes, size_t length);

/* A host with a port, perhaps, as in the Host field (RFC 9110, 7.2); it may be empty. */
ssize_t mw_bad_authority(const char *bytes, size_t length);

/* Whether a comma-separated list holds the token, whatever its case (RFC 9110, 5.6.1). */
bool mw_list_has(const char *list, const char *item);

/* The next item of a list with commas or blanks between, as options have them: where it begins,
 * from `at` on; its length is 0 at the end. */
const char *mw_next_item(const char *at, size_t *length);

bool mw_same_name(const char *a, const char *b); /* ASCII, whatever their case */

/* Digits only, at least one, no overflow of int64_t. Returns -1 otherwise. */
long long mw_decimal(const char *text);

/* Writes a number so, with a NUL behind, in MW_DECIMAL_SIZE bytes at most; returns its end. What
 * each message has printf takes too long for. */
enum { MW_DECIMAL_SIZE = 21 };
char *mw_put_decimal(char *at, uint64_t number);

#endif
