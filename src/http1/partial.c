/* A head that comes in several pieces.
 * SPDX-License-Identifier: MIT */
#include "http1/partial.h"

#include <string.h>

struct http1_partial *http1_partial_new(const struct mw_allocator *a, const struct http1_head *head,
                                        const char *bytes, size_t length)
{
    struct http1_partial *p = mw_alloc(a, sizeof *p);
    if (p == NULL)
        return NULL;
    p->head = *head;
    p->length = p->capacity = 0;
    p->bytes = NULL;
    if (http1_partial_add(p, a, bytes, length))
        return p;
    http1_partial_free(p, a);
    return NULL;
}

bool http1_partial_add(struct http1_partial *p, const struct mw_allocator *a, const char *bytes,
                       size_t length)
{
    if (length == 0)
        return true;
    if (p->length + length > p->capacity) {
        size_t capacity = 2 * (p->length + length);
        char *larger = a->fn(a->ud, p->bytes, capacity);
        if (larger == NULL)
            return false;
        p->bytes = larger;
        p->capacity = capacity;
    }
    memcpy(p->bytes + p->length, bytes, length);
    p->length += length;
    return true;
}

void http1_partial_free(struct http1_partial *p, const struct mw_allocator *a)
{
    if (p == NULL)
        return;
    mw_dealloc(a, p->bytes);
    mw_dealloc(a, p);
}
