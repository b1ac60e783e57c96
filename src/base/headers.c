/* Header fields in one block of memory.
 * SPDX-License-Identifier: MIT */
#include "base/headers.h"

#include "base/grammar.h"

#include <string.h>

bool mw_headers_reserve(struct mw_headers *h, const struct mw_allocator *a, size_t count,
                        size_t bytes)
{
    h->count = 0;
    h->capacity = count * sizeof *h->fields + bytes;
    h->fields = mw_alloc(a, h->capacity);
    if (h->fields == NULL)
        return false;
    h->end = (char *)(h->fields + count);
    return true;
}

bool mw_headers_reuse(struct mw_headers *h, const struct mw_allocator *a, size_t count,
                      size_t bytes)
{
    if (h->fields == NULL || h->capacity < count * sizeof *h->fields + bytes) {
        mw_headers_free(h, a);
        return mw_headers_reserve(h, a, count, bytes);
    }
    h->count = 0;
    h->end = (char *)(h->fields + count);
    return true;
}

size_t mw_headers_size(const char *name, const char *value)
{
    return strlen(name) + strlen(value) + 2;
}

const char *mw_headers_text(struct mw_headers *h, const char *bytes, size_t length)
{
    char *at = memcpy(h->end, bytes, length);
    at[length] = '\0';
    h->end += length + 1;
    return at;
}

void mw_headers_add(struct mw_headers *h, const char *name, const char *value)
{
    struct mw_header *field = &h->fields[h->count++];
    field->name = mw_headers_text(h, name, strlen(name));
    field->value = mw_headers_text(h, value, strlen(value));
}

const struct mw_header *mw_headers_find(const struct mw_headers *h, const char *name,
                                        const struct mw_header *after)
{
    size_t i = after == NULL ? 0 : (size_t)(after - h->fields) + 1;
    for (; i < h->count; i++) {
        if (mw_same_name(h->fields[i].name, name))
            return &h->fields[i];
    }
    return NULL;
}

bool mw_headers_set(struct mw_headers *h, const struct mw_allocator *a, const char *name,
                    const char *value)
{
    struct mw_headers fresh;
    size_t bytes = mw_headers_size(name, value);
    bool set = false;
    for (size_t i = 0; i < h->count; i++)
        bytes += mw_headers_size(h->fields[i].name, h->fields[i].value);
    if (!mw_headers_reserve(&fresh, a, h->count + 1, bytes))
        return false;
    for (size_t i = 0; i < h->count; i++) {
        const struct mw_header *field = &h->fields[i];
        bool same = mw_same_name(field->name, name);
        if (!same)
            mw_headers_add(&fresh, field->name, field->value);
        else if (!set)
            mw_headers_add(&fresh, name, value);
        set = set || same;
    }
    if (!set)
        mw_headers_add(&fresh, name, value);
    mw_headers_free(h, a);
    *h = fresh;
    return true;
}

void mw_headers_remove(struct mw_headers *h, const char *name)
{
    size_t kept = 0;
    for (size_t i = 0; i < h->count; i++) {
        if (!mw_same_name(h->fields[i].name, name))
            h->fields[kept++] = h->fields[i];
    }
    h->count = kept;
}

void mw_headers_free(struct mw_headers *h, const struct mw_allocator *a)
{
    mw_dealloc(a, h->fields);
    memset(h, 0, sizeof *h);
}
