/* Connections: made, kept for reuse by origin, and freed when evhttp is off the stack.
 * SPDX-License-Identifier: MIT */
#include "base/grammar.h"
#include "evhttp/state.h"

#include <event2/buffer.h>
#include <event2/event.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static const double idle_seconds = 30; /* most servers close after 60 or more; be first */
static const int most_idle = 128;

static void destroy(struct connection *c)
{
    const struct mw_allocator *a = &c->state->rt->allocator;
    mw_unlink(&c->link);
    mw_unlink(&c->unsent);
    transport_close(c);
    if (c->tls.bev != NULL && c->connected)
        mw_tls_bev_goodbye(c->tls.bev);
    mw_tls_bev_end(&c->tls);
    if (c->evcon != NULL)
        evhttp_connection_free(c->evcon); /* with the request that is on it, and the bufferevent */
    else if (c->tls.bev != NULL)
        bufferevent_free(c->tls.bev);
    mw_dealloc(a, c->host);
    mw_dealloc(a, c->addresses);
    mw_tls_options_free(&c->tls_options, a);
    mw_dealloc(a, c);
}

static void reap(struct mw_deferred *self)
{
    struct evhttp_state *state = MW_ITEM(self, struct evhttp_state, reaping);
    while (!mw_list_empty(&state->dead))
        destroy(MW_ITEM(state->dead.next, struct connection, link));
}

static void take_out(struct connection *c)
{
    mw_unlink(&c->link);
    if (c->idle)
        c->state->idle_count--;
    c->idle = false;
}

void connection_retire(struct connection *c)
{
    if (c->closing)
        return;
    take_out(c);
    mw_unlink(&c->unsent);
    c->closing = true;
    c->x = NULL;
    transport_close(c);
    bufferevent_setcb(c->bev, NULL, NULL, NULL, NULL);
    bufferevent_disable(c->bev, EV_READ | EV_WRITE);
    mw_list_append(&c->state->dead, &c->link);
    mw_defer(c->state->rt, &c->state->reaping);
}

static void arm_sweep(struct evhttp_state *state)
{
    static const struct timeval interval = {5, 0};
    if (state->idle_count > 0 && !evtimer_pending(state->sweep, NULL))
        evtimer_add(state->sweep, &interval);
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    struct evhttp_state *state = arg;
    double now = mw_now();
    (void)fd;
    (void)what;
    while (!mw_list_empty(&state->idle)) { /* the longest idle is the last */
        struct connection *c = MW_ITEM(state->idle.previous, struct connection, link);
        if (now - c->idle_since < idle_seconds)
            break;
        connection_retire(c);
    }
    arm_sweep(state);
}

bool connections_open(struct evhttp_state *state)
{
    mw_list_init(&state->busy);
    mw_list_init(&state->idle);
    mw_list_init(&state->dead);
    state->reaping.run = reap;
    state->sweep = evtimer_new(state->rt->base, on_sweep, state);
    return transports_open(state) && state->sweep != NULL;
}

/* All are everybody's. */
void connections_drop_idle(void *arg, const struct mw_agent *agent)
{
    struct evhttp_state *state = arg;
    if (agent != NULL)
        return;
    while (!mw_list_empty(&state->idle))
        connection_retire(MW_ITEM(state->idle.next, struct connection, link));
}

void connections_free(struct evhttp_state *state)
{
    struct mw_link *const lists[] = {&state->busy, &state->idle, &state->dead};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        while (!mw_list_empty(lists[i]))
            destroy(MW_ITEM(lists[i]->next, struct connection, link));
    }
    mw_undefer(&state->reaping);
    if (state->sweep != NULL)
        event_free(state->sweep);
    transports_free(state);
}

/* Everything that makes two connections different is compared: one opened without verification
 * must never serve a request that asks for it. */
static bool fits(const struct connection *c, const struct mw_outgoing *out)
{
    return c->port == out->port && c->secure == out->secure && strcmp(c->host, out->host) == 0 &&
           (c->addresses != NULL) == (out->addresses != NULL) &&
           (c->addresses == NULL || strcmp(c->addresses, out->addresses) == 0) &&
           (!out->secure || mw_tls_options_same(&c->tls_options, &out->tls));
}

