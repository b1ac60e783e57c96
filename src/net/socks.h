/* The client's side of SOCKS 5 (RFC 1928), with user and password (RFC 1929), as bytes: pure,
 * incremental, no allocation. However the replies are cut into calls, what follows is the same.
 * SPDX-License-Identifier: MIT */
#ifndef MW_NET_SOCKS_H
#define MW_NET_SOCKS_H

#include <stdbool.h>
#include <stddef.h>

/* What to ask the proxy for. The texts stay the caller's, until the end. */
struct mw_socks_wish {
    const char *host; /* a name of 1 to 255 bytes, or an address, which goes as one */
    unsigned short port;
    const char *user; /* NULL: there are no credentials; at most 255 bytes each */
    const char *password;
};

enum mw_socks_verdict {
    MW_SOCKS_MORE, /* bytes of the proxy's are needed, which mw_socks_take gets */
    MW_SOCKS_SEND, /* `out` is to be sent, all of it; then mw_socks_take goes on */
    MW_SOCKS_DONE, /* what is sent and read from here on is the host's */
    MW_SOCKS_BAD   /* see `fault` */
};

enum mw_socks_fault {
    MW_SOCKS_FAULT_PROTOCOL, /* that is not SOCKS 5, or breaks it */
    MW_SOCKS_FAULT_NEEDS_CREDENTIALS,
    MW_SOCKS_FAULT_CREDENTIALS, /* those are refused */
    MW_SOCKS_FAULT_REPLY        /* the proxy could not connect: see `reply` */
};

enum { MW_SOCKS_OUT = 3 + 255 + 255, MW_SOCKS_IN = 4 + 1 + 255 + 2 };

struct mw_socks {
    struct mw_socks_wish wish;
    int state;
    unsigned need, have; /* bytes of the reply that is being read */
    unsigned char in[MW_SOCKS_IN];
    unsigned char out[MW_SOCKS_OUT];
    size_t out_size;

    /* once it is BAD */
    enum mw_socks_fault fault;
    int reply;         /* X'01' to X'08' of RFC 1928, 6, or what else it sent */
    const char *words; /* what follows "the proxy ": "says: host unreachable" */
};

/* The replies of RFC 1928, 6. */
enum {
    MW_SOCKS_GENERAL = 1,
    MW_SOCKS_NOT_ALLOWED,
    MW_SOCKS_NETWORK_UNREACHABLE,
    MW_SOCKS_HOST_UNREACHABLE,
    MW_SOCKS_REFUSED,
    MW_SOCKS_TTL_EXPIRED,
    MW_SOCKS_BAD_COMMAND,
    MW_SOCKS_BAD_ADDRESS_TYPE
};

/* Begins: `out` holds the first message. */
void mw_socks_init(struct mw_socks *s, const struct mw_socks_wish *wish);

/* Takes bytes that came; *used says how many, which is less than all of them only where the others
 * are the host's already, or the proxy speaks before its turn. */
enum mw_socks_verdict mw_socks_take(struct mw_socks *s, const void *bytes, size_t length,
                                    size_t *used);

#endif
