/* The bytes of one connection: read into a buffer that all share, sent at the end of the turn in
 * one piece; what the system does not take waits here.
 *
 * One event stays with the socket and tells of what can be read: a request costs one epoll_wait,
 * one read and one write. Whoever sends only stages bytes; those of all connections go out one
 * behind the other when the turn ends, since a peer that gets its messages at once stays awake for
 * them. SPDX-License-Identifier: MIT */
#ifndef MW_HTTP1_WIRE_H
#define MW_HTTP1_WIRE_H

#include "http1/engine.h"
#include "net/socket.h"

#include <event2/event_struct.h>

struct evbuffer;
struct http1_wire;

/* All are called from the loop's own events, never from inside a call of this header. Each may
 * close the wire, and free it. */
struct http1_wire_events {
    void (*opened)(struct http1_wire *w);   /* the handshake is over; plain ones have none */
    void (*readable)(struct http1_wire *w); /* wire_read will give something, or an end */
    void (*drained)(
        struct http1_wire *w);            /* all that was to be sent has been taken by the system */
    void (*broken)(struct http1_wire *w); /* a handshake or a write failed: mw_socket_explain */
};

struct http1_wire {
    struct http1_engine *engine;
    const struct http1_wire_events *on;
    struct mw_socket socket;
    struct event readable;
    struct event *writable; /* made when something has to wait */
    struct mw_link unsent;  /* in the engine's list while there is something to send this turn */
    uint32_t at, length;    /* that, in the engine's stage; it comes before: */
    struct evbuffer *out;   /* what the stage had no room for, or the socket; NULL if nothing */
    bool opening;           /* the handshake is under way */
    bool reading;           /* wanted: the event is there */
    bool blocked;           /* waits for the socket to take more */
    bool read_waits_write;  /* TLS: reading goes on once it can write */
    bool write_waits_read;  /* TLS: the other way round */
    bool failed;
};

/* Takes over a connected socket (w->socket is filled in), whose handshake is done from here if it
 * is one of TLS: `opened` follows. A plain one is open on return. Reading is on. False without
 * memory. */
bool wire_open(struct http1_wire *w, struct http1_engine *engine,
               const struct http1_wire_events *on);

/* Closes at once; what was not sent is lost. Nothing is called any more. May be called twice, and
 * on one that is zeroed. */
void wire_close(struct http1_wire *w);

/* Lets go of the socket, unclosed, into *s. */
void wire_release(struct http1_wire *w, struct mw_socket *s);

/* Reads once: DONE with *n bytes at *bytes, in the engine's buffer, until the next call of this on
 * any wire. The AGAINs need nothing: `readable` follows. */
enum mw_io wire_read(struct http1_wire *w, char **bytes, size_t *n);

/* Reads once into a place of the caller's. */
enum mw_io wire_read_into(struct http1_wire *w, void *bytes, size_t size, size_t *n);

void wire_read_on(struct http1_wire *w, bool on); /* stop and go on telling `readable` */

/* Room for at most `size` bytes to send, in one piece; wire_staged tells how many they came to.
 * NULL without memory. */
char *wire_stage(struct http1_wire *w, size_t size);
void wire_staged(struct http1_wire *w, size_t size);

/* Sends a copy of these bytes. Many are offered to the socket at once. False without memory. */
bool wire_send(struct http1_wire *w, const void *bytes, size_t size);

/* Writes what has been staged and, behind it, as many of these bytes as the socket takes: *n of
 * them. The others are the caller's still, and come first in the next call. False if some are left:
 * `drained` or `broken` follows. */
bool wire_write(struct http1_wire *w, const void *bytes, size_t size, size_t *n);

/* Writes at once what has been staged, for who goes on with wire_send_file or wants to know. False
 * if it could not all be sent: `drained` or `broken` follows. */
bool wire_flush(struct http1_wire *w);

/* Sends from a file, as much as the socket takes now; all that was sent before must be out. AGAIN:
 * `drained` follows. FAILED: errno in w->socket; END: the file is shorter. */
enum mw_io wire_send_file(struct http1_wire *w, int file, off_t offset, size_t length, size_t *n);

/* Bytes that the system has not taken yet. */
size_t wire_pending(const struct http1_wire *w);

/* Once for each engine. */
bool wires_open(struct http1_engine *engine);
void wires_free(struct http1_engine *engine);

#endif
