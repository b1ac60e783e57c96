/* raw_wire.c: moves the bytes of a test peer's connection, plain or TLS, exactly as they are, and
 * ends it in every way in which a peer can end. Tells the script from the loop only.
 * SPDX-License-Identifier: MIT */
#include "raw.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>

#define READ_SIZE 65536
#define WRITE_SIZE 16384 /* one TLS record */
#define DRAIN_MAX 64     /* reads after which what still arrives is left to its fate */

/* ---- the socket ---- */

static ssize_t again_or_error(raw_conn *conn)
{
    if (errno == EAGAIN || errno == EINTR)
        return RAW_AGAIN;
    snprintf(conn->detail, sizeof conn->detail, "%s", strerror(errno));
    return RAW_ERROR;
}

static ssize_t read_some(raw_conn *conn, char *bytes, size_t size)
{
    if (conn->ssl)
        return raw_tls_read(conn, bytes, size);
    ssize_t n = recv(conn->fd, bytes, size, 0);
    return n >= 0 ? n : again_or_error(conn);
}

static ssize_t write_some(raw_conn *conn, const unsigned char *bytes, size_t length)
{
    if (conn->ssl)
        return raw_tls_write(conn, bytes, length);
    ssize_t n = send(conn->fd, bytes, length, MSG_NOSIGNAL);
    return n >= 0 ? n : again_or_error(conn);
}

/* Frees everything but what was received. */
void raw_wire_shut(raw_conn *conn)
{
    if (conn->read_event)
        event_free(conn->read_event);
    if (conn->write_event)
        event_free(conn->write_event);
    conn->read_event = conn->write_event = NULL;
    raw_tls_free(conn);
    if (conn->out)
        evbuffer_free(conn->out);
    conn->out = NULL;
    if (conn->fd >= 0)
        close(conn->fd);
    conn->fd = -1;
}

/* Unpins what is over, unless a handler further up the C stack still uses it: that one will. */
static void settle(raw_conn *conn)
{
    if (conn->fd < 0 && conn->depth == 0)
        raw_unpin(&conn->object);
}

static int established(const raw_conn *conn)
{
    return conn->fd >= 0 && !conn->connecting && !conn->handshaking;
}

size_t raw_wire_unsent(const raw_conn *conn)
{
    return conn->out ? evbuffer_get_length(conn->out) : 0;
}

static void want(struct event *event, int on)
{
    if (on)
        event_add(event, NULL);
    else
        event_del(event);
}

static void set_interest(raw_conn *conn)
{
    if (conn->fd < 0)
        return;
    int reads = conn->handshaking || (!conn->paused && !conn->closing && !conn->how);
    want(conn->read_event, reads && !conn->connecting);
    want(conn->write_event, conn->connecting || conn->want_write || conn->broken ||
                                (!conn->handshaking && raw_wire_unsent(conn) > 0));
}

/* ---- endings ---- */

/* A close with bytes unread would send RST instead of FIN and could destroy what the peer has not
 * read yet: what has arrived is taken out first. */
static void finish_close(raw_conn *conn)
{
    char bytes[4096];
    if (conn->ssl && established(conn) && !conn->silent && !conn->halved)
        raw_tls_notify(conn);
    if (!conn->connecting) {
        shutdown(conn->fd, SHUT_WR);
        for (int i = 0; i < DRAIN_MAX && recv(conn->fd, bytes, sizeof bytes, 0) > 0; i++)
            ;
    }
    raw_wire_shut(conn);
}

static void finish_half(raw_conn *conn)
{
    if (conn->ssl && !conn->silent)
        raw_tls_notify(conn);
    shutdown(conn->fd, SHUT_WR);
    conn->halved = 1;
}

static void tell_close(raw_conn *conn)
{
    raw_call(&conn->object, "on_close", conn->how, strlen(conn->how),
             conn->detail[0] ? conn->detail : NULL);
}

/* The peer is gone for good. Tells the script unless it had closed by itself. */
static void lost(raw_conn *conn, const char *how)
{
    int tell = !conn->closing && !conn->how;
    if (!conn->how)
        conn->how = how;
    raw_wire_shut(conn);
    if (tell)
        tell_close(conn);
}

/* ---- data ---- */

/* Sends what waits and what is to follow it; `broken` is set when that cannot be. */
static void flush(raw_conn *conn)
{
    conn->want_write = 0;
    while (raw_wire_unsent(conn) > 0) {
        size_t length = raw_wire_unsent(conn);
        if (length > WRITE_SIZE)
            length = WRITE_SIZE;
        ssize_t n = write_some(conn, evbuffer_pullup(conn->out, (ev_ssize_t)length), length);
        if (n == RAW_AGAIN)
            return;
        if (n < 0) {
            conn->broken = 1; /* a broken socket polls as writable: the loop will tell */
            evbuffer_drain(conn->out, raw_wire_unsent(conn));
            return;
        }
        evbuffer_drain(conn->out, (size_t)n);
    }
    if (conn->closing)
        finish_close(conn);
    else if (conn->halving && !conn->halved)
        finish_half(conn);
    if (conn->halved && conn->how)
        raw_wire_shut(conn);
}

