/* The hosts file (hosts(5)), read again when it has changed.
 * SPDX-License-Identifier: MIT */
#ifndef MW_NET_HOSTS_H
#define MW_NET_HOSTS_H

#include "base/alloc.h"
#include "net/file_state.h"
#include "net/resolve.h"

struct mw_hosts {
    struct mw_allocator allocator;
    const char *path; /* not copied */
    struct mw_file_state state;
    char *text; /* the whole file; NULL: there is none */
};

void mw_hosts_init(struct mw_hosts *hosts, const struct mw_allocator *a, const char *path);
void mw_hosts_deinit(struct mw_hosts *hosts);

/* The addresses of a name, of both families, in the order of the file. The name has no case. False
 * if it is not there. A file that cannot be read has none. */
bool mw_hosts_find(struct mw_hosts *hosts, const char *name, struct mw_addresses *found);

#endif
