/* Requests of a server: made, filled by the engine, told to the handler, read by it.
 * SPDX-License-Identifier: MIT */
#include "core/server.h"

#include <event2/buffer.h>

#include <string.h>

/* Of a streamed body, what may wait to be read. */
enum { STREAM_WINDOW = 64 << 10 };

/* ---- telling ------------------------------------------------------------------------------- */

static void arrive(struct mw_deferred *self)
{
    mw_request *r = MW_ITEM(self, mw_request, arrival);
    mw_runtime *rt = r->rt;
    if (r->server == NULL) { /* closed in between: nobody will answer */
        mw_request_free(r);
        return;
    }
    bool freed = false;
    r->freed = &freed;
    rt->callback_depth++;
    r->server->on_request(r->server, r, r->server->ud);
    rt->callback_depth--;
    if (freed)
        return;
    r->freed = NULL;
    if (r->server != NULL && !r->gone &&
        r->engine->watch != NULL) /* most requests are answered by now, and need no watch */
        r->engine->watch(r);
}

static void tell_change(struct mw_deferred *self)
{
    mw_request *r = MW_ITEM(self, mw_request, change);
    mw_runtime *rt = r->rt;
    if (r->watcher == NULL)
        return;
    rt->callback_depth++;
    r->watcher(r, r->watcher_ud); /* may free r */
    rt->callback_depth--;
}

static void changed(mw_request *r)
{
    if (r->watcher != NULL)
        mw_defer(r->rt, &r->change);
}

void mw_request_watch(mw_request *r, mw_request_watch_fn fn, void *ud)
{
    r->watcher = fn;
    r->watcher_ud = ud;
    if (r->gone || r->body != NULL || r->whole)
        changed(r);
}

/* ---- their making and end ------------------------------------------------------------------ */

/* A request that is over serves for the next one: most come and go at the same pace. */
enum { LARGE_BLOCK = 16 << 10 };

/* With room for whichever engine it will be of. */
static size_t size_of_request(const mw_runtime *rt)
{
    size_t ours = rt->engine->request_size, inner = mw_engine_in_process()->request_size;
    return sizeof(mw_request) + (ours > inner ? ours : inner);
}

static void destroy(mw_request *r)
{
    const struct mw_allocator *a = &r->rt->allocator;
    mw_headers_free(&r->fields, a);
    mw_dealloc(a, r);
}

static void give_back(mw_request *r)
{
    mw_runtime *rt = r->rt;
    struct mw_headers block = r->fields;
    if (rt->spare_request_count >= MW_MOST_SPARE || block.capacity > LARGE_BLOCK) {
        destroy(r);
        return;
    }
    memset(r, 0, size_of_request(rt));
    r->rt = rt;
    r->fields = block;
    mw_list_prepend(&rt->spare_requests, &r->link);
    rt->spare_request_count++;
}

void mw_requests_free_spare(mw_runtime *rt)
{
    while (!mw_list_empty(&rt->spare_requests)) {
        mw_request *r = MW_ITEM(rt->spare_requests.next, mw_request, link);
        mw_unlink(&r->link);
        destroy(r);
    }
    rt->spare_request_count = 0;
}

static mw_request *take_spare(mw_runtime *rt)
{
    if (!mw_list_empty(&rt->spare_requests)) {
        mw_request *r = MW_ITEM(rt->spare_requests.next, mw_request, link);
        mw_unlink(&r->link);
        rt->spare_request_count--;
        return r;
    }
    mw_request *r = mw_zalloc(&rt->allocator, size_of_request(rt));
    if (r != NULL)
        r->rt = rt;
    return r;
}

mw_request *mw_request_new(mw_server *server)
{
    mw_runtime *rt = server->rt;
    mw_request *r = take_spare(rt);
    if (r == NULL)
        return NULL;
    r->server = server;
    r->engine = server->engine;
    r->length = -1;
    r->method = r->target = r->peer = "";
    r->arrival.run = arrive;
    r->change.run = tell_change;
    mw_list_append(&rt->requests, &r->link);
    rt->pending++;
    return r;
}

void mw_request_free(mw_request *r)
{
    if (r->freed != NULL)
        *r->freed = true;
    r->engine->detach(r);
    mw_undefer(&r->arrival);
    mw_undefer(&r->change);
    mw_unlink(&r->link);
    r->rt->pending--;
    if (r->body != NULL)
        evbuffer_free(r->body);
    give_back(r);
}

/* ---- what the engine reports --------------------------------------------------------------- */

/* A handler that does not read the body has refused it, and the client need not send it. */
static void ask_for_body(mw_request *r)
{
    r->expects_continue = false;
    if (!r->gone)
        r->engine->read_on(r, true);
}

