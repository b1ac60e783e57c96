/* Replies of a server: their heads in one piece, their bodies, their ends.
 * SPDX-License-Identifier: MIT */
#include "base/grammar.h"
#include "evhttp/state.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http_struct.h>
#include <event2/util.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

static struct evhttp_call *call_of(mw_request *r)
{
    return mw_request_wire(r);
}

/* ---- the head ------------------------------------------------------------------------------ */

/* What evhttp would say of the connection, and do with it after the reply. */
static const char *connection_of(struct evhttp_request *request, const struct mw_headers *fields,
                                 int64_t length)
{
    struct evkeyvalq *in = evhttp_request_get_input_headers(request);
    const char *asked = evhttp_find_header(in, "Connection");
    const struct mw_header *own = mw_headers_find(fields, "Connection", NULL);
    if (request->minor == 0 && length < 0 && asked != NULL) {
        evhttp_remove_header(in, "Connection"); /* the end of the connection ends the body */
        asked = NULL;
    }
    if (asked != NULL && mw_same_name(asked, "close"))
        return "close";
    if (own != NULL && mw_list_has(own->value, "close"))
        evhttp_add_header(evhttp_request_get_output_headers(request), "Connection", "close");
    if (own == NULL && request->minor == 0 && asked != NULL && mw_same_name(asked, "keep-alive"))
        return "keep-alive";
    return NULL;
}

/* Gathers text before it goes into a buffer, whose calls cost more than the copying. */
struct text {
    struct evbuffer *to;
    bool good;
    size_t length;
    char bytes[2048];
};

static void flush_text(struct text *t)
{
    t->good = t->good && evbuffer_add(t->to, t->bytes, t->length) == 0;
    t->length = 0;
}

static void put(struct text *t, const char *text)
{
    size_t length = strlen(text);
    if (length > sizeof t->bytes - t->length)
        flush_text(t);
    if (length > sizeof t->bytes) {
        t->good = t->good && evbuffer_add(t->to, text, length) == 0;
        return;
    }
    memcpy(t->bytes + t->length, text, length);
    t->length += length;
}

static void put_field(struct text *t, const char *name, const char *value)
{
    put(t, name);
    put(t, ": ");
    put(t, value);
    put(t, "\r\n");
}

static bool write_head(struct evbuffer *head, struct listener *l, struct evhttp_request *request,
                       const char *reason, const struct mw_headers *fields, int64_t length)
{
    char line[64];
    struct text t;
    const char *connection = connection_of(request, fields, length);
    bool closes = connection != NULL && strcmp(connection, "close") == 0;
    t.to = head; /* the bytes need no zeroes */
    t.good = true;
    t.length = 0;
    snprintf(line, sizeof line, "HTTP/%d.%d %d ", request->major, request->minor,
             request->response_code);
    put(&t, line);
    put(&t, reason);
    put(&t, "\r\n");
    for (size_t i = 0; i < fields->count; i++) {
        const struct mw_header *f = &fields->fields[i];
        if (!closes || !mw_same_name(f->name, "Connection"))
            put_field(&t, f->name, f->value);
    }
    if (request->chunked)
        put_field(&t, "Transfer-Encoding", "chunked");
    if (request->minor >= 1 && mw_headers_find(fields, "Date", NULL) == NULL)
        put_field(&t, "Date", mw_date(mw_server_runtime(l->server)));
    if (connection != NULL)
        put_field(&t, "Connection", connection);
    put(&t, "\r\n");
    flush_text(&t);
    return t.good;
}

/* Sends bytes as they are. evhttp has one call that does, which frames chunks, and drops what a
 * reply without a body may not have. */
static void send_raw(struct evhttp_request *request, struct evbuffer *bytes)
{
    const enum evhttp_cmd_type type = request->type;
    const int status = request->response_code;
    const unsigned chunked = request->chunked;
    request->type = EVHTTP_REQ_GET;
    request->response_code = 200;
    request->chunked = 0;
    evhttp_send_reply_chunk(request, bytes);
    request->type = type;
    request->response_code = status;
    request->chunked = chunked & 1;
}

/* evhttp would copy every field, and print them one by one. */
int server_reply_head(mw_request *r, int status, const char *reason,
                      const struct mw_headers *fields, int64_t length)
{
    mw_runtime *rt = mw_request_runtime(r);
    struct evhttp_state *state = rt->engine_state;
    struct evhttp_request *request = call_of(r)->request;
    bool bodyless =
        request->type == EVHTTP_REQ_HEAD || status < 200 || status == 204 || status == 304;
    request->response_code = status;
    request->chunked = length < 0 && request->minor >= 1 && !bodyless;
    if (!write_head(state->head, call_of(r)->listener, request, reason, fields, length)) {
        evbuffer_drain(state->head, evbuffer_get_length(state->head));
        return mw_fail(rt, MW_ENOMEM, "no memory for the headers");
    }
    send_raw(request, state->head);
    evbuffer_drain(state->head, evbuffer_get_length(state->head)); /* where it has taken nothing */
    return MW_OK;
}

