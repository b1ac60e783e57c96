/* Whose connections serve an exchange.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_AGENT_H
#define MW_CORE_AGENT_H

#include "moonwire.h"

/* The exchange refers to its agent, until it has no use for a connection any more. */
int mw_agent_prepare(mw_exchange *x, const mw_options *options);
void mw_agent_leave(mw_exchange *x);
/* It goes by another's connections, unless it has an agent of its own. */
void mw_agent_follow(mw_exchange *x, const mw_exchange *other);

void mw_agents_free(mw_runtime *rt); /* at its end: no connection is left */

#endif
