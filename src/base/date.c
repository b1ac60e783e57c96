/* HTTP-date, read. SPDX-License-Identifier: MIT */
#include "base/date.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int month_of(const char *name)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (size_t i = 0; i < 12; i++) {
        if (memcmp(names + 3 * i, name, 3) == 0)
            return (int)i;
    }
    return -1;
}

/* "94": the year of this century, or of the one before where that is more than 50 years ahead. */
static int full_year(int year)
{
    time_t now = time(NULL);
    struct tm tm;
    if (gmtime_r(&now, &tm) == NULL)
        return year + 1900;
    int this_year = tm.tm_year + 1900;
    int guess = this_year - this_year % 100 + year;
    return guess > this_year + 50 ? guess - 100 : guess;
}

/* The whole text must have been read: `end` is where that got to. */
static int64_t seconds_of(struct tm *tm, const char *month, int year, const char *text, int end)
{
    tm->tm_mon = month_of(month);
    tm->tm_year = year - 1900;
    if (end <= 0 || text[end] != '\0' || tm->tm_mon < 0 || year < 1970 || tm->tm_mday < 1 ||
        tm->tm_mday > 31 || tm->tm_hour > 23 || tm->tm_min > 59 || tm->tm_sec > 60)
        return -1;
    return (int64_t)timegm(tm);
}

int64_t mw_date_read(const char *text)
{
    struct tm tm;
    char day[10], month[4];
    int year = 0, end = 0;
    memset(&tm, 0, sizeof tm);
    if (sscanf(text, "%3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", day, &tm.tm_mday, month,
               &year, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &end) == 7)
        return seconds_of(&tm, month, year, text, end);
    if (sscanf(text, "%9[A-Za-z], %2d-%3[A-Za-z]-%2d %2d:%2d:%2d GMT%n", day, &tm.tm_mday, month,
               &year, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &end) == 7)
        return seconds_of(&tm, month, full_year(year), text, end);
    if (sscanf(text, "%3[A-Za-z] %3[A-Za-z] %2d %2d:%2d:%2d %4d%n", day, month, &tm.tm_mday,
               &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &year, &end) == 7)
        return seconds_of(&tm, month, year, text, end);
    return -1;
}
