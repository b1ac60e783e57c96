/* The date as replies tell it, formatted once a second.
 * SPDX-License-Identifier: MIT */
#include "core/runtime.h"

#include <event2/util.h>

#include <time.h>

const char *mw_date(mw_runtime *rt)
{
    time_t now = time(NULL);
    if (rt->date_at != (long long)now) {
        struct tm tm;
        rt->date_at = now;
        if (gmtime_r(&now, &tm) == NULL || evutil_date_rfc1123(rt->date, sizeof rt->date, &tm) <= 0)
            rt->date[0] = '\0';
    }
    return rt->date;
}
