/* Lists of numeric addresses, of a size that needs no memory of its own.
 * SPDX-License-Identifier: MIT */
#ifndef MW_NET_ADDRESSES_H
#define MW_NET_ADDRESSES_H

#include <stdbool.h>

enum { MW_ADDRESS_SIZE = 64, MW_MAX_ADDRESSES = 16 };

/* Numeric addresses in the order in which to try them. */
struct mw_addresses {
    char text[MW_MAX_ADDRESSES][MW_ADDRESS_SIZE];
    unsigned count;
};

/* Adds one that is an address and not there yet, as long as there is room. */
void mw_addresses_add(struct mw_addresses *found, const char *text);
void mw_addresses_read(struct mw_addresses *found, const char *list); /* "127.0.0.1,::1" */
bool mw_addresses_have(const struct mw_addresses *list, const char *text);

#endif
