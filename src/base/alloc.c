/* Memory through the host's allocator, and nothing else.
 * SPDX-License-Identifier: MIT */
#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

static void *system_alloc(void *ud, void *block, size_t size)
{
    (void)ud;
    if (size == 0) {
        free(block);
        return NULL;
    }
    return block == NULL ? malloc(size) : realloc(block, size);
}

const struct mw_allocator mw_default_allocator = {system_alloc, NULL};

void *mw_alloc(const struct mw_allocator *a, size_t size)
{
    return a->fn(a->ud, NULL, size > 0 ? size : 1);
}

void *mw_zalloc(const struct mw_allocator *a, size_t size)
{
    void *block = mw_alloc(a, size);
    if (block != NULL)
        memset(block, 0, size);
    return block;
}

void mw_dealloc(const struct mw_allocator *a, void *block)
{
    if (block != NULL)
        a->fn(a->ud, block, 0);
}

char *mw_strdup(const struct mw_allocator *a, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = mw_alloc(a, size);
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}
