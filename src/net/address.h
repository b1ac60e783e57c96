/* Numeric addresses and socket files, as text and as the system takes them.
 * SPDX-License-Identifier: MIT */
#ifndef MW_NET_ADDRESS_H
#define MW_NET_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

struct mw_endpoint {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un file;
    } at;
    socklen_t size;
};

/* "127.0.0.1", "::1", "fe80::1%lo": the zone is an interface's name or number. False for anything
 * else, and for a zone of IPv6 that is no interface of this machine. */
bool mw_endpoint_address(struct mw_endpoint *e, const char *text, unsigned short port);

/* Whether it has the form of an address; its zone may be none of this machine's. */
bool mw_is_address(const char *text);

/* A socket's file; false where the path is empty or longer than the system takes. */
bool mw_endpoint_file(struct mw_endpoint *e, const char *path);

/* "127.0.0.1:80" or "[::1]:80", from the text of an address. */
void mw_address_with_port(char *to, size_t size, const char *address, unsigned short port);

/* The length of a host's name or address without its zone ("fe80::1" of "fe80::1%lo"). */
size_t mw_address_without_zone(const char *address);

#endif
