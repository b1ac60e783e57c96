/* One connection of a client's: from its first byte to its last, request after request.
 * SPDX-License-Identifier: MIT */
#include "http1/server.h"

#include <event2/buffer.h>
#include <event2/event.h>

#include <string.h>

/* Of what comes behind the request that is being answered. */
enum { MOST_EARLY = 64 << 10 };

void http1_session_do(struct http1_session *s, enum http1_doing doing)
{
    mw_unlink(&s->link);
    s->doing = (unsigned char)doing;
    s->since = mw_now();
    mw_list_append(&s->listener->sessions[doing], &s->link);
    if (s->listener->draining)
        http1_check_drained(s->listener);
}

/* ---- the end ------------------------------------------------------------------------------- */

/* Nobody waits any more for what becomes of it. One whose body will never be whole was not told of.
 */
void http1_session_forsake(mw_request *r)
{
    if (r == NULL)
        return;
    if (mw_request_is_known(r))
        mw_request_on_gone(r);
    else
        mw_request_free(r);
}

mw_request *http1_session_part(struct http1_session *s)
{
    mw_request *r = s->r;
    s->r = NULL;
    if (r != NULL)
        http1_turn_of(r)->session = NULL;
    return r;
}

void http1_session_free(struct http1_session *s)
{
    mw_unlink(&s->link);
    mw_dealloc(&s->listener->engine->rt->allocator, s);
}

static void forget_early(struct http1_session *s)
{
    mw_undefer(&s->again);
    if (s->early != NULL)
        evbuffer_free(s->early);
    s->early = NULL;
}

void http1_session_end(struct http1_session *s)
{
    struct http1_listener *l = s->listener;
    if (s->ended)
        return;
    s->ended = true;
    http1_session_part(s);
    forget_early(s);
    wire_close(&s->wire);
    http1_partial_free(s->partial, &l->engine->rt->allocator);
    s->partial = NULL;
    mw_unlink(&s->link);
    mw_list_append(&l->dead, &s->link);
    mw_defer(l->engine->rt, &l->reaping);
    http1_check_drained(l);
}

void http1_session_drop(struct http1_session *s)
{
    mw_request *r = http1_session_part(s);
    http1_session_end(s);
    http1_session_forsake(r);
}

void http1_session_time_out(struct http1_session *s)
{
    bool speaks = s->doing == HTTP1_READING && !s->wire.opening;
    bool sends_body =
        s->r != NULL && s->doing == HTTP1_TURN && s->body != HTTP1_NO_BODY && !s->started;
    if (!speaks && !sends_body) {
        http1_session_drop(s);
        return;
    }
    http1_session_forsake(http1_session_part(s));
    http1_session_refuse(s, 408,
                         speaks ? "the head of the request took too long"
                                : "the body of the request came too slowly");
}

/* ---- one turn after the other -------------------------------------------------------------- */

/* No more will be sent: tells the client, and waits for it to end its side too. A socket closed
 * while there is something to read would take back what was sent last. */
static void leave(struct http1_session *s)
{
    s->wire.socket.via->finish(&s->wire.socket);
    http1_session_do(s, HTTP1_LEAVING);
    wire_read_on(&s->wire, true);
}

/* A reply that is not out yet is work still: neither a clock of idleness nor a drain may cut it. */
void http1_session_rest(struct http1_session *s)
{
    if (wire_pending(&s->wire) == 0)
        http1_session_do(s, HTTP1_WAITING);
    else if (s->doing != HTTP1_TURN)
        http1_session_do(s, HTTP1_TURN);
}

void http1_session_next(struct http1_session *s)
{
    s->started = s->in_chunks = s->paused = false;
    if (!s->keeps || s->listener->draining) {
        s->keeps = false;
        s->over = true;
        s->body = HTTP1_NO_BODY; /* no clock waits for the rest of it */
        forget_early(s);
        if (wire_pending(&s->wire) == 0)
            leave(s);
        else
            http1_session_do(s, HTTP1_TURN); /* until it is out */
        return;
    }
    if (s->body == HTTP1_NO_BODY)
        http1_session_rest(s);
    else
        s->body_since = s->moved = mw_now();
    if (s->early != NULL)
        mw_defer(s->listener->engine->rt, &s->again);
    wire_read_on(&s->wire, true);
}

/* Whether the next bytes can be looked at now. */
static bool takes_more(const struct http1_session *s)
{
    return !s->ended && !s->over && (s->r == NULL || s->body != HTTP1_NO_BODY);
}

