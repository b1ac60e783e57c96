/* Entity tags and dates that can be relied upon.
 * SPDX-License-Identifier: MIT */
#include "base/validator.h"

#include <stddef.h>
#include <string.h>

/* etagc: no quote, no control, no blank (8.8.3). */
static bool is_tag_byte(unsigned char byte)
{
    return byte == '!' || (byte > '"' && byte != 0x7f);
}

bool mw_etag_is_strong(const char *tag)
{
    size_t length = strlen(tag);
    if (length < 2 || tag[0] != '"' || tag[length - 1] != '"')
        return false;
    for (size_t i = 1; i < length - 1; i++) {
        if (!is_tag_byte((unsigned char)tag[i]))
            return false;
    }
    return true;
}

/* Which of the names, three letters each, stands there; -1 if none. */
static int name_at(const char *at, const char *names)
{
    for (int i = 0; names[i * 3] != '\0'; i++) {
        if (strncmp(at, names + (ptrdiff_t)i * 3, 3) == 0)
            return i;
    }
    return -1;
}

static int number(const char *at, int digits)
{
    int value = 0;
    for (int i = 0; i < digits; i++)
        value = value * 10 + (at[i] - '0');
    return value;
}

/* Days since 1970 in the Gregorian calendar. March is made the first month, so that the day of a
 * leap year comes last. */
static long long days(int year, int month, int day)
{
    year -= month < 3;
    long long of_year = (153 * (month + (month < 3 ? 9 : -3)) + 2) / 5 + day - 1;
    return 365LL * year + year / 4 - year / 100 + year / 400 + of_year - 719468;
}

static bool looks_like(const char *text, const char *pattern)
{
    for (; *pattern != '\0'; text++, pattern++) {
        bool fits = *pattern == '0'   ? *text >= '0' && *text <= '9'
                    : *pattern == 'a' ? *text >= 'A' && *text <= 'z'
                                      : *text == *pattern;
        if (!fits)
            return false;
    }
    return *text == '\0';
}

long long mw_date_seconds(const char *date)
{
    if (!looks_like(date, "aaa, 00 aaa 0000 00:00:00 GMT"))
        return -1;
    int month = name_at(date + 8, "JanFebMarAprMayJunJulAugSepOctNovDec") + 1;
    int day = number(date + 5, 2), year = number(date + 12, 4);
    int hour = number(date + 17, 2), minute = number(date + 20, 2), second = number(date + 23, 2);
    if (name_at(date, "SunMonTueWedThuFriSat") < 0 || month == 0 || day < 1 || day > 31 ||
        year < 1970 || hour > 23 || minute > 59 || second > 60)
        return -1;
    return ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
}

bool mw_date_is_strong(const char *last_modified, const char *date)
{
    long long changed = last_modified != NULL ? mw_date_seconds(last_modified) : -1;
    long long sent = date != NULL ? mw_date_seconds(date) : -1;
    return changed >= 0 && sent > changed;
}
