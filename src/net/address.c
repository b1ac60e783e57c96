/* Numeric addresses, with the zones that inet_pton does not know.
 * SPDX-License-Identifier: MIT */
#include "net/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t mw_address_without_zone(const char *address)
{
    return strcspn(address, "%");
}

/* The number of an interface, 0 if there is none. */
static unsigned interface(const char *zone)
{
    char *end;
    unsigned index = if_nametoindex(zone);
    if (index != 0 || zone[0] < '0' || zone[0] > '9')
        return index;
    unsigned long number = strtoul(zone, &end, 10);
    return *end == '\0' && number <= 0x7fffffff ? (unsigned)number : 0;
}

/* Reads the address without its zone; false if it is none. */
static bool read_bare(struct mw_endpoint *e, const char *text)
{
    char bare[INET6_ADDRSTRLEN];
    size_t length = mw_address_without_zone(text);
    memset(e, 0, sizeof *e);
    if (inet_pton(AF_INET, text, &e->at.v4.sin_addr) == 1) {
        e->at.v4.sin_family = AF_INET;
        e->size = sizeof e->at.v4;
        return true;
    }
    if (length >= sizeof bare)
        return false;
    memcpy(bare, text, length);
    bare[length] = '\0';
    memset(e, 0, sizeof *e);
    if (inet_pton(AF_INET6, bare, &e->at.v6.sin6_addr) != 1)
        return false;
    e->at.v6.sin6_family = AF_INET6;
    e->size = sizeof e->at.v6;
    return true;
}

bool mw_is_address(const char *text)
{
    struct mw_endpoint e;
    return read_bare(&e, text);
}

bool mw_endpoint_address(struct mw_endpoint *e, const char *text, unsigned short port)
{
    if (!read_bare(e, text))
        return false;
    if (e->at.any.sa_family == AF_INET) {
        e->at.v4.sin_port = htons(port);
        return true;
    }
    const char *zone = strchr(text, '%');
    e->at.v6.sin6_port = htons(port);
    if (zone != NULL)
        e->at.v6.sin6_scope_id = interface(zone + 1);
    return zone == NULL || e->at.v6.sin6_scope_id != 0;
}

bool mw_endpoint_file(struct mw_endpoint *e, const char *path)
{
    size_t length = strlen(path);
    memset(e, 0, sizeof *e);
    if (length == 0 || length >= sizeof e->at.file.sun_path)
        return false;
    e->at.file.sun_family = AF_UNIX;
    memcpy(e->at.file.sun_path, path, length);
    e->size = sizeof e->at.file;
    return true;
}

void mw_address_with_port(char *to, size_t size, const char *address, unsigned short port)
{
    bool v6 = strchr(address, ':') != NULL;
    snprintf(to, size, v6 ? "[%s]:%u" : "%s:%u", address, port);
}
