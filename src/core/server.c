/* Servers: they listen, hand requests to the user, and check what the user answers.
 * SPDX-License-Identifier: MIT */
#include "core/server.h"

#include "base/grammar.h"
#include "base/status.h"

#include <event2/buffer.h>

#include <stdio.h>
#include <string.h>

static const struct mw_engine *engine_of(const mw_runtime *rt)
{
    return rt->engine;
}

/* ---- servers ------------------------------------------------------------------------------- */

int mw_server_listen(mw_runtime *rt, const mw_listen *options, mw_server **out)
{
    mw_listen how = *options;
    if (how.on_request == NULL)
        return mw_fail(rt, MW_EINVAL, "bad on_request: a server needs it");
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
    mw_server *server = mw_zalloc(&rt->allocator, sizeof *server);
    if (server == NULL)
        return mw_fail(rt, MW_ENOMEM, "no memory for a server");
    server->rt = rt;
    server->on_request = how.on_request;
    server->ud = how.ud;
    int result = engine_of(rt)->listen(server, &how, &server->wire, &server->port);
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
    for (struct mw_link *l = rt->requests.next; l != &rt->requests; l = l->next) {
        mw_request *r = MW_ITEM(l, mw_request, link);
        if (r->server == server) {
            engine_of(rt)->detach(r);
            r->server = NULL;
            mw_request_on_gone(r);
        }
    }
    engine_of(rt)->unlisten(server->wire);
    mw_unlink(&server->link);
    rt->pending--;
    mw_dealloc(&rt->allocator, server);
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
    if (r->server != NULL && !r->gone) /* most requests are answered by now, and need no watch */
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
    if (r->gone)
        changed(r);
}

void mw_request_free(mw_request *r)
{
    const struct mw_allocator *a = &r->rt->allocator;
    if (r->freed != NULL)
        *r->freed = true;
    engine_of(r->rt)->detach(r);
    mw_undefer(&r->arrival);
    mw_undefer(&r->change);
    if (mw_linked(&r->link)) {
        mw_unlink(&r->link);
        r->rt->pending--;
    }
    if (r->body != NULL)
        evbuffer_free(r->body);
    mw_headers_free(&r->fields, a);
    mw_dealloc(a, r->method);
    mw_dealloc(a, r->target);
    mw_dealloc(a, r->peer);
    mw_dealloc(a, r);
}

mw_request *mw_server_on_request(mw_server *server, const struct mw_incoming *in)
{
    mw_runtime *rt = server->rt;
    const struct mw_allocator *a = &rt->allocator;
    mw_request *r = mw_zalloc(a, sizeof *r + engine_of(rt)->request_size);
    if (r == NULL) {
        mw_headers_free(in->fields, a);
        return NULL;
    }
    r->rt = rt;
    r->server = server;
    r->head = in->head;
    r->fields = *in->fields;
    r->length = -1;
    r->arrival.run = arrive;
    r->change.run = tell_change;
    r->method = mw_strdup(a, in->method);
    r->target = mw_strdup(a, in->target);
    r->peer = mw_strdup(a, in->peer);
    r->body = evbuffer_new();
    if (r->method == NULL || r->target == NULL || r->peer == NULL || r->body == NULL ||
        evbuffer_add_buffer(r->body, in->body) != 0) {
        mw_request_free(r);
        return NULL;
    }
    mw_list_append(&rt->requests, &r->link);
    rt->pending++;
    mw_defer(rt, &r->arrival);
    return r;
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
    *length = evbuffer_get_length(r->body);
    return evbuffer_pullup(r->body, -1);
}

int mw_request_gone(const mw_request *r)
{
    return r->gone;
}

/* ---- replies ------------------------------------------------------------------------------- */

static bool has_no_body(int status)
{
    return status < 200 || status == 204 || status == 304; /* RFC 9110, 6.4.1 */
}

static int check_field(mw_runtime *rt, const mw_header *field)
{
    if (field->name == NULL || field->value == NULL)
        return mw_fail(rt, MW_EINVAL, "bad headers: a field has no %s",
                       field->name == NULL ? "name" : "value");
    if (mw_bad_token(field->name, strlen(field->name)) >= 0)
        return mw_fail(rt, MW_EINVAL, "bad header name: \"%.60s\" has a byte that is not allowed",
                       field->name);
    if (mw_bad_field_value(field->value, strlen(field->value)) >= 0)
        return mw_fail(rt, MW_EINVAL,
                       "bad value of the header %.60s: it has a byte that is not "
                       "allowed (a line break, perhaps)",
                       field->name);
    return MW_OK;
}

