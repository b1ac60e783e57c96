/* A connection of the client's, from its name to its end.
 * SPDX-License-Identifier: MIT */
#include "http1/client.h"

#include "http1/tunnel.h"

#include <event2/event.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct http1_client *client_of(struct http1_wire *w)
{
    return MW_ITEM(w, struct http1_client, wire);
}

/* ---- its end ------------------------------------------------------------------------------- */

/* Ends what goes on, whatever that is: the next thing is another attempt, or none. */
static void hang_up(struct http1_client *c)
{
    if (c->lookup != NULL)
        mw_lookup_cancel(c->lookup);
    if (c->dial != NULL)
        mw_dial_cancel(c->dial);
    c->lookup = NULL;
    c->dial = NULL;
    http1_upload_stop(c);
    http1_partial_free(c->partial, &c->engine->rt->allocator);
    c->partial = NULL;
    http1_tunnel_free(c->tunnel, &c->engine->rt->allocator);
    c->tunnel = NULL;
    wire_close(&c->wire);
    memset(&c->wire, 0, sizeof c->wire); /* nothing of it is the next one's */
    c->connected = false;
    c->write_failed = false;
}

static mw_exchange *detach(struct http1_client *c)
{
    mw_exchange *x = c->x;
    if (x != NULL)
        http1_call_of(x)->client = NULL;
    c->x = NULL;
    return x;
}

void http1_client_close(struct http1_client *c)
{
    struct http1_engine *engine = c->engine;
    detach(c);
    hang_up(c);
    if (c->continue_clock != NULL)
        event_free(c->continue_clock);
    /* Its place may go to one that waits, who may be opened and fail: c is out of all that. */
    mw_pool_remove(engine->pool, &c->pooled);
    mw_dealloc(&engine->rt->allocator, c);
}

void http1_client_park(struct http1_client *c)
{
    detach(c);
    wire_read_on(&c->wire, true);
    c->reused = true;
    c->idle_turn = c->engine->rt->turns;
    mw_pool_park(c->engine->pool, &c->pooled);
}

/* The loop tells of what has come, but perhaps only in a turn to come. A handler that follows its
 * reply at once need not ask; one that has worked for long does. */
bool http1_client_quiet(struct http1_client *c)
{
    static const double at_once = 0.005;
    char byte;
    size_t n;
    const mw_runtime *rt = c->engine->rt;
    if (rt->in_deferred && rt->turns - c->idle_turn <= 1 &&
        mw_now() - c->pooled.idle_since < at_once)
        return true;
    return wire_read_into(&c->wire, &byte, 1, &n) == MW_IO_AGAIN_READ;
}

/* ---- failures ------------------------------------------------------------------------------ */

static void look_up(struct http1_client *c);

/* A connection that had been idle may have died just then: no byte came back, so it was not the
 * request's fault. Once more on a fresh one, if doing it twice does no harm (RFC 9110, 9.2.2). */
static bool may_retry(const struct http1_client *c, const struct mw_failure *f)
{
    return c->reused && !c->heard && f->code == MW_REMOTE_HOST_CLOSED_ERROR &&
           mw_exchange_outgoing(c->x)->idempotent && mw_exchange_attempt(c->x) == 1 &&
           mw_exchange_rewind_body(c->x);
}

void http1_client_failed(struct http1_client *c, const struct mw_failure *f)
{
    mw_exchange *x = c->x;
    struct mw_failure told = *f;
    if (may_retry(c, f)) {
        hang_up(c);
        c->reused = false;
        mw_exchange_on_retry(x);
        look_up(c);
        return;
    }
    http1_tunnel_blame(c, &told);
    http1_client_close(c);
    mw_exchange_on_error(x, &told);
}

void http1_client_again(struct http1_client *c)
{
    struct http1_tunnel *tunnel = c->tunnel;
    c->tunnel = NULL; /* it stays */
    hang_up(c);
    c->tunnel = tunnel;
    look_up(c);
}

void http1_client_fail(struct http1_client *c, int code, enum mw_phase phase, const char *format,
                       ...)
{
    struct mw_failure f;
    va_list args;
    mw_failure_init(&f, code, phase);
    va_start(args, format);
    vsnprintf(f.text, sizeof f.text, format, args);
    va_end(args);
    snprintf(f.address, sizeof f.address, "%s", c->address);
    http1_client_failed(c, &f);
}

/* ---- the wire's events --------------------------------------------------------------------- */

