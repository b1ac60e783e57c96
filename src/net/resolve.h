/* Names to addresses: literals and localhost by themselves, then the hosts file, then the name
 * servers of resolv.conf. Nothing blocks; what was found is kept for as long as it holds.
 * SPDX-License-Identifier: MIT */
#ifndef MW_NET_RESOLVE_H
#define MW_NET_RESOLVE_H

#include "base/alloc.h"
#include "net/addresses.h"

#include <stdbool.h>
#include <stddef.h>

struct event_base;
struct mw_resolver;
struct mw_lookup;

/* `wrong` is NULL, or words for why there is no address. Runs from the loop only; it may start and
 * cancel look-ups, and free the resolver. */
typedef void (*mw_lookup_fn)(const struct mw_addresses *found, const char *wrong, void *ud);

struct mw_resolver_options {
    const char *resolv_conf; /* NULL: /etc/resolv.conf; not copied */
    const char *hosts_file;  /* NULL: /etc/hosts; not copied */
    double deadline;         /* for one name, in seconds; 0: 10 */
};

/* The files are read at the first name that needs them, and again when they have changed. Between
 * look-ups there is no event on the loop and no socket. NULL without memory. */
struct mw_resolver *mw_resolver_new(const struct mw_allocator *a, struct event_base *base,
                                    const struct mw_resolver_options *options);

/* Whether somebody waits for an answer. */
bool mw_resolver_busy(const struct mw_resolver *resolver);

/* Ends look-ups without calling anything. NULL is allowed. */
void mw_resolver_free(struct mw_resolver *resolver);

/* Answers for addresses, and for localhost and what ends in .localhost, which are this machine
 * whatever a file or a server says (RFC 6761, 6.3). */
bool mw_resolve_literal(const char *host, struct mw_addresses *found);

/* The addresses of a name, IPv6 before IPv4 where there is a way to it. Both families are asked for
 * at once; one that is late by more than 50 ms is not waited for (RFC 8305, 3). What was found is
 * kept for its time to live, at most 300 s, a failure for 5 s; look-ups of one name at once share
 * their questions. Returns NULL without memory. */
struct mw_lookup *mw_lookup_start(struct mw_resolver *resolver, const char *host, mw_lookup_fn fn,
                                  void *ud);
void mw_lookup_cancel(struct mw_lookup *lookup); /* fn is not called any more */

#endif
