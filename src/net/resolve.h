/* Names to addresses, by evdns: hosts file, then the name servers of resolv.conf; nothing blocks.
 * SPDX-License-Identifier: MIT */
#ifndef MW_NET_RESOLVE_H
#define MW_NET_RESOLVE_H

#include "base/alloc.h"

#include <stdbool.h>
#include <stddef.h>

struct event_base;
struct mw_resolver;
struct mw_lookup;

enum { MW_ADDRESS_SIZE = 64, MW_MAX_ADDRESSES = 8 };

/* Numeric addresses in the order in which to try them. */
struct mw_addresses {
    char text[MW_MAX_ADDRESSES][MW_ADDRESS_SIZE];
    unsigned count;
};

/* `wrong` is NULL, or words for why there is no address. Runs from the loop, or from inside
 * mw_lookup_start where the answer is in the hosts file. */
typedef void (*mw_lookup_fn)(const struct mw_addresses *found, const char *wrong, void *ud);

/* The file names may be NULL, for the system's; both are read at the first name that needs it. */
struct mw_resolver *mw_resolver_new(const struct mw_allocator *a, struct event_base *base,
                                    const char *resolv_conf, const char *hosts_file);

/* Whether somebody waits for an answer. */
bool mw_resolver_busy(const struct mw_resolver *resolver);

/* Ends look-ups without calling anything. evdns lets go of them in the loop's next turn only: the
 * loop is turned for that if `may_turn`, else the last bits of memory go when it turns. */
void mw_resolver_free(struct mw_resolver *resolver, bool may_turn);

/* Answers for addresses and for localhost (RFC 6761), which need no look-up. */
bool mw_resolve_literal(const char *host, struct mw_addresses *found);

/* Returns NULL without memory, and where fn has already been called: *done tells which. */
struct mw_lookup *mw_lookup_start(struct mw_resolver *resolver, const char *host, mw_lookup_fn fn,
                                  void *ud, bool *done);
void mw_lookup_cancel(struct mw_lookup *lookup); /* fn is not called any more */

#endif
