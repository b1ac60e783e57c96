/* Questions to name servers, by c-ares on the loop: from several servers, again after a loss, over
 * TCP where an answer was cut. SPDX-License-Identifier: MIT */
#ifndef MW_NET_DNS_H
#define MW_NET_DNS_H

#include "base/alloc.h"
#include "net/resolve.h"

struct event_base;
struct mw_dns;

enum mw_dns_status {
    MW_DNS_FOUND,  /* at least one address */
    MW_DNS_NONE,   /* no such name, or none of its addresses is of that family */
    MW_DNS_FAILED, /* nobody answered, or with an error */
};

struct mw_dns_answer {
    enum mw_dns_status status;
    struct mw_addresses found;
    unsigned ttl;      /* the least, also of the aliases on the way; seconds */
    const char *wrong; /* a constant text; NULL with addresses */
};

typedef void (*mw_dns_fn)(const struct mw_dns_answer *answer, void *ud);

/* Reads resolv.conf at once; its servers may have ports ("127.0.0.1:53", "[::1]:53"). NULL without
 * memory. Between questions there is neither a socket nor an event. */
struct mw_dns *mw_dns_new(const struct mw_allocator *a, struct event_base *base,
                          const char *resolv_conf);

/* Ends all questions, as mw_dns_cancel. Not from inside a callback of its own. */
void mw_dns_free(struct mw_dns *dns);

/* For AF_INET or AF_INET6. fn is called once, maybe from inside this call, from the loop, or from
 * mw_dns_cancel and mw_dns_free, which tell of a failure. It may ask again. */
void mw_dns_ask(struct mw_dns *dns, const char *name, int family, mw_dns_fn fn, void *ud);

/* Ends all questions. Not from inside a callback of its own. */
void mw_dns_cancel(struct mw_dns *dns);

/* The names to ask for in the place of one, by the search list (resolv.conf(5)), in their order.
 * False past the last, and for what would be too long. */
bool mw_dns_candidate(const struct mw_dns *dns, const char *name, unsigned index, char *to,
                      size_t size);

#endif
