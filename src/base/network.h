/* Networks that an address may be in. SPDX-License-Identifier: MIT */
#ifndef MW_BASE_NETWORK_H
#define MW_BASE_NETWORK_H

#include <stdbool.h>
#include <stddef.h>

/* Whether it is an address of IPv4 or IPv6, with a zone or without. */
bool mw_is_numeric(const char *text, size_t length);

/* Whether the network, "10.0.0.0/8" or one address, has the address. That of IPv4 in the clothes of
 * IPv6, "::ffff:10.0.0.1", is the former. False where either is none. */
bool mw_network_has(const char *network, size_t length, const char *address, size_t size);

/* Whether a text is a list of networks, "10.0.0.0/8, 127.0.0.1, fd00::/8". NULL, or where the first
 * item begins that is none. */
const char *mw_networks_bad(const char *list);

/* Whether the numeric address is in one of them. */
bool mw_networks_have(const char *list, const char *address);

/* Whether the address is one of the public internet: not of this machine, a private or link-local
 * network, a shared or reserved range (RFC 6890 and the registries that it began), nor one of IPv6
 * that carries such an address of IPv4 (mapped, NAT64, 6to4, Teredo). */
bool mw_address_is_public(const char *address);

#endif
