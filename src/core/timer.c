/* Timers of the user's: one event each.
 * SPDX-License-Identifier: MIT */
#include "core/timer.h"

#include <event2/event.h>

static void settle(mw_timer *timer)
{
    if (timer->counted) {
        timer->counted = false;
        timer->rt->pending--;
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    mw_timer *timer = arg;
    mw_runtime *rt = timer->rt;
    (void)fd;
    (void)what;
    if (!timer->repeat)
        settle(timer);
    rt->callback_depth++;
    timer->fn(timer, timer->ud); /* may free it */
    rt->callback_depth--;
}

mw_timer *mw_timer_start(mw_runtime *rt, double seconds, int repeat, mw_timer_fn fn, void *ud)
{
    mw_timer *timer = mw_zalloc(&rt->allocator, sizeof *timer);
    if (timer == NULL)
        return NULL;
    struct timeval tv = mw_timeval(seconds);
    if (repeat && tv.tv_sec == 0 && tv.tv_usec == 0)
        tv.tv_usec = 1; /* libevent does not repeat what takes no time */
    timer->rt = rt;
    timer->fn = fn;
    timer->ud = ud;
    timer->repeat = repeat != 0;
    timer->event = event_new(rt->base, -1, repeat ? EV_PERSIST : 0, on_timer, timer);
    if (timer->event == NULL || event_add(timer->event, &tv) != 0) {
        if (timer->event != NULL)
            event_free(timer->event);
        mw_dealloc(&rt->allocator, timer);
        return NULL;
    }
    mw_list_append(&rt->timers, &timer->link);
    timer->counted = true;
    rt->pending++;
    return timer;
}

void mw_timer_free(mw_timer *timer)
{
    if (timer == NULL)
        return;
    settle(timer);
    mw_unlink(&timer->link);
    event_free(timer->event);
    mw_dealloc(&timer->rt->allocator, timer);
}
