/* From one leg of an exchange to the next: a reply held, judged, thrown away.
 * SPDX-License-Identifier: MIT */
#include "core/exchange.h"

#include "core/download.h"
#include "core/authorize.h"
#include "core/interim.h"
#include "core/trace.h"

#include <event2/buffer.h>

#include <string.h>
#include <strings.h>

/* What is read of a reply that nobody wants, so that its connection can be used again. */
enum { MOST_DROPPED = 64 << 10 };
static const double drop_within = 0.5; /* seconds */

/* In the order in which they are asked. */
static const struct mw_leg_step steps[] = {
    {mw_authorize_concerns, mw_authorize_judge}, {mw_redirect_concerns, mw_redirect_judge},
    {mw_proxying_concerns, mw_proxying_judge},   {mw_download_concerns, mw_download_judge},
    {mw_retry_concerns, mw_retry_judge},
};

static const mw_compose_fn composers[] = {
    mw_cookies_compose, mw_authorize_compose,
    mw_proxying_choose, /* looks at what the others have made of the fields */
    NULL};

enum { STEPS = sizeof steps / sizeof steps[0] };

bool mw_same_origin(const struct mw_url *a, const struct mw_url *b)
{
    return a->secure == b->secure && a->port == b->port && strcasecmp(a->host, b->host) == 0;
}

int mw_leg_compose(mw_exchange *x)
{
    int result = MW_OK;
    for (const mw_compose_fn *compose = composers; *compose != NULL && result == MW_OK; compose++)
        result = (*compose)(x);
    return result;
}

/* ---- the end of it all --------------------------------------------------------------------- */

static void forget_plan(mw_exchange *x)
{
    const struct mw_allocator *a = &x->rt->allocator;
    struct mw_legs *l = &x->legs;
    if (l->plan != NULL)
        mw_url_free(&l->plan->url, a);
    mw_dealloc(a, l->plan);
    l->plan = NULL;
}

/* What came of a reply while it was held. */
static void forget_held(mw_exchange *x)
{
    struct mw_legs *l = &x->legs;
    if (l->body != NULL)
        evbuffer_free(l->body);
    l->body = NULL;
    mw_dealloc(&x->rt->allocator, l->wire_failure);
    l->wire_failure = NULL;
    l->wire_ended = false;
}

void mw_legs_stop(mw_exchange *x)
{
    struct mw_legs *l = &x->legs;
    mw_undefer(&l->next);
    if (l->clock != NULL)
        event_free(l->clock);
    l->clock = NULL;
    l->state = MW_LEG_RUNS;
    forget_plan(x);
    forget_held(x);
    mw_retry_free(&l->retry, &x->rt->allocator);
}

void mw_legs_free(mw_exchange *x)
{
    const struct mw_allocator *a = &x->rt->allocator;
    mw_legs_stop(x);
    mw_history_free(x);
    if (x->legs.origin != NULL)
        mw_url_free(x->legs.origin, a);
    mw_dealloc(a, x->legs.origin);
    mw_dealloc(a, x->legs.secret_headers);
}

static void no_memory(mw_exchange *x)
{
    struct mw_failure f;
    mw_failure_init(&f, MW_UNKNOWN_NETWORK_ERROR, MW_PHASE_SEND);
    mw_failure_text(&f, "no memory for another request");
    mw_exchange_fail(x, &f);
}

/* ---- departure ----------------------------------------------------------------------------- */

static bool go_elsewhere(mw_exchange *x, struct mw_leg_plan *plan)
{
    const struct mw_allocator *a = &x->rt->allocator;
    if (!plan->has_url)
        return true;
    mw_redirect_strip(x, plan);
    if (x->legs.origin == NULL) {
        x->legs.origin = mw_alloc(a, sizeof *x->legs.origin);
        if (x->legs.origin == NULL)
            return false;
        *x->legs.origin = x->url;
    } else {
        mw_url_free(&x->url, a);
    }
    x->url = plan->url;
    memset(&plan->url, 0, sizeof plan->url);
    return mw_exchange_address(x);
}

static void forget_reply(mw_exchange *x)
{
    const struct mw_allocator *a = &x->rt->allocator;
    mw_headers_free(&x->response, a);
    mw_headers_free(&x->trailers, a);
    mw_interims_free(x);
    x->news = 0;
    x->status = 0;
    x->reason = NULL;
    x->received = x->sent = 0;
    x->total = -1;
    x->scanned = 0;
    if (x->buffer != NULL)
        evbuffer_drain(x->buffer, evbuffer_get_length(x->buffer));
    x->paused = false;
}