static void keep_for_later(struct http1_session *s, const char *bytes, size_t length)
{
    if (s->early == NULL)
        s->early = evbuffer_new();
    if (s->early == NULL || evbuffer_add(s->early, bytes, length) != 0)
        http1_session_drop(s);
    else if (evbuffer_get_length(s->early) >= MOST_EARLY)
        wire_read_on(&s->wire, false);
}

void http1_session_feed(struct http1_session *s, const char *bytes, size_t length)
{
    while (length > 0 && takes_more(s)) {
        size_t used = http1_receive(s, bytes, length);
        if (used == 0)
            break;
        bytes += used;
        length -= used;
    }
    if (length > 0 && !s->ended && !s->over && (s->keeps || s->may_switch))
        keep_for_later(s, bytes, length);
}

static void read_early(struct mw_deferred *self)
{
    struct http1_session *s = MW_ITEM(self, struct http1_session, again);
    struct evbuffer *early = s->early;
    s->early = NULL;
    size_t length = evbuffer_get_length(early);
    const char *bytes = (const char *)evbuffer_pullup(early, -1);
    if (bytes != NULL)
        http1_session_feed(s, bytes, length);
    else
        http1_session_drop(s); /* what follows them would be taken for a request */
    evbuffer_free(early);
    if (takes_more(s) && !s->paused) /* while these bytes waited, others may have had to */
        wire_read_on(&s->wire, true);
}

/* ---- what the socket tells ----------------------------------------------------------------- */

static struct http1_session *session_of(struct http1_wire *w)
{
    return MW_ITEM(w, struct http1_session, wire);
}

/* The client has ended its side. What it was told last still goes out; who works for it learns that
 * it has gone, since nobody can tell this from a client that has closed. */
static void on_end(struct http1_session *s)
{
    if (s->r == NULL && wire_pending(&s->wire) > 0) {
        s->keeps = false;
        wire_read_on(&s->wire, false);
        return;
    }
    http1_session_drop(s);
}

static void on_readable(struct http1_wire *w)
{
    struct http1_session *s = session_of(w);
    char *bytes;
    size_t n;
    switch (wire_read(w, &bytes, &n)) {
    case MW_IO_DONE:
        break;
    case MW_IO_AGAIN_READ:
    case MW_IO_AGAIN_WRITE:
        return;
    case MW_IO_END:
        on_end(s);
        return;
    default:
        http1_session_drop(s);
        return;
    }
    if (s->early == NULL)
        http1_session_feed(s, bytes, n);
    else
        keep_for_later(s, bytes, n); /* in their order */
}

static void on_opened(struct http1_wire *w)
{
    struct http1_session *s = session_of(w);
    if (s->listener->draining)
        http1_session_end(s);
    else
        http1_session_do(s, HTTP1_WAITING);
}

static void on_drained(struct http1_wire *w)
{
    struct http1_session *s = session_of(w);
    if (s->r != NULL) {
        mw_request_on_drained(s->r);
    } else if (!s->keeps && s->doing != HTTP1_LEAVING) {
        leave(s);
    } else if (s->doing == HTTP1_TURN && s->body == HTTP1_NO_BODY) {
        http1_session_next(s);
    }
}

static void on_broken(struct http1_wire *w)
{
    http1_session_drop(session_of(w));
}

static const struct http1_wire_events events = {on_opened, on_readable, on_drained, on_broken};

void http1_session_accept(struct http1_listener *l, int fd, const char *peer)
{
    const struct mw_allocator *a = &l->engine->rt->allocator;
    struct http1_session *s = mw_zalloc(a, sizeof *s);
    if (s == NULL) {
        evutil_closesocket(fd);
        return;
    }
    s->listener = l;
    s->keeps = true;
    s->again.run = read_early;
    memcpy(s->peer, peer, sizeof s->peer);
    if (l->tls == NULL)
        mw_socket_plain(&s->wire.socket, fd);
    else if (!mw_tls_serve(l->tls, &s->wire.socket, fd)) {
        evutil_closesocket(fd);
        mw_dealloc(a, s);
        return;
    }
    http1_session_do(s, l->tls != NULL ? HTTP1_READING : HTTP1_WAITING);
    s->moved = s->since;
    if (!wire_open(&s->wire, l->engine, &events))
        http1_session_end(s);
}
