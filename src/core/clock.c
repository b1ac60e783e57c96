/* The clocks of an exchange: queue, connect, idle and total, on one event.
 * SPDX-License-Identifier: MIT */
#include "core/exchange.h"

/* Below this, waiting again costs more than it gains. */
static const double precision = 0.001;

static bool connecting(const mw_exchange *x)
{
    return x->phase < MW_PHASE_SEND;
}

/* The earlier of two times, of which 0 is none. */
static double earlier(double a, double b)
{
    if (a == 0)
        return b;
    return b == 0 || a < b ? a : b;
}

static double at(double start, double seconds)
{
    return seconds < 0 ? 0 : start + seconds;
}

static double deadline_of_phase(const mw_exchange *x)
{
    if (x->queued)
        return at(x->clocks.connect_started, x->clocks.queue);
    if (connecting(x))
        return at(x->clocks.connect_started, x->clocks.connect);
    /* Who does not read, or give, cannot blame the server; one that has begun to answer does not
     * wait for us. */
    if (x->paused || (x->phase < MW_PHASE_BODY && mw_body_waits(x)))
        return 0;
    return at(x->clocks.last_activity, x->clocks.idle);
}

static double deadline(const mw_exchange *x)
{
    return earlier(deadline_of_phase(x), at(x->clocks.started, x->clocks.total));
}

static void arm(mw_exchange *x, double now)
{
    double when = deadline(x);
    x->clocks.armed_for = when;
    if (when == 0) {
        event_del(&x->clocks.event);
        return;
    }
    struct timeval tv = mw_timeval(when - now + precision);
    event_add(&x->clocks.event, &tv);
}

static void ran_out(mw_exchange *x, double now)
{
    struct mw_failure f;
    double total = at(x->clocks.started, x->clocks.total);
    mw_failure_init(&f, MW_TIMEOUT_ERROR, x->phase);
    if (total != 0 && total <= now + precision)
        mw_failure_text(&f, "timed out: not finished within %g s", x->clocks.total);
    else if (x->queued)
        mw_failure_text(&f, "timed out: no connection was free within %g s", x->clocks.queue);
    else if (connecting(x))
        mw_failure_text(&f, "timed out: no connection to %s within %g s", x->url.authority,
                        x->clocks.connect);
    else
        mw_failure_text(&f, "timed out: nothing %s %s for %g s",
                        x->phase == MW_PHASE_SEND ? "taken by" : "received from", x->url.authority,
                        x->clocks.idle);
    mw_exchange_fail(x, &f);
}

static void on_clock(evutil_socket_t fd, short what, void *arg)
{
    mw_exchange *x = arg;
    double now = mw_now();
    double when = deadline(x);
    (void)fd;
    (void)what;
    if (when != 0 && when <= now + precision)
        ran_out(x, now);
    else
        arm(x, now); /* something has moved since it was armed */
}

static double seconds_or(double seconds, double otherwise)
{
    return seconds == 0 ? otherwise : seconds;
}

void mw_clocks_start(mw_exchange *x, const mw_options *options)
{
    struct mw_clocks *c = &x->clocks;
    c->queue = seconds_or(options->queue_timeout, MW_NEVER);
    c->connect = seconds_or(options->connect_timeout, 30);
    c->idle = seconds_or(options->idle_timeout, 60);
    c->total = seconds_or(options->total_timeout, MW_NEVER);
    c->started = c->connect_started = c->last_activity = mw_now();
    evtimer_assign(&c->event, x->rt->base, on_clock, x);
    arm(x, c->started);
}

void mw_clocks_connect_again(mw_exchange *x)
{
    x->clocks.connect_started = mw_now();
    mw_clocks_change(x);
}

void mw_clocks_stop(mw_exchange *x)
{
    event_del(&x->clocks.event);
}

void mw_clocks_touch(mw_exchange *x)
{
    x->clocks.last_activity = mw_now();
}

void mw_clocks_change(mw_exchange *x)
{
    double now = mw_now();
    x->clocks.last_activity = now;
    double when = deadline(x);
    /* A deadline that moved away is noticed when the event fires; only a nearer one needs work. */
    if (when != 0 && (x->clocks.armed_for == 0 || when < x->clocks.armed_for))
        arm(x, now);
}
