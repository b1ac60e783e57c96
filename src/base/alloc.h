/* Memory through the host's allocator, and nothing else.
 * SPDX-License-Identifier: MIT */
#ifndef MW_BASE_ALLOC_H
#define MW_BASE_ALLOC_H

#include <stddef.h>

struct mw_allocator {
    void *(*fn)(void *ud, void *block, size_t size); /* mw_alloc_fn; never NULL */
    void *ud;
};

/* The C library's, for when the host names none. */
extern const struct mw_allocator mw_default_allocator;

void *mw_alloc(const struct mw_allocator *a, size_t size);  /* NULL without memory */
void *mw_zalloc(const struct mw_allocator *a, size_t size); /* the same, filled with zeros */
void mw_dealloc(const struct mw_allocator *a, void *block); /* NULL is allowed */
char *mw_strdup(const struct mw_allocator *a, const char *text);

#endif
