/* A listening socket: an address and port, or a file.
 * SPDX-License-Identifier: MIT */
#ifndef MW_NET_LISTEN_H
#define MW_NET_LISTEN_H

#include "base/alloc.h"
#include "moonwire.h"

#include <sys/types.h>

struct mw_listening {
    int fd;          /* non-blocking, close-on-exec; -1: there is none */
    int port;        /* that it has got; 0 of a file */
    char *unix_path; /* the socket's file, gone when it is closed */
    dev_t unix_device;
    ino_t unix_inode;
};

/* Binds and listens by host, port, unix_path, backlog and reuse_port of `how`. MW_OK; MW_EINVAL,
 * MW_ESYSTEM or MW_ENOMEM with words in `wrong`. */
int mw_listening_open(struct mw_listening *l, const struct mw_allocator *a,
                      const struct mw_listen *how, char *wrong, size_t size);

/* Closes the socket, if that is not somebody else's by now (fd -1), and removes its file. */
void mw_listening_close(struct mw_listening *l, const struct mw_allocator *a);

#endif
