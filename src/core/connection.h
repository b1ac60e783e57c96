/* A connection that HTTP has been left on, for another protocol: bytes in, bytes out.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_CONNECTION_H
#define MW_CORE_CONNECTION_H

#include "core/runtime.h"
#include "net/socket.h"

#include <event2/event_struct.h>

struct evbuffer;

struct mw_connection {
    struct mw_link link; /* in the runtime's list once somebody has taken it */
    mw_runtime *rt;
    struct mw_socket socket;
    struct event readable, writable;
    struct evbuffer *in, *out;
    size_t window;             /* what may wait in `in`; 0: any number of bytes */
    size_t scanned;            /* so many bytes of `in` hold no "\n" */
    struct mw_deferred change; /* tells who watches it */
    struct mw_deferred more;   /* reads on: bytes that lie inside TLS make no event */
    mw_connection_fn watcher;
    void *watcher_ud;
    bool full;             /* much waits to be read: the socket is not */
    bool read_waits_write; /* TLS: reading goes on once it can write */
    bool write_waits_read; /* TLS: the other way round */
    bool ended;            /* the peer has sent all */
    bool gone;             /* closed or broken: nothing moves any more */
    bool closing;          /* its user has let go of it; what is to be sent still goes out */
    int error;
    struct mw_failure *failure; /* NULL while there is none, or no memory for it */
};

/* Takes a socket over, and a copy of bytes that came early. It rests, and does not count as
 * pending, until it is taken. NULL without memory; the socket is then closed. */
mw_connection *mw_connection_new(mw_runtime *rt, struct mw_socket *s, const void *early,
                                 size_t length);
int mw_connection_take(mw_connection *c);

/* At once, whether or not it was taken; what was not sent is lost. */
void mw_connection_destroy(mw_connection *c);

#endif
