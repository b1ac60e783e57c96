/* The runtime: opens, turns and closes the loop and all that hangs on it.
 * SPDX-License-Identifier: MIT */
#include "core/runtime.h"

#include "core/agent.h"
#include "core/auth.h"
#include "core/connection.h"
#include "core/download.h"
#include "core/engine.h"
#include "core/policy.h"
#include "core/exchange.h"
#include "core/proxy.h"
#include "core/server.h"
#include "core/timer.h"
#include "core/trace.h"
#include "net/resolve.h"
#include "net/tls.h"

#include <event2/event.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void print_message(mw_runtime *rt, const char *message, void *ud)
{
    (void)rt;
    (void)ud;
    fprintf(stderr, "moonwire: %s\n", message);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    char bytes[64];
    (void)what;
    (void)arg;
    while (read(fd, bytes, sizeof bytes) > 0)
        ;
}

static void on_poll_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg; /* its only work is to end the wait */
}

static void run_deferred(evutil_socket_t fd, short what, void *arg)
{
    mw_runtime *rt = arg;
    struct mw_link batch;
    (void)fd;
    (void)what;
    mw_list_move(&rt->deferred, &batch);
    rt->turns++;
    rt->in_deferred = true;
    while (!mw_list_empty(&batch)) {
        struct mw_deferred *work = MW_ITEM(batch.next, struct mw_deferred, link);
        mw_unlink(&work->link);
        work->run(work);
    }
    rt->in_deferred = false;
}

/* A peer that closes early would end a process that has not said what it thinks of SIGPIPE:
 * libevent writes with writev, which has no MSG_NOSIGNAL. */
static void ignore_sigpipe(void)
{
    struct sigaction action;
    if (sigaction(SIGPIPE, NULL, &action) == 0 && !(action.sa_flags & SA_SIGINFO) &&
        action.sa_handler == SIG_DFL) {
        action.sa_handler = SIG_IGN;
        sigaction(SIGPIPE, &action, NULL);
    }
}

static struct event_base *new_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;
    if (config == NULL)
        return NULL;
    /* The runtime is used from one thread. No descriptor of ours is ever dup'ed, which is what the
     * change list asks for; it saves an epoll_ctl wherever interest goes off and on in one turn. */
    if (event_config_set_flag(config,
                              EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST) == 0)
        base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

static int open_loop(mw_runtime *rt, struct event_base *host_base)
{
    rt->own_base = host_base == NULL;
    rt->base = host_base != NULL ? host_base : new_base();
    if (rt->base == NULL || pipe2(rt->wake, O_NONBLOCK | O_CLOEXEC) != 0)
        return -1;
    rt->wake_event = event_new(rt->base, rt->wake[0], EV_READ | EV_PERSIST, on_wake, NULL);
    rt->defer_event = evtimer_new(rt->base, run_deferred, rt);
    rt->poll_timer = evtimer_new(rt->base, on_poll_timer, NULL);
    if (!mw_timers_open(rt))
        return -1;
    if (rt->wake_event == NULL || rt->defer_event == NULL || rt->poll_timer == NULL)
        return -1;
    return event_add(rt->wake_event, NULL);
}

static int set_text(mw_runtime *rt, char **place, const char *text)
{
    mw_dealloc(&rt->allocator, *place);
    *place = text != NULL ? mw_strdup(&rt->allocator, text) : NULL;
    return text != NULL && *place == NULL ? MW_ENOMEM : MW_OK;
}

int mw_set_names(mw_runtime *rt, const char *resolv_conf, const char *hosts_file)
{
    if (mw_resolver_busy(rt->resolver))
        return mw_fail(rt, MW_EINVAL, "names are being looked up; change where before that");
    mw_resolver_free(rt->resolver);
    rt->resolver = NULL;
    int result = set_text(rt, &rt->resolv_conf, resolv_conf);
    if (result == MW_OK)
        result = set_text(rt, &rt->hosts_file, hosts_file);
    return result == MW_OK ? MW_OK : mw_fail(rt, result, "no memory for the name of a file");
}

