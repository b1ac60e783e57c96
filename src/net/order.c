/* The order of addresses. SPDX-License-Identifier: MIT */
#include "net/order.h"

#include "net/address.h"

#include <string.h>
#include <unistd.h>

/* Connecting a datagram socket sends nothing: the system only looks for a route. */
static bool has_route(const struct mw_endpoint *e)
{
    int fd = socket(e->at.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool found = connect(fd, &e->at.any, e->size) == 0;
    close(fd);
    return found;
}

bool mw_address_is_usable(const char *address)
{
    struct mw_endpoint e;
    return mw_endpoint_address(&e, address, 9) && has_route(&e);
}

/* RFC 6724, 2.1. */
static int precedence(const struct mw_endpoint *e)
{
    const unsigned char *b = e->at.v6.sin6_addr.s6_addr;
    if (e->at.any.sa_family == AF_INET)
        return 35;
    if (IN6_IS_ADDR_LOOPBACK(&e->at.v6.sin6_addr))
        return 50;
    if (IN6_IS_ADDR_V4MAPPED(&e->at.v6.sin6_addr))
        return 35;
    if (b[0] == 0x20 && b[1] == 0x02) /* 6to4 */
        return 30;
    if (b[0] == 0x20 && b[1] == 0x01 && b[2] == 0 && b[3] == 0) /* Teredo */
        return 5;
    if ((b[0] & 0xfe) == 0xfc) /* unique local */
        return 3;
    if (IN6_IS_ADDR_V4COMPAT(&e->at.v6.sin6_addr) || IN6_IS_ADDR_SITELOCAL(&e->at.v6.sin6_addr))
        return 1;
    return 40;
}

static int rank(const char *address)
{
    struct mw_endpoint e;
    if (!mw_endpoint_address(&e, address, 9))
        return 0;
    return precedence(&e) + (has_route(&e) ? 100 : 0);
}

void mw_addresses_order(struct mw_addresses *addresses)
{
    int ranks[MW_MAX_ADDRESSES];
    if (addresses->count < 2)
        return;
    for (unsigned i = 0; i < addresses->count; i++) {
        char moved[MW_ADDRESS_SIZE];
        unsigned k = i;
        int own = rank(addresses->text[i]);
        memcpy(moved, addresses->text[i], sizeof moved);
        for (; k > 0 && ranks[k - 1] < own; k--) {
            ranks[k] = ranks[k - 1];
            memcpy(addresses->text[k], addresses->text[k - 1], sizeof moved);
        }
        ranks[k] = own;
        memcpy(addresses->text[k], moved, sizeof moved);
    }
}
