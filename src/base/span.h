/* Bytes that lie in somebody else's text: no copy, and no NUL behind them.
 * SPDX-License-Identifier: MIT */
#ifndef MW_BASE_SPAN_H
#define MW_BASE_SPAN_H

#include <stddef.h>
#include <string.h>

struct mw_span {
    const char *at;
    size_t length;
};

/* A whole text; NULL is an empty one. */
static inline struct mw_span mw_span(const char *text)
{
    struct mw_span s = {"", 0};
    if (text != NULL)
        s = (struct mw_span){text, strlen(text)};
    return s;
}

#endif