static void cannot_send_again(mw_exchange *x)
{
    struct mw_failure f;
    mw_failure_init(&f, MW_CONTENT_RE_SEND_ERROR, MW_PHASE_SEND);
    mw_failure_text(&f,
                    "the request has to be sent again (%s), but its body cannot be read a "
                    "second time",
                    x->legs.plan->why);
    mw_exchange_fail(x, &f);
}

static void depart(mw_exchange *x)
{
    struct mw_legs *l = &x->legs;
    mw_exchange_leave_wire(x);
    memset(mw_exchange_wire(x), 0, x->size - sizeof *x); /* the next engine may be another */
    x->forgotten = false;
    if (!l->plan->to_get && !mw_exchange_rewind_body(x)) {
        cannot_send_again(x);
        return;
    }
    forget_reply(x);
    if (l->plan->has_url && !mw_asked_keep(x)) {
        no_memory(x);
        return;
    }
    if (!go_elsewhere(x, l->plan) || mw_leg_compose(x) != MW_OK) {
        no_memory(x);
        return;
    }
    forget_plan(x);
    forget_held(x);
    l->state = MW_LEG_RUNS;
    l->dropped = 0;
    x->attempt = 1;
    x->phase = MW_PHASE_RESOLVE;
    x->queued = false;
    mw_clocks_next_leg(x);
    if (mw_exchange_depart(x) != MW_OK)
        no_memory(x);
}

static void wait_and_depart(mw_exchange *x);

static void on_clock(evutil_socket_t fd, short what, void *arg)
{
    mw_exchange *x = arg;
    (void)fd;
    (void)what;
    if (x->legs.state == MW_LEG_DROPPED)
        wait_and_depart(x);
    else
        depart(x);
}

static bool set_clock(mw_exchange *x, double seconds)
{
    struct timeval tv = mw_timeval(seconds);
    if (x->legs.clock == NULL)
        x->legs.clock = evtimer_new(x->rt->base, on_clock, x);
    return x->legs.clock != NULL && event_add(x->legs.clock, &tv) == 0;
}

/* Nothing of the old leg is on the wire any more, or shall be. */
static void wait_and_depart(mw_exchange *x)
{
    double wait = x->legs.plan->wait;
    if (x->legs.clock != NULL)
        event_del(x->legs.clock);
    if (wait <= 0) {
        depart(x);
        return;
    }
    mw_exchange_leave_wire(x);
    x->legs.state = MW_LEG_WAITS;
    mw_clocks_change(x);
    if (!set_clock(x, wait))
        no_memory(x);
}

void mw_leg_wait(mw_exchange *x)
{
    x->legs.state = MW_LEG_WAITS;
    mw_clocks_change(x);
}

void mw_leg_go(mw_exchange *x)
{
    x->legs.plan = mw_zalloc(&x->rt->allocator, sizeof *x->legs.plan);
    if (x->legs.plan == NULL) {
        no_memory(x);
        return;
    }
    x->legs.plan->why = "authenticate";
    depart(x);
}

/* ---- the judgement ------------------------------------------------------------------------- */

/* No other leg: what was held is told of as if it came now. */
static void release(mw_exchange *x)
{
    struct mw_legs *l = &x->legs;
    bool ended = l->wire_ended, failed = l->wire_failure != NULL;
    struct mw_failure failure;
    struct evbuffer *body = l->body;
    if (failed)
        failure = *l->wire_failure;
    l->body = NULL;
    l->state = MW_LEG_RUNS;
    forget_plan(x);
    forget_held(x);
    mw_exchange_head_counts(x);
    if (body != NULL) {
        mw_exchange_on_body(x, body);
        evbuffer_free(body);
    }
    if (ended && !x->ended)
        failed ? mw_exchange_on_error(x, &failure) : mw_exchange_on_done(x);
}

static bool worth_reading(const mw_exchange *x)
{
    return x->total < 0 || (uint64_t)x->total <= x->received + MOST_DROPPED;
}

static void leave(mw_exchange *x, int error)
{
    struct mw_legs *l = &x->legs;
    bool worth = worth_reading(x);
    if (mw_traced(x->rt))
        mw_trace_again(x, NULL);
    if (!mw_history_add(x, l->plan->why, error)) {
        no_memory(x);
        return;
    }
    if (l->wire_ended || !x->on_wire || !worth) {
        wait_and_depart(x);
        return;
    }
    l->state = MW_LEG_DROPPED;
    if (x->paused)
        x->engine->pause(x, false);
    x->paused = false;
    if (!set_clock(x, drop_within))
        wait_and_depart(x);
}

