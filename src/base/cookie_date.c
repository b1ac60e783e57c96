/* The dates of cookies: whatever servers have ever sent, by the algorithm of rfc6265bis, 5.1.1.
 * SPDX-License-Identifier: MIT */
#include "base/cookie.h"

#include <string.h>
#include <strings.h>

/* What has been found so far; -1: not yet. */
struct found {
    int hour, minute, second;
    int day, month, year;
};

static bool is_delimiter(char byte)
{
    unsigned char c = (unsigned char)byte;
    return c == 0x09 || (c >= 0x20 && c <= 0x2f) || (c >= 0x3b && c <= 0x40) ||
           (c >= 0x5b && c <= 0x60) || (c >= 0x7b && c <= 0x7e);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads `least` to `most` digits off the front; false where there are others, or more. */
static bool take_number(struct mw_span *s, size_t least, size_t most, int *number)
{
    size_t n = 0;
    *number = 0;
    for (; n < s->length && is_digit(s->at[n]); n++) {
        if (n == most)
            return false;
        *number = *number * 10 + (s->at[n] - '0');
    }
    if (n < least)
        return false;
    s->at += n;
    s->length -= n;
    return true;
}

static bool take_colon(struct mw_span *s)
{
    if (s->length == 0 || s->at[0] != ':')
        return false;
    s->at++;
    s->length--;
    return true;
}

static bool read_time(struct mw_span token, struct found *f)
{
    int hour, minute, second;
    if (!take_number(&token, 1, 2, &hour) || !take_colon(&token) ||
        !take_number(&token, 1, 2, &minute) || !take_colon(&token) ||
        !take_number(&token, 1, 2, &second))
        return false;
    f->hour = hour;
    f->minute = minute;
    f->second = second;
    return true;
}

static bool read_month(struct mw_span token, int *month)
{
    static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    for (int i = 0; token.length >= 3 && i < 12; i++) {
        if (strncasecmp(token.at, &names[(size_t)i * 3], 3) == 0) {
            *month = i + 1;
            return true;
        }
    }
    return false;
}

/* The first thing that the token can be, of those that were not found. */
static void read_token(struct mw_span token, struct found *f)
{
    int number;
    struct mw_span rest = token;
    if (f->hour < 0 && read_time(token, f))
        return;
    if (f->day < 0 && take_number(&rest, 1, 2, &number)) {
        f->day = number;
        return;
    }
    if (f->month < 0 && read_month(token, &f->month))
        return;
    rest = token;
    if (f->year < 0 && take_number(&rest, 2, 4, &number))
        f->year = number;
}

static int days_in(int month, int year)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* Days from 1970-01-01. Of years before that it is negative. */
static int64_t days_until(int year, int month, int day)
{
    int64_t before = year - 1;
    int64_t days = before * 365 + before / 4 - before / 100 + before / 400;
    for (int m = 1; m < month; m++)
        days += days_in(m, year);
    return days + day - 1 - 719162; /* those up to 1970 */
}

static bool exists(const struct found *f)
{
    return f->hour >= 0 && f->day >= 1 && f->month >= 1 && f->year >= 1601 && f->hour <= 23 &&
           f->minute <= 59 && f->second <= 59 && f->day <= days_in(f->month, f->year);
}

bool mw_cookie_date(const char *text, size_t length, int64_t *seconds)
{
    struct found f = {-1, -1, -1, -1, -1, -1};
    for (size_t i = 0; i < length;) {
        size_t start = i;
        while (i < length && !is_delimiter(text[i]))
            i++;
        if (i > start)
            read_token((struct mw_span){text + start, i - start}, &f);
        else
            i++;
    }
    if (f.year >= 70 && f.year <= 99)
        f.year += 1900;
    else if (f.year >= 0 && f.year <= 69)
        f.year += 2000;
    if (!exists(&f))
        return false;
    int64_t hours = days_until(f.year, f.month, f.day) * 24 + f.hour;
    *seconds = (hours * 60 + f.minute) * 60 + f.second;
    return true;
}
