/* Which bytes HTTP allows where, by one table.
 * SPDX-License-Identifier: MIT */
#include "base/grammar.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* clang-format off */
const unsigned char mw_byte_classes[256] = {
     0,  0,  0,  0,  0,  0,  0,  0,  0,  2,  0,  0,  0,  0,  0,  0,
     0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
     2, 31,  2,  3, 31, 31, 31, 31, 30, 30, 31, 31, 30, 31, 31, 22,
    31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 30, 30,  2, 30,  2, 22,
    22, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31,
    31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 22, 18, 22, 19, 31,
    19, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31,
    31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 18, 19, 18, 31,  0,
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
        if (!mw_byte_is(bytes[i], class))
            return (ssize_t)i;
    }
    return -1;
}

ssize_t mw_bad_token(const char *bytes, size_t length)
{
    return length == 0 ? 0 : first_outside(bytes, length, MW_TOKEN);
}

/* Whether one of eight bytes is below a blank or is DEL; tabs are among those. A subtraction
 * borrows into the highest bit of a byte that is too small, and the first such byte is always
 * right. */
static bool has_control(const char *bytes)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    uint64_t low = (word - ones * ' ') & ~word;
    uint64_t without_del = word ^ (ones * 0x7f);
    uint64_t del = (without_del - ones) & ~without_del;
    return ((low | del) & tops) != 0;
}

/* Values are most of a head: eight bytes at a time, and one by one where those hold a control. */
ssize_t mw_bad_field_value(const char *bytes, size_t length)
{
    size_t at = 0;
    if (length == 0)
        return -1; /* `bytes` may be NULL, to which nothing is added */
    for (; length - at >= 8; at += 8) {
        ssize_t bad = has_control(bytes + at) ? first_outside(bytes + at, 8, MW_VALUE) : -1;
        if (bad >= 0)
            return (ssize_t)at + bad;
    }
    ssize_t bad = first_outside(bytes + at, length - at, MW_VALUE);
    return bad < 0 ? -1 : (ssize_t)at + bad;
}

ssize_t mw_bad_target(const char *bytes, size_t length)
{
    return first_outside(bytes, length, MW_TARGET);
}

ssize_t mw_bad_host(const char *bytes, size_t length)
{
    return length == 0 ? 0 : first_outside(bytes, length, MW_HOST);
}

ssize_t mw_bad_authority(const char *bytes, size_t length)
{
    const char *end = length > 0 && bytes[0] == '[' ? memchr(bytes, ']', length) : NULL;
    if (end == NULL)
        return first_outside(bytes, length, MW_HOST);
    ssize_t at = first_outside(bytes + 1, (size_t)(end - bytes) - 1, MW_HOST);
    if (at >= 0)
        return at + 1;
    at = first_outside(end + 1, length - (size_t)(end - bytes) - 1, MW_HOST);
    return at < 0 ? -1 : at + (end - bytes) + 1;
}

const char *mw_next_item(const char *at, size_t *length)
{
    at += strspn(at, ", \t");
    *length = strcspn(at, ", \t");
    return at;
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

char *mw_put_decimal(char *at, uint64_t number)
{
    uint64_t place = 1;
    while (number / place >= 10)
        place *= 10;
    for (; place > 0; place /= 10)
        *at++ = (char)('0' + number / place % 10);
    *at = '\0';
    return at;
}
