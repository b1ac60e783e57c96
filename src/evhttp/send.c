/* A request on its way out: what evhttp writes of it, and what is written in evhttp's place.
 * SPDX-License-Identifier: MIT */
#include "evhttp/state.h"

#include <event2/buffer.h>
#include <event2/event.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

bool send_method(const char *method, enum evhttp_cmd_type *type)
{
    static const struct {
        const char *name;
        enum evhttp_cmd_type type;
    } methods[] = {
        {"GET", EVHTTP_REQ_GET},     {"POST", EVHTTP_REQ_POST},     {"HEAD", EVHTTP_REQ_HEAD},
        {"PUT", EVHTTP_REQ_PUT},     {"DELETE", EVHTTP_REQ_DELETE}, {"OPTIONS", EVHTTP_REQ_OPTIONS},
        {"TRACE", EVHTTP_REQ_TRACE}, {"PATCH", EVHTTP_REQ_PATCH},
    };
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (strcmp(method, methods[i].name) == 0) {
            *type = methods[i].type;
            return true;
        }
    }
    return false;
}

/* libevent hands each piece of a buffer to one SSL_write, which tells nothing before all of it is
 * written: so the pieces are of the size of a TLS record. A plain socket takes any size. */
static bool add_body(struct evbuffer *output, const struct mw_outgoing *out)
{
    const char *at = out->body;
    size_t left = out->body_length;
    size_t most = out->secure ? 16384 : left;
    while (left > 0) {
        size_t piece = left < most ? left : most;
        if (evbuffer_add_reference(output, at, piece, NULL, NULL) != 0)
            return false;
        at += piece;
        left -= piece;
    }
    return true;
}

/* evhttp keeps a copy of every field and prints them one by one, so it is given none of them, but
 * for the one that makes it hold the body back. See write_head. */
static struct evhttp_request *build(struct connection *c, const struct mw_outgoing *out)
{
    struct evhttp_request *request = client_request(c);
    if (request == NULL)
        return NULL;
    if (out->expects_continue && evhttp_add_header(evhttp_request_get_output_headers(request),
                                                   "Expect", "100-continue") != 0)
        goto fail;
    if (!add_body(evhttp_request_get_output_buffer(request), out))
        goto fail;
    return request;
fail:
    evhttp_request_free(request);
    return NULL;
}

static char *put(char *at, const char *text, size_t length)
{
    return (char *)memcpy(at, text, length) + length;
}

/* Puts the request's head in front of what is in the buffer. False without memory. */
static bool prepend_head(struct evbuffer *output, struct evbuffer *spare,
                         const struct mw_outgoing *out)
{
    static const char version[] = " HTTP/1.1\r\n";
    const size_t method = strlen(out->method), target = strlen(out->target);
    const struct mw_header *fields = out->fields->fields, *end = fields + out->fields->count;
    size_t size = method + 1 + target + sizeof version - 1 + 2;
    for (const struct mw_header *f = fields; f < end; f++)
        size += strlen(f->name) + 2 + strlen(f->value) + 2;
    struct evbuffer_iovec space;
    if (evbuffer_reserve_space(spare, (ev_ssize_t)size, &space, 1) != 1)
        return false;
    char *at = put(space.iov_base, out->method, method);
    *at++ = ' ';
    at = put(at, out->target, target);
    at = put(at, version, sizeof version - 1);
    for (const struct mw_header *f = fields; f < end; f++) {
        at = put(at, f->name, strlen(f->name));
        at = put(at, ": ", 2);
        at = put(at, f->value, strlen(f->value));
        at = put(at, "\r\n", 2);
    }
    put(at, "\r\n", 2);
    space.iov_len = size;
    return evbuffer_commit_space(spare, &space, 1) == 0 &&
           evbuffer_prepend_buffer(output, spare) == 0;
}

/* evhttp has just written the head of its request: ours takes its place. */
static bool write_head(struct connection *c)
{
    const struct mw_outgoing *out = mw_exchange_outgoing(c->x);
    struct evbuffer *output = bufferevent_get_output(c->bev);
    size_t body = c->held ? 0 : out->body_length;
    evbuffer_unfreeze(output, 1); /* frozen, since only the bufferevent is to take from it */
    evbuffer_drain(output, evbuffer_get_length(output) - body);
    bool done = prepend_head(output, c->state->head, out);
    if (c->tls.bev == NULL) /* one of TLS freezes nothing, and could not take what it has sent */
        evbuffer_freeze(output, 1);
    if (!done)
        client_fail(c, MW_UNKNOWN_NETWORK_ERROR, "no memory for the head of the request");
    return done;
}

/* Progress of the request body. The head goes first and counts for nothing. */
static void on_output(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg)
{
    struct connection *c = arg;
    (void)output;
    if (c->x == NULL)
        return;
    c->queued += info->n_added;
    c->flushed += info->n_deleted;
    uint64_t body = mw_exchange_outgoing(c->x)->body_length;
    if (info->n_deleted > 0 && body > 0 && !c->held && !c->write_failed) {
        uint64_t head = c->queued - body;
        if (c->flushed > head)
            mw_exchange_on_sent(c->x, c->flushed - head);
    }
}

bool send_on(struct connection *c, mw_exchange *x)
{
    const struct mw_outgoing *out = mw_exchange_outgoing(x);
    enum evhttp_cmd_type type = EVHTTP_REQ_GET;
    send_method(out->method, &type);
    struct evhttp_request *request = build(c, out);
    if (request == NULL)
        return false;
    connection_attach(c, x, request);
    ((struct call *)mw_exchange_wire(x))->connection = c;
    mw_exchange_on_phase(x, c->connected ? MW_PHASE_SEND : MW_PHASE_CONNECT);
    if (out->body_length > 0 && !c->counting) {
        evbuffer_add_cb(bufferevent_get_output(c->bev), on_output, c);
        c->counting = true;
    }
    if (evhttp_make_request(c->evcon, request, type, out->target) != 0 && c->x != NULL) {
        client_fail(c, MW_UNKNOWN_NETWORK_ERROR, "evhttp could not start the request");
        return true;
    }
    if (c->x == NULL)
        return true; /* it has failed at once, and that was reported */
    /* The core has clocks of its own: evhttp's would need a timer with each turn. */
    bufferevent_set_timeouts(c->bev, NULL, NULL);
    interpose(c);
    if (c->connected && write_head(c))
        transport_flush(c);
    return true;
}

void send_connected(struct connection *c)
{
    int on = 1;
    c->connected = true;
    setsockopt(bufferevent_getfd(c->bev), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    bufferevent_set_timeouts(c->bev, NULL, NULL); /* evhttp set its own when it was connected */
    bufferevent_set_max_single_write(c->bev, 256 << 10);
    transport_open(c);
    mw_exchange_on_phase(c->x, MW_PHASE_SEND);
    write_head(c);
}

void send_written(struct connection *c)
{
    if (evbuffer_get_length(bufferevent_get_output(c->bev)) == 0)
        mw_exchange_on_phase(c->x, MW_PHASE_HEAD);
}
