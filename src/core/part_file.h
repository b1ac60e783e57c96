/* A file that comes in parts: written beside its place, locked, and moved there once it is whole.
 *
 * For the target NAME there are NAME.part, the bytes, and NAME.part.note (part_note.h), in the same
 * folder, so that the last step is one rename. All of this blocks: it is for files on disks.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_PART_FILE_H
#define MW_CORE_PART_FILE_H

#include "base/alloc.h"
#include "base/attribute.h"
#include "core/part_note.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What went wrong: a short word that stays the same from release to release, and a sentence. */
struct mw_trouble {
    char code[48]; /* "" while nothing has */
    int system_errno;
    char text[400];
};

void mw_trouble_set(struct mw_trouble *t, const char *code, const char *format, ...)
    MW_PRINTF(3, 4);

struct mw_part {
    const struct mw_allocator *allocator;
    int folder, fd;   /* -1: not open */
    char *path;       /* of the target as it was given; the block that holds the names */
    const char *name; /* of the target in its folder, and of what lies beside it */
    const char *part_name;
    const char *note_name;
    const char *new_name; /* of a note that is being written */
    unsigned mode;        /* of the target */
    bool mode_given;
    bool exclusive;   /* there must be no target */
    bool kept;        /* has a note: what is there may be gone on with */
    uint64_t size;    /* so many bytes are in the part */
    uint64_t flushed; /* of which the system has been told to write so many to the disk */
};

/* Opens and locks the part, making it if there is none. `mode` -1: what the umask leaves of 0666.
 * False with the trouble told, and p closed. The path is not empty. */
bool mw_part_open(struct mw_part *p, const struct mw_allocator *a, const char *path, int mode,
                  bool exclusive, struct mw_trouble *t);

/* Whether the part can be gone on with as the beginning of what is at the URL of that hash. */
bool mw_part_resume(struct mw_part *p, struct mw_part_note *note, const char *url);

/* Empties the part and stores the note, in that order and each of them on the disk; NULL: there is
 * nothing by which the part could be gone on with later. */
bool mw_part_begin(struct mw_part *p, const struct mw_part_note *note, struct mw_trouble *t);

/* At its end. What could be written counts, also where not all could. */
bool mw_part_write(struct mw_part *p, const void *bytes, size_t length, struct mw_trouble *t);

/* So many bytes from there; fewer, or an error, are trouble. */
bool mw_part_read(struct mw_part *p, uint64_t offset, void *bytes, size_t length,
                  struct mw_trouble *t);

/* Makes the part the target, all of it on the disk, and closes p. */
bool mw_part_commit(struct mw_part *p, struct mw_trouble *t);

/* Closes p. A part without a note, or without a byte, is removed, and any other where `keep` is
 * false. Does nothing where it is closed. */
void mw_part_close(struct mw_part *p, bool keep);

#endif
