/* Timers of the user's: a list in the order in which they fire, and one event for its first.
 *
 * libevent's own heap does not keep the order of timers that are due at the same time, and its
 * clock is coarse; scripts rely on that order. SPDX-License-Identifier: MIT */
#include "core/timer.h"

#include <event2/event.h>

static mw_timer *first(const mw_runtime *rt)
{
    return mw_list_empty(&rt->timers) ? NULL : MW_ITEM(rt->timers.next, mw_timer, link);
}

static void arm(mw_runtime *rt)
{
    const mw_timer *timer = first(rt);
    if (timer == NULL) {
        event_del(rt->timer_event);
        return;
    }
    struct timeval tv = mw_timeval(timer->due - mw_now());
    event_add(rt->timer_event, &tv);
}

/* Behind those that are due earlier or at the same time. Most are due after all others. */
static void insert(mw_timer *timer)
{
    struct mw_link *at = timer->rt->timers.previous;
    while (at != &timer->rt->timers && MW_ITEM(at, mw_timer, link)->due > timer->due)
        at = at->previous;
    mw_list_prepend(at, &timer->link);
}

static void start(mw_timer *timer)
{
    mw_runtime *rt = timer->rt;
    timer->due = mw_now() + timer->interval;
    timer->number = ++rt->timer_number;
    timer->counted = true;
    rt->pending++;
    insert(timer);
}

static void stop(mw_timer *timer)
{
    mw_unlink(&timer->link);
    if (timer->counted)
        timer->rt->pending--;
    timer->counted = false;
}

static void on_timers(evutil_socket_t fd, short what, void *arg)
{
    mw_runtime *rt = arg;
    double now = mw_now();
    unsigned long last = rt->timer_number; /* those started from now on wait for the next turn */
    mw_timer *timer;
    (void)fd;
    (void)what;
    while ((timer = first(rt)) != NULL && timer->due <= now && timer->number <= last) {
        stop(timer);
        if (timer->repeat)
            start(timer);
        else
            mw_list_append(&rt->fired_timers, &timer->link);
        rt->callback_depth++;
        timer->fn(timer, timer->ud); /* may free it */
        rt->callback_depth--;
    }
    arm(rt);
}

bool mw_timers_open(mw_runtime *rt)
{
    rt->timer_event = evtimer_new(rt->base, on_timers, rt);
    return rt->timer_event != NULL;
}

void mw_timers_close(mw_runtime *rt)
{
    while (first(rt) != NULL)
        mw_timer_free(first(rt));
    while (!mw_list_empty(&rt->fired_timers))
        mw_timer_free(MW_ITEM(rt->fired_timers.next, mw_timer, link));
    if (rt->timer_event != NULL)
        event_free(rt->timer_event);
}

mw_timer *mw_timer_start(mw_runtime *rt, double seconds, int repeat, mw_timer_fn fn, void *ud)
{
    mw_timer *timer = mw_zalloc(&rt->allocator, sizeof *timer);
    if (timer == NULL)
        return NULL;
    timer->rt = rt;
    timer->fn = fn;
    timer->ud = ud;
    timer->repeat = repeat != 0;
    timer->interval = seconds > 0 ? seconds : 0;
    start(timer);
    if (first(rt) == timer)
        arm(rt);
    return timer;
}

void mw_timer_free(mw_timer *timer)
{
    if (timer == NULL)
        return;
    stop(timer);
    mw_dealloc(&timer->rt->allocator, timer);
}