static void judge(mw_exchange *x)
{
    struct mw_legs *l = &x->legs;
    struct mw_leg_plan *plan = mw_zalloc(&x->rt->allocator, sizeof *plan);
    enum mw_judgement judgement = MW_JUDGE_FINAL;
    if (plan == NULL) {
        no_memory(x);
        return;
    }
    l->plan = plan;
    for (int i = 0; i < STEPS && judgement == MW_JUDGE_FINAL; i++) {
        if (steps[i].concerns(x))
            judgement = steps[i].judge(x, plan);
        if (judgement == MW_JUDGE_GONE || x->ended) /* a callback has freed or cancelled it */
            return;
    }
    if (judgement == MW_JUDGE_AGAIN) {
        leave(x, mw_error_of_status(x->status));
    } else if (judgement == MW_JUDGE_LATER) {
        forget_plan(x);
    } else if (judgement == MW_JUDGE_FAIL) {
        struct mw_failure f = plan->failure;
        mw_exchange_fail(x, &f);
    } else {
        release(x);
    }
}

static void on_next(struct mw_deferred *self)
{
    mw_exchange *x = MW_ITEM(self, mw_exchange, legs.next);
    if (x->legs.state == MW_LEG_HELD)
        judge(x);
    else if (x->legs.plan != NULL)
        wait_and_depart(x);
}

/* ---- what the engine reports --------------------------------------------------------------- */

bool mw_leg_holds(mw_exchange *x)
{
    bool concerns = false;
    for (int i = 0; i < STEPS && !concerns; i++)
        concerns = steps[i].concerns(x);
    if (!concerns)
        return false;
    x->legs.state = MW_LEG_HELD;
    mw_defer(x->rt, &x->legs.next);
    return true;
}

bool mw_leg_ended(mw_exchange *x, const struct mw_failure *failure)
{
    struct mw_legs *l = &x->legs;
    if (l->state == MW_LEG_RUNS)
        return false;
    l->wire_ended = true;
    if (l->state == MW_LEG_HELD && failure != NULL) {
        l->wire_failure = mw_alloc(&x->rt->allocator, sizeof *failure);
        if (l->wire_failure == NULL)
            return false;
        *l->wire_failure = *failure;
    }
    if (l->state == MW_LEG_DROPPED)
        mw_defer(x->rt, &l->next);
    return true;
}

bool mw_leg_survives(mw_exchange *x, const struct mw_failure *failure)
{
    struct mw_legs *l = &x->legs;
    struct mw_leg_plan plan = {.why = "retry"};
    if (l->told || l->retry.left <= 0 || !mw_retry_after_failure(x, failure, &plan))
        return false;
    l->plan = mw_alloc(&x->rt->allocator, sizeof plan);
    if (l->plan == NULL || !mw_history_add(x, plan.why, failure->code))
        return false;
    *l->plan = plan;
    if (mw_traced(x->rt))
        mw_trace_again(x, failure);
    l->state = MW_LEG_WAITS;
    l->wire_ended = true;
    mw_defer(x->rt, &l->next);
    return true;
}

/* All of it was in the socket with the head, or fits into one turn's reads; unless it is not known
 * yet what becomes of it, as x->paused says. */
static void hold_body(mw_exchange *x, const void *bytes, size_t length)
{
    if (x->legs.body == NULL)
        x->legs.body = evbuffer_new();
    if (x->legs.body == NULL || evbuffer_add(x->legs.body, bytes, length) != 0)
        mw_content_no_memory(x);
    else if (x->paused && evbuffer_get_length(x->legs.body) > MOST_DROPPED)
        x->engine->pause(x, true);
}

bool mw_leg_takes(mw_exchange *x, const void *bytes, size_t length)
{
    if (x->legs.state == MW_LEG_RUNS)
        return false;
    if (x->legs.state == MW_LEG_HELD)
        hold_body(x, bytes, length);
    else if (length > MOST_DROPPED - x->legs.dropped)
        mw_defer(x->rt, &x->legs.next); /* it is not worth its connection */
    else
        x->legs.dropped += (uint32_t)length;
    return true;
}

int mw_legs_prepare(mw_exchange *x, const mw_options *o)
{
    struct mw_legs *l = &x->legs;
    l->next.run = on_next;
    l->redirects_left = o->max_redirects == 0 ? 50 : o->max_redirects;
    l->most_redirects = l->redirects_left;
    l->on_redirect = o->on_redirect;
    if (o->secret_headers != NULL &&
        (l->secret_headers = mw_strdup(&x->rt->allocator, o->secret_headers)) == NULL)
        return mw_fail(x->rt, MW_ENOMEM, "no memory for a request");
    return mw_retry_prepare(x, o);
}
