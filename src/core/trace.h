/* What happens to exchanges, noted where it happens and told from the loop.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_TRACE_H
#define MW_CORE_TRACE_H

#include "base/error.h"
#include "base/headers.h"
#include "core/runtime.h"

/* Of a runtime; `fn` NULL: nobody wants to know, and each place asks no more than that. */
static inline bool mw_traced(const mw_runtime *rt)
{
    return rt->tracer.fn != NULL;
}

void mw_tracer_init(mw_runtime *rt);
void mw_tracer_stop(mw_runtime *rt); /* forgets what was not told */

/* To be called where mw_traced. */
void mw_trace_start(mw_exchange *x);
void mw_trace_phase(mw_exchange *x); /* x->phase has just been entered for the first time */
void mw_trace_queued(mw_exchange *x);
void mw_trace_interim(mw_exchange *x, int status, const struct mw_headers *fields);
void mw_trace_head(mw_exchange *x);

/* Another leg follows, as x->legs.plan has it. `failure` NULL: a reply asks for it. */
void mw_trace_again(mw_exchange *x, const struct mw_failure *failure);

/* The engine sends the request once more, on a new connection. */
void mw_trace_resent(mw_exchange *x);

/* The end. It is told at once, as everything before it: from the loop, with no engine on the stack.
 * False if x was freed meanwhile. */
bool mw_trace_done(mw_exchange *x);

/* The end of one that is freed before it has come to its own. */
void mw_trace_freed(mw_exchange *x);

#endif
