/* Which proxy an exchange goes through: the option's or the environment's, anew for each URL that
 * it is sent to; and what is shown to it. SPDX-License-Identifier: MIT */
#ifndef MW_CORE_PROXY_H
#define MW_CORE_PROXY_H

#include "core/leg.h"
#include "moonwire.h"

#include <stdbool.h>

/* An exchange's part: NULL where no proxy can come into question. */
struct mw_proxying;

/* The variables http_proxy, https_proxy, all_proxy and no_proxy, as they were at the first request
 * of the runtime. */
struct mw_proxies;
void mw_proxies_free(struct mw_proxies *all, mw_runtime *rt); /* NULL is allowed */

/* Takes the options over into x->proxying. MW_EINVAL with mw_message set for what cannot be. */
int mw_proxying_prepare(mw_exchange *x, const mw_options *options);
void mw_proxying_free(mw_exchange *x);

/* A composer of legs, the last of them: picks the proxy for where x goes now, and sets
 * x->outgoing.via. */
int mw_proxying_choose(mw_exchange *x);

/* A step of legs: a proxy that gets the requests themselves answers 407, to which there may be
 * another answer; or proves that it knows the password. */
bool mw_proxying_concerns(const mw_exchange *x);
enum mw_judgement mw_proxying_judge(mw_exchange *x, struct mw_leg_plan *plan);

/* What is wrong with a proxy that the environment names, for this leg; NULL if nothing is. */
const char *mw_proxying_wrong(const mw_exchange *x);

/* The proxy of this leg, if the option names it; NULL where the environment does, or there is none.
 */
const struct mw_proxy *mw_proxying_own(const mw_exchange *x);

#endif
