/* Base64, three bytes at a time.
 * SPDX-License-Identifier: MIT */
#include "base/base64.h"

char *mw_base64_put(char *at, const void *bytes, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *from = bytes;
    for (; length >= 3; length -= 3, from += 3) {
        *at++ = digits[from[0] >> 2];
        *at++ = digits[(from[0] & 3) << 4 | from[1] >> 4];
        *at++ = digits[(from[1] & 15) << 2 | from[2] >> 6];
        *at++ = digits[from[2] & 63];
    }
    if (length > 0) {
        unsigned second = length > 1 ? from[1] : 0;
        *at++ = digits[from[0] >> 2];
        *at++ = digits[(from[0] & 3u) << 4 | second >> 4];
        *at++ = length > 1 ? digits[(second & 15) << 2] : '=';
        *at++ = '=';
    }
    return at;
}