static int keep(raw_conn *conn, const char *bytes, size_t length)
{
    if (conn->in_size - conn->in_length < length) {
        size_t size = conn->in_size * 2 + length;
        char *in = realloc(conn->in, size);
        if (!in)
            return -1;
        conn->in = in;
        conn->in_size = size;
    }
    memcpy(conn->in + conn->in_length, bytes, length);
    conn->in_length += length;
    return 0;
}

static int stays_open(lua_State *L)
{
    raw_conn *conn = lua_touserdata(L, 1);
    raw_push(L, conn);
    lua_getfield(L, -1, "allow_half_open");
    conn->closing = conn->halved || !lua_toboolean(L, -1);
    return 0;
}

/* The peer has ended its direction: we end ours, once all is sent, unless the script wants it. */
static void on_eof(raw_conn *conn)
{
    conn->how = "eof";
    tell_close(conn);
    if (conn->fd >= 0 && !conn->closing)
        raw_protect(conn->object.ctx, stays_open, conn);
    if (conn->fd >= 0)
        flush(conn);
}

static int reading(const raw_conn *conn)
{
    return conn->fd >= 0 && !conn->paused && !conn->closing && !conn->how;
}

/* One read per turn of the loop, but for bytes that TLS holds already: no event tells of them. */
static void receive(raw_conn *conn)
{
    char bytes[READ_SIZE];
    do {
        ssize_t n = read_some(conn, bytes, sizeof bytes);
        if (n == RAW_AGAIN)
            return;
        if (n == RAW_EOF) {
            on_eof(conn);
        } else if (n < 0 || keep(conn, bytes, (size_t)n) < 0) {
            lost(conn, "error");
        } else {
            raw_call(&conn->object, "on_data", bytes, (size_t)n, NULL);
        }
    } while (reading(conn) && conn->ssl && raw_tls_pending(conn));
}

/* ---- events ---- */

/* Ends the phases before data. Returns 0 while they last. */
static int ready(raw_conn *conn)
{
    if (conn->connecting) {
        int error = 0;
        socklen_t length = sizeof error;
        getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &length);
        if (error)
            snprintf(conn->detail, sizeof conn->detail, "%s", strerror(error));
        if (conn->detail[0]) {
            lost(conn, "error");
            return 0;
        }
        conn->connecting = 0;
        raw_call(&conn->object, "on_connect", NULL, 0, NULL);
    }
    if (conn->fd >= 0 && conn->handshaking) {
        ssize_t n = raw_tls_handshake(conn);
        if (n != RAW_AGAIN && n <= 0)
            lost(conn, n == RAW_EOF ? "eof" : "error");
        if (n <= 0)
            return 0;
        conn->handshaking = 0;
        raw_call(&conn->object, "on_secure", NULL, 0, NULL);
    }
    return conn->fd >= 0;
}

static void on_event(evutil_socket_t fd, short what, void *ud)
{
    (void)fd;
    (void)what;
    raw_conn *conn = ud;
    conn->depth++;
    if (ready(conn)) {
        flush(conn);
        if (reading(conn))
            receive(conn); /* what the peer said before it went comes first */
        if (conn->broken && conn->fd >= 0)
            lost(conn, "error");
    }
    set_interest(conn);
    conn->depth--;
    settle(conn);
}

/* ---- what the methods ask for ---- */

int raw_wire_start(raw_conn *conn)
{
    struct event_base *base = conn->object.ctx->base;
    int on = 1;
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    conn->out = evbuffer_new();
    conn->read_event = event_new(base, conn->fd, EV_READ | EV_PERSIST, on_event, conn);
    conn->write_event = event_new(base, conn->fd, EV_WRITE | EV_PERSIST, on_event, conn);
    return conn->out && conn->read_event && conn->write_event ? 0 : -1;
}

void raw_wire_go(raw_conn *conn)
{
    if (established(conn))
        flush(conn);
    set_interest(conn);
    settle(conn);
}

int raw_wire_send(raw_conn *conn, const char *bytes, size_t length)
{
    if (evbuffer_add(conn->out, bytes, length) != 0)
        return -1;
    raw_wire_go(conn);
    return 0;
}

void raw_wire_close(raw_conn *conn)
{
    if (conn->fd < 0)
        return;
    conn->closing = 1;
    if (conn->connecting || (conn->handshaking && raw_wire_unsent(conn) == 0))
        finish_close(conn);
    raw_wire_go(conn);
}

void raw_wire_reset(raw_conn *conn)
{
    if (conn->fd >= 0) {
        struct linger linger = {.l_onoff = 1, .l_linger = 0};
        setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
        raw_wire_shut(conn);
    }
    settle(conn);
}

void raw_wire_pause(raw_conn *conn, int on)
{
    conn->paused = on ? 1 : 0;
    set_interest(conn);
    if (established(conn) && reading(conn)) /* TLS may hold bytes that no event tells of */
        event_active(conn->read_event, EV_READ, 0);
}

void raw_wire_fail(raw_conn *conn, int error)
{
    snprintf(conn->detail, sizeof conn->detail, "%s", strerror(error));
    event_active(conn->write_event, EV_WRITE, 0);
}
