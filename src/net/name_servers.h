/* Name servers with ports of their own in resolv.conf, which c-ares reads without.
 * SPDX-License-Identifier: MIT */
#ifndef MW_NET_NAME_SERVERS_H
#define MW_NET_NAME_SERVERS_H

#include <ares.h>

#include <stdbool.h>

/* Where the file names a port ("nameserver 127.0.0.1:5353" or "[::1]:5353") the channel gets all
 * servers of the file; otherwise it keeps what it has. False without memory. */
bool mw_name_servers_set(ares_channel channel, const char *resolv_conf);

#endif