mw_runtime *mw_open(const mw_config *config)
{
    static const mw_config defaults;
    if (config == NULL)
        config = &defaults;
    struct mw_allocator allocator = mw_default_allocator;
    if (config->alloc != NULL)
        allocator = (struct mw_allocator){config->alloc, config->ud};
    const struct mw_engine *engine = mw_engine_find(config->engine);
    mw_runtime *rt = engine != NULL ? mw_zalloc(&allocator, sizeof *rt) : NULL;
    if (rt == NULL)
        return NULL;
    rt->allocator = allocator;
    rt->engine = engine;
    rt->wake[0] = rt->wake[1] = -1;
    mw_list_init(&rt->deferred);
    mw_tracer_init(rt);
    mw_list_init(&rt->exchanges);
    mw_list_init(&rt->downloads);
    mw_list_init(&rt->agents);
    mw_list_init(&rt->timers);
    mw_list_init(&rt->fired_timers);
    mw_list_init(&rt->servers);
    mw_list_init(&rt->requests);
    mw_list_init(&rt->connections);
    mw_list_init(&rt->local);
    mw_list_init(&rt->spare_requests);
    mw_list_init(&rt->spare_exchanges);
    mw_list_init(&rt->auth_spaces);
    rt->max_connections = config->max_connections;
    rt->max_connections_per_origin = config->max_connections_per_origin;
    rt->on_error = config->on_error != NULL ? config->on_error : print_message;
    rt->ud = config->ud;
    if (mw_set_names(rt, config->resolv_conf, config->hosts_file) != MW_OK ||
        (config->keylog_file != NULL && mw_set_keylog(rt, config->keylog_file) != MW_OK) ||
        open_loop(rt, config->event_base) != 0)
        goto fail;
    if (!(config->flags & MW_KEEP_SIGPIPE))
        ignore_sigpipe();
    rt->engine_state = engine->open(rt);
    if (rt->engine_state == NULL ||
        (config->policy != NULL && mw_policy_set(rt, config->policy) != MW_OK))
        goto fail;
    return rt;
fail:
    mw_close(rt);
    return NULL;
}

static void free_event(struct event *event)
{
    if (event != NULL)
        event_free(event);
}

void mw_close(mw_runtime *rt)
{
    if (rt == NULL)
        return;
    struct mw_allocator allocator = rt->allocator;
    rt->closing = true;
    mw_tracer_stop(rt);
    while (!mw_list_empty(&rt->requests))
        mw_request_free(MW_ITEM(rt->requests.next, mw_request, link));
    while (!mw_list_empty(&rt->servers))
        mw_server_free(MW_ITEM(rt->servers.next, mw_server, link));
    mw_downloads_free(rt);
    while (!mw_list_empty(&rt->exchanges))
        mw_exchange_free(MW_ITEM(rt->exchanges.next, mw_exchange, link));
    while (!mw_list_empty(&rt->connections))
        mw_connection_destroy(MW_ITEM(rt->connections.next, mw_connection, link));
    mw_requests_free_spare(rt);
    mw_exchanges_free_spare(rt);
    mw_auth_forget_all(rt);
    mw_proxies_free(rt->proxies, rt);
    mw_headers_free(&rt->reply_fields, &allocator);
    mw_timers_close(rt);
    if (rt->engine_state != NULL)
        rt->engine->close(rt->engine_state);
    mw_agents_free(rt);
    mw_rules_free(rt);
    mw_tls_store_free(rt->tls);
    mw_resolver_free(rt->resolver);
    free_event(rt->wake_event);
    free_event(rt->defer_event);
    free_event(rt->poll_timer);
    for (int i = 0; i < 2; i++) {
        if (rt->wake[i] >= 0)
            close(rt->wake[i]);
    }
    /* A script can end the process, and so close its runtime, from inside a handler: under a loop
     * that still runs the base must stay. */
    if (rt->own_base && rt->base != NULL && !rt->looping)
        event_base_free(rt->base);
    mw_dealloc(&allocator, rt->resolv_conf);
    mw_dealloc(&allocator, rt->hosts_file);
    mw_dealloc(&allocator, rt);
}

void mw_defer(mw_runtime *rt, struct mw_deferred *work)
{
    static const struct timeval now = {0, 0};
    if (mw_linked(&work->link))
        return;
    /* Behind the events of this turn, in one go: that shares system calls, and keeps Lua's code and
     * libevent's from pushing each other out of the cache. What a handler defers waits for the next
     * turn: sockets get theirs. */
    if (mw_list_empty(&rt->deferred) && rt->in_deferred)
        event_add(rt->defer_event, &now);
    else if (mw_list_empty(&rt->deferred))
        event_active(rt->defer_event, EV_TIMEOUT, 0);
    mw_list_append(&rt->deferred, &work->link);
}

void mw_undefer(struct mw_deferred *work)
{
    mw_unlink(&work->link);
}

static int running(mw_runtime *rt, const char *call)
{
    return mw_fail(rt, MW_ELOOP, "%s was called while the loop is running", call);
}

