/* The note beside a file that has come in part: written and read.
 * SPDX-License-Identifier: MIT */
#include "core/part_note.h"

#include "base/date.h"
#include "base/grammar.h"
#include "base/validator.h"

#include <stdio.h>
#include <string.h>

size_t mw_part_note_write(const struct mw_part_note *note, char text[MW_LONGEST_NOTE])
{
    char total[24] = "unknown";
    if (note->total >= 0)
        snprintf(total, sizeof total, "%lld", note->total);
    int length =
        snprintf(text, MW_LONGEST_NOTE, "moonwire download 1\nurl: %s\ntotal: %s\nvalidator: %s\n",
                 note->url, total, note->validator);
    return (size_t)length;
}

/* The line that begins so, without its beginning, and without its end; false if there is another,
 * or none. */
static bool line(const char **text, const char *begin, char *rest, size_t size)
{
    size_t skip = strlen(begin);
    const char *end = strchr(*text, '\n');
    if (end == NULL || strncmp(*text, begin, skip) != 0)
        return false;
    size_t length = (size_t)(end - *text) - skip;
    if (length >= size)
        return false;
    memcpy(rest, *text + skip, length);
    rest[length] = '\0';
    *text = end + 1;
    return true;
}

bool mw_part_note_read(struct mw_part_note *note, const char *text)
{
    char total[24], none[2];
    if (!line(&text, "moonwire download 1", none, sizeof none) || none[0] != '\0' ||
        !line(&text, "url: ", note->url, sizeof note->url) ||
        !line(&text, "total: ", total, sizeof total) ||
        !line(&text, "validator: ", note->validator, sizeof note->validator) || *text != '\0')
        return false;
    note->total = mw_decimal(total);
    if (note->total < 0 && strcmp(total, "unknown") != 0)
        return false;
    return strlen(note->url) == sizeof note->url - 1 &&
           (mw_etag_is_strong(note->validator) || mw_date_read(note->validator) >= 0);
}

void mw_part_note_validator(struct mw_part_note *note, const char *etag, const char *last_modified,
                            const char *date)
{
    const char *validator = "";
    if (etag != NULL)
        validator = mw_etag_is_strong(etag) ? etag : "";
    else if (mw_date_is_strong(last_modified, date))
        validator = last_modified;
    if (strlen(validator) >= sizeof note->validator)
        validator = "";
    snprintf(note->validator, sizeof note->validator, "%s", validator);
}