/* Whether nothing has come on it since it was parked: neither an end nor bytes, which would be
 * taken for a reply. The loop tells of it, but perhaps only in a turn to come. A handler that
 * follows its reply at once need not ask. */
static bool is_quiet(const struct connection *c)
{
    char byte;
    const mw_runtime *rt = c->state->rt;
    if (rt->in_deferred && rt->turns - c->idle_turn <= 1)
        return true;
    ssize_t n = recv(bufferevent_getfd(c->bev), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

struct connection *connection_find_idle(struct evhttp_state *state, const struct mw_outgoing *out)
{
    struct mw_link *l = state->idle.next;
    while (l != &state->idle) {
        struct connection *c = MW_ITEM(l, struct connection, link);
        l = l->next;
        if (!fits(c, out))
            continue;
        if (is_quiet(c))
            return c;
        connection_retire(c);
    }
    return NULL;
}

static bool copy_key(struct connection *c, const struct mw_outgoing *out)
{
    const struct mw_allocator *a = &c->state->rt->allocator;
    c->port = out->port;
    c->secure = out->secure;
    c->host = mw_strdup(a, out->host);
    if (out->addresses != NULL)
        c->addresses = mw_strdup(a, out->addresses);
    return c->host != NULL && (c->addresses != NULL) == (out->addresses != NULL) &&
           mw_tls_options_copy(&c->tls_options, &out->tls, a);
}

static bool open_tls(struct connection *c, struct mw_failure *f)
{
    mw_runtime *rt = c->state->rt;
    struct mw_tls_store *store = mw_runtime_tls(rt);
    return store != NULL &&
           mw_tls_bev_connect(store, rt->base, &c->tls_options, c->host, c->port, &c->tls, f);
}

struct connection *connection_new(struct evhttp_state *state, const struct mw_outgoing *out,
                                  const char *address, struct mw_failure *f)
{
    mw_failure_init(f, MW_UNKNOWN_NETWORK_ERROR, MW_PHASE_CONNECT);
    mw_failure_text(f, "no memory for a connection");
    struct connection *c = mw_zalloc(&state->rt->allocator, sizeof *c);
    if (c == NULL)
        return NULL;
    c->state = state;
    mw_list_append(&state->busy, &c->link);
    bool v6 = strchr(address, ':') != NULL;
    snprintf(c->address, sizeof c->address, v6 ? "[%s]:%u" : "%s:%u", address, out->port);
    if (!copy_key(c, out) || (out->secure && !open_tls(c, f)))
        goto fail;
    c->evcon = evhttp_connection_base_bufferevent_new(state->rt->base, NULL, c->tls.bev, address,
                                                      out->port);
    if (c->evcon == NULL)
        goto fail;
    c->bev = evhttp_connection_get_bufferevent(c->evcon);
    /* For trailers; the head is measured before evhttp sees it. */
    evhttp_connection_set_max_headers_size(c->evcon, (ev_ssize_t)(2 * out->max_head_size));
    return c;
fail:
    destroy(c);
    return NULL;
}

static bool asks_to_close(const struct mw_outgoing *out)
{
    const struct mw_header *field = NULL;
    while ((field = mw_headers_find(out->fields, "Connection", field)) != NULL) {
        if (mw_list_has(field->value, "close"))
            return true;
    }
    return false;
}

void connection_attach(struct connection *c, mw_exchange *x, struct evhttp_request *request)
{
    const struct mw_outgoing *out = mw_exchange_outgoing(x);
    take_out(c);
    mw_list_append(&c->state->busy, &c->link);
    c->x = x;
    c->request = request;
    c->reused = c->connected;
    c->heard = c->head_seen = c->until_close = c->write_failed = false;
    c->held = out->expects_continue;
    c->asked_to_close = asks_to_close(out);
    c->searched = 0;
    c->interims = 0;
    c->queued = c->flushed = 0;
}

void connection_park(struct connection *c)
{
    struct evhttp_state *state = c->state;
    take_out(c);
    transport_take_over(c); /* evhttp listens for its end */
    mw_list_prepend(&state->idle, &c->link);
    c->idle = true;
    c->x = NULL;
    c->request = NULL;
    c->idle_since = mw_now();
    c->idle_turn = state->rt->turns;
    if (++state->idle_count > most_idle)
        connection_retire(MW_ITEM(state->idle.previous, struct connection, link));
    arm_sweep(state);
}
