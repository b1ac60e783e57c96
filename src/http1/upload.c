/* The body of a request on its way: from memory, from a file, or as it is read; its progress, and
 * the wait for 100.
 *
 * It goes on whenever the wire has been drained: what waits in memory is one piece at most.
 * SPDX-License-Identifier: MIT */
#include "http1/client.h"

#include <event2/event.h>

#include <stdio.h>
#include <string.h>

enum {
    PIECE = 32 << 10,         /* what is read at once; the line before it has at most 4 digits */
    MEMORY_PIECE = 256 << 10, /* what one write is offered */
    FILE_PIECE = 1 << 20,
    MOST_ROUNDS = 8 /* of those in a turn: then the others get theirs */
};

static bool in_memory(const struct mw_outgoing *out)
{
    return out->body != NULL && !out->in_chunks; /* whoever asks for chunks gets them */
}

static void go_on_later(struct http1_client *c)
{
    mw_defer(c->engine->rt, &c->more);
}

static void on_more(struct mw_deferred *self)
{
    http1_upload(MW_ITEM(self, struct http1_client, more));
}

/* ---- how far it is ------------------------------------------------------------------------- */

/* Whatever waits in the wire has not been sent. */
static void tell(struct http1_client *c)
{
    if (c->has_body && wire_pending(&c->wire) == 0)
        mw_exchange_on_sent(c->x, c->given);
}

static void give(struct http1_client *c, size_t n)
{
    c->given += n;
    if (n > 0)
        tell(c);
}

/* All has been given; the wire may hold some of it still. */
static void all_given(struct http1_client *c)
{
    c->sending = HTTP1_SEND_NOTHING;
    if (wire_pending(&c->wire) > 0)
        return;
    tell(c);
    if (mw_exchange_phase(c->x) == MW_PHASE_SEND)
        mw_exchange_on_phase(c->x, MW_PHASE_HEAD);
}

static void unreadable(struct http1_client *c, int system_errno)
{
    struct mw_failure f;
    mw_failure_init(&f, MW_UNKNOWN_CONTENT_ERROR, MW_PHASE_SEND);
    f.system_errno = system_errno;
    mw_failure_text(&f, "the body of the request cannot be sent: %s", strerror(system_errno));
    snprintf(f.address, sizeof f.address, "%s", c->address);
    http1_client_failed(c, &f);
}

static void too_short(struct http1_client *c, const char *what)
{
    http1_client_fail(c, MW_UNKNOWN_CONTENT_ERROR, MW_PHASE_SEND,
                      "%s ended after %llu of %llu bytes", what, (unsigned long long)c->given,
                      (unsigned long long)mw_exchange_outgoing(c->x)->body_length);
}

/* ---- where it comes from ------------------------------------------------------------------- */

static void send_memory(struct http1_client *c)
{
    const struct mw_outgoing *out = mw_exchange_outgoing(c->x);
    for (int i = 0; i < MOST_ROUNDS; i++) {
        size_t n, left = out->body_length - (size_t)c->given;
        bool all = wire_write(&c->wire, (const char *)out->body + c->given,
                              left < MEMORY_PIECE ? left : MEMORY_PIECE, &n);
        give(c, n);
        if (c->given == out->body_length)
            all_given(c);
        if (c->given == out->body_length || !all)
            return; /* unless that was all, `drained` or `broken` follows */
    }
    go_on_later(c);
}

static void send_file(struct http1_client *c)
{
    const struct mw_outgoing *out = mw_exchange_outgoing(c->x);
    if (wire_pending(&c->wire) > 0 && !wire_flush(&c->wire))
        return;
    for (int i = 0; i < MOST_ROUNDS; i++) {
        size_t n, left = out->body_length - (size_t)c->given;
        enum mw_io io = wire_send_file(&c->wire, c->file, c->offset + (off_t)c->given,
                                       left < FILE_PIECE ? left : FILE_PIECE, &n);
        give(c, n);
        if (c->given == out->body_length) {
            all_given(c);
            return;
        }
        if (io == MW_IO_FAILED)
            http1_client_write_failed(c);
        else if (io == MW_IO_END && c->wire.socket.system_errno != 0)
            unreadable(c, c->wire.socket.system_errno);
        else if (io == MW_IO_END)
            too_short(c, "the file of the request's body");
        if (io != MW_IO_DONE)
            return;
    }
    go_on_later(c);
}

/* Writes the line of a chunk's size; returns its length, `most` at most. */
static size_t put_size(char *at, size_t size, size_t most)
{
    size_t digits = most - 2;
    while (digits > 1 && size >> (4 * (digits - 1)) == 0)
        digits--;
    for (size_t i = 0; i < digits; i++)
        at[i] = "0123456789ABCDEF"[size >> (4 * (digits - 1 - i)) & 15];
    at[digits] = '\r';
    at[digits + 1] = '\n';
    return digits + 2;
}

/* Reads a piece and gives it to the wire, as a chunk where the length is not known. *n: how much it
 * was. */
