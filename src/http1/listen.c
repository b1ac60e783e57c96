/* A server's socket: takes connections, and looks after those that take too long.
 * SPDX-License-Identifier: MIT */
#include "http1/server.h"

#include <event2/event.h>
#include <event2/listener.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of a body's slow start, nothing is said. */
static const double slow_start = 5;
/* A client that was refused has so long to notice. */
static const double leave_within = 2;

/* ---- accepting ----------------------------------------------------------------------------- */

/* evutil_inet_ntop would do as much for the most common kind, at several times the cost. */
static void print_peer(const struct sockaddr *address, char peer[46])
{
    peer[0] = '\0';
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        const unsigned char *b = (const unsigned char *)&v4.sin_addr;
        snprintf(peer, 46, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
    } else if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof v6);
        evutil_inet_ntop(AF_INET6, &v6.sin6_addr, peer, 46);
    }
}

static void on_accept(struct evconnlistener *accepting, evutil_socket_t fd,
                      struct sockaddr *address, int size, void *arg)
{
    struct http1_listener *l = arg;
    char peer[46];
    (void)accepting;
    (void)size;
    print_peer(address, peer);
    if (peer[0] != '\0') {
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    http1_session_accept(l, fd, peer);
}

/* Without a descriptor for it the connection waits, and would wake the loop again and again. */
static void on_accept_error(struct evconnlistener *accepting, void *arg)
{
    static const struct timeval soon = {0, 100000};
    struct http1_listener *l = arg;
    evconnlistener_disable(accepting);
    event_add(l->retry, &soon);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    struct http1_listener *l = arg;
    (void)fd;
    (void)what;
    if (l->accepting != NULL)
        evconnlistener_enable(l->accepting);
}

/* ---- those that take too long -------------------------------------------------------------- */

static struct http1_session *first_of(struct http1_listener *l, enum http1_doing doing)
{
    struct mw_link *list = &l->sessions[doing];
    return mw_list_empty(list) ? NULL : MW_ITEM(list->next, struct http1_session, link);
}

static void sweep_list(struct http1_listener *l, enum http1_doing doing, double before)
{
    struct http1_session *s;
    while ((s = first_of(l, doing)) != NULL && s->since < before)
        http1_session_time_out(s);
}

static bool works_slowly(struct http1_session *s, double now)
{
    size_t pending = wire_pending(&s->wire);
    if (pending > 0)
        pending += mw_socket_unacknowledged(&s->wire.socket);
    if (pending < s->pending || s->pending == 0)
        s->since = now; /* the client reads, or is to read from now on */
    s->pending = pending;
    if (s->body != HTTP1_NO_BODY && !s->paused && !s->continue_due) {
        double waited = now - s->body_since - slow_start;
        return (waited > 0 && (double)s->taken < waited * s->listener->min_rate) ||
               now - s->moved > s->listener->idle_timeout;
    }
    return pending > 0 && now - s->since > s->listener->idle_timeout;
}

/* A head must not take long in all, nor stand still. */
static bool reads_slowly(struct http1_session *s, double now)
{
    const struct http1_listener *l = s->listener;
    return now - s->since > l->header_timeout || now - s->moved > l->idle_timeout;
}

static void sweep_slow(struct http1_listener *l, enum http1_doing doing,
                       bool (*slow)(struct http1_session *, double), double now)
{
    struct mw_link *list = &l->sessions[doing];
    for (struct mw_link *at = list->next, *next; at != list; at = next) {
        struct http1_session *s = MW_ITEM(at, struct http1_session, link);
        next = at->next; /* what is timed out leaves the list, alone */
        if (slow(s, now))
            http1_session_time_out(s);
    }
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    struct http1_listener *l = arg;
    double now = mw_now();
    (void)fd;
    (void)what;
    sweep_list(l, HTTP1_WAITING, now - l->idle_timeout);
    sweep_list(l, HTTP1_LEAVING, now - leave_within);
    sweep_slow(l, HTTP1_READING, reads_slowly, now);
    sweep_slow(l, HTTP1_TURN, works_slowly, now);
}

static void reap(struct mw_deferred *self)
{
    struct http1_listener *l = MW_ITEM(self, struct http1_listener, reaping);
    while (!mw_list_empty(&l->dead))
        http1_session_free(MW_ITEM(l->dead.next, struct http1_session, link));
}

/* ---- the listener -------------------------------------------------------------------------- */

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

static int open_events(struct http1_listener *l)
{
    struct event_base *base = l->engine->rt->base;
    double shortest = smaller(smaller(l->idle_timeout, l->header_timeout), 4);
    struct timeval interval = mw_timeval(shortest / 4);
    l->sweep = event_new(base, -1, EV_PERSIST, on_sweep, l);
    l->retry = evtimer_new(base, on_retry, l);
    l->accepting =
        evconnlistener_new(base, on_accept, l, LEV_OPT_CLOSE_ON_EXEC, 0, l->listening.fd);
    if (l->sweep == NULL || l->retry == NULL || l->accepting == NULL ||
        event_add(l->sweep, &interval) != 0)
        return mw_fail(l->engine->rt, MW_ENOMEM, "no memory for a server");
    evconnlistener_set_error_cb(l->accepting, on_accept_error);
    return MW_OK;
}

static int open_listener(struct http1_listener *l, const struct mw_listen *how)
{
    char wrong[200];
    mw_runtime *rt = l->engine->rt;
    int result = how->cert_file != NULL ? mw_server_tls(rt, how, &l->tls) : MW_OK;
    if (result != MW_OK)
        return result;
    result = mw_listening_open(&l->listening, &rt->allocator, how, wrong, sizeof wrong);
    if (result != MW_OK)
        return mw_fail(rt, result, "%s", wrong);
    return open_events(l);
}

int http1_listen(mw_server *server, const struct mw_listen *how, void **wire, int *port)
{
    mw_runtime *rt = mw_server_runtime(server);
    struct http1_listener *l = mw_zalloc(&rt->allocator, sizeof *l);
    if (l == NULL)
        return mw_fail(rt, MW_ENOMEM, "no memory for a server");
    l->engine = rt->engine_state;
    l->server = server;
    l->listening.fd = -1;
    l->limits = (struct http1_limits){how->max_head_size, HTTP1_MOST_FIELDS};
    l->max_body_size = how->max_body_size;
    l->idle_timeout = how->idle_timeout;
    l->header_timeout = how->header_timeout;
    l->min_rate = (double)how->min_rate;
    for (int i = 0; i < HTTP1_DOINGS; i++)
        mw_list_init(&l->sessions[i]);
    mw_list_init(&l->dead);
    l->reaping.run = reap;
    int result = open_listener(l, how);
    if (result != MW_OK) {
        http1_unlisten(l);
        return result;
    }
    *wire = l;
    *port = l->listening.port;
    return MW_OK;
}

static void stop_accepting(struct http1_listener *l)
{
    if (l->accepting != NULL)
        evconnlistener_free(l->accepting);
    l->accepting = NULL;
    mw_listening_close(&l->listening, &l->engine->rt->allocator);
}

void http1_check_drained(struct http1_listener *l)
{
    bool busy = first_of(l, HTTP1_READING) != NULL || first_of(l, HTTP1_TURN) != NULL ||
                first_of(l, HTTP1_LEAVING) != NULL;
    if (l->draining && !busy)
        mw_server_on_drained(l->server);
}

void http1_drain(void *wire)
{
    struct http1_listener *l = wire;
    struct http1_session *s;
    l->draining = true;
    stop_accepting(l);
    while ((s = first_of(l, HTTP1_WAITING)) != NULL)
        http1_session_end(s);
    http1_check_drained(l);
}

void http1_unlisten(void *wire)
{
    struct http1_listener *l = wire;
    struct http1_session *s;
    const struct mw_allocator *a = &l->engine->rt->allocator;
    for (int i = 0; i < HTTP1_DOINGS; i++) {
        while ((s = first_of(l, (enum http1_doing)i)) != NULL)
            http1_session_end(s);
    }
    mw_undefer(&l->reaping);
    reap(&l->reaping);
    stop_accepting(l);
    if (l->sweep != NULL)
        event_free(l->sweep);
    if (l->retry != NULL)
        event_free(l->retry);
    mw_tls_server_free(l->tls);
    mw_dealloc(a, l);
}
