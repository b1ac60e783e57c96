/* Entity tags and dates that can be relied upon.
 * SPDX-License-Identifier: MIT */
#include "base/validator.h"

#include "base/date.h"

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

bool mw_date_is_strong(const char *last_modified, const char *date)
{
    int64_t changed = last_modified != NULL ? mw_date_read(last_modified) : -1;
    int64_t sent = date != NULL ? mw_date_read(date) : -1;
    return changed >= 0 && sent > changed;
}
