/* A head that comes in several pieces: what has been read of it, and its bytes.
 * SPDX-License-Identifier: MIT */
#ifndef MW_HTTP1_PARTIAL_H
#define MW_HTTP1_PARTIAL_H

#include "base/alloc.h"
#include "http1/parse.h"

struct http1_partial {
    struct http1_head head;
    size_t length, capacity;
    char *bytes;
};

/* Goes on from a head that was read as far as these bytes go. NULL without memory. */
struct http1_partial *http1_partial_new(const struct mw_allocator *a, const struct http1_head *head,
                                        const char *bytes, size_t length);
bool http1_partial_add(struct http1_partial *p, const struct mw_allocator *a, const char *bytes,
                       size_t length); /* false without memory */
void http1_partial_free(struct http1_partial *p, const struct mw_allocator *a); /* or NULL */

#endif
