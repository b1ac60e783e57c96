/* The nameserver lines of resolv.conf. SPDX-License-Identifier: MIT */
#include "net/name_servers.h"

#include "net/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 8, NAME_SERVER_PORT = 53 };

struct servers {
    struct ares_addr_port_node list[MOST];
    int count;
    bool with_port;
};

/* Cuts the port off: "1.2.3.4:53", "[::1]:53", "[::1]". Returns the address, NULL for nonsense. */
static char *split(char *word, unsigned short *port, bool *given)
{
    char *end, *colon = strchr(word, ':');
    if (word[0] == '[') {
        end = strchr(word, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':'))
            return NULL;
        colon = end[1] == ':' ? end + 1 : NULL;
        *end = '\0';
        word++;
    } else if (colon != NULL && strchr(colon + 1, ':') != NULL) {
        colon = NULL; /* of IPv6 */
    }
    if (colon == NULL)
        return word;
    long number = strtol(colon + 1, &end, 10);
    if (end == colon + 1 || *end != '\0' || number < 1 || number > 65535)
        return NULL;
    *colon = '\0';
    *port = (unsigned short)number;
    *given = true;
    return word;
}

static void add(struct servers *servers, char *word)
{
    struct mw_endpoint e;
    unsigned short port = NAME_SERVER_PORT;
    const char *address = split(word, &port, &servers->with_port);
    /* c-ares has no place for a zone */
    if (address == NULL || servers->count == MOST || strchr(address, '%') != NULL ||
        !mw_endpoint_address(&e, address, port))
        return;
    struct ares_addr_port_node *server = &servers->list[servers->count++];
    server->family = e.at.any.sa_family;
    server->udp_port = server->tcp_port = port;
    if (server->family == AF_INET)
        memcpy(&server->addr.addr4, &e.at.v4.sin_addr, sizeof server->addr.addr4);
    else
        memcpy(&server->addr.addr6, &e.at.v6.sin6_addr, sizeof server->addr.addr6);
}

bool mw_name_servers_set(ares_channel channel, const char *resolv_conf)
{
    char line[512], word[256];
    struct servers servers;
    memset(&servers, 0, sizeof servers);
    FILE *file = fopen(resolv_conf, "re");
    if (file == NULL)
        return true;
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, " nameserver %255[^ \t\r\n;#]", word) == 1)
            add(&servers, word);
    }
    fclose(file);
    if (!servers.with_port || servers.count == 0)
        return true;
    for (int i = 1; i < servers.count; i++)
        servers.list[i - 1].next = &servers.list[i];
    return ares_set_servers_ports(channel, servers.list) == ARES_SUCCESS;
}
