/* Connections beyond HTTP: a socket with its events, read no faster than its user reads, written as
 * the peer takes it.
 * SPDX-License-Identifier: MIT */
#include "core/connection.h"

#include <event2/buffer.h>
#include <event2/event.h>

#include <string.h>

enum {
    PIECE = 16 << 10,   /* of one read: as much as TLS gives at once */
    AT_ONCE = 64 << 10, /* of one turn: others want to be read as well */
    WINDOW = 64 << 10,  /* what may wait to be read, unless the user says otherwise */
    PIECES_OUT = 16     /* of one write */
};

/* With nobody left to look after it, one whose peer takes nothing for so long is cut. */
static const double LINGER = 30;

/* ---- its end --------------------------------------------------------------------------------- */

void mw_connection_destroy(mw_connection *c)
{
    const struct mw_allocator *a = &c->rt->allocator;
    mw_undefer(&c->change);
    mw_undefer(&c->more);
    if (mw_linked(&c->link)) {
        event_del(&c->readable);
        event_del(&c->writable);
        c->rt->pending--;
    }
    mw_unlink(&c->link);
    if (c->socket.via != NULL)
        c->socket.via->close(&c->socket);
    if (c->in != NULL)
        evbuffer_free(c->in);
    if (c->out != NULL)
        evbuffer_free(c->out);
    mw_dealloc(a, c->failure);
    mw_dealloc(a, c);
}

static void changed(mw_connection *c)
{
    if (c->watcher != NULL)
        mw_defer(c->rt, &c->change);
}

/* Nothing moves any more; what has come can still be read. */
static void leave(mw_connection *c)
{
    event_del(&c->readable);
    event_del(&c->writable);
    mw_undefer(&c->more);
    c->socket.via->close(&c->socket);
    c->socket.via = NULL;
    c->gone = true;
    evbuffer_drain(c->out, evbuffer_get_length(c->out));
    changed(c);
}

static void broke(mw_connection *c)
{
    struct mw_failure f;
    mw_failure_init(&f, MW_REMOTE_HOST_CLOSED_ERROR, MW_PHASE_BODY);
    mw_socket_explain(&c->socket, MW_PHASE_BODY, &f);
    c->error = f.code;
    c->failure = mw_alloc(&c->rt->allocator, sizeof *c->failure);
    if (c->failure != NULL)
        *c->failure = f;
    leave(c);
}

