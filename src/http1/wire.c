/* The bytes of one connection.
 * SPDX-License-Identifier: MIT */
#include "http1/wire.h"

#include <event2/buffer.h>
#include <event2/event.h>

#include <errno.h>
#include <string.h>

/* From here on bytes are offered to the socket at once: copying them would cost more. */
enum { LARGE = 16 << 10 };

/* ---- what is to be sent this turn ---------------------------------------------------------- */

static void on_flush(evutil_socket_t fd, short what, void *arg);

static void send_soon(struct http1_wire *w)
{
    struct http1_engine *engine = w->engine;
    bool waits = (w->blocked || w->opening) && !w->failed;
    if (mw_linked(&w->unsent) || waits)
        return;
    if (mw_list_empty(&engine->unsent))
        event_active(engine->flush, EV_TIMEOUT, 0);
    mw_list_append(&engine->unsent, &w->unsent);
}

static bool is_last(const struct http1_wire *w)
{
    return w->length > 0 && w->at + w->length == w->engine->staged;
}

/* Whether so many bytes more can be put behind what the stage holds of this wire. */
static bool stage_has_room(const struct http1_wire *w, size_t size)
{
    return w->out == NULL && !w->blocked && !w->opening && (w->length == 0 || is_last(w)) &&
           HTTP1_STAGE - w->engine->staged >= size;
}

/* Moves what is staged in front of what waits: it was to go first. */
static bool unstage(struct http1_wire *w)
{
    if (w->out == NULL)
        w->out = evbuffer_new();
    if (w->out == NULL)
        return false;
    if (w->length > 0 && evbuffer_prepend(w->out, w->engine->stage + w->at, w->length) != 0)
        return false;
    if (is_last(w))
        w->engine->staged -= w->length;
    w->length = 0;
    return true;
}

char *wire_stage(struct http1_wire *w, size_t size)
{
    struct evbuffer_iovec space;
    if (stage_has_room(w, size)) {
        if (w->length == 0)
            w->at = (uint32_t)w->engine->staged;
        return w->engine->stage + w->engine->staged;
    }
    if (!unstage(w) || evbuffer_reserve_space(w->out, (ev_ssize_t)size, &space, 1) != 1)
        return NULL;
    w->engine->room = space.iov_base;
    return space.iov_base;
}

void wire_staged(struct http1_wire *w, size_t size)
{
    if (w->out == NULL) {
        w->length += (uint32_t)size;
        w->engine->staged += size;
    } else {
        struct evbuffer_iovec space = {w->engine->room, size};
        evbuffer_commit_space(w->out, &space, 1); /* it was reserved a moment ago */
    }
    send_soon(w);
}

/* ---- sending ------------------------------------------------------------------------------- */

static void want_to_write(struct http1_wire *w);

static void forget_out(struct http1_wire *w)
{
    if (w->out != NULL)
        evbuffer_free(w->out);
    w->out = NULL;
}

enum { MOST_PIECES = 16 };

/* The pieces that wait, the staged one first. */
static int gather(const struct http1_wire *w, struct iovec *pieces)
{
    int count = 0;
    if (w->length > 0)
        pieces[count++] = (struct iovec){w->engine->stage + w->at, w->length};
    if (w->out != NULL) {
        struct evbuffer_iovec *more = (struct evbuffer_iovec *)pieces + count;
        int found = evbuffer_peek(w->out, -1, NULL, more, MOST_PIECES - count);
        count += found < MOST_PIECES - count ? found : MOST_PIECES - count;
    }
    return count;
}

static void sent(struct http1_wire *w, size_t n)
{
    size_t staged = n < w->length ? n : w->length;
    w->at += (uint32_t)staged;
    w->length -= (uint32_t)staged;
    if (n > staged)
        evbuffer_drain(w->out, n - staged);
    if (w->out != NULL && evbuffer_get_length(w->out) == 0)
        forget_out(w);
}

static size_t size_of(const struct iovec *pieces, int count)
{
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += pieces[i].iov_len;
    return size;
}

static void note_wait(struct http1_wire *w, enum mw_io result)
{
    if (result == MW_IO_AGAIN_WRITE) {
        w->blocked = true;
        want_to_write(w);
    } else if (result == MW_IO_AGAIN_READ) {
        w->blocked = true;
        w->write_waits_read = true;
    } else {
        w->failed = true;
    }
}

