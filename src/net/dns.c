/* c-ares on the loop: its sockets as events, its clocks as one timer.
 *
 * ares_library_init is not called: it matters on Windows only, and counts without a lock.
 * SPDX-License-Identifier: MIT */
#include "net/dns.h"

#include "base/list.h"
#include "net/name_servers.h"

#include <event2/event.h>
#include <event2/event_struct.h>

#include <ares.h>

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <stdio.h>
#include <string.h>

struct mw_dns {
    struct mw_allocator allocator;
    struct event_base *base;
    ares_channel channel;
    struct ares_options found; /* what resolv.conf said: the search list */
    struct event timer;
    struct mw_link watches;
    bool without_memory; /* a socket could not be watched: nothing would ever come of it */
};

struct watch {
    struct mw_link link;
    struct mw_dns *dns;
    struct event event;
    ares_socket_t fd;
};

struct question {
    struct mw_dns *dns;
    int family;
    mw_dns_fn fn;
    void *ud;
};

/* ---- the loop ------------------------------------------------------------------------------ */

/* After each call into c-ares, whose clocks may have changed. */
static void arm(struct mw_dns *dns)
{
    struct timeval wait;
    if (dns->without_memory) {
        dns->without_memory = false;
        ares_cancel(dns->channel);
    }
    if (ares_timeout(dns->channel, NULL, &wait) != NULL)
        event_add(&dns->timer, &wait);
    else
        event_del(&dns->timer);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct mw_dns *dns = ((struct watch *)arg)->dns; /* the watch may go meanwhile */
    ares_process_fd(dns->channel, (what & EV_READ) ? fd : ARES_SOCKET_BAD,
                    (what & EV_WRITE) ? fd : ARES_SOCKET_BAD);
    arm(dns);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct mw_dns *dns = arg;
    (void)fd;
    (void)what;
    ares_process_fd(dns->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    arm(dns);
}

static struct watch *watch_of(struct mw_dns *dns, ares_socket_t fd)
{
    for (struct mw_link *l = dns->watches.next; l != &dns->watches; l = l->next) {
        struct watch *w = MW_ITEM(l, struct watch, link);
        if (w->fd == fd)
            return w;
    }
    return NULL;
}

static void unwatch(struct watch *w)
{
    event_del(&w->event);
    mw_unlink(&w->link);
    mw_dealloc(&w->dns->allocator, w);
}

static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct mw_dns *dns = arg;
    struct watch *w = watch_of(dns, fd);
    short events = (short)((readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));
    if (w != NULL)
        event_del(&w->event);
    if (events == 0) {
        if (w != NULL)
            unwatch(w);
        return;
    }
    if (w == NULL) {
        w = mw_zalloc(&dns->allocator, sizeof *w);
        if (w == NULL) {
            dns->without_memory = true;
            return;
        }
        w->dns = dns;
        w->fd = fd;
        mw_list_append(&dns->watches, &w->link);
    }
    event_assign(&w->event, dns->base, fd, (short)(events | EV_PERSIST), on_socket, w);
    if (event_add(&w->event, NULL) != 0)
        dns->without_memory = true;
}

/* ---- the channel --------------------------------------------------------------------------- */

static bool open_channel(struct mw_dns *dns, const char *resolv_conf)
{
    char conf[4096], lookups[] = "b"; /* names are not searched for in files by c-ares */
    int mask = ARES_OPT_SOCK_STATE_CB | ARES_OPT_LOOKUPS;
    struct ares_options options;
    memset(&options, 0, sizeof options);
    options.sock_state_cb = on_socket_state;
    options.sock_state_cb_data = dns;
    options.lookups = lookups;
    if (resolv_conf != NULL) {
        snprintf(conf, sizeof conf, "%s", resolv_conf);
        options.resolvconf_path = conf;
        mask |= ARES_OPT_RESOLVCONF;
    }
    if (ares_init_options(&dns->channel, &options, mask) != ARES_SUCCESS) {
        dns->channel = NULL;
        return false;
    }
    if (ares_save_options(dns->channel, &dns->found, &mask) != ARES_SUCCESS)
        return false;
    return mw_name_servers_set(dns->channel,
                               resolv_conf != NULL ? resolv_conf : "/etc/resolv.conf");
}

struct mw_dns *mw_dns_new(const struct mw_allocator *a, struct event_base *base,
                          const char *resolv_conf)
{
    struct mw_dns *dns = mw_zalloc(a, sizeof *dns);
    if (dns == NULL)
        return NULL;
    dns->allocator = *a;
    dns->base = base;
    mw_list_init(&dns->watches);
    event_assign(&dns->timer, base, -1, 0, on_timer, dns);
    if (open_channel(dns, resolv_conf))
        return dns;
    mw_dns_free(dns);
    return NULL;
}

void mw_dns_free(struct mw_dns *dns)
{
    if (dns == NULL)
        return;
    if (dns->channel != NULL)
        ares_destroy(dns->channel);
    ares_destroy_options(&dns->found);
    event_del(&dns->timer);
    while (!mw_list_empty(&dns->watches))
        unwatch(MW_ITEM(dns->watches.next, struct watch, link));
    mw_dealloc(&dns->allocator, dns);
}

