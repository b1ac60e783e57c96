/* To a connected socket by Happy Eyeballs (RFC 8305): the families of the addresses interleaved,
 * the next attempt 250 ms after the one before it or as soon as that has failed, the first to
 * connect wins. An attempt is not given up when the next begins; every address is tried.
 * SPDX-License-Identifier: MIT */
#ifndef MW_NET_CONNECT_H
#define MW_NET_CONNECT_H

#include "base/alloc.h"
#include "base/error.h"
#include "net/resolve.h"

struct event_base;
struct mw_dial;

struct mw_dial_options {
    const struct mw_addresses *addresses; /* in the order of preference; copied */
    unsigned short port;
    const char *unix_path;     /* a socket's file in their place, which may then be NULL */
    const char *local_address; /* numeric: connect from there, to addresses of its family only;
                                  NULL: the system picks one */
};

/* `fd` is connected, non-blocking, close-on-exec and, for TCP, without delay (TCP_NODELAY); it is
 * now the callee's. `address` is the peer's, "127.0.0.1:80" or "[::1]:80" or the file, and is gone
 * after the call. On failure fd is -1 and `f`, NULL otherwise, tells of the attempt that says most:
 * its errno, address, code and words. The dial is freed already, so fn may do as it likes. */
typedef void (*mw_dial_fn)(int fd, const char *address, const struct mw_failure *f, void *ud);

/* fn is called once, from the loop and never from inside this call. NULL without memory. There is
 * no clock in here: who waits too long cancels. Where a socket's file has as many connections
 * waiting as it may, that is waited out as well. */
struct mw_dial *mw_dial_start(const struct mw_allocator *a, struct event_base *base,
                              const struct mw_dial_options *how, mw_dial_fn fn, void *ud);
void mw_dial_cancel(struct mw_dial *dial); /* closes what was begun; fn is not called any more */

/* The address that is being connected to (the newest attempt's), for who gives up: "" if none. */
const char *mw_dial_address(const struct mw_dial *dial);

#endif
