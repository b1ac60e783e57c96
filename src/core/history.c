/* The legs that an exchange has behind it.
 * SPDX-License-Identifier: MIT */
#include "core/exchange.h"

#include <string.h>

static char *put(char *at, const char *text, const char **copy)
{
    size_t size = strlen(text) + 1;
    *copy = memcpy(at, text, size);
    return at + size;
}

bool mw_history_add(mw_exchange *x, const char *why, int error)
{
    const struct mw_allocator *a = &x->rt->allocator;
    size_t texts = strlen(x->method) + strlen(x->url.whole) + strlen(why) + 3;
    struct mw_leg *leg = mw_alloc(a, sizeof *leg + texts);
    if (leg == NULL)
        return false;
    memset(leg, 0, sizeof *leg);
    char *at = put((char *)(leg + 1), x->method, &leg->method);
    at = put(at, x->url.whole, &leg->url);
    put(at, why, &leg->why);
    leg->status = x->status;
    leg->reason = x->reason != NULL ? x->reason : "";
    leg->error = error;
    leg->headers = x->response;
    memset(&x->response, 0, sizeof x->response);
    x->reason = NULL;
    mw_list_append(&x->legs.history, &leg->link);
    x->legs.history_count++;
    return true;
}

static const struct mw_leg *leg_at(const mw_exchange *x, size_t index)
{
    const struct mw_link *at = x->legs.history.next;
    if (index >= (size_t)x->legs.history_count)
        return NULL;
    while (index-- > 0)
        at = at->next;
    return MW_ITEM(at, struct mw_leg, link);
}

size_t mw_exchange_history_count(const mw_exchange *x)
{
    return (size_t)x->legs.history_count;
}

int mw_exchange_history_at(const mw_exchange *x, size_t index, mw_past *past)
{
    const struct mw_leg *leg = leg_at(x, index);
    if (leg == NULL)
        return 0;
    *past = (mw_past){.why = leg->why,
                      .method = leg->method,
                      .url = leg->url,
                      .status = leg->status,
                      .reason = leg->reason,
                      .error = leg->error,
                      .headers = leg->headers.fields,
                      .header_count = leg->headers.count};
    return 1;
}

void mw_history_free(mw_exchange *x)
{
    const struct mw_allocator *a = &x->rt->allocator;
    while (!mw_list_empty(&x->legs.history)) {
        struct mw_leg *leg = MW_ITEM(x->legs.history.next, struct mw_leg, link);
        mw_unlink(&leg->link);
        mw_headers_free(&leg->headers, a);
        mw_dealloc(a, leg);
    }
}
