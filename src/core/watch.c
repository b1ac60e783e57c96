/* A watch on a descriptor: one event on the runtime's loop.
 * SPDX-License-Identifier: MIT */
#include "core/watch.h"

#include "core/runtime.h"

#include <event2/event.h>

struct mw_watch {
    mw_runtime *rt;
    struct event *event;
    mw_watch_fn fn;
    void *ud;
};

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    const struct mw_watch *watch = arg;
    mw_runtime *rt = watch->rt;
    (void)fd;
    (void)what;
    rt->callback_depth++;
    watch->fn(watch->ud); /* may free it */
    rt->callback_depth--;
}

struct mw_watch *mw_watch_new(mw_runtime *rt, int fd, mw_watch_fn fn, void *ud)
{
    struct mw_watch *watch = mw_zalloc(&rt->allocator, sizeof *watch);
    if (watch == NULL)
        return NULL;
    *watch = (struct mw_watch){rt, NULL, fn, ud};
    watch->event = event_new(rt->base, fd, EV_READ | EV_PERSIST, on_readable, watch);
    if (watch->event != NULL && event_add(watch->event, NULL) == 0)
        return watch;
    mw_watch_free(watch);
    return NULL;
}

void mw_watch_free(struct mw_watch *watch)
{
    if (watch == NULL)
        return;
    if (watch->event != NULL)
        event_free(watch->event);
    mw_dealloc(&watch->rt->allocator, watch);
}