/* A host's loop that runs without our knowledge refuses by itself. */
static int in_loop(mw_runtime *rt, const char *call)
{
    return rt->looping || rt->callback_depth > 0 ? running(rt, call) : MW_OK;
}

int mw_poll(mw_runtime *rt, double seconds)
{
    int result = in_loop(rt, "mw_poll");
    if (result != MW_OK)
        return result;
    int flags = EVLOOP_ONCE; /* without it, the loop goes on while anything at all is ready */
    if (seconds == 0 || (seconds < 0 && rt->pending == 0))
        flags |= EVLOOP_NONBLOCK;
    if (seconds > 0) {
        struct timeval wait = mw_timeval(seconds);
        event_add(rt->poll_timer, &wait);
    }
    rt->looping = true;
    int turned = event_base_loop(rt->base, flags);
    rt->looping = false;
    if (seconds > 0)
        event_del(rt->poll_timer);
    rt->stopping = 0;
    return turned < 0 ? running(rt, "mw_poll") : rt->pending;
}

int mw_run(mw_runtime *rt)
{
    int result = in_loop(rt, "mw_run");
    if (result != MW_OK)
        return result;
    rt->looping = true;
    int turned = 0;
    while (rt->pending > 0 && !rt->stopping && turned >= 0)
        turned = event_base_loop(rt->base, EVLOOP_ONCE);
    rt->looping = false;
    rt->stopping = 0;
    return turned < 0 ? running(rt, "mw_run") : MW_OK;
}

void mw_stop(mw_runtime *rt)
{
    int saved = errno; /* a signal handler must leave it as it was */
    rt->stopping = 1;
    ssize_t written = write(rt->wake[1], "", 1);
    (void)written; /* a full pipe wakes as well */
    errno = saved;
}

int mw_pending(const mw_runtime *rt)
{
    return rt->pending;
}

struct event_base *mw_event_base(mw_runtime *rt)
{
    return rt->base;
}

const char *mw_message(const mw_runtime *rt)
{
    return rt->message;
}

int mw_fail(mw_runtime *rt, int result, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(rt->message, sizeof rt->message, format, args);
    va_end(args);
    return result;
}

void mw_report(mw_runtime *rt, const char *message)
{
    rt->on_error(rt, message, rt->ud);
}

struct mw_resolver *mw_names(mw_runtime *rt)
{
    if (rt->resolver == NULL)
        rt->resolver =
            mw_resolver_new(&rt->allocator, rt->base,
                            &(struct mw_resolver_options){rt->resolv_conf, rt->hosts_file, 0});
    return rt->resolver;
}

struct mw_tls_store *mw_runtime_tls(mw_runtime *rt)
{
    if (rt->tls == NULL)
        rt->tls = mw_tls_store_new(&rt->allocator);
    return rt->tls;
}

int mw_set_keylog(mw_runtime *rt, const char *file)
{
    struct mw_tls_store *store = mw_runtime_tls(rt);
    if (store == NULL)
        return mw_fail(rt, MW_ENOMEM, "no memory for TLS");
    if (!mw_tls_store_log_keys(store, file))
        return mw_fail(rt, MW_ESYSTEM, "cannot write keylog_file %.150s: %s", file,
                       strerror(errno));
    return MW_OK;
}

void mw_set_max_connections(mw_runtime *rt, bool per_origin, unsigned most)
{
    *(per_origin ? &rt->max_connections_per_origin : &rt->max_connections) = most;
}

double mw_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

struct timeval mw_timeval(double seconds)
{
    const double most = 86400.0 * 365 * 10; /* far from what a timeval overflows at */
    if (!(seconds > 0))
        seconds = 0;
    else if (seconds > most)
        seconds = most;
    struct timeval tv;
    tv.tv_sec = (time_t)seconds;
    tv.tv_usec = (suseconds_t)((seconds - (double)tv.tv_sec) * 1e6);
    return tv;
}

static int length(const struct mw_link *list)
{
    int n = 0;
    for (const struct mw_link *l = list->next; l != list; l = l->next)
        n++;
    return n;
}

struct mw_census mw_census(const mw_runtime *rt)
{
    return (struct mw_census){length(&rt->exchanges),
                              length(&rt->timers) + length(&rt->fired_timers), length(&rt->servers),
                              length(&rt->requests), length(&rt->connections)};
}

void mw_drop_idle(mw_runtime *rt)
{
    rt->engine->drop_idle(rt->engine_state, NULL);
}
