/* Servers: they listen, and hand requests to the user.
 * SPDX-License-Identifier: MIT */
#include "core/server.h"

#include "base/grammar.h"

#include <event2/buffer.h>

#include <string.h>

static const struct mw_engine *engine_of(const mw_runtime *rt)
{
    return rt->engine;
}

/* Of a streamed body, what may wait to be read. */
enum { STREAM_WINDOW = 64 << 10 };

/* ---- servers ------------------------------------------------------------------------------- */

static int check_certificates(mw_runtime *rt, const mw_listen *how)
{
    const char *needs = how->certificate_count > 0    ? "certificates"
                        : how->client_ca_file != NULL ? "client_ca_file"
                        : how->key_file != NULL       ? "key_file"
                                                      : NULL;
    if (how->cert_file == NULL && needs != NULL)
        return mw_fail(rt, MW_EINVAL, "bad %s: it needs a cert_file", needs);
    for (size_t i = 0; i < how->certificate_count; i++) {
        const mw_certificate *own = &how->certificates[i];
        if (own->host == NULL || own->cert_file == NULL)
            return mw_fail(rt, MW_EINVAL, "bad certificates: number %zu has no %s", i + 1,
                           own->host == NULL ? "host" : "cert_file");
        const char *name = strncmp(own->host, "*.", 2) == 0 ? own->host + 2 : own->host;
        if (mw_bad_host(name, strlen(name)) >= 0 || strpbrk(name, "*:") != NULL)
            return mw_fail(rt, MW_EINVAL,
                           "bad certificates: \"%.80s\" is not a name, nor \"*.\" and a name",
                           own->host);
    }
    return MW_OK;
}

int mw_server_listen(mw_runtime *rt, const mw_listen *options, mw_server **out)
{
    mw_listen how = *options;
    if (how.on_request == NULL)
        return mw_fail(rt, MW_EINVAL, "bad on_request: a server needs it");
    if (how.stream && !(engine_of(rt)->can & MW_CAN_STREAM_REQUEST))
        return mw_fail(rt, MW_EINVAL,
                       "bad stream: the %s engine reads a request's body before its handler runs",
                       engine_of(rt)->name);
    if (how.port < 0 || how.port > 65535)
        return mw_fail(rt, MW_EINVAL, "bad port: %d is not between 0 and 65535", how.port);
    if (how.host == NULL)
        how.host = "127.0.0.1";
    if (how.backlog < 0)
        return mw_fail(rt, MW_EINVAL, "bad backlog: %d is below 0", how.backlog);
    if (how.backlog == 0)
        how.backlog = 128;
    if (how.max_head_size == 0)
        how.max_head_size = 64u << 10;
    if (how.max_body_size == 0)
        how.max_body_size = 16u << 20;
    if (how.idle_timeout == 0)
        how.idle_timeout = 60;
    if (!(engine_of(rt)->can & MW_CAN_STREAM_REQUEST) &&
        (how.header_timeout != 0 || how.min_rate != 0))
        return mw_fail(rt, MW_EINVAL,
                       "the %s engine sees requests only when they are whole: it has neither "
                       "header_timeout nor min_rate",
                       engine_of(rt)->name);
    if (how.header_timeout == 0)
        how.header_timeout = 30;
    if (how.min_rate == 0)
        how.min_rate = 64;
    int result = check_certificates(rt, &how);
    if (result != MW_OK)
        return result;
    mw_server *server = mw_zalloc(&rt->allocator, sizeof *server);
    if (server == NULL)
        return mw_fail(rt, MW_ENOMEM, "no memory for a server");
    rt->engine_uses++;
    server->rt = rt;
    server->on_request = how.on_request;
    server->stream = how.stream != 0;
    server->ud = how.ud;
    result = engine_of(rt)->listen(server, &how, &server->wire, &server->port);
    if (result != MW_OK) {
        mw_dealloc(&rt->allocator, server);
        return result;
    }
    mw_list_append(&rt->servers, &server->link);
    rt->pending++;
    *out = server;
    return MW_OK;
}

void mw_server_free(mw_server *server)
{
    if (server == NULL)
        return;
    mw_runtime *rt = server->rt;
    for (struct mw_link *l = rt->requests.next, *next; l != &rt->requests; l = next) {
        mw_request *r = MW_ITEM(l, mw_request, link);
        next = l->next;
        if (r->server != server)
            continue;
        engine_of(rt)->detach(r);
        if (mw_request_is_known(r)) {
            r->server = NULL;
            mw_request_on_gone(r);
        } else {
            mw_request_free(r);
        }
    }
    engine_of(rt)->unlisten(server->wire);
    mw_undefer(&server->drained);
    mw_unlink(&server->link);
    rt->pending--;
    mw_dealloc(&rt->allocator, server);
}

static void tell_drained(struct mw_deferred *self)
{
    mw_server *server = MW_ITEM(self, mw_server, drained);
    mw_runtime *rt = server->rt;
    mw_server_fn fn = server->on_drained;
    server->on_drained = NULL;
    if (fn == NULL)
        return;
    rt->callback_depth++;
    fn(server, server->drained_ud); /* may free it */
    rt->callback_depth--;
}

void mw_server_on_drained(mw_server *server)
{
    if (server->on_drained != NULL)
        mw_defer(server->rt, &server->drained);
}

int mw_server_drain(mw_server *server, mw_server_fn fn, void *ud)
{
    mw_runtime *rt = server->rt;
    const struct mw_engine *engine = engine_of(rt);
    if (!(engine->can & MW_CAN_DRAIN))
        return mw_fail(rt, MW_EINVAL,
                       "the %s engine cannot finish what runs while it takes nothing new",
                       engine->name);
    if (server->draining)
        return mw_fail(rt, MW_EINVAL, "the server is being stopped already");
    server->draining = true;
    server->on_drained = fn;
    server->drained_ud = ud;
    server->drained.run = tell_drained;
    engine->drain(server->wire);
    return MW_OK;
}

int mw_server_port(const mw_server *server)
{
    return server->port;
}

mw_runtime *mw_server_runtime(const mw_server *server)
{
    return server->rt;
}

/* ---- requests ------------------------------------------------------------------------------ */

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
        engine_of(rt)->watch != NULL) /* most requests are answered by now, and need no watch */
        engine_of(rt)->watch(r);
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
enum { MOST_SPARE = 128, LARGE_BLOCK = 16 << 10 };

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
    if (rt->spare_request_count == MOST_SPARE || block.capacity > LARGE_BLOCK) {
        destroy(r);
        return;
    }
    memset(r, 0, sizeof *r + engine_of(rt)->request_size);
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
    mw_request *r = mw_zalloc(&rt->allocator, sizeof *r + engine_of(rt)->request_size);
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
    engine_of(r->rt)->detach(r);
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
        engine_of(r->rt)->read_on(r, true);
}

void mw_request_on_head(mw_request *r, const struct mw_incoming *in)
{
    r->method = in->method;
    r->target = in->target;
    r->peer = in->peer;
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
    engine_of(r->rt)->detach(r);
    mw_request_on_gone(r);
}

/* The handler is told; while much waits to be read, the socket is not. */
static void body_came(mw_request *r)
{
    if (!r->server->stream)
        return;
    if (evbuffer_get_length(r->body) >= STREAM_WINDOW && !r->paused) {
        r->paused = true;
        engine_of(r->rt)->read_on(r, false);
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
            engine_of(r->rt)->read_on(r, true);
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
