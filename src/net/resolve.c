/* Name look-up by evdns, made at the first name that needs it.
 * SPDX-License-Identifier: MIT */
#include "net/resolve.h"

#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct mw_resolver {
    struct mw_allocator allocator;
    struct event_base *base;
    struct evdns_base *dns; /* NULL until a name needs it */
    const char *resolv_conf, *hosts_file;
    int running;  /* look-ups that evdns has not let go of */
    int waiting;  /* those of them that somebody waits for */
    bool closing; /* freed when the last of them has gone */
};

struct mw_lookup {
    struct mw_resolver *resolver;
    struct evdns_getaddrinfo_request *request;
    mw_lookup_fn fn; /* NULL: cancelled */
    void *ud;
};

struct mw_resolver *mw_resolver_new(const struct mw_allocator *a, struct event_base *base,
                                    const char *resolv_conf, const char *hosts_file)
{
    struct mw_resolver *r = mw_zalloc(a, sizeof *r);
    if (r == NULL)
        return NULL;
    r->allocator = *a;
    r->base = base;
    r->resolv_conf = resolv_conf;
    r->hosts_file = hosts_file;
    return r;
}

bool mw_resolver_busy(const struct mw_resolver *r)
{
    return r != NULL && r->waiting > 0;
}

static void destroy(struct mw_resolver *r)
{
    if (r->dns != NULL)
        evdns_base_free(r->dns, 0);
    mw_dealloc(&r->allocator, r);
}

void mw_resolver_free(struct mw_resolver *r, bool may_turn)
{
    if (r == NULL)
        return;
    for (int turns = 0; may_turn && r->running > 0 && turns < 100; turns++)
        event_base_loop(r->base, EVLOOP_NONBLOCK);
    if (r->running == 0) {
        destroy(r);
        return;
    }
    r->closing = true;
    evdns_base_clear_nameservers_and_suspend(r->dns); /* its sockets close now */
}

/* evdns prints each name server's failure; who asked is told in an error of the exchange. */
static void be_quiet(int is_warning, const char *message)
{
    (void)is_warning;
    (void)message;
}

static bool open_dns(struct mw_resolver *r)
{
    const char *conf = r->resolv_conf != NULL ? r->resolv_conf : "/etc/resolv.conf";
    const char *hosts = r->hosts_file != NULL ? r->hosts_file : "/etc/hosts";
    if (r->dns != NULL)
        return true;
    /* Its sockets must not keep the host's loop alive. */
    r->dns = evdns_base_new(r->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (r->dns == NULL)
        return false;
    evdns_set_log_fn(be_quiet); /* libevent has one for all; a host sets its own after this */
    evdns_base_load_hosts(r->dns, hosts);
    evdns_base_resolv_conf_parse(
        r->dns, DNS_OPTION_SEARCH | DNS_OPTION_NAMESERVERS | DNS_OPTION_MISC, conf);
    return true;
}

static void add(struct mw_addresses *found, const char *text)
{
    if (found->count < MW_MAX_ADDRESSES)
        snprintf(found->text[found->count++], MW_ADDRESS_SIZE, "%s", text);
}

bool mw_resolve_literal(const char *host, struct mw_addresses *found)
{
    unsigned char bytes[16];
    char address[MW_ADDRESS_SIZE];
    found->count = 0;
    if (strcasecmp(host, "localhost") == 0 || strcasecmp(host, "localhost.") == 0) {
        add(found, "127.0.0.1");
        add(found, "::1");
        return true;
    }
    if (strlen(host) >= sizeof address)
        return false;
    snprintf(address, sizeof address, "%s", host);
    address[strcspn(address, "%")] = '\0'; /* a zone id stays in what is connected to */
    if (inet_pton(AF_INET, host, bytes) != 1 && inet_pton(AF_INET6, address, bytes) != 1)
        return false;
    add(found, host);
    return true;
}

static void collect(struct mw_addresses *found, const struct evutil_addrinfo *list)
{
    char text[MW_ADDRESS_SIZE];
    found->count = 0;
    for (; list != NULL; list = list->ai_next) {
        if (getnameinfo(list->ai_addr, (socklen_t)list->ai_addrlen, text, sizeof text, NULL, 0,
                        NI_NUMERICHOST) == 0)
            add(found, text);
    }
}

static const char *words_for(int error)
{
    switch (error) {
    case EVUTIL_EAI_NONAME:
    case EVUTIL_EAI_NODATA:
        return "no such name";
    case EVUTIL_EAI_AGAIN:
    case EVUTIL_EAI_FAIL:
        return "the name server did not answer";
    default:
        return evutil_gai_strerror(error);
    }
}

static void on_answer(int error, struct evutil_addrinfo *list, void *arg)
{
    struct mw_lookup *lookup = arg;
    struct mw_resolver *r = lookup->resolver;
    struct mw_addresses found;
    if (lookup->fn != NULL) {
        r->waiting--;
        collect(&found, list);
        const char *wrong =
            found.count > 0 ? NULL : words_for(error != 0 ? error : EVUTIL_EAI_NONAME);
        lookup->fn(&found, wrong, lookup->ud);
    }
    if (list != NULL)
        evutil_freeaddrinfo(list);
    mw_dealloc(&r->allocator, lookup);
    r->running--;
    if (r->closing && r->running == 0)
        destroy(r);
}

struct mw_lookup *mw_lookup_start(struct mw_resolver *r, const char *host, mw_lookup_fn fn,
                                  void *ud, bool *done)
{
    struct evutil_addrinfo hints;
    memset(&hints, 0, sizeof hints);
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_protocol = IPPROTO_TCP;

    *done = false;
    struct mw_lookup *lookup = open_dns(r) ? mw_zalloc(&r->allocator, sizeof *lookup) : NULL;
    if (lookup == NULL)
        return NULL;
    lookup->resolver = r;
    lookup->fn = fn;
    lookup->ud = ud;
    r->running++;
    r->waiting++;
    struct evdns_getaddrinfo_request *request =
        evdns_getaddrinfo(r->dns, host, NULL, &hints, on_answer, lookup);
    if (request == NULL) { /* answered on the spot; the look-up is freed */
        *done = true;
        return NULL;
    }
    lookup->request = request;
    return lookup;
}

void mw_lookup_cancel(struct mw_lookup *lookup)
{
    lookup->fn = NULL;
    lookup->resolver->waiting--;
    evdns_getaddrinfo_cancel(lookup->request);
}
