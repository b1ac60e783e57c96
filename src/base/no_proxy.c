/* Hosts to which no proxy leads.
 * SPDX-License-Identifier: MIT */
#include "base/network.h"
#include "base/proxy.h"
#include "base/span.h"

#include <string.h>
#include <strings.h>

static struct mw_span without_end_dot(struct mw_span host)
{
    if (host.length > 1 && host.at[host.length - 1] == '.')
        host.length--;
    return host;
}

static bool is_or_below(struct mw_span host, struct mw_span domain)
{
    if (domain.length == 0 || host.length < domain.length)
        return false;
    const char *tail = host.at + (host.length - domain.length);
    return strncasecmp(tail, domain.at, domain.length) == 0 && (tail == host.at || tail[-1] == '.');
}

static bool port_is(const char *text, const char *end, unsigned short port)
{
    unsigned number = 0;
    for (const char *c = text; c < end; c++) {
        if (*c < '0' || *c > '9' || number > 65535)
            return false;
        number = number * 10 + (unsigned)(*c - '0');
    }
    return text < end && number == port;
}

/* Takes the port off an entry; false if that is another one. */
static bool at_port(struct mw_span *entry, unsigned short port)
{
    const char *end = entry->at + entry->length;
    const char *colon = memrchr(entry->at, ':', entry->length);
    const char *bracket = entry->at[0] == '[' ? memchr(entry->at, ']', entry->length) : NULL;
    if (bracket != NULL) {
        colon = bracket + 1 < end && bracket[1] == ':' ? bracket + 1 : NULL;
        *entry = (struct mw_span){entry->at + 1, (size_t)(bracket - entry->at - 1)};
    } else if (colon != NULL && memchr(entry->at, ':', entry->length) != colon) {
        colon = NULL; /* an address of IPv6 */
    } else if (colon != NULL) {
        entry->length = (size_t)(colon - entry->at);
    }
    return colon == NULL || port_is(colon + 1, end, port);
}

static bool entry_has(struct mw_span entry, struct mw_span host, unsigned short port)
{
    if (memchr(entry.at, '/', entry.length) != NULL)
        return mw_network_has(entry.at, entry.length, host.at, host.length);
    if (!at_port(&entry, port))
        return false;
    if (entry.length == 1 && entry.at[0] == '*')
        return true;
    if (mw_is_numeric(entry.at, entry.length) || mw_is_numeric(host.at, host.length))
        return mw_network_has(entry.at, entry.length, host.at, host.length);
    if (entry.length > 0 && entry.at[0] == '*')
        entry = (struct mw_span){entry.at + 1, entry.length - 1};
    if (entry.length > 0 && entry.at[0] == '.')
        entry = (struct mw_span){entry.at + 1, entry.length - 1};
    return is_or_below(host, without_end_dot(entry));
}

bool mw_no_proxy(const char *list, const char *host, unsigned short port)
{
    static const char between[] = ", \t";
    struct mw_span name = without_end_dot((struct mw_span){host, strlen(host)});
    for (list += strspn(list, between); *list != '\0'; list += strspn(list, between)) {
        struct mw_span entry = {list, strcspn(list, between)};
        if (entry_has(entry, name, port))
            return true;
        list += entry.length;
    }
    return false;
}

bool mw_is_loopback(const char *host)
{
    struct mw_span name = without_end_dot((struct mw_span){host, strlen(host)});
    if (mw_is_numeric(name.at, name.length))
        return mw_network_has("127.0.0.0/8", 11, name.at, name.length) ||
               mw_network_has("::1", 3, name.at, name.length);
    return is_or_below(name, (struct mw_span){"localhost", 9});
}
