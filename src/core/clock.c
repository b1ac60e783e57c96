/* The clocks of an exchange, on one event.
 * SPDX-License-Identifier: MIT */
#include "core/exchange.h"

#include <string.h>

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

static double deadline_of_connecting(const mw_exchange *x)
{
    const struct mw_clocks *c = &x->clocks;
    double when = at(c->connect_started, c->connect);
    if (x->phase == MW_PHASE_RESOLVE)
        return earlier(when, at(c->phase_started, c->resolve));
    return x->phase == MW_PHASE_TLS ? earlier(when, at(c->phase_started, c->tls)) : when;
}

/* Until something has come of the reply; while a body goes out the wait has not begun. What came
 * before that, as 100, is not the answer to it. */
static double deadline_of_first_byte(const mw_exchange *x)
{
    const struct mw_clocks *c = &x->clocks;
    bool waits = x->phase == MW_PHASE_HEAD && c->first_heard <= c->sent;
    return waits ? at(c->sent, c->first_byte) : 0;
}

static double deadline_of_phase(const mw_exchange *x)
{
    if (x->legs.state >= MW_LEG_DROPPED) /* the next leg departs by a clock of its own */
        return 0;
    if (x->queued)
        return at(x->clocks.connect_started, x->clocks.queue);
    if (connecting(x))
        return deadline_of_connecting(x);
    /* Who does not read, or give, cannot blame the server; one that has begun to answer does not
     * wait for us. */
    if (x->paused || (x->phase < MW_PHASE_BODY && mw_body_waits(x)))
        return 0;
    return earlier(at(x->clocks.last_activity, x->clocks.idle), deadline_of_first_byte(x));
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

static bool over(double deadline, double now)
{
    return deadline != 0 && deadline <= now + precision;
}

static void ran_out_connecting(mw_exchange *x, double now, struct mw_failure *f)
{
    const struct mw_clocks *c = &x->clocks;
    const char *host = x->url.authority;
    if (x->phase == MW_PHASE_RESOLVE && over(at(c->phase_started, c->resolve), now))
        mw_failure_clock(f, "resolve", "timed out: no address of %.100s within %g s", host,
                         c->resolve);
    else if (x->phase == MW_PHASE_TLS && over(at(c->phase_started, c->tls), now))
        mw_failure_clock(f, "tls", "timed out: no TLS handshake with %.100s within %g s", host,
                         c->tls);
    else
        mw_failure_clock(f, "connect", "timed out: no connection to %.100s within %g s", host,
                         c->connect);
}

static void ran_out(mw_exchange *x, double now)
{
    struct mw_failure f;
    const struct mw_clocks *c = &x->clocks;
    mw_failure_init(&f, MW_TIMEOUT_ERROR, x->phase);
    if (over(at(c->started, c->total), now)) {
        mw_failure_clock(&f, "total", "timed out: not finished within %g s", c->total);
        mw_exchange_fail(x, &f); /* there is no time for another try */
        return;
    }
    if (x->queued)
        mw_failure_clock(&f, "queue", "timed out: no connection was free within %g s", c->queue);
    else if (connecting(x))
        ran_out_connecting(x, now, &f);
    else if (over(deadline_of_first_byte(x), now))
        mw_failure_clock(&f, "first_byte", "timed out: no answer from %.100s within %g s",
                         x->url.authority, c->first_byte);
    else
        mw_failure_clock(&f, "idle", "timed out: nothing %s %.100s for %g s",
                         x->phase == MW_PHASE_SEND ? "taken by" : "received from", x->url.authority,
                         c->idle);
    mw_exchange_give_up(x, &f);
}

static void on_clock(evutil_socket_t fd, short what, void *arg)
{
    mw_exchange *x = arg;
    double now = mw_now();
    double when = deadline(x);
    (void)fd;
    (void)what;
    x->clocks.armed_for = 0;
    if (over(when, now))
        ran_out(x, now);
    if (!x->ended) /* something has moved since it was armed, or it is tried again */
        arm(x, now);
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
    c->resolve = seconds_or(options->resolve_timeout, MW_NEVER);
    c->tls = seconds_or(options->tls_timeout, MW_NEVER);
    c->first_byte = seconds_or(options->first_byte_timeout, MW_NEVER);
    c->started = c->leg_started = c->connect_started = c->phase_started = c->last_activity =
        c->sent = mw_now();
    evtimer_assign(&c->event, x->rt->base, on_clock, x);
    arm(x, c->started);
}

/* A deadline that moved away is noticed when the event fires; only a nearer one needs work. */
static void changed(mw_exchange *x, double now)
{
    x->clocks.last_activity = now;
    double when = deadline(x);
    if (when != 0 && (x->clocks.armed_for == 0 || when < x->clocks.armed_for))
        arm(x, now);
}

void mw_clocks_change(mw_exchange *x)
{
    changed(x, mw_now());
}

void mw_clocks_next_leg(mw_exchange *x)
{
    struct mw_clocks *c = &x->clocks;
    memset(c->entered, 0, sizeof c->entered);
    c->first_heard = 0;
    c->leg_started = mw_now();
    mw_clocks_connect_again(x);
}

void mw_clocks_connect_again(mw_exchange *x)
{
    double now = mw_now();
    x->clocks.connect_started = x->clocks.phase_started = now;
    changed(x, now);
}

void mw_clocks_enter(mw_exchange *x)
{
    double now = mw_now();
    x->clocks.phase_started = x->clocks.entered[x->phase] = now;
    if (x->phase == MW_PHASE_HEAD)
        x->clocks.sent = now;
    changed(x, now);
}

void mw_clocks_stop(mw_exchange *x)
{
    if (x->clocks.ended == 0)
        x->clocks.ended = mw_now();
    event_del(&x->clocks.event);
}

void mw_clocks_touch(mw_exchange *x)
{
    x->clocks.last_activity = mw_now();
    if (x->clocks.first_heard == 0 && x->phase == MW_PHASE_HEAD)
        x->clocks.first_heard = x->clocks.last_activity;
}

void mw_clocks_sent(mw_exchange *x)
{
    x->clocks.sent = x->clocks.last_activity = mw_now();
}