static void on_opened(struct http1_wire *w)
{
    struct http1_client *c = client_of(w);
    c->connected = true;
    http1_send(c, c->x);
}

static void on_readable(struct http1_wire *w)
{
    struct http1_client *c = client_of(w);
    char byte;
    size_t n;
    if (c->x != NULL)
        http1_response_readable(c);
    else if (wire_read_into(w, &byte, 1, &n) != MW_IO_AGAIN_READ)
        http1_client_close(c); /* an idle server that speaks has lost count of the replies */
}

static void on_drained(struct http1_wire *w)
{
    struct http1_client *c = client_of(w);
    if (c->x != NULL && !mw_linked(&c->more.link)) /* else the others get their turn first */
        http1_upload(c);
}

/* The server may have answered and closed before it had read the request, as with 413: what it
 * said is in the socket still. */
void http1_client_write_failed(struct http1_client *c)
{
    c->write_failed = true;
    c->write_errno = c->wire.socket.system_errno;
    http1_upload_stop(c);
    if (c->wire.reading) /* else later, once it is wanted again */
        event_active(&c->wire.readable, EV_READ, 0);
}

static void on_broken(struct http1_wire *w)
{
    struct http1_client *c = client_of(w);
    struct mw_failure f;
    if (c->x == NULL) {
        http1_client_close(c);
    } else if (c->connected && !c->write_failed) {
        http1_client_write_failed(c);
    } else {
        http1_diagnose(c, MW_IO_FAILED, &f);
        http1_client_failed(c, &f);
    }
}

static const struct http1_wire_events wire_events = {on_opened, on_readable, on_drained, on_broken};

/* ---- its opening --------------------------------------------------------------------------- */

static bool open_tls(struct http1_client *c, struct mw_socket *under, struct mw_failure *f)
{
    const struct mw_outgoing *out = mw_exchange_outgoing(c->x);
    struct mw_tls_store *store = mw_runtime_tls(c->engine->rt);
    mw_failure_init(f, MW_UNKNOWN_NETWORK_ERROR, MW_PHASE_TLS);
    mw_failure_text(f, "no memory for TLS");
    if (store == NULL)
        return false;
    if (out->via != NULL)
        return mw_tls_client_over(store, &c->wire.socket, under, &out->tls, out->host, out->port,
                                  f);
    return mw_tls_client(store, &c->wire.socket, under->fd, &out->tls, out->host, out->port, f);
}

void http1_client_arrived(struct http1_client *c, struct mw_socket *s)
{
    struct mw_failure f;
    bool secure = mw_exchange_outgoing(c->x)->secure;
    http1_tunnel_free(c->tunnel, &c->engine->rt->allocator); /* what fails now is not the proxy's */
    c->tunnel = NULL;
    if (secure && !open_tls(c, s, &f)) {
        s->via->close(s);
        snprintf(f.address, sizeof f.address, "%s", c->address);
        http1_client_failed(c, &f);
        return;
    }
    if (!secure)
        c->wire.socket = *s;
    if (!wire_open(&c->wire, c->engine, &wire_events))
        http1_client_fail(c, MW_UNKNOWN_NETWORK_ERROR, MW_PHASE_CONNECT,
                          "no memory for a connection");
    else if (secure)
        mw_exchange_on_phase(c->x, MW_PHASE_TLS);
    else if (!c->wire.opening) /* TLS with a proxy says so by itself */
        on_opened(&c->wire);
}

static void on_dialed(int fd, const char *address, const struct mw_failure *f, void *ud)
{
    struct http1_client *c = ud;
    c->dial = NULL;
    snprintf(c->address, sizeof c->address, "%s", address);
    if (fd < 0) {
        http1_client_failed(c, f);
    } else if (c->tunnel != NULL) {
        http1_tunnel_begin(c, fd);
    } else {
        struct mw_socket s;
        mw_socket_plain(&s, fd);
        http1_client_arrived(c, &s);
    }
}

static void dial(struct http1_client *c, const struct mw_addresses *addresses)
{
    const struct mw_outgoing *out = mw_exchange_outgoing(c->x);
    struct mw_dial_options how = {.addresses = addresses,
                                  .port = out->via != NULL ? out->via->proxy->port : out->port,
                                  .unix_path = out->unix_path,
                                  .local_address = out->local_address};
    const struct http1_engine *engine = c->engine;
    mw_exchange_on_phase(c->x, MW_PHASE_CONNECT);
    c->dial = mw_dial_start(&engine->rt->allocator, engine->rt->base, &how, on_dialed, c);
    if (c->dial == NULL)
        http1_client_fail(c, MW_UNKNOWN_NETWORK_ERROR, MW_PHASE_CONNECT,
                          "no memory for a connection");
}

