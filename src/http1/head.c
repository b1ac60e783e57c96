/* Heads that have been read, as header fields: copied in one piece, and marked in the copy.
 * SPDX-License-Identifier: MIT */
#include "http1/engine.h"

#include <string.h>

/* Behind every span there is a byte of the head that is no part of another: a blank, a colon, a
 * line's end. */
static char *mark_end(char *head, struct http1_span span)
{
    head[span.at + span.length] = '\0';
    return head + span.at;
}

bool http1_copy_head(struct mw_headers *h, const struct mw_allocator *a,
                     const struct http1_head *head, const char *bytes, const char *more,
                     const char **copy)
{
    size_t length = more != NULL ? strlen(more) + 1 : 0;
    if (!mw_headers_reuse(h, a, head->count, head->size + length))
        return false;
    char *text = memcpy(h->end, bytes, head->size);
    h->end += head->size;
    for (unsigned i = 0; i < head->count; i++) {
        h->fields[i].name = mark_end(text, head->fields[i].name);
        h->fields[i].value = mark_end(text, head->fields[i].value);
    }
    h->count = head->count;
    if (head->kind == HTTP1_REQUEST) {
        mark_end(text, head->method);
        mark_end(text, head->target);
    } else if (head->kind == HTTP1_RESPONSE) {
        mark_end(text, head->reason);
    }
    if (more != NULL)
        *copy = mw_headers_text(h, more, length - 1);
    return true;
}

const char *http1_text(const struct mw_headers *h, struct http1_span span)
{
    return (const char *)(h->fields + h->count) + span.at;
}
