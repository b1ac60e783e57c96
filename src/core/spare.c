/* Exchanges that are over, kept for the next ones with the blocks of memory that each needs anew: a
 * URL, fields to send, fields of the reply, the buffer of its body. A collector frees what is over
 * in heaps, which is when blocks are dear to free and to get. SPDX-License-Identifier: MIT */
#include "core/exchange.h"

#include <event2/buffer.h>

#include <string.h>

enum { LARGE_BLOCK = 1 << 10 }; /* one that is larger is not kept */

/* With room for whichever engine its legs will be of. */
static size_t size_of_exchange(const mw_runtime *rt)
{
    size_t ours = rt->engine->exchange_size, inner = mw_engine_in_process()->exchange_size;
    return sizeof(mw_exchange) + (ours > inner ? ours : inner);
}

static void destroy(mw_runtime *rt, mw_exchange *x)
{
    const struct mw_allocator *a = &rt->allocator;
    mw_url_free(&x->url, a);
    mw_headers_free(&x->fields, a);
    mw_headers_free(&x->response, a);
    if (x->spare_buffer != NULL)
        evbuffer_free(x->spare_buffer);
    mw_dealloc(a, x);
}

/* Nothing is in it, but there is room. */
static struct mw_headers emptied(const struct mw_headers *h)
{
    return (struct mw_headers){.fields = h->fields, .capacity = h->capacity};
}

static mw_exchange *take_spare(mw_runtime *rt)
{
    mw_exchange *x = MW_ITEM(rt->spare_exchanges.next, mw_exchange, link);
    const struct mw_url url = {.href = x->url.href, .room = x->url.room};
    const struct mw_headers fields = emptied(&x->fields), response = emptied(&x->response);
    struct evbuffer *buffer = x->spare_buffer;
    mw_unlink(&x->link);
    rt->spare_exchange_count--;
    memset(x, 0, x->size);
    x->url = url;
    x->fields = fields;
    x->response = response;
    x->spare_buffer = buffer;
    return x;
}

mw_exchange *mw_exchange_new(mw_runtime *rt)
{
    size_t size = size_of_exchange(rt);
    mw_exchange *x =
        mw_list_empty(&rt->spare_exchanges) ? mw_zalloc(&rt->allocator, size) : take_spare(rt);
    if (x == NULL)
        return NULL;
    x->size = size;
    x->engine = rt->engine;
    return x;
}

static bool is_large(const mw_exchange *x)
{
    return x->url.room > LARGE_BLOCK || x->fields.capacity > LARGE_BLOCK ||
           x->response.capacity > LARGE_BLOCK;
}

void mw_exchange_give_back(mw_exchange *x)
{
    mw_runtime *rt = x->rt;
    if (rt->spare_exchange_count >= MW_MOST_SPARE || is_large(x) ||
        x->size != size_of_exchange(rt)) { /* the engine is another by now */
        destroy(rt, x);
        return;
    }
    mw_list_prepend(&rt->spare_exchanges, &x->link);
    rt->spare_exchange_count++;
}

void mw_exchanges_free_spare(mw_runtime *rt)
{
    while (!mw_list_empty(&rt->spare_exchanges)) {
        mw_exchange *x = MW_ITEM(rt->spare_exchanges.next, mw_exchange, link);
        mw_unlink(&x->link);
        destroy(rt, x);
    }
    rt->spare_exchange_count = 0;
}