void mw_request_on_head(mw_request *r, const struct mw_incoming *in)
{
    r->method = in->method;
    r->target = in->target;
    r->peer = in->peer;
    r->url = in->url;
    r->head = in->head;
    r->expects_continue = in->expects_continue;
    if (r->server->stream)
        mw_defer(r->rt, &r->arrival);
    else if (r->expects_continue)
        ask_for_body(r);
}

static struct evbuffer *body_of(mw_request *r)
{
    if (r->body == NULL)
        r->body = evbuffer_new();
    return r->body;
}

/* A request that lost a part of its body must not be taken for a whole one. */
static void lose(mw_request *r)
{
    bool known = mw_request_is_known(r);
    r->engine->detach(r);
    mw_request_on_gone(r);
    if (!known) { /* nobody will be told: it only goes */
        r->server = NULL;
        mw_defer(r->rt, &r->arrival);
    }
}

/* The handler is told; while much waits to be read, the socket is not. */
static void body_came(mw_request *r)
{
    if (!r->server->stream)
        return;
    if (evbuffer_get_length(r->body) >= STREAM_WINDOW && !r->paused) {
        r->paused = true;
        r->engine->read_on(r, false);
    }
    changed(r);
}

void mw_request_on_body(mw_request *r, const void *bytes, size_t length)
{
    struct evbuffer *body = body_of(r);
    if (body == NULL || evbuffer_add(body, bytes, length) != 0)
        lose(r);
    else
        body_came(r);
}

void mw_request_on_buffer(mw_request *r, struct evbuffer *bytes)
{
    if (evbuffer_get_length(bytes) == 0)
        return;
    struct evbuffer *body = body_of(r);
    if (body == NULL || evbuffer_add_buffer(body, bytes) != 0)
        lose(r);
    else
        body_came(r);
}

void mw_request_on_end(mw_request *r)
{
    if (r->server == NULL)
        return;
    r->whole = true;
    if (!r->server->stream)
        mw_defer(r->rt, &r->arrival);
    else
        changed(r);
}

bool mw_request_is_known(const mw_request *r)
{
    return r->whole || r->server == NULL || r->server->stream;
}

struct mw_headers *mw_request_fields(mw_request *r)
{
    return &r->fields;
}

void *mw_request_wire(mw_request *r)
{
    return r + 1; /* allocated in one piece */
}

mw_runtime *mw_request_runtime(const mw_request *r)
{
    return r->rt;
}

void mw_request_on_gone(mw_request *r)
{
    r->gone = true;
    changed(r);
}

void mw_request_on_drained(mw_request *r)
{
    changed(r);
}

const char *mw_request_method(const mw_request *r)
{
    return r->method;
}

const char *mw_request_target(const mw_request *r)
{
    return r->target;
}

const mw_exchange *mw_request_client(const mw_request *r)
{
    return r->engine->client_of != NULL ? r->engine->client_of(r) : NULL;
}

const char *mw_request_url(const mw_request *r)
{
    return r->url;
}

const char *mw_request_peer(const mw_request *r)
{
    return r->peer;
}

size_t mw_request_header_count(const mw_request *r)
{
    return r->fields.count;
}

mw_header mw_request_header_at(const mw_request *r, size_t index)
{
    return index < r->fields.count ? r->fields.fields[index] : (mw_header){NULL, NULL};
}

const char *mw_request_header(const mw_request *r, const char *name)
{
    const struct mw_header *field = mw_headers_find(&r->fields, name, NULL);
    return field != NULL ? field->value : NULL;
}

const void *mw_request_body(const mw_request *r, size_t *length)
{
    *length = r->body != NULL ? evbuffer_get_length(r->body) : 0;
    return *length > 0 ? evbuffer_pullup(r->body, -1) : NULL;
}

size_t mw_request_read(mw_request *r, void *bytes, size_t size)
{
    if (r->expects_continue)
        ask_for_body(r);
    int n = r->body != NULL ? evbuffer_remove(r->body, bytes, size) : 0;
    if (r->paused && evbuffer_get_length(r->body) < STREAM_WINDOW / 2) {
        r->paused = false;
        if (!r->gone)
            r->engine->read_on(r, true);
    }
    return n > 0 ? (size_t)n : 0;
}

size_t mw_request_available(const mw_request *r)
{
    return r->body != NULL ? evbuffer_get_length(r->body) : 0;
}

int mw_request_whole(const mw_request *r)
{
    return r->whole;
}

int mw_request_gone(const mw_request *r)
{
    return r->gone;
}
