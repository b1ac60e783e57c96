/* One request and its response: tells the user what the engine reports, in order, and ends once.
 *
 * An engine reports from wherever it is; what it reports is noted (x->news) and told from the next
 * turn of the loop (mw_exchange_tell). So no callback runs inside a call of the user's, and the
 * engine is never on the stack when a callback frees x. SPDX-License-Identifier: MIT */
#include "core/exchange.h"

#include "core/agent.h"
#include "core/authorize.h"
#include "core/connection.h"
#include "core/decode_body.h"
#include "core/interim.h"
#include "core/policy.h"
#include "core/trace.h"

#include <event2/buffer.h>

#include <stdio.h>
#include <string.h>

void mw_exchange_note(mw_exchange *x, unsigned what)
{
    x->news |= what;
    mw_defer(x->rt, &x->telling);
}

/* ---- the end ------------------------------------------------------------------------------- */

static void note_failure(mw_exchange *x, const struct mw_failure *failure)
{
    x->error = failure->code;
    if (x->failure == NULL)
        x->failure = mw_alloc(&x->rt->allocator, sizeof *x->failure);
    if (x->failure != NULL)
        *x->failure = *failure;
}

void mw_exchange_leave_wire(mw_exchange *x)
{
    bool there = x->on_wire;
    x->on_wire = false;
    if (there)
        x->engine->cancel(x);
    if (!x->forgotten) /* the engine may be another by the time x is freed */
        x->engine->forget(x);
    x->forgotten = true;
}

/* A large body is not needed any more, and a Response may live for long. What else was asked for
 * stays: it can be asked of x (asked.c). */
void mw_exchange_forget_request(mw_exchange *x)
{
    mw_exchange_leave_wire(x);
    x->asked.credentials |= x->authorize != NULL;
    mw_authorize_free(x);
    mw_decoding_free(x);
    mw_proxying_free(x);
    mw_cookies_free(x);
    mw_agent_leave(x);
    if (!mw_asked_needs_body(x))
        mw_body_free(x);
}

void mw_exchange_finish(mw_exchange *x, const struct mw_failure *failure)
{
    if (failure != NULL)
        note_failure(x, failure);
    x->ended = true;
    mw_clocks_stop(x);
    mw_legs_stop(x);
    mw_policy_leaves(x);
    mw_exchange_forget_request(x);
    mw_exchange_note(x, MW_NEWS_DONE);
}

void mw_exchange_on_done(mw_exchange *x)
{
    struct mw_failure f;
    x->on_wire = false;
    if (x->ended || mw_leg_ended(x, NULL) || (x->decoding != NULL && !mw_decoding_done(x)))
        return;
    int error = mw_error_of_status(x->status);
    if (error == MW_NO_ERROR) {
        mw_exchange_finish(x, NULL);
        return;
    }
    mw_failure_init(&f, error, MW_PHASE_BODY);
    mw_failure_text(&f, "the server answered %d%s%.150s", x->status, x->reason[0] ? " " : "",
                    x->reason);
    mw_exchange_finish(x, &f);
}

void mw_exchange_on_error(mw_exchange *x, const struct mw_failure *failure)
{
    x->on_wire = false;
    if (!x->ended && !mw_leg_ended(x, failure) && !mw_leg_survives(x, failure))
        mw_exchange_finish(x, failure);
}

void mw_exchange_fail(mw_exchange *x, const struct mw_failure *failure)
{
    struct mw_failure f = *failure;
    if (x->ended)
        return;
    if (x->on_wire)
        x->engine->locate(x, &f);
    if (failure->phase == MW_PHASE_DECODE) /* which no engine knows */
        f.phase = MW_PHASE_DECODE;
    mw_exchange_finish(x, &f);
}

void mw_exchange_give_up(mw_exchange *x, const struct mw_failure *failure)
{
    struct mw_failure f = *failure;
    if (x->on_wire) {
        x->engine->locate(x, &f);
        mw_exchange_leave_wire(x);
    }
    if (!mw_leg_survives(x, &f))
        mw_exchange_finish(x, &f);
}

void mw_exchange_cancel(mw_exchange *x)
{
    struct mw_failure f;
    if (x->finished)
        return;
    mw_failure_init(&f, MW_OPERATION_CANCELLED_ERROR, x->phase);
    mw_failure_text(&f, "the request was cancelled");
    if (x->ended)
        note_failure(x, &f); /* over on the wire, but the user has not heard: the wish counts */
    else
        mw_exchange_fail(x, &f);
    x->news = MW_NEWS_DONE; /* who has cancelled wants to hear of nothing else */
}

/* ---- telling the user ---------------------------------------------------------------------- */

bool mw_exchange_call(mw_exchange *x, mw_exchange_fn fn)
{
    bool freed = false;
    if (fn == NULL)
        return true;
    mw_runtime *rt = x->rt;
    x->freed = &freed;
    rt->callback_depth++;
    fn(x, x->callbacks.ud);
    rt->callback_depth--;
    if (freed)
        return false;
    x->freed = NULL;
    return true;
}

static void sent(mw_exchange *x, void *ud)
{
    x->callbacks.on_sent(x, x->sent, x->outgoing.body_length, ud);
}