/* ---- the body ------------------------------------------------------------------------------ */

static void on_drained(struct evhttp_connection *evcon, void *arg)
{
    (void)evcon;
    mw_request_on_drained(arg);
}

size_t server_reply_pending(const mw_request *r)
{
    const struct evhttp_call *call = mw_request_wire((mw_request *)r);
    struct evhttp_connection *evcon =
        call->request != NULL ? evhttp_request_get_connection(call->request) : NULL;
    if (evcon == NULL)
        return 0;
    return evbuffer_get_length(bufferevent_get_output(evhttp_connection_get_bufferevent(evcon)));
}

int server_reply_body(mw_request *r, const void *bytes, size_t length)
{
    mw_runtime *rt = mw_request_runtime(r);
    struct evbuffer *chunk = ((struct evhttp_state *)rt->engine_state)->head;
    if (evbuffer_add(chunk, bytes, length) != 0)
        return mw_fail(rt, MW_ENOMEM, "no memory for a body of %zu bytes", length);
    evhttp_send_reply_chunk_with_cb(call_of(r)->request, chunk, on_drained, r);
    evbuffer_drain(chunk, evbuffer_get_length(chunk)); /* where it has taken nothing */
    return MW_OK;
}

/* ---- the end ------------------------------------------------------------------------------- */

static bool send_now(struct bufferevent *bev)
{
    return !mw_tls_bev_on(bev) && transport_send(bev);
}

/* At the end of a turn, one behind the other: a client that gets several replies at once stays
 * awake for them, and waking it is the dearest part of a write. */
void server_flush(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l = arg;
    struct bufferevent *batch[MOST_UNSENT];
    int count = l->unsent_count;
    (void)fd;
    (void)what;
    memcpy(batch, l->unsent, sizeof batch);
    l->unsent_count = 0;
    for (int i = 0; i < count; i++) {
        if (send_now(batch[i]))
            bufferevent_trigger(batch[i], EV_WRITE, 0); /* what it does when it has written all */
        bufferevent_decref(batch[i]);
    }
}

static void flush_soon(struct listener *l, struct bufferevent *bev)
{
    if (l->unsent_count == MOST_UNSENT)
        return; /* libevent writes it in the next turn */
    if (l->unsent_count == 0)
        event_active(l->flush, EV_TIMEOUT, 0);
    bufferevent_incref(bev);
    l->unsent[l->unsent_count++] = bev;
}

/* Gives the request back to evhttp, which frees it when it is sent, or at once without a peer. */
static void release(mw_request *r, struct evhttp_request *request)
{
    struct evhttp_connection *evcon = evhttp_request_get_connection(request);
    if (evcon != NULL)
        evhttp_connection_set_closecb(evcon, NULL, NULL);
    call_of(r)->request = NULL;
    if (call_of(r)->watch != NULL)
        event_free(call_of(r)->watch);
    call_of(r)->watch = NULL;
}

/* A connection ends between two requests. */
static void on_leave(struct evhttp_connection *evcon, void *arg)
{
    struct bufferevent *bev = evhttp_connection_get_bufferevent(evcon);
    (void)arg;
    if (evbuffer_get_length(bufferevent_get_output(bev)) == 0) /* else it is cut off */
        mw_tls_bev_goodbye(bev);
}

void server_reply_end(mw_request *r, bool complete)
{
    struct evhttp_request *request = call_of(r)->request;
    if (request == NULL)
        return;
    struct evhttp_connection *evcon = evhttp_request_get_connection(request);
    struct listener *l = call_of(r)->listener;
    release(r, request);
    if (evcon == NULL) {
        evhttp_send_reply_end(request); /* frees it */
    } else if (complete) {
        flush_soon(l, evhttp_connection_get_bufferevent(evcon));
        evhttp_connection_set_closecb(evcon, on_leave, NULL);
        evhttp_send_reply_end(request);
    } else {
        send_now(evhttp_connection_get_bufferevent(evcon)); /* up to the cut it is good */
        evhttp_connection_free(evcon); /* with the request: a cut is what tells the client */
    }
}

void server_detach(mw_request *r)
{
    server_reply_end(r, false);
}
