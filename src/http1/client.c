/* The client's side of the seam: an exchange gets a connection, new or idle, or waits for one.
 * SPDX-License-Identifier: MIT */
#include "http1/client.h"

#include "http1/tunnel.h"

#include <stdio.h>
#include <string.h>

static const double idle_seconds = 30; /* most servers close after 60 or more; be first */
enum { MOST_IDLE = 128, MOST_CONNECTIONS = 1024, MOST_PER_ORIGIN = 256 };

static struct http1_engine *engine_of(const mw_exchange *x)
{
    return mw_exchange_runtime(x)->engine_state;
}

static struct http1_client *client_of(struct mw_pooled *p)
{
    return MW_ITEM(p, struct http1_client, pooled);
}

/* ---- the pool ------------------------------------------------------------------------------ */

/* A proxy that gets the requests themselves could serve those to all hosts on one connection. Some
 * only pass on what comes behind the first (tinyproxy, as long as the host keeps the connection): a
 * host would then get the requests that are for another. What a proxy looks up is not looked up
 * here. */
static void key_via(struct mw_origin_key *key, const struct mw_outgoing *out)
{
    const struct mw_via *via = out->via;
    key->proxy = via->key;
    key->tunnel = via->tunnel;
    key->unix_path = NULL;
    if (via->proxy->kind != MW_PROXY_SOCKS5)
        key->addresses = NULL;
}

void http1_key(struct mw_origin_key *key, const struct mw_outgoing *out)
{
    *key = (struct mw_origin_key){.host = out->host,
                                  .port = out->port,
                                  .secure = out->secure,
                                  .tls = out->tls,
                                  .addresses = out->addresses,
                                  .unix_path = out->unix_path,
                                  .local_address = out->local_address,
                                  .agent = out->agent};
    if (out->via != NULL)
        key_via(key, out);
}

static void no_memory(mw_exchange *x)
{
    struct mw_failure f;
    mw_failure_init(&f, MW_UNKNOWN_NETWORK_ERROR, MW_PHASE_CONNECT);
    mw_failure_text(&f, "no memory for a connection");
    mw_exchange_on_error(x, &f);
}

static void on_close(struct mw_pooled *p)
{
    http1_client_close(client_of(p));
}

static void on_turn(struct mw_waiting *w, struct mw_pooled *p)
{
    mw_exchange *x = MW_ITEM(w, struct http1_call, waiting)->x;
    if (mw_exchange_runtime(x)->closing) /* a place got free because all are going */
        return;
    mw_exchange_on_queued(x, false);
    if (p != NULL && http1_client_quiet(client_of(p))) {
        http1_send(client_of(p), x);
        return;
    }
    if (!http1_client_open(engine_of(x), x))
        no_memory(x);
    if (p != NULL)
        http1_client_close(client_of(p)); /* not before: its place would be another's */
}

static const struct mw_pool_events pool_events = {on_close, on_turn};

static unsigned or_default(unsigned wanted, unsigned otherwise)
{
    return wanted > 0 ? wanted : otherwise;
}

/* Made at the first request; with the limits as they are now. NULL without memory. */
static struct mw_pool *pool_of(struct http1_engine *engine)
{
    const mw_runtime *rt = engine->rt;
    const struct mw_pool_limits limits = {
        .connections = or_default(rt->max_connections, MOST_CONNECTIONS),
        .per_origin = or_default(rt->max_connections_per_origin, MOST_PER_ORIGIN),
        .idle = MOST_IDLE,
        .idle_seconds = idle_seconds};
    if (engine->pool == NULL)
        engine->pool = mw_pool_new(&rt->allocator, rt->base, &limits, &pool_events);
    else
        mw_pool_set_limits(engine->pool, &limits);
    return engine->pool;
}

/* ---- the seam ------------------------------------------------------------------------------ */

int http1_start(mw_exchange *x)
{
    struct http1_engine *engine = engine_of(x);
    struct http1_call *call = http1_call_of(x);
    struct mw_origin_key key;
    struct mw_pooled *p;
    struct mw_pool *pool = pool_of(engine);
    if (pool == NULL)
        return MW_ENOMEM;
    call->x = x;
    http1_key(&key, mw_exchange_outgoing(x));
    for (;;) {
        switch (mw_pool_ask(pool, &key, &call->waiting, &p)) {
        case MW_POOL_FOUND:
            if (!http1_client_quiet(client_of(p))) {
                http1_client_close(client_of(p));
                continue;
            }
            http1_send(client_of(p), x);
            return MW_OK;
        case MW_POOL_OPEN:
            return http1_client_open(engine, x) ? MW_OK : MW_ENOMEM;
        case MW_POOL_WAIT:
            mw_exchange_on_queued(x, true);
            return MW_OK;
        default:
            return MW_ENOMEM;
        }
    }
}

void http1_pause(mw_exchange *x, bool on)
{
    struct http1_client *c = http1_call_of(x)->client;
    if (c != NULL)
        wire_read_on(&c->wire, !on);
}

void http1_resume(mw_exchange *x)
{
    struct http1_client *c = http1_call_of(x)->client;
    if (c != NULL && c->sending == HTTP1_SEND_READER)
        http1_upload(c);
}

void http1_locate(const mw_exchange *x, struct mw_failure *f)
{
    const struct http1_client *c = http1_call_of(x)->client;
    if (c == NULL)
        return;
    const char *address = c->dial != NULL ? mw_dial_address(c->dial) : c->address;
    f->phase = http1_phase_of(c);
    snprintf(f->address, sizeof f->address, "%.79s", address);
    http1_tunnel_blame(c, f);
}

void http1_cancel(mw_exchange *x)
{
    struct http1_call *call = http1_call_of(x);
    mw_pool_leave(engine_of(x)->pool, &call->waiting);
    if (call->client != NULL)
        http1_client_close(call->client);
}

void http1_forget(mw_exchange *x)
{
    (void)x; /* all that it had is its connection, which is another's or gone by now */
}

void http1_drop_idle(struct http1_engine *engine, const struct mw_agent *agent)
{
    if (engine->pool != NULL)
        mw_pool_drop_idle(engine->pool, agent);
}

void http1_clients_free(struct http1_engine *engine)
{
    http1_drop_idle(engine, NULL); /* the others have gone with their exchanges */
    mw_pool_free(engine->pool);
    engine->pool = NULL;
}
