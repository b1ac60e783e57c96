/* The field Content-Range, taken apart.
 * SPDX-License-Identifier: MIT */
#include "base/content_range.h"

#include <limits.h>
#include <string.h>
#include <strings.h>

/* Digits up to the next other byte; false where there is none, or too many. */
static bool number(const char **text, long long *value)
{
    const char *at = *text;
    *value = 0;
    if (*at < '0' || *at > '9')
        return false;
    for (; *at >= '0' && *at <= '9'; at++) {
        int digit = *at - '0';
        if (*value > (LLONG_MAX - digit) / 10)
            return false;
        *value = *value * 10 + digit;
    }
    *text = at;
    return true;
}

static bool passes(const char **text, char byte)
{
    if (**text != byte)
        return false;
    ++*text;
    return true;
}

bool mw_content_range_parse(struct mw_content_range *range, const char *text)
{
    static const char unit[] = "bytes ";
    *range = (struct mw_content_range){true, -1, -1, -1};
    if (strncasecmp(text, unit, sizeof unit - 1) != 0)
        return false;
    text += sizeof unit - 1;
    if (passes(&text, '*'))
        range->satisfied = false;
    else if (!number(&text, &range->first) || !passes(&text, '-') || !number(&text, &range->last) ||
             range->last < range->first)
        return false;
    if (!passes(&text, '/'))
        return false;
    if (range->satisfied && passes(&text, '*'))
        return *text == '\0';
    return number(&text, &range->total) && *text == '\0' && range->last < range->total;
}