/* Sends what waits, and the piece behind it. *n: how much of that piece was taken. */
static bool send_all(struct http1_wire *w, const void *bytes, size_t size, size_t *n)
{
    struct iovec pieces[MOST_PIECES + 1];
    *n = 0;
    for (;;) {
        int count = gather(w, pieces);
        size_t before = size_of(pieces, count);
        bool tail = before == wire_pending(w) && size > *n;
        if (tail)
            pieces[count++] = (struct iovec){(char *)bytes + *n, size - *n};
        if (count == 0)
            return true;
        size_t took = 0;
        enum mw_io result = w->socket.via->write(&w->socket, pieces, count, &took);
        if (result != MW_IO_DONE) {
            note_wait(w, result);
            return false;
        }
        sent(w, took < before ? took : before);
        *n += took > before ? took - before : 0;
        if (wire_pending(w) == 0 && *n == size)
            return true;
    }
}

bool wire_write(struct http1_wire *w, const void *bytes, size_t size, size_t *n)
{
    *n = 0;
    if (w->failed || w->blocked || w->opening)
        return false;
    bool done = send_all(w, bytes, size, n);
    if (!done && !w->failed && w->length > 0 && !unstage(w))
        w->failed = true;
    if (w->failed)
        send_soon(w); /* from where it is told of */
    return done;
}

bool wire_flush(struct http1_wire *w)
{
    size_t n;
    return wire_write(w, NULL, 0, &n);
}

bool wire_send(struct http1_wire *w, const void *bytes, size_t size)
{
    size_t n = 0;
    if (w->failed)
        return true; /* it is about to be told of */
    if (size >= LARGE && !w->blocked && !w->opening) {
        send_all(w, bytes, size, &n);
        if (w->failed) {
            send_soon(w);
            return true;
        }
        if (n == size)
            return true;
    } else if (stage_has_room(w, size)) {
        memcpy(wire_stage(w, size), bytes, size);
        wire_staged(w, size);
        return true;
    }
    if (!unstage(w) || evbuffer_add(w->out, (const char *)bytes + n, size - n) != 0)
        return false;
    send_soon(w);
    return true;
}

enum mw_io wire_send_file(struct http1_wire *w, int file, off_t offset, size_t length, size_t *n)
{
    *n = 0;
    if (w->blocked || w->opening)
        return MW_IO_AGAIN_WRITE;
    enum mw_io result = w->socket.via->send_file(&w->socket, file, offset, length, n);
    if (result == MW_IO_AGAIN_WRITE || result == MW_IO_AGAIN_READ)
        note_wait(w, result);
    return result;
}

size_t wire_pending(const struct http1_wire *w)
{
    return w->length + (w->out != NULL ? evbuffer_get_length(w->out) : 0);
}

/* ---- the loop's events --------------------------------------------------------------------- */

/* What was to be sent has been offered to the socket: tells how that went. */
static void told(struct http1_wire *w, bool done)
{
    if (w->failed)
        w->on->broken(w);
    else if (done)
        w->on->drained(w);
}

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
    struct http1_engine *engine = arg;
    struct mw_link batch;
    (void)fd;
    (void)what;
    mw_list_move(&engine->unsent, &batch);
    while (!mw_list_empty(&batch)) {
        struct http1_wire *w = MW_ITEM(batch.next, struct http1_wire, unsent);
        mw_unlink(&w->unsent);
        told(w, wire_flush(w));
    }
    if (mw_list_empty(&engine->unsent))
        engine->staged = 0; /* who could not send has moved its bytes away */
}

static void shake_hands(struct http1_wire *w)
{
    switch (w->socket.via->handshake(&w->socket)) {
    case MW_IO_DONE:
        w->opening = false;
        if (!w->reading)
            event_del(&w->readable);
        if (wire_pending(w) > 0)
            send_soon(w);
        w->on->opened(w);
        break;
    case MW_IO_AGAIN_READ:
        break;
    case MW_IO_AGAIN_WRITE:
        want_to_write(w);
        break;
    default:
        w->failed = true;
        w->on->broken(w);
    }
}

