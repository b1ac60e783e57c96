/* Which bytes HTTP allows where, by one table.
 * SPDX-License-Identifier: MIT */
#include "base/grammar.h"

#include <limits.h>
#include <string.h>
#include <strings.h>

/* Classes of bytes, one bit each:
 *   TOKEN   ALPHA DIGIT ! # $ % & ' * + - . ^ _ ` | ~
 *   VALUE   HTAB SP VCHAR obs-text
 *   TARGET  VCHAR but " # < > \ ^ ` { | }
 *   HOST    ALPHA DIGIT - . _ ~ ! $ & ' ( ) * + , ; = % : */
enum { TOKEN = 1, VALUE = 2, TARGET = 4, HOST = 8 };

/* clang-format off */
static const unsigned char classes[256] = {
     0,  0,  0,  0,  0,  0,  0,  0,  0,  2,  0,  0,  0,  0,  0,  0,
     0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
     2, 15,  2,  3, 15, 15, 15, 15, 14, 14, 15, 15, 14, 15, 15,  6,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 14, 14,  2, 14,  2,  6,
     6, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,  6,  2,  6,  3, 15,
     3, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,  2,  3,  2, 15,  0,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
};
/* clang-format on */

static ssize_t first_outside(const char *bytes, size_t length, unsigned class)
{
    for (size_t i = 0; i < length; i++) {
        if (!(classes[(unsigned char)bytes[i]] & class))
            return (ssize_t)i;
    }
    return -1;
}

ssize_t mw_bad_token(const char *bytes, size_t length)
{
    return length == 0 ? 0 : first_outside(bytes, length, TOKEN);
}

ssize_t mw_bad_field_value(const char *bytes, size_t length)
{
    return first_outside(bytes, length, VALUE);
}

ssize_t mw_bad_target(const char *bytes, size_t length)
{
    return first_outside(bytes, length, TARGET);
}

ssize_t mw_bad_host(const char *bytes, size_t length)
{
    return length == 0 ? 0 : first_outside(bytes, length, HOST);
}

ssize_t mw_bad_authority(const char *bytes, size_t length)
{
    const char *end = length > 0 && bytes[0] == '[' ? memchr(bytes, ']', length) : NULL;
    if (end == NULL)
        return first_outside(bytes, length, HOST);
    ssize_t at = first_outside(bytes + 1, (size_t)(end - bytes) - 1, HOST);
    if (at >= 0)
        return at + 1;
    at = first_outside(end + 1, length - (size_t)(end - bytes) - 1, HOST);
    return at < 0 ? -1 : at + (end - bytes) + 1;
}

bool mw_same_name(const char *a, const char *b)
{
    /* most names differ in their first letter; those that differ in its case alone go on */
    return ((a[0] ^ b[0]) & 0x5f) == 0 && strcasecmp(a, b) == 0;
}

bool mw_list_has(const char *list, const char *item)
{
    size_t length = strlen(item);
    while (*list != '\0') {
        list += strspn(list, " \t,");
        size_t next = strcspn(list, ",");
        size_t end = next;
        while (end > 0 && (list[end - 1] == ' ' || list[end - 1] == '\t'))
            end--;
        if (end == length && strncasecmp(list, item, length) == 0)
            return true;
        list += next;
    }
    return false;
}

long long mw_decimal(const char *text)
{
    long long number = 0;
    if (*text == '\0')
        return -1;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || number > (LLONG_MAX - (*text - '0')) / 10)
            return -1;
        number = number * 10 + (*text - '0');
    }
    return number;
}
