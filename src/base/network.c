/* Networks: lists of them, and those that are not of the public internet.
 * SPDX-License-Identifier: MIT */
#include "base/network.h"

#include "base/grammar.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

/* All as IPv6: an address of IPv4 is ::ffff:a.b.c.d. */
struct network {
    unsigned char bytes[16];
    unsigned bits;
};

static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool read_address(unsigned char *bytes, const char *text, size_t length)
{
    char copy[64];
    if (length >= sizeof copy)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    copy[strcspn(copy, "%")] = '\0'; /* a zone is no part of the address */
    if (inet_pton(AF_INET6, copy, bytes) == 1)
        return true;
    memcpy(bytes, mapped, sizeof mapped);
    return inet_pton(AF_INET, copy, bytes + sizeof mapped) == 1;
}

static bool is_v4(const unsigned char *bytes)
{
    return memcmp(bytes, mapped, sizeof mapped) == 0;
}

static bool read_network(struct network *n, const char *text, size_t length)
{
    const char *slash = memchr(text, '/', length);
    size_t address = slash != NULL ? (size_t)(slash - text) : length;
    bool v4 = memchr(text, ':', address) == NULL;
    unsigned bits = v4 ? 32 : 128, most = bits;
    if (!read_address(n->bytes, text, address))
        return false;
    if (slash != NULL) {
        size_t digits = length - address - 1;
        if (digits < 1 || digits > 3 || strspn(slash + 1, "0123456789") < digits)
            return false;
        bits = (unsigned)strtoul(slash + 1, NULL, 10);
    }
    n->bits = v4 ? bits + 96 : bits;
    return bits <= most;
}

static bool holds(const struct network *n, const unsigned char *bytes)
{
    unsigned whole = n->bits / 8, rest = n->bits % 8;
    if (memcmp(n->bytes, bytes, whole) != 0)
        return false;
    return rest == 0 || ((n->bytes[whole] ^ bytes[whole]) >> (8 - rest)) == 0;
}

bool mw_is_numeric(const char *text, size_t length)
{
    unsigned char bytes[16];
    return read_address(bytes, text, length);
}

bool mw_network_has(const char *network, size_t length, const char *address, size_t size)
{
    struct network n;
    unsigned char bytes[16];
    return read_network(&n, network, length) && read_address(bytes, address, size) &&
           holds(&n, bytes);
}

const char *mw_networks_bad(const char *list)
{
    struct network n;
    size_t length;
    for (const char *at = mw_next_item(list, &length); length > 0;
         at = mw_next_item(at + length, &length)) {
        if (!read_network(&n, at, length))
            return at;
    }
    return NULL;
}

bool mw_networks_have(const char *list, const char *address)
{
    size_t length;
    for (const char *at = mw_next_item(list, &length); length > 0;
         at = mw_next_item(at + length, &length)) {
        if (mw_network_has(at, length, address, strlen(address)))
            return true;
    }
    return false;
}

/* The registries of special-purpose addresses of IPv4 and IPv6 (IANA), with multicast. */
static const char *const special =
    "0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, "
    "192.0.0.0/24, 192.0.2.0/24, 192.88.99.0/24, 192.168.0.0/16, 198.18.0.0/15, 198.51.100.0/24, "
    "203.0.113.0/24, 224.0.0.0/4, 240.0.0.0/4, "
    "::/96, ::ffff:0:0:0/96, 64:ff9b:1::/48, 100::/64, 2001::/23, 2001:db8::/32, 3fff::/20, "
    "5f00::/16, fc00::/7, fe80::/10, fec0::/10, ff00::/8";

/* An address of IPv4 inside one of IPv6: where it lies, or 0. */
static unsigned carries_v4(const unsigned char *bytes)
{
    static const unsigned char nat64[12] = {0, 0x64, 0xff, 0x9b};
    if (memcmp(bytes, nat64, sizeof nat64) == 0)
        return 12;
    return bytes[0] == 0x20 && bytes[1] == 0x02 ? 2 : 0; /* 6to4 */
}

bool mw_address_is_public(const char *address)
{
    unsigned char bytes[16];
    char inner[INET_ADDRSTRLEN];
    if (!read_address(bytes, address, strlen(address)) || mw_networks_have(special, address))
        return false;
    unsigned at = is_v4(bytes) ? 0 : carries_v4(bytes);
    if (at == 0)
        return true;
    inet_ntop(AF_INET, bytes + at, inner, sizeof inner);
    return !mw_networks_have(special, inner);
}
