/* Agents: connections of one's own, for embedders, and for the managers of scripts.
 * SPDX-License-Identifier: MIT */
#include "core/agent.h"

#include "core/engine.h"
#include "core/exchange.h"
#include "net/agent.h"

mw_agent *mw_agent_new(mw_runtime *rt, const mw_agent_options *options)
{
    static const mw_agent_options defaults;
    mw_agent *agent = mw_zalloc(&rt->allocator, sizeof *agent);
    if (agent == NULL) {
        mw_fail(rt, MW_ENOMEM, "no memory for an agent");
        return NULL;
    }
    if (options == NULL)
        options = &defaults;
    agent->allocator = rt->allocator;
    agent->references = 1;
    agent->per_origin = options->max_connections_per_origin;
    agent->idle_per_origin = options->max_idle_per_origin;
    agent->idle_origins = options->max_idle_origins;
    agent->runtime = rt;
    mw_list_init(&agent->origins);
    mw_list_append(&rt->agents, &agent->link);
    return agent;
}

void mw_agent_close_idle(mw_agent *agent)
{
    const mw_runtime *rt = agent->runtime;
    rt->engine->drop_idle(rt->engine_state, agent);
}

void mw_agent_free(mw_agent *agent)
{
    if (agent == NULL)
        return;
    agent->closed = true; /* what is in use goes when it would become idle */
    mw_agent_close_idle(agent);
    mw_unlink(&agent->link);
    mw_agent_release(agent);
}

void mw_agents_free(mw_runtime *rt)
{
    while (!mw_list_empty(&rt->agents)) {
        mw_agent *agent = MW_ITEM(rt->agents.next, mw_agent, link);
        mw_unlink(&agent->link);
        mw_agent_release(agent);
    }
}

int mw_agent_prepare(mw_exchange *x, const mw_options *options)
{
    if (options->agent != NULL && options->agent->runtime != x->rt)
        return mw_fail(x->rt, MW_EINVAL, "bad agent: it is of another runtime");
    x->outgoing.agent = mw_agent_retain(options->agent);
    return MW_OK;
}

void mw_agent_follow(mw_exchange *x, const mw_exchange *other)
{
    if (x->outgoing.agent == NULL)
        x->outgoing.agent = mw_agent_retain(other->outgoing.agent);
}

void mw_agent_leave(mw_exchange *x)
{
    mw_agent_release(x->outgoing.agent);
    x->outgoing.agent = NULL;
}