static enum mw_io read_piece(struct http1_client *c, size_t *n)
{
    const struct mw_outgoing *out = mw_exchange_outgoing(c->x);
    mw_exchange *x = c->x;
    const size_t line = sizeof "8000\r\n" - 1;
    size_t most = PIECE;
    if (!out->in_chunks && out->body_length - c->given < most)
        most = out->body_length - (size_t)c->given;
    char *at = wire_stage(&c->wire, line + most + 2);
    *n = 0;
    if (at == NULL) {
        http1_client_fail(c, MW_UNKNOWN_NETWORK_ERROR, MW_PHASE_SEND, "no memory for a request");
        return MW_IO_FAILED;
    }
    char *bytes = at + (out->in_chunks ? line : 0);
    enum mw_io io = mw_exchange_read_body(x, bytes, most, n);
    if (!http1_still(c, x) || io != MW_IO_DONE || *n == 0)
        return io;
    size_t size = *n;
    if (out->in_chunks) {
        size_t prefix = put_size(at, size, line);
        if (prefix < line)
            memmove(at + prefix, bytes, size); /* a small one */
        at[prefix + size] = '\r';
        at[prefix + size + 1] = '\n';
        size += prefix + 2;
    }
    wire_staged(&c->wire, size);
    return io;
}

static void end_of_reader(struct http1_client *c)
{
    static const char last[] = "0\r\n\r\n";
    if (!mw_exchange_outgoing(c->x)->in_chunks)
        too_short(c, "the request's body");
    else if (wire_send(&c->wire, last, sizeof last - 1))
        c->sending = HTTP1_SEND_NOTHING; /* `drained` follows */
    else
        http1_client_fail(c, MW_UNKNOWN_NETWORK_ERROR, MW_PHASE_SEND, "no memory for a request");
}

static void send_reader(struct http1_client *c)
{
    mw_exchange *x = c->x;
    const struct mw_outgoing *out = mw_exchange_outgoing(x);
    for (int i = 0; i < MOST_ROUNDS; i++) {
        size_t n;
        if (wire_pending(&c->wire) > 0 && !wire_flush(&c->wire))
            return; /* `drained` or `broken` follows */
        tell(c);
        enum mw_io io = read_piece(c, &n);
        if (!http1_still(c, x))
            return;
        c->given += n;
        if (io == MW_IO_END) {
            end_of_reader(c);
            return;
        }
        if (io != MW_IO_DONE)
            return; /* `resume` follows, or it has ended */
        if (!out->in_chunks && c->given == out->body_length) {
            c->sending = HTTP1_SEND_NOTHING;
            return;
        }
    }
    go_on_later(c);
}

void http1_upload(struct http1_client *c)
{
    mw_undefer(&c->more); /* once it has ended, nothing of it may be left over */
    switch (c->sending) {
    case HTTP1_SEND_NOTHING:
        all_given(c);
        break;
    case HTTP1_SEND_HELD:
        break;
    case HTTP1_SEND_MEMORY:
        send_memory(c);
        break;
    case HTTP1_SEND_FILE:
        send_file(c);
        break;
    case HTTP1_SEND_READER:
        send_reader(c);
        break;
    }
}

/* ---- its beginning and end ----------------------------------------------------------------- */

static enum http1_sending source_of(struct http1_client *c)
{
    const struct mw_outgoing *out = mw_exchange_outgoing(c->x);
    if (in_memory(out))
        return HTTP1_SEND_MEMORY;
    c->file = out->in_chunks ? -1 : mw_exchange_body_file(c->x, &c->offset);
    return c->file >= 0 ? HTTP1_SEND_FILE : HTTP1_SEND_READER;
}

static void on_impatience(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    http1_upload_release(arg);
}

/* Servers need not know the expectation (RFC 9110, 10.1.1). */
static bool hold(struct http1_client *c)
{
    double seconds = mw_exchange_outgoing(c->x)->expect_timeout;
    struct timeval patience = mw_timeval(seconds);
    if (c->continue_clock == NULL)
        c->continue_clock = evtimer_new(c->engine->rt->base, on_impatience, c);
    return c->continue_clock != NULL &&
           (seconds < 0 || evtimer_add(c->continue_clock, &patience) == 0);
}

void http1_upload_begin(struct http1_client *c, size_t given)
{
    const struct mw_outgoing *out = mw_exchange_outgoing(c->x);
    c->sending = HTTP1_SEND_NOTHING;
    c->given = given;
    c->more.run = on_more;
    if (!c->has_body) {
        mw_exchange_on_phase(c->x, MW_PHASE_HEAD); /* so few bytes are as good as sent */
    } else if (out->expects_continue && hold(c)) {
        c->sending = HTTP1_SEND_HELD;
        mw_exchange_on_phase(c->x, MW_PHASE_HEAD);
    } else {
        if (given == 0)
            c->sending = source_of(c);
        mw_exchange_on_phase(c->x, MW_PHASE_SEND); /* goes on once the head is out */
    }
}

void http1_upload_release(struct http1_client *c)
{
    if (c->sending != HTTP1_SEND_HELD)
        return;
    event_del(c->continue_clock);
    c->sending = source_of(c);
    mw_exchange_on_phase(c->x, MW_PHASE_SEND);
    http1_upload(c);
}

void http1_upload_stop(struct http1_client *c)
{
    if (c->sending == HTTP1_SEND_HELD)
        event_del(c->continue_clock);
    c->sending = HTTP1_SEND_NOTHING;
    mw_undefer(&c->more);
}