/* The framing of a reply is ours to state; what the user says of it is left out. */
static bool is_framing(const char *name)
{
    return mw_same_name(name, "Content-Length") || mw_same_name(name, "Transfer-Encoding");
}

static int copy_fields(mw_request *r, const mw_header *headers, size_t count, int status,
                       int64_t length, struct mw_headers *out)
{
    char number[24];
    size_t bytes = sizeof "Content-Length" + sizeof number;
    for (size_t i = 0; i < count; i++) {
        int result = check_field(r->rt, &headers[i]);
        if (result != MW_OK)
            return result;
        bytes += mw_headers_size(headers[i].name, headers[i].value);
    }
    if (!mw_headers_reserve(out, &r->rt->allocator, count + 1, bytes))
        return mw_fail(r->rt, MW_ENOMEM, "no memory for the headers");
    for (size_t i = 0; i < count; i++) {
        if (!is_framing(headers[i].name))
            mw_headers_add(out, headers[i].name, headers[i].value);
    }
    if (length >= 0 && status >= 200 && status != 204) {
        snprintf(number, sizeof number, "%lld", (long long)length);
        mw_headers_add(out, "Content-Length", number);
    }
    return MW_OK;
}

int mw_reply_head(mw_request *r, int status, const char *reason, const mw_header *headers,
                  size_t header_count, int64_t length)
{
    mw_runtime *rt = r->rt;
    struct mw_headers fields;
    if (r->state != MW_REPLY_NONE)
        return mw_fail(rt, MW_EINVAL, "the head of the answer has already been sent");
    if (status < 200 || status > 999)
        return mw_fail(rt, MW_EINVAL, "bad status: %d is not between 200 and 999", status);
    if (reason == NULL)
        reason = mw_status_phrase(status);
    if (mw_bad_field_value(reason, strlen(reason)) >= 0)
        return mw_fail(rt, MW_EINVAL, "bad reason: it has a byte that is not allowed");
    int result = copy_fields(r, headers, header_count, status, length, &fields);
    if (result != MW_OK)
        return result;
    r->state = MW_REPLY_STARTED;
    r->bodyless = r->head || has_no_body(status);
    r->length = length;
    if (r->gone)
        result = mw_fail(rt, MW_ECLOSED, "the client has gone");
    else
        result = engine_of(rt)->reply_head(r, status, reason, &fields, length);
    r->broken = result != MW_OK;
    mw_headers_free(&fields, &rt->allocator);
    return result;
}

int mw_reply_body(mw_request *r, const void *bytes, size_t length)
{
    mw_runtime *rt = r->rt;
    if (r->state != MW_REPLY_STARTED)
        return mw_fail(rt, MW_EINVAL, "the head of the answer must be sent before its body");
    if (r->length >= 0 && r->written + length > (uint64_t)r->length)
        return mw_fail(rt, MW_EINVAL, "the body is longer than its Content-Length, %lld",
                       (long long)r->length);
    if (r->gone)
        return mw_fail(rt, MW_ECLOSED, "the client has gone");
    r->written += length;
    if (r->bodyless || length == 0)
        return MW_OK;
    int result = engine_of(rt)->reply_body(r, bytes, length);
    r->broken = r->broken || result != MW_OK;
    return result;
}

size_t mw_reply_pending(const mw_request *r)
{
    return r->gone || r->state != MW_REPLY_STARTED ? 0 : engine_of(r->rt)->reply_pending(r);
}

void mw_reply_abort(mw_request *r)
{
    mw_request_free(r); /* without an end */
}

void mw_reply_end(mw_request *r)
{
    bool whole = r->bodyless || r->length < 0 || r->written == (uint64_t)r->length;
    bool sound = r->state == MW_REPLY_STARTED && !r->gone && !r->broken;
    engine_of(r->rt)->reply_end(r, sound && whole);
    mw_request_free(r);
}