static bool take(mw_exchange *x, unsigned what)
{
    bool there = (x->news & what) != 0;
    x->news &= ~what;
    return there;
}

/* Each of them, unless one of the calls ends it all. */
static bool tell_interims(mw_exchange *x)
{
    while (x->news & MW_NEWS_INTERIM) {
        if (!mw_exchange_call(x, mw_interim_tell))
            return false;
        if (!mw_interim_next(x))
            take(x, MW_NEWS_INTERIM);
    }
    return true;
}

void mw_exchange_tell(struct mw_deferred *self)
{
    mw_exchange *x = MW_ITEM(self, mw_exchange, telling);
    if (take(x, MW_NEWS_SENT) && x->callbacks.on_sent != NULL && !mw_exchange_call(x, sent))
        return;
    if (!tell_interims(x))
        return;
    if (take(x, MW_NEWS_HEAD) && !mw_exchange_call(x, x->callbacks.on_head))
        return;
    if (take(x, MW_NEWS_BODY) && !mw_exchange_call(x, x->callbacks.on_body))
        return;
    if (!take(x, MW_NEWS_DONE))
        return;
    mw_undefer(&x->telling); /* a callback above may have asked for this turn as well */
    x->finished = true;
    x->rt->pending--;
    if (mw_traced(x->rt) && !mw_trace_done(x))
        return;
    mw_exchange_call(x, x->callbacks.on_done);
}

/* ---- what the engine reports --------------------------------------------------------------- */

void mw_exchange_on_phase(mw_exchange *x, enum mw_phase phase)
{
    bool anew = x->clocks.entered[phase] == 0;
    x->phase = phase;
    mw_clocks_enter(x);
    if (anew && mw_traced(x->rt))
        mw_trace_phase(x);
}

void mw_exchange_on_queued(mw_exchange *x, bool queued)
{
    x->queued = queued;
    mw_clocks_connect_again(x);
    if (queued && mw_traced(x->rt))
        mw_trace_queued(x);
}

void mw_exchange_on_activity(mw_exchange *x)
{
    mw_clocks_touch(x);
}

void mw_exchange_on_sent(mw_exchange *x, uint64_t bytes)
{
    if (x->ended || bytes == x->sent)
        return;
    x->sent = bytes;
    mw_clocks_sent(x);
    mw_exchange_note(x, MW_NEWS_SENT);
}

void mw_exchange_head_counts(mw_exchange *x)
{
    x->legs.told = true;
    mw_exchange_note(x, MW_NEWS_HEAD);
    mw_decoding_begin(x);
    if (!x->ended && x->total > 0 && (uint64_t)x->total > mw_exchange_room(x))
        mw_content_too_large(x);
}

void mw_exchange_lend_fields(mw_exchange *x, struct mw_headers *fields)
{
    memset(fields, 0, sizeof *fields);
    if (x->status != 0) /* it has a reply, which is asked for its fields */
        return;
    *fields = x->response;
    memset(&x->response, 0, sizeof x->response);
}

void mw_exchange_on_head(mw_exchange *x, int status, const char *reason, struct mw_headers *fields,
                         int64_t length)
{
    if (x->ended) {
        mw_headers_free(fields, &x->rt->allocator);
        return;
    }
    x->status = status;
    mw_headers_free(&x->response, &x->rt->allocator); /* which was not lent */
    x->response = *fields;
    x->total = length;
    x->reason = reason;
    mw_cookies_take(x);
    mw_exchange_on_phase(x, MW_PHASE_BODY);
    if (mw_traced(x->rt))
        mw_trace_head(x);
    if (!mw_leg_holds(x))
        mw_exchange_head_counts(x);
}

void mw_exchange_on_trailers(mw_exchange *x, struct mw_headers *fields)
{
    struct mw_headers *old = x->ended ? fields : &x->trailers;
    mw_headers_free(old, &x->rt->allocator);
    if (!x->ended)
        x->trailers = *fields;
}

void mw_exchange_on_upgrade(mw_exchange *x, struct mw_socket *s, const void *early, size_t length)
{
    if (x->ended) {
        s->via->close(s);
        return;
    }
    x->on_wire = false;
    x->connection = mw_connection_new(x->rt, s, early, length);
    x->upgraded = true;
    if (x->connection == NULL)
        mw_content_no_memory(x);
    else
        mw_exchange_finish(x, NULL);
}

void mw_exchange_on_retry(mw_exchange *x)
{
    if (mw_traced(x->rt))
        mw_trace_resent(x);
    x->attempt++;
    x->legs.count++;
    x->sent = 0;
    x->phase = MW_PHASE_RESOLVE;
    mw_clocks_next_leg(x);
}

int mw_exchange_attempt(const mw_exchange *x)
{
    return x->attempt;
}

enum mw_phase mw_exchange_phase(const mw_exchange *x)
{
    return x->phase;
}

mw_runtime *mw_exchange_runtime(const mw_exchange *x)
{
    return x->rt;
}

const struct mw_outgoing *mw_exchange_outgoing(const mw_exchange *x)
{
    return &x->outgoing;
}

void *mw_exchange_wire(const mw_exchange *x)
{
    return (void *)(x + 1); /* allocated in one piece */
}
