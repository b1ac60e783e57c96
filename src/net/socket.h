/* One connected socket, plain or TLS, behind one small table of functions. Nothing blocks; SSL
 * works directly on the descriptor. SPDX-License-Identifier: MIT */
#ifndef MW_NET_SOCKET_H
#define MW_NET_SOCKET_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

/* How one step went. */
enum mw_io {
    MW_IO_DONE,        /* some bytes at least; or the handshake is over */
    MW_IO_AGAIN_READ,  /* nothing moved: again once there is something to read */
    MW_IO_AGAIN_WRITE, /* nothing moved: again once it can be written to */
    MW_IO_END,         /* the peer has ended its side in good order (TLS: with close_notify) */
    MW_IO_FAILED       /* mw_socket_explain tells why; only `close` may follow */
};

struct mw_socket;

struct mw_transport {
    enum mw_io (*handshake)(struct mw_socket *s); /* until DONE, before anything else */
    enum mw_io (*read)(struct mw_socket *s, void *bytes, size_t size, size_t *n);
    /* As writev: *n may be less than all of it. A write that answered AGAIN, or took a part, goes
     * on with the bytes that follow: those that were offered and not taken are at its front again,
     * which may have moved. After one that FAILED what the peer had sent can still be read. */
    enum mw_io (*write)(struct mw_socket *s, const struct iovec *pieces, int count, size_t *n);
    /* From a file of any kind that can be read at an offset; sendfile where that serves. MW_IO_END:
     * the file is shorter than that (system_errno is 0), or cannot be read (its errno). */
    enum mw_io (*send_file)(struct mw_socket *s, int file, off_t offset, size_t length, size_t *n);
    void (*finish)(struct mw_socket *s); /* tells the peer that no more will be written */
    void (*close)(struct mw_socket *s);  /* says goodbye (close_notify) where it can, and closes */
};

struct mw_socket {
    const struct mw_transport *via; /* NULL: not open, or closed */
    int fd;
    int system_errno;   /* of what FAILED, or of send_file's END */
    struct mw_tls *tls; /* NULL on a plain one */
};

/* A plain socket; takes the descriptor over, which must be non-blocking. */
void mw_socket_plain(struct mw_socket *s, int fd);

/* Its end shall not look like one in good order, since something is missing: `close` will say no
 * goodbye over TLS, and reset a plain one, which may lose the last of what was sent. */
void mw_socket_spoil(struct mw_socket *s);

/* Whether bytes wait inside, or an end, of which the system's readiness tells nothing (TLS). */
bool mw_socket_buffered(const struct mw_socket *s);

/* Bytes of what was written that the peer's system has not acknowledged: they become fewer as the
 * peer reads, long before the socket can be written to again. */
size_t mw_socket_unacknowledged(const struct mw_socket *s);

/* Fills in what is known of a step that FAILED: code (REMOTE_HOST_CLOSED for a reset or an end
 * without close_notify, SSL_HANDSHAKE_FAILED for a failed handshake …), errno, the reason and the
 * certificate. `phase` and the words may be changed by the caller; the address is the caller's. */
void mw_socket_explain(const struct mw_socket *s, enum mw_phase phase, struct mw_failure *f);

#endif
