/* Our callbacks in front of evhttp's.
 * SPDX-License-Identifier: MIT */
#include "evhttp/state.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http_struct.h>
#include <event2/util.h>

/* While a request is being sent evhttp reads what comes and looks at it later; a server that talks
 * before it has listened must not fill the memory. */
static const size_t most_early_input = 256u << 10;

static const size_t most_chunk_line = 4096;

static void on_event(struct bufferevent *bev, short what, void *arg);
static void on_read(struct bufferevent *bev, void *arg);
static void on_write(struct bufferevent *bev, void *arg);

void interpose(struct connection *c)
{
    bufferevent_data_cb read, write;
    bufferevent_event_cb event;
    void *arg;
    transport_take_over(c);
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

/* evhttp holds a chunk back until it is whole, and reads the line of its size whatever its length.
 * Where it stands in the chunks can be seen from its count of bytes to read: below 0 it waits for a
 * line. */
static void check_body(struct connection *c, struct evbuffer *input)
{
    uint64_t most = mw_exchange_outgoing(c->x)->max_body_size;
    const struct evhttp_request *request = c->request;
    uint64_t waiting = evbuffer_get_length(input);
    if (!request->chunked)
        return; /* the head told the length, or it is given to the exchange as it comes */
    if (request->ntoread > 0 && (uint64_t)request->ntoread > mw_exchange_room(c->x))
        client_fail(c, MW_UNKNOWN_CONTENT_ERROR,
                    "the body is larger than max_body_size, %llu bytes", (unsigned long long)most);
    else if (request->ntoread < 0 && waiting > most_chunk_line)
        client_fail(c, MW_PROTOCOL_FAILURE, "the line of a chunk's size is longer than %zu bytes",
                    most_chunk_line);
}

/* After 100 evhttp writes what it had held back, and waits until that is written. Where it is
 * nothing, a bufferevent of TLS never tells. */
static void after_interim(struct connection *c)
{
    if (mw_exchange_phase(c->x) == MW_PHASE_SEND &&
        evbuffer_get_length(bufferevent_get_output(c->bev)) == 0)
        bufferevent_trigger(c->bev, EV_WRITE, BEV_TRIG_DEFER_CALLBACKS);
}

static void receive(struct connection *c)
{
    struct evbuffer *input = bufferevent_get_input(c->bev);
    c->heard = true;
    mw_exchange_on_activity(c->x);
    if (c->ev_read == NULL) {
        if (evbuffer_get_length(input) > most_early_input)
            transport_read(c, false); /* evhttp enables it when it starts to read */
        return;
    }
    if (!c->head_seen && !reply_take_head(c, input))
        return;
    c->ev_read(c->bev, c->ev_arg);
    if (c->x == NULL)
        return;
    interpose(c);
    if (c->head_seen)
        check_body(c, input);
    else
        after_interim(c);
}

static void on_read(struct bufferevent *bev, void *arg)
{
    (void)arg;
    interpose_read(connection_of(bev));
}

void interpose_read(struct connection *c)
{
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
    send_written(c);
}

/* The server may have answered and closed before it had read the request, as with 413: what it said
 * is in the socket after a failed write, and in the input after an end of data. */
static bool may_have_answered(const struct connection *c, short what)
{
    if (!c->connected || c->write_failed || mw_exchange_phase(c->x) != MW_PHASE_SEND)
        return false;
    if ((what & BEV_EVENT_WRITING) && c->tls.bev == NULL) /* TLS reads nothing after an error */
        return true;
    return evbuffer_get_length(bufferevent_get_input(c->bev)) > 0;
}

/* evhttp goes over to reading if this flag is set, but with the flag set it waits for ever where
 * the data then ends half-way; so it is set for this one call. */
static void answer_while_sending(struct connection *c, int system_errno)
{
    c->write_failed = true;
    c->write_errno = system_errno;
    evhttp_connection_set_flags(c->evcon, EVHTTP_CON_READ_ON_WRITE_ERROR);
    c->ev_event(c->bev, BEV_EVENT_WRITING | BEV_EVENT_ERROR, c->ev_arg);
    evhttp_connection_set_flags(c->evcon, 0);
    if (c->x == NULL)
        return;
    interpose(c);
    mw_exchange_on_phase(c->x, MW_PHASE_HEAD);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    interpose_event(arg, what);
}

void interpose_event(struct connection *c, short what)
{
    int system_errno = EVUTIL_SOCKET_ERROR(); /* before anything else can change it */
    struct bufferevent *bev = c->bev;
    struct mw_failure f;
    if (c->x == NULL) {
        connection_retire(c);
        return;
    }
    if (what & BEV_EVENT_CONNECTED) {
        c->ev_event(bev, what, c->ev_arg);
        if (c->x != NULL) {
            interpose(c);
            send_connected(c);
        }
        return;
    }
    /* After an interim reply evhttp comes to what is in the input only later in this turn. */
    if (c->ev_read != NULL && c->connected && evbuffer_get_length(bufferevent_get_input(bev)) > 0) {
        receive(c);
        if (c->x == NULL)
            return;
    }
    if (c->until_close && what == (BEV_EVENT_READING | BEV_EVENT_EOF)) {
        c->ev_event(bev, what, c->ev_arg); /* the one end of data that is an end of the body */
        return;
    }
    if (may_have_answered(c, what)) {
        answer_while_sending(c, system_errno);
        return;
    }
    if (c->write_failed && !c->heard)
        system_errno = c->write_errno, what = BEV_EVENT_ERROR | BEV_EVENT_WRITING;
    diagnose(c, what, system_errno, &f);
    client_failed(c, &f);
}
