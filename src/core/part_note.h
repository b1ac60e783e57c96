/* What is known of a file that has come in part: kept in a small text file beside it, so that the
 * rest may be asked for later, and of the same version.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_PART_NOTE_H
#define MW_CORE_PART_NOTE_H

#include <stdbool.h>
#include <stddef.h>

enum { MW_LONGEST_VALIDATOR = 1024, MW_LONGEST_NOTE = 2048 };

struct mw_part_note {
    char url[65];    /* SHA-256 of what was asked for, in hexadecimal digits: a URL may be secret */
    long long total; /* bytes of the whole file; -1 where the server did not say */
    char validator[MW_LONGEST_VALIDATOR]; /* as If-Range has it: an entity tag, or a date */
};

/* Four lines, each ended by "\n":
 *
 *     moonwire download 1
 *     url: 64 hexadecimal digits
 *     total: a number, or "unknown"
 *     validator: to the end of the line
 *
 * Returns the length. */
size_t mw_part_note_write(const struct mw_part_note *note, char text[MW_LONGEST_NOTE]);

/* False where it is not exactly that. */
bool mw_part_note_read(struct mw_part_note *note, const char *text);

/* The validator of a reply by its fields, each NULL where it is not there; "" where they have none
 * that is strong. A weak entity tag is one, so no date stands in for it (RFC 9110, 13.1.5). */
void mw_part_note_validator(struct mw_part_note *note, const char *etag, const char *last_modified,
                            const char *date);

#endif