static void write_again(struct http1_wire *w)
{
    w->blocked = w->write_waits_read = false;
    told(w, wire_flush(w));
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct http1_wire *w = arg;
    (void)fd;
    (void)what;
    if (w->opening)
        shake_hands(w);
    else if (w->write_waits_read)
        write_again(w); /* what can be read then is told of again */
    else
        w->on->readable(w);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct http1_wire *w = arg;
    (void)fd;
    (void)what;
    if (w->opening) {
        shake_hands(w);
    } else if (w->read_waits_write) {
        w->read_waits_write = false;
        if (w->reading)
            event_add(&w->readable, NULL);
        if (w->blocked)
            want_to_write(w);
        w->on->readable(w);
    } else if (w->blocked) {
        write_again(w);
    }
}

static void want_to_write(struct http1_wire *w)
{
    if (w->writable == NULL)
        w->writable = event_new(w->engine->rt->base, w->socket.fd, EV_WRITE, on_writable, w);
    if (w->writable != NULL && event_add(w->writable, NULL) == 0)
        return;
    w->failed = true;
    send_soon(w); /* from where it is told of */
}

/* ---- reading ------------------------------------------------------------------------------- */

enum mw_io wire_read_into(struct http1_wire *w, void *bytes, size_t size, size_t *n)
{
    enum mw_io result = w->socket.via->read(&w->socket, bytes, size, n);
    if (result == MW_IO_AGAIN_WRITE) {
        w->read_waits_write = true;
        event_del(&w->readable); /* what can be read would be told of again and again */
        want_to_write(w);
    } else if (result == MW_IO_DONE && w->reading && mw_socket_buffered(&w->socket)) {
        event_active(&w->readable, EV_READ, 0); /* the system knows nothing of these */
    }
    return result;
}

enum mw_io wire_read(struct http1_wire *w, char **bytes, size_t *n)
{
    *bytes = w->engine->received;
    return wire_read_into(w, w->engine->received, HTTP1_RECEIVED, n);
}

void wire_read_on(struct http1_wire *w, bool on)
{
    if (w->reading == on || w->socket.via == NULL)
        return;
    w->reading = on;
    if (w->opening || w->read_waits_write)
        return;
    if (on)
        event_add(&w->readable, NULL);
    else
        event_del(&w->readable);
    if (on && mw_socket_buffered(&w->socket))
        event_active(&w->readable, EV_READ, 0);
}

/* ---- its making and end -------------------------------------------------------------------- */

bool wire_open(struct http1_wire *w, struct http1_engine *engine,
               const struct http1_wire_events *on)
{
    w->engine = engine;
    w->on = on;
    event_assign(&w->readable, engine->rt->base, w->socket.fd, EV_READ | EV_PERSIST, on_readable,
                 w);
    if (event_add(&w->readable, NULL) != 0)
        return false;
    w->reading = true;
    w->opening = w->socket.tls != NULL;
    if (w->opening)
        event_active(&w->readable, EV_READ, 0); /* a client speaks first */
    return true;
}

static void stop(struct http1_wire *w)
{
    mw_unlink(&w->unsent);
    if (w->engine != NULL)
        event_del(&w->readable);
    if (w->writable != NULL)
        event_free(w->writable);
    w->writable = NULL;
    forget_out(w);
    w->length = 0;
    w->reading = w->opening = w->blocked = false;
    w->read_waits_write = w->write_waits_read = false;
}

void wire_close(struct http1_wire *w)
{
    if (w->socket.via == NULL)
        return;
    stop(w);
    w->socket.via->close(&w->socket);
    w->socket.via = NULL;
}

void wire_release(struct http1_wire *w, struct mw_socket *s)
{
    stop(w);
    *s = w->socket;
    memset(&w->socket, 0, sizeof w->socket);
}

bool wires_open(struct http1_engine *engine)
{
    const struct mw_allocator *a = &engine->rt->allocator;
    mw_list_init(&engine->unsent);
    engine->received = mw_alloc(a, HTTP1_RECEIVED);
    engine->stage = mw_alloc(a, HTTP1_STAGE);
    engine->flush = evtimer_new(engine->rt->base, on_flush, engine);
    return engine->received != NULL && engine->stage != NULL && engine->flush != NULL;
}

void wires_free(struct http1_engine *engine)
{
    const struct mw_allocator *a = &engine->rt->allocator;
    if (engine->flush != NULL)
        event_free(engine->flush);
    mw_dealloc(a, engine->received);
    mw_dealloc(a, engine->stage);
}