static void no_memory(mw_connection *c)
{
    c->error = MW_UNKNOWN_NETWORK_ERROR;
    leave(c);
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool is_full(const mw_connection *c)
{
    return c->window > 0 && evbuffer_get_length(c->in) >= c->window;
}

static void stop_reading(mw_connection *c)
{
    event_del(&c->readable);
}

/* One read; true if another may follow. */
static bool read_once(mw_connection *c)
{
    char bytes[PIECE];
    size_t n = 0;
    enum mw_io how = c->socket.via->read(&c->socket, bytes, sizeof bytes, &n);
    c->read_waits_write = how == MW_IO_AGAIN_WRITE;
    if (c->read_waits_write)
        event_add(&c->writable, NULL);
    if (how == MW_IO_FAILED) {
        broke(c);
    } else if (how == MW_IO_END) {
        c->ended = true;
        stop_reading(c);
        changed(c);
    } else if (how == MW_IO_DONE && evbuffer_add(c->in, bytes, n) != 0) {
        no_memory(c);
    }
    return how == MW_IO_DONE && !c->gone;
}

static void read_some(mw_connection *c)
{
    size_t before = evbuffer_get_length(c->in);
    bool more = !c->gone && !c->ended && !c->full;
    while (more && evbuffer_get_length(c->in) < before + AT_ONCE) {
        more = read_once(c);
        c->full = is_full(c);
        more = more && !c->full;
    }
    if (evbuffer_get_length(c->in) > before)
        changed(c);
    if (c->full && !c->gone)
        stop_reading(c);
    else if (more && mw_socket_buffered(&c->socket))
        mw_defer(c->rt, &c->more);
}

static void run_more(struct mw_deferred *self)
{
    read_some(MW_ITEM(self, mw_connection, more));
}

/* ---- writing --------------------------------------------------------------------------------- */

/* False once nothing more goes now. */
static bool write_once(mw_connection *c)
{
    struct evbuffer_iovec pieces[PIECES_OUT];
    struct iovec parts[PIECES_OUT];
    size_t n = 0;
    int count = evbuffer_peek(c->out, -1, NULL, pieces, PIECES_OUT);
    if (count > PIECES_OUT)
        count = PIECES_OUT;
    for (int i = 0; i < count; i++)
        parts[i] = (struct iovec){pieces[i].iov_base, pieces[i].iov_len};
    enum mw_io how = c->socket.via->write(&c->socket, parts, count, &n);
    c->write_waits_read = how == MW_IO_AGAIN_READ;
    if (how == MW_IO_DONE)
        evbuffer_drain(c->out, n);
    else if (how != MW_IO_AGAIN_READ && how != MW_IO_AGAIN_WRITE)
        broke(c);
    return how == MW_IO_DONE;
}

/* While something is left, the event stays: writable, or readable where TLS wants that first. */
static void write_some(mw_connection *c)
{
    struct timeval linger = mw_timeval(LINGER);
    bool some = !c->gone && evbuffer_get_length(c->out) > 0;
    bool going = some;
    while (going && evbuffer_get_length(c->out) > 0)
        going = write_once(c);
    if (c->gone)
        return;
    if (evbuffer_get_length(c->out) > 0) {
        event_add(c->write_waits_read ? &c->readable : &c->writable, c->closing ? &linger : NULL);
        return;
    }
    if (!c->read_waits_write)
        event_del(&c->writable);
    if (some)
        changed(c);
}

/* ---- events ---------------------------------------------------------------------------------- */

/* One that is closing has nobody to tell, and goes with its last byte. */
static bool over(mw_connection *c, short what)
{
    if (!c->closing || (!c->gone && !(what & EV_TIMEOUT) && evbuffer_get_length(c->out) > 0))
        return false;
    mw_connection_destroy(c);
    return true;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    mw_connection *c = arg;
    (void)fd;
    if (c->write_waits_read)
        write_some(c);
    if (!c->closing)
        read_some(c);
    over(c, what);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    mw_connection *c = arg;
    (void)fd;
    if (!(what & EV_TIMEOUT))
        write_some(c);
    if (c->read_waits_write && !c->closing)
        read_some(c);
    over(c, what);
}

static void tell_change(struct mw_deferred *self)
{
    mw_connection *c = MW_ITEM(self, mw_connection, change);
    mw_runtime *rt = c->rt;
    if (c->watcher == NULL)
        return;
    rt->callback_depth++;
    c->watcher(c, c->watcher_ud); /* may close it */
    rt->callback_depth--;
}

/* ---- its beginning --------------------------------------------------------------------------- */

mw_connection *mw_connection_new(mw_runtime *rt, struct mw_socket *s, const void *early,
                                 size_t length)
{
    mw_connection *c = mw_zalloc(&rt->allocator, sizeof *c);
    if (c == NULL) {
        s->via->close(s);
        return NULL;
    }
    c->rt = rt;
    c->socket = *s;
    memset(s, 0, sizeof *s);
    c->window = WINDOW;
    c->change.run = tell_change;
    c->more.run = run_more;
    c->in = evbuffer_new();
    c->out = evbuffer_new();
    if (c->in == NULL || c->out == NULL || evbuffer_add(c->in, early, length) != 0) {
        mw_connection_destroy(c);
        return NULL;
    }
    return c;
}

int mw_connection_take(mw_connection *c)
{
    mw_runtime *rt = c->rt;
    event_assign(&c->readable, rt->base, c->socket.fd, EV_READ | EV_PERSIST, on_readable, c);
    event_assign(&c->writable, rt->base, c->socket.fd, EV_WRITE | EV_PERSIST, on_writable, c);
    mw_list_append(&rt->connections, &c->link);
    rt->pending++;
    if (event_add(&c->readable, NULL) != 0)
        return mw_fail(rt, MW_ESYSTEM, "the loop cannot watch the connection");
    mw_defer(rt, &c->more); /* what lies inside TLS already */
    return MW_OK;
}

void mw_connection_close(mw_connection *c)
{
    if (c == NULL)
        return;
    c->watcher = NULL;
    c->closing = true;
    mw_undefer(&c->change);
    mw_undefer(&c->more);
    if (!c->gone)
        write_some(c);
    if (c->gone || evbuffer_get_length(c->out) == 0) {
        mw_connection_destroy(c);
        return;
    }
    if (!c->write_waits_read)
        stop_reading(c);
    evbuffer_drain(c->in, evbuffer_get_length(c->in));
}

void mw_connection_abort(mw_connection *c)
{
    if (c != NULL)
        mw_connection_destroy(c);
}

/* ---- for its user ---------------------------------------------------------------------------- */

void mw_connection_watch(mw_connection *c, mw_connection_fn fn, void *ud)
{
    c->watcher = fn;
    c->watcher_ud = ud;
    if (evbuffer_get_length(c->in) > 0 || c->ended || c->gone)
        changed(c);
}

size_t mw_connection_available(const mw_connection *c)
{
    return evbuffer_get_length(c->in);
}

/* There is room again. */
static void read_on(mw_connection *c)
{
    if (!c->full || (c->window > 0 && evbuffer_get_length(c->in) > c->window / 2))
        return;
    c->full = false;
    if (c->gone || c->ended)
        return;
    event_add(&c->readable, NULL);
    mw_defer(c->rt, &c->more);
}

void mw_connection_set_read_buffer_size(mw_connection *c, size_t size)
{
    c->window = size;
    read_on(c);
}

size_t mw_connection_read_buffer_size(const mw_connection *c)
{
    return c->window;
}

size_t mw_connection_read(mw_connection *c, void *bytes, size_t size)
{
    static const size_t most = 1u << 30; /* libevent counts what it removes in an int */
    int removed = evbuffer_remove(c->in, bytes, size < most ? size : most);
    size_t length = removed > 0 ? (size_t)removed : 0;
    c->scanned = c->scanned > length ? c->scanned - length : 0;
    read_on(c);
    return length;
}

size_t mw_connection_line(mw_connection *c)
{
    struct evbuffer_ptr from, at;
    if (evbuffer_get_length(c->in) <= c->scanned)
        return 0;
    evbuffer_ptr_set(c->in, &from, c->scanned, EVBUFFER_PTR_SET);
    at = evbuffer_search(c->in, "\n", 1, &from);
    if (at.pos < 0)
        c->scanned = evbuffer_get_length(c->in);
    return at.pos < 0 ? 0 : (size_t)at.pos + 1;
}

int mw_connection_write(mw_connection *c, const void *bytes, size_t length)
{
    if (c->gone)
        return mw_fail(c->rt, MW_ECLOSED, "the connection is closed");
    bool idle = evbuffer_get_length(c->out) == 0;
    if (evbuffer_add(c->out, bytes, length) != 0)
        return mw_fail(c->rt, MW_ENOMEM, "no memory for what is to be sent");
    if (idle)
        write_some(c);
    return MW_OK;
}

size_t mw_connection_pending(const mw_connection *c)
{
    return evbuffer_get_length(c->out);
}

int mw_connection_ended(const mw_connection *c)
{
    return c->ended || c->gone;
}

int mw_connection_gone(const mw_connection *c)
{
    return c->gone;
}

int mw_connection_error(const mw_connection *c)
{
    return c->error;
}

const char *mw_connection_error_string(const mw_connection *c)
{
    if (c->error == MW_NO_ERROR)
        return "";
    if (c->failure != NULL && c->failure->text[0] != '\0')
        return c->failure->text;
    return "no memory for the connection";
}
