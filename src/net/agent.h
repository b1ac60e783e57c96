/* Whose connections they are: those of one agent serve no requests but its own, within limits of
 * its own. Kept while anybody refers to it: who made it, its requests, its connections.
 * SPDX-License-Identifier: MIT */
#ifndef MW_NET_AGENT_H
#define MW_NET_AGENT_H

#include "base/alloc.h"
#include "base/list.h"

#include <stdbool.h>

struct mw_agent {
    struct mw_allocator allocator;
    unsigned references;
    unsigned per_origin; /* connections; 0 in these three: the pool's limits alone */
    unsigned idle_per_origin;
    unsigned idle_origins;
    bool closed;            /* nothing of it is kept any more */
    struct mw_link origins; /* those that have idle connections (mw_origin.kept), the last used
                               first */
    unsigned origin_count;
    struct mw_link link; /* the core's, as the next */
    struct mw_runtime *runtime;
};

static inline struct mw_agent *mw_agent_retain(struct mw_agent *agent) /* NULL is allowed */
{
    if (agent != NULL)
        agent->references++;
    return agent;
}

static inline void mw_agent_release(struct mw_agent *agent) /* likewise */
{
    if (agent != NULL && --agent->references == 0)
        mw_dealloc(&agent->allocator, agent);
}

#endif