void mw_dns_cancel(struct mw_dns *dns)
{
    ares_cancel(dns->channel);
    arm(dns);
}

/* ---- questions and answers ----------------------------------------------------------------- */

static const char *words_for(int status)
{
    switch (status) {
    case ARES_ENODATA:
        return "the name has no address";
    case ARES_ENOTFOUND:
        return "no such name";
    case ARES_EBADNAME:
        return "it cannot be a name: a part of it is longer than 63 bytes, or all of it than 255";
    case ARES_ETIMEOUT:
        return "the name server did not answer";
    case ARES_ECONNREFUSED: /* or answered with SERVFAIL or REFUSED, as often as it was asked */
        return "the name server failed, or cannot be reached";
    case ARES_ENOMEM:
        return "no memory for a name look-up";
    case ARES_EFORMERR:
    case ARES_EBADRESP:
        return "the name server's answer is malformed";
    default:
        return "the name server failed";
    }
}

static void shorten(struct mw_dns_answer *answer, int ttl)
{
    unsigned seconds = ttl < 0 ? 0 : (unsigned)ttl;
    if (seconds < answer->ttl)
        answer->ttl = seconds;
}

static void add(struct mw_dns_answer *answer, int family, const void *bytes, int ttl)
{
    char text[MW_ADDRESS_SIZE];
    if (inet_ntop(family, bytes, text, sizeof text) != NULL)
        mw_addresses_add(&answer->found, text);
    shorten(answer, ttl);
}

static int read_v4(const unsigned char *bytes, int length, struct mw_dns_answer *answer)
{
    struct ares_addrttl list[MW_MAX_ADDRESSES];
    int count = MW_MAX_ADDRESSES;
    int status = ares_parse_a_reply(bytes, length, NULL, list, &count);
    for (int i = 0; status == ARES_SUCCESS && i < count; i++)
        add(answer, AF_INET, &list[i].ipaddr, list[i].ttl);
    return status;
}

static int read_v6(const unsigned char *bytes, int length, struct mw_dns_answer *answer)
{
    struct ares_addr6ttl list[MW_MAX_ADDRESSES];
    int count = MW_MAX_ADDRESSES;
    int status = ares_parse_aaaa_reply(bytes, length, NULL, list, &count);
    for (int i = 0; status == ARES_SUCCESS && i < count; i++)
        add(answer, AF_INET6, &list[i].ip6addr, list[i].ttl);
    return status;
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *bytes, int length)
{
    struct question q = *(struct question *)arg;
    struct mw_dns_answer answer = {.ttl = 0x7fffffff};
    (void)timeouts;
    mw_dealloc(&q.dns->allocator, arg);
    if (status == ARES_SUCCESS)
        status =
            q.family == AF_INET ? read_v4(bytes, length, &answer) : read_v6(bytes, length, &answer);
    if (status == ARES_SUCCESS && answer.found.count == 0)
        status = ARES_ENODATA;
    if (status == ARES_ENODATA || status == ARES_ENOTFOUND || status == ARES_EBADNAME)
        answer.status = MW_DNS_NONE;
    else if (status != ARES_SUCCESS)
        answer.status = MW_DNS_FAILED;
    answer.wrong = status != ARES_SUCCESS ? words_for(status) : NULL;
    q.fn(&answer, q.ud);
}

void mw_dns_ask(struct mw_dns *dns, const char *name, int family, mw_dns_fn fn, void *ud)
{
    struct question *q = mw_alloc(&dns->allocator, sizeof *q);
    if (q == NULL) {
        const struct mw_dns_answer answer = {.status = MW_DNS_FAILED,
                                             .wrong = words_for(ARES_ENOMEM)};
        fn(&answer, ud);
        return;
    }
    *q = (struct question){dns, family, fn, ud};
    ares_query(dns->channel, name, ns_c_in, family == AF_INET ? ns_t_a : ns_t_aaaa, on_answer, q);
    arm(dns);
}

bool mw_dns_candidate(const struct mw_dns *dns, const char *name, unsigned index, char *to,
                      size_t size)
{
    int dots = 0, domains = dns->found.ndomains, wanted = (int)index;
    size_t length = strlen(name);
    for (const char *c = name; *c != '\0'; c++)
        dots += *c == '.';
    bool whole = length > 0 && name[length - 1] == '.';
    bool as_it_is_first = dots >= dns->found.ndots;
    if (whole)
        domains = 0;
    if (wanted > domains)
        return false;
    if (wanted == (as_it_is_first ? 0 : domains))
        return (size_t)snprintf(to, size, "%s", name) < size;
    const char *domain = dns->found.domains[as_it_is_first ? wanted - 1 : wanted];
    if (strcmp(domain, ".") == 0)
        domain = "";
    return (size_t)snprintf(to, size, "%s.%s", name, domain) < size;
}
