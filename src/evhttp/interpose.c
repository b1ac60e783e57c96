/* Our callbacks in front of evhttp's.
 * SPDX-License-Identifier: MIT */
#include "evhttp/state.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/util.h>

/* While a request is being sent evhttp reads what comes and looks at it later; a server that talks
 * before it has listened must not fill the memory. */
static const size_t most_early_input = 256u << 10;

/* What a chunk's size, its line ends and the trailers may take beside the body's own bytes. */
static const uint64_t most_framing = 4096;

static void on_event(struct bufferevent *bev, short what, void *arg);
static void on_read(struct bufferevent *bev, void *arg);
static void on_write(struct bufferevent *bev, void *arg);

void interpose(struct connection *c)
{
    bufferevent_data_cb read, write;
    bufferevent_event_cb event;
    void *arg;
    bufferevent_getcb(c->bev, &read, &write, &event, &arg);
    if (event == on_event)
        return; /* evhttp has not moved on */
    c->ev_read = read;
    c->ev_write = write;
    c->ev_event = event;
    c->ev_arg = arg;
    bufferevent_setcb(c->bev, on_read, on_write, on_event, c);
}

/* evhttp calls the read callback of the moment with an argument of its own (its deferred read), so
 * ours is asked of the bufferevent. */
static struct connection *connection_of(struct bufferevent *bev)
{
    void *arg;
    bufferevent_getcb(bev, NULL, NULL, NULL, &arg);
    return arg;
}

static void fail(struct connection *c, int code, const char *text, unsigned long long number)
{
    struct mw_failure f;
    mw_failure_init(&f, code, c->head_seen ? MW_PHASE_BODY : MW_PHASE_HEAD);
    mw_failure_text(&f, text, number);
    client_failed(c, &f);
}

/* evhttp holds a chunk back until it is whole, and lines of any length: what waits counts too. */
static void check_limits(struct connection *c)
{
    const struct mw_outgoing *out = mw_exchange_outgoing(c->x);
    if (!c->head_seen && c->head_bytes > out->max_head_size)
        fail(c, MW_UNKNOWN_CONTENT_ERROR,
             "the head of the reply is larger than max_head_size, "
             "%llu bytes",
             out->max_head_size);
    else if (c->head_seen &&
             mw_exchange_received(c->x) + c->waiting > out->max_body_size + most_framing)
        fail(c, MW_UNKNOWN_CONTENT_ERROR, "the body is larger than max_body_size, %llu bytes",
             out->max_body_size);
}

static void receive(struct connection *c)
{
    struct evbuffer *input = bufferevent_get_input(c->bev);
    size_t length = evbuffer_get_length(input);
    c->heard = true;
    if (!c->head_seen)
        c->head_bytes += length - c->waiting;
    c->waiting = length; /* for the head callback, which runs inside */
    if (c->ev_read == NULL) {
        if (length > most_early_input)
            bufferevent_disable(c->bev, EV_READ); /* evhttp enables it when it starts to read */
        return;
    }
    c->ev_read(c->bev, c->ev_arg);
    if (c->x == NULL)
        return;
    c->waiting = evbuffer_get_length(input);
    interpose(c);
    check_limits(c);
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct connection *c = connection_of(bev);
    (void)arg;
    if (c->x != NULL)
        receive(c);
    else
        connection_retire(c); /* an idle server that speaks has lost count of the replies */
}

static void on_write(struct bufferevent *bev, void *arg)
{
    struct connection *c = arg;
    if (c->x == NULL)
        return;
    if (mw_exchange_phase(c->x) != MW_PHASE_SEND)
        return; /* evhttp asserts that it is writing */
    if (c->ev_write != NULL)
        c->ev_write(bev, c->ev_arg);
    if (c->x == NULL)
        return;
    interpose(c);
    client_written(c);
}

/* The server may have answered and closed before it had read the request, as with 413: what it said
 * is in the socket. evhttp reads it if this flag is set, but with the flag set it waits for ever
 * where the data then ends half-way; so it is set for this one call. */
static void read_after_write_error(struct connection *c, short what, int system_errno)
{
    c->write_failed = true;
    c->write_errno = system_errno;
    evhttp_connection_set_flags(c->evcon, EVHTTP_CON_READ_ON_WRITE_ERROR);
    c->ev_event(c->bev, what, c->ev_arg);
    evhttp_connection_set_flags(c->evcon, 0);
    if (c->x == NULL)
        return;
    interpose(c);
    mw_exchange_on_phase(c->x, MW_PHASE_HEAD);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    int system_errno = EVUTIL_SOCKET_ERROR(); /* before anything else can change it */
    struct connection *c = arg;
    struct mw_failure f;
    if (c->x == NULL) {
        connection_retire(c);
        return;
    }
    if (what & BEV_EVENT_CONNECTED) {
        c->ev_event(bev, what, c->ev_arg);
        if (c->x != NULL) {
            interpose(c);
            client_connected(c);
        }
        return;
    }
    if (c->until_close && what == (BEV_EVENT_READING | BEV_EVENT_EOF)) {
        c->ev_event(bev, what, c->ev_arg); /* the one end of data that is an end of the body */
        return;
    }
    if ((what & BEV_EVENT_WRITING) && c->connected && !c->write_failed && c->tls.bev == NULL) {
        read_after_write_error(c, what, system_errno);
        return;
    }
    if (c->write_failed && !c->heard)
        system_errno = c->write_errno, what = BEV_EVENT_ERROR | BEV_EVENT_WRITING;
    diagnose(c, what, system_errno, &f);
    client_failed(c, &f);
}
