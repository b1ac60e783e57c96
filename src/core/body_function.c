/* A body that a function of the user's gives, piece by piece: asked ahead of the engine, within
 * bounds, and never while the engine is on the stack.
 * SPDX-License-Identifier: MIT */
#include "core/body.h"

#include "core/exchange.h"

#include <event2/buffer.h>

/* What it is asked for at once, and what may lie here until the engine takes it. */
enum { PIECE = 64 << 10, WINDOW = 128 << 10 };

static size_t lying(const struct mw_body_reader *r)
{
    return r->ahead != NULL ? evbuffer_get_length(r->ahead) : 0;
}

/* ---- for the engine ------------------------------------------------------------------------ */

enum mw_io mw_body_take_ahead(mw_exchange *x, void *bytes, size_t size, size_t *n)
{
    struct mw_body_reader *r = &x->body.reader;
    int removed = r->ahead != NULL ? evbuffer_remove(r->ahead, bytes, size) : 0;
    *n = removed > 0 ? (size_t)removed : 0;
    if (*n == 0 && r->ended)
        return MW_IO_END;
    r->hungry = *n == 0;
    if (!r->ended && !r->waits && lying(r) <= WINDOW - PIECE)
        mw_defer(x->rt, &x->body.asking);
    return *n > 0 ? MW_IO_DONE : MW_IO_AGAIN_READ;
}

void mw_body_begin_again(mw_exchange *x)
{
    struct mw_body_reader *r = &x->body.reader;
    if (r->ahead != NULL)
        evbuffer_drain(r->ahead, lying(r));
    r->given = 0;
    r->ended = r->waits = r->hungry = false;
    r->rewinding = true;
}

/* ---- the function -------------------------------------------------------------------------- */

enum outcome { GONE, ENDED, STOP, GO_ON };

/* Calls it, or what makes it begin again. What it does to its exchange is seen afterwards. */
static enum outcome call(mw_exchange *x, void *bytes, ptrdiff_t *n)
{
    struct mw_body_reader *r = &x->body.reader;
    mw_runtime *rt = x->rt;
    bool freed = false;
    x->freed = &freed;
    r->running = true;
    rt->callback_depth++;
    *n = bytes != NULL ? r->read(x, bytes, PIECE, r->ud) : r->rewind(x, r->ud);
    rt->callback_depth--;
    if (freed)
        return GONE;
    x->freed = NULL;
    r->running = false;
    if (!x->ended)
        return GO_ON;
    mw_body_destroy(x); /* its end had to leave that to us */
    return ENDED;
}

static enum outcome fail(mw_exchange *x, const char *words)
{
    mw_body_fail(x, MW_UNKNOWN_CONTENT_ERROR, 0, words);
    return ENDED;
}

static enum outcome at_end(mw_exchange *x)
{
    struct mw_body_reader *r = &x->body.reader;
    if (x->body.length != MW_UNKNOWN && r->given < x->body.length)
        return fail(x, "it is shorter than its length was said to be");
    r->ended = true;
    return STOP;
}

static enum outcome keep(mw_exchange *x, struct evbuffer_iovec *room, ptrdiff_t n)
{
    struct mw_body_reader *r = &x->body.reader;
    if (n > PIECE)
        return fail(x, "its function says that it has given more than it was asked for");
    room->iov_len = (size_t)n;
    r->given += (uint64_t)n;
    if (r->given > x->body.length)
        return fail(x, "it is longer than its length was said to be");
    evbuffer_commit_space(r->ahead, room, 1);
    return GO_ON;
}

/* One piece. */
static enum outcome ask_once(mw_exchange *x)
{
    struct mw_body_reader *r = &x->body.reader;
    struct evbuffer_iovec room;
    ptrdiff_t n;
    if (r->ahead == NULL)
        r->ahead = evbuffer_new();
    if (r->ahead == NULL || evbuffer_reserve_space(r->ahead, PIECE, &room, 1) != 1)
        return fail(x, "no memory for it");
    enum outcome how = call(x, room.iov_base, &n);
    if (how != GO_ON)
        return how;
    if (n > 0)
        return keep(x, &room, n);
    if (n == 0)
        return at_end(x);
    if (n != MW_READ_AGAIN)
        return fail(x, "its function has failed");
    r->waits = !mw_linked(&x->body.asking.link); /* unless it asked to be asked, meanwhile */
    return STOP;
}

static enum outcome begin_again(mw_exchange *x)
{
    ptrdiff_t n;
    enum outcome how = call(x, NULL, &n);
    if (how != GO_ON)
        return how;
    x->body.reader.rewinding = false;
    return n == MW_OK ? GO_ON : fail(x, "its function cannot begin again");
}

void mw_body_ask(mw_exchange *x)
{
    struct mw_body_reader *r = &x->body.reader;
    enum outcome how = GO_ON;
    if (r->rewinding)
        how = begin_again(x);
    while (how == GO_ON && !r->ended && lying(r) <= WINDOW - PIECE)
        how = ask_once(x);
    if (how == GONE || how == ENDED || !r->hungry || (lying(r) == 0 && !r->ended))
        return;
    r->hungry = false;
    mw_clocks_change(x);
    x->engine->resume(x);
}

/* ---- for the user -------------------------------------------------------------------------- */

void mw_exchange_resume(mw_exchange *x)
{
    struct mw_body_reader *r = &x->body.reader;
    if (x->ended || x->body.kind != MW_BODY_FUNCTION || r->ended)
        return;
    r->waits = false;
    mw_defer(x->rt, &x->body.asking);
}

void mw_exchange_fail_body(mw_exchange *x, const char *words)
{
    if (!x->ended && x->body.kind == MW_BODY_FUNCTION)
        fail(x, words);
}