/* To those of them that may be connected to. */
static void dial_allowed(struct http1_client *c, const struct mw_addresses *found)
{
    struct mw_failure f;
    struct mw_addresses allowed = *found;
    if (mw_exchange_screen(c->x, &allowed, &f))
        dial(c, &allowed);
    else
        http1_client_failed(c, &f);
}

static void no_address(struct http1_client *c, const char *host, const char *wrong)
{
    http1_client_fail(c, MW_HOST_NOT_FOUND_ERROR, MW_PHASE_RESOLVE,
                      "cannot find the address of %.100s: %s", host, wrong);
}

/* Whose addresses are looked up and connected to. */
static const char *next_host(const struct http1_client *c)
{
    const struct mw_outgoing *out = mw_exchange_outgoing(c->x);
    return out->via != NULL ? out->via->proxy->host : out->host;
}

static void on_addresses(const struct mw_addresses *found, const char *wrong, void *ud)
{
    struct http1_client *c = ud;
    c->lookup = NULL;
    if (wrong == NULL)
        dial_allowed(c, found);
    else
        no_address(c, next_host(c), wrong);
}

static void find(struct http1_client *c, const char *host, const char *addresses, mw_lookup_fn fn)
{
    struct mw_addresses found;
    if (addresses != NULL)
        mw_addresses_read(&found, addresses);
    if (addresses != NULL || mw_resolve_literal(host, &found)) {
        fn(&found, NULL, c);
        return;
    }
    struct mw_resolver *names = mw_names(c->engine->rt);
    mw_exchange_on_phase(c->x, MW_PHASE_RESOLVE);
    if (names != NULL)
        c->lookup = mw_lookup_start(names, host, fn, c);
    if (c->lookup == NULL)
        http1_client_fail(c, MW_UNKNOWN_NETWORK_ERROR, MW_PHASE_RESOLVE,
                          "no memory for a name look-up");
}

/* The proxy gets addresses only (SOCKS5): the host's come first. */
static void on_host_addresses(const struct mw_addresses *found, const char *wrong, void *ud)
{
    struct http1_client *c = ud;
    c->lookup = NULL;
    if (wrong != NULL) {
        no_address(c, mw_exchange_outgoing(c->x)->host, wrong);
        return;
    }
    struct mw_failure f;
    struct mw_addresses allowed = *found;
    if (!mw_exchange_screen(c->x, &allowed, &f)) {
        http1_client_failed(c, &f);
        return;
    }
    http1_tunnel_know(c->tunnel, &allowed);
    find(c, next_host(c), NULL, on_addresses);
}

/* Whatever it comes to is reported. */
static void look_up(struct http1_client *c)
{
    const struct mw_outgoing *out = mw_exchange_outgoing(c->x);
    c->address[0] = '\0';
    if (out->via != NULL && c->tunnel == NULL) {
        c->tunnel = http1_tunnel_new(&c->engine->rt->allocator, out->via);
        if (c->tunnel == NULL) {
            http1_client_fail(c, MW_UNKNOWN_NETWORK_ERROR, MW_PHASE_PROXY,
                              "no memory for the way through a proxy");
            return;
        }
    }
    if (c->tunnel != NULL && http1_tunnel_needs_addresses(c->tunnel))
        find(c, out->host, out->addresses, on_host_addresses);
    else if (out->via != NULL)
        find(c, next_host(c), NULL, on_addresses);
    else if (out->unix_path != NULL)
        dial(c, NULL);
    else
        find(c, out->host, out->addresses, on_addresses);
}

bool http1_client_open(struct http1_engine *engine, mw_exchange *x)
{
    struct mw_origin_key key;
    const struct mw_allocator *a = &engine->rt->allocator;
    struct http1_client *c = mw_zalloc(a, sizeof *c);
    if (c == NULL)
        return false;
    http1_key(&key, mw_exchange_outgoing(x));
    if (!mw_pool_add(engine->pool, &key, &c->pooled)) {
        mw_dealloc(a, c);
        return false;
    }
    c->engine = engine;
    c->x = x;
    http1_call_of(x)->client = c;
    look_up(c);
    return true;
}
