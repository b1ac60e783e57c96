/* Header fields in the order in which they came: one block of memory, found by name.
 * SPDX-License-Identifier: MIT */
#ifndef MW_BASE_HEADERS_H
#define MW_BASE_HEADERS_H

#include "base/alloc.h"
#include "moonwire.h"

#include <stdbool.h>

struct mw_headers {
    struct mw_header *fields; /* the texts lie behind the fields, in the same block */
    size_t count;
    char *end;       /* where the next text goes */
    size_t capacity; /* bytes of the block */
};

/* Makes room for exactly `count` fields with `bytes` of text in all, terminators included. Returns
 * false without memory. What was there before is forgotten, not freed. */
bool mw_headers_reserve(struct mw_headers *h, const struct mw_allocator *a, size_t count,
                        size_t bytes);

/* The same in the block that is there, if that is large enough; else it is replaced. */
bool mw_headers_reuse(struct mw_headers *h, const struct mw_allocator *a, size_t count,
                      size_t bytes);

/* The text that one field needs. */
size_t mw_headers_size(const char *name, const char *value);

/* Appends a field; room must have been reserved. */
void mw_headers_add(struct mw_headers *h, const char *name, const char *value);

/* Puts a text into the block and a NUL behind it; room must have been reserved. */
const char *mw_headers_text(struct mw_headers *h, const char *bytes, size_t length);

/* The first field of that name behind `after`, or of all where that is NULL; NULL if none. */
const struct mw_header *mw_headers_find(const struct mw_headers *h, const char *name,
                                        const struct mw_header *after);

/* Sets the field of that name, in the place of the first that there is, or behind all; others of
 * the name go. The block is made anew: what was asked of it before is void. False without memory.
 */
bool mw_headers_set(struct mw_headers *h, const struct mw_allocator *a, const char *name,
                    const char *value);

/* Takes out all fields of that name. */
void mw_headers_remove(struct mw_headers *h, const char *name);

void mw_headers_free(struct mw_headers *h, const struct mw_allocator *a);

#endif
