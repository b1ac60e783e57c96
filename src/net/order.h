/* In which order the addresses of a host are tried: a part of RFC 6724.
 * SPDX-License-Identifier: MIT */
#ifndef MW_NET_ORDER_H
#define MW_NET_ORDER_H

#include "net/resolve.h"

/* Whether this machine has a way to the address, as far as it knows by itself (rule 1). */
bool mw_address_is_usable(const char *address);

/* First those that are usable, then by precedence (rule 6: IPv6 before IPv4, but the unique local
 * and the transitional ones after it); what is alike stays as it came. */
void mw_addresses_order(struct mw_addresses *addresses);

#endif
