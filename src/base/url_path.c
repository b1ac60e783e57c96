/* Paths: their dot segments removed, their bytes encoded.
 * SPDX-License-Identifier: MIT */
#include "base/url_path.h"

#include "base/url_percent.h"

/* How many dots a segment is: 1 or 2, however they are written; 0 for any other segment. */
static int dots_of(struct mw_span segment)
{
    int dots = 0;
    size_t i = 0;
    while (i < segment.length) {
        bool escaped = segment.length - i > 2 && segment.at[i] == '%' && segment.at[i + 1] == '2' &&
                       (segment.at[i + 2] | 0x20) == 'e';
        if (!escaped && segment.at[i] != '.')
            return 0;
        i += escaped ? 3 : 1;
        if (++dots > 2)
            return 0;
    }
    return dots;
}

char *mw_path_normalize(char *at, struct mw_span path, bool backslash)
{
    char *start = at;
    size_t i = 0;
    while (i < path.length) {
        i++; /* the slash */
        size_t end = i;
        while (end < path.length && path.at[end] != '/' && !(backslash && path.at[end] == '\\'))
            end++;
        struct mw_span segment = {path.at + i, end - i};
        int dots = dots_of(segment);
        bool last = end == path.length;
        i = end;
        if (dots == 2) {
            while (at > start && *--at != '/')
                ;
        }
        if (dots == 0) {
            *at++ = '/';
            at = mw_percent_encode(at, segment, MW_KEEP_SEGMENT "%");
        } else if (last) {
            *at++ = '/';
        }
    }
    return at;
}
