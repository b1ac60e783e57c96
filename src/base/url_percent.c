/* Percent-encoding, both ways.
 * SPDX-License-Identifier: MIT */
#include "base/url_percent.h"

static bool is_unreserved(char c)
{
    char letter = (char)(c | 0x20);
    return (letter >= 'a' && letter <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

char *mw_percent_encode(char *at, struct mw_span text, const char *keep)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (is_unreserved(text.at[i]) || (c != '\0' && strchr(keep, c) != NULL)) {
            *at++ = text.at[i];
        } else {
            *at++ = '%';
            *at++ = digits[c >> 4];
            *at++ = digits[c & 15];
        }
    }
    return at;
}

static int hex(char c)
{
    char letter = (char)(c | 0x20);
    if (c >= '0' && c <= '9')
        return c - '0';
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

static bool is_escape(struct mw_span text, size_t i)
{
    return text.length - i > 2 && hex(text.at[i + 1]) >= 0 && hex(text.at[i + 2]) >= 0;
}

char *mw_percent_decode(char *at, struct mw_span text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] == '%' && is_escape(text, i)) {
            *at++ = (char)(hex(text.at[i + 1]) << 4 | hex(text.at[i + 2]));
            i += 2;
        } else {
            *at++ = text.at[i];
        }
    }
    return at;
}

long long mw_bad_escape(struct mw_span text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] == '%' && !is_escape(text, i))
            return (long long)i;
    }
    return -1;
}
