/* What the requests of a runtime may do. SPDX-License-Identifier: MIT */
#ifndef MW_CORE_POLICY_H
#define MW_CORE_POLICY_H

#include "base/error.h"
#include "base/url.h"
#include "core/runtime.h"

struct mw_rules; /* NULL in the runtime: none */

void mw_rules_free(mw_runtime *rt);

/* Whether a leg to x->url may depart; counts it. If not, *f says why. */
bool mw_policy_admits(mw_exchange *x, struct mw_failure *f);

/* The exchange is over, or was never begun. */
void mw_policy_leaves(mw_exchange *x);

/* So many bytes came of a response: false where they are too many, and x has ended. */
bool mw_policy_counts_received(mw_exchange *x, uint64_t bytes);

/* So many bytes more go out of a body whose length was not known: false where they are too many. */
bool mw_policy_counts_sent(mw_exchange *x, uint64_t bytes, struct mw_failure *f);

/* Whether a server may listen. */
bool mw_policy_lets_listen(const mw_runtime *rt);

#endif
