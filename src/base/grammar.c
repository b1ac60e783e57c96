/* Which bytes HTTP allows where, by sets of bits.
 * SPDX-License-Identifier: MIT */
#include "base/grammar.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* One bit for each ASCII character; what lies above is a question of its own. */
struct set {
    uint64_t bits[2];
    bool above; /* 0x80 to 0xFF */
};

/* ALPHA DIGIT ! # $ % & ' * + - . ^ _ ` | ~ */
static const struct set token = {{0x03ff6cfa00000000u, 0x57ffffffc7fffffeu}, false};
/* HTAB SP VCHAR obs-text */
static const struct set value = {{0xffffffff00000200u, 0x7fffffffffffffffu}, true};
/* VCHAR but " # < > \ ^ ` { | } */
static const struct set target = {{0xaffffff200000000u, 0x47fffffeafffffffu}, false};
/* ALPHA DIGIT - . _ ~ ! $ & ' ( ) * + , ; = % : */
static const struct set host = {{0x2fff7ff200000000u, 0x47fffffe87fffffeu}, false};

static ssize_t first_outside(const char *bytes, size_t length, const struct set *set)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        bool in = c < 0x80 ? (set->bits[c >> 6] >> (c & 63)) & 1 : set->above;
        if (!in)
            return (ssize_t)i;
    }
    return -1;
}

ssize_t mw_bad_token(const char *bytes, size_t length)
{
    return length == 0 ? 0 : first_outside(bytes, length, &token);
}

ssize_t mw_bad_field_value(const char *bytes, size_t length)
{
    return first_outside(bytes, length, &value);
}

ssize_t mw_bad_target(const char *bytes, size_t length)
{
    return first_outside(bytes, length, &target);
}

ssize_t mw_bad_host(const char *bytes, size_t length)
{
    return length == 0 ? 0 : first_outside(bytes, length, &host);
}

bool mw_same_name(const char *a, const char *b)
{
    return strcasecmp(a, b) == 0;
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
