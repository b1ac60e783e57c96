/* The way through a proxy, one step after the other on the wire of the connection to it.
 * SPDX-License-Identifier: MIT */
#include "http1/tunnel.h"

#include "base/grammar.h"
#include "net/address.h"
#include "net/socks.h"

#include <event2/event.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define AGENT "moonwire/" MW_VERSION

enum { MOST_INTERIMS = 8 };

struct http1_tunnel {
    bool needs_addresses; /* the look-up that goes on, if any, is the host's */
    bool settled;         /* the failure has its code already */
    int interims;
    unsigned at;                   /* of the host's addresses, the one that is asked for; */
    struct mw_addresses addresses; /* none where the proxy looks them up */
    char host[MW_ADDRESS_SIZE];    /* that address, as the proxy gets it */
    struct http1_partial *partial; /* of the reply to CONNECT; NULL: none */
    struct mw_socks socks;
};

static struct http1_client *client_of(struct http1_wire *w)
{
    return MW_ITEM(w, struct http1_client, wire);
}

static const struct mw_via *via_of(const struct http1_client *c)
{
    return mw_exchange_outgoing(c->x)->via;
}

struct http1_tunnel *http1_tunnel_new(const struct mw_allocator *a, const struct mw_via *via)
{
    struct http1_tunnel *t = mw_zalloc(a, sizeof *t);
    if (t != NULL)
        t->needs_addresses = via->proxy->kind == MW_PROXY_SOCKS5;
    return t;
}

static void forget_partial(struct http1_tunnel *t, const struct mw_allocator *a)
{
    http1_partial_free(t->partial, a);
    t->partial = NULL;
}

void http1_tunnel_free(struct http1_tunnel *t, const struct mw_allocator *a)
{
    if (t == NULL)
        return;
    forget_partial(t, a);
    mw_dealloc(a, t);
}

bool http1_tunnel_needs_addresses(const struct http1_tunnel *t)
{
    return t->needs_addresses;
}

void http1_tunnel_know(struct http1_tunnel *t, const struct mw_addresses *addresses)
{
    t->addresses = *addresses;
    t->needs_addresses = false;
}

/* ---- failures ------------------------------------------------------------------------------ */

static int code_of_proxy(int code)
{
    switch (code) {
    case MW_CONNECTION_REFUSED_ERROR:
        return MW_PROXY_CONNECTION_REFUSED_ERROR;
    case MW_REMOTE_HOST_CLOSED_ERROR:
        return MW_PROXY_CONNECTION_CLOSED_ERROR;
    case MW_HOST_NOT_FOUND_ERROR:
        return MW_PROXY_NOT_FOUND_ERROR;
    case MW_TIMEOUT_ERROR:
        return MW_PROXY_TIMEOUT_ERROR;
    case MW_UNKNOWN_NETWORK_ERROR:
    case MW_PROTOCOL_FAILURE:
        return MW_UNKNOWN_PROXY_ERROR;
    default: /* no network, a certificate, cancelled: these say more */
        return code;
    }
}

void http1_tunnel_blame(const struct http1_client *c, struct mw_failure *f)
{
    char words[sizeof f->text];
    const struct mw_via *via = c->x != NULL ? via_of(c) : NULL;
    if (via == NULL)
        return;
    if (c->tunnel == NULL) {
        /* It is the proxy that has closed, or is silent, where it gets the requests. */
        bool lost = f->code == MW_REMOTE_HOST_CLOSED_ERROR || f->code == MW_TIMEOUT_ERROR;
        if (!via->tunnel && lost)
            f->code = code_of_proxy(f->code);
        return;
    }
    if (c->tunnel->needs_addresses)
        return;
    f->phase = MW_PHASE_PROXY;
    if (f->code == MW_OPERATION_CANCELLED_ERROR)
        return;
    if (!c->tunnel->settled)
        f->code = code_of_proxy(f->code);
    memcpy(words, f->text, sizeof words);
    mw_failure_text(f, "proxy %.100s: %.150s", via->proxy->name, words);
}

/* A failure whose code is what it is to be. */
static void settle(struct http1_client *c, int code, const char *words)
{
    c->tunnel->settled = true;
    http1_client_fail(c, code, MW_PHASE_PROXY, "it %s", words);
}

static void no_memory(struct http1_client *c)
{
    http1_client_fail(c, MW_UNKNOWN_NETWORK_ERROR, MW_PHASE_PROXY,
                      "no memory for the way through it");
}

static void lost(struct http1_client *c, enum mw_io how)
{
    struct mw_failure f;
    if (how == MW_IO_FAILED) {
        mw_socket_explain(&c->wire.socket, MW_PHASE_PROXY, &f);
    } else {
        mw_failure_system(&f, 0, MW_PHASE_PROXY);
        mw_failure_text(&f, "it closed the connection");
    }
    snprintf(f.address, sizeof f.address, "%s", c->address);
    http1_client_failed(c, &f);
}

static void arrived(struct http1_client *c)
{
    struct mw_socket s;
    wire_release(&c->wire, &s);
    memset(&c->wire, 0, sizeof c->wire);
    http1_client_arrived(c, &s);
}

/* ---- CONNECT ------------------------------------------------------------------------------- */

static void send_connect(struct http1_client *c)
{
    const struct mw_via *via = via_of(c);
    const char *host = via->target, *secret = mw_exchange_proxy_authorization(c->x);
    size_t size = 2 * strlen(host) + (secret != NULL ? strlen(secret) : 0) + via->fields->capacity +
                  4 * via->fields->count + 160;
    char *head = wire_stage(&c->wire, size), *at = head;
    if (head == NULL) {
        no_memory(c);
        return;
    }
    at += snprintf(at, size, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", host, host);
    if (mw_headers_find(via->fields, "User-Agent", NULL) == NULL)
        at = stpcpy(at, "User-Agent: " AGENT "\r\n");
    if (secret != NULL)
        at = stpcpy(stpcpy(stpcpy(at, "Proxy-Authorization: "), secret), "\r\n");
    for (size_t i = 0; i < via->fields->count; i++) {
        const struct mw_header *f = &via->fields->fields[i];
        at = stpcpy(stpcpy(stpcpy(stpcpy(at, f->name), ": "), f->value), "\r\n");
    }
    at = stpcpy(at, "\r\n");
    wire_staged(&c->wire, (size_t)(at - head));
}

/* The host speaks when it is spoken to. */
static void speaks_early(struct http1_client *c)
{
    settle(c, MW_UNKNOWN_PROXY_ERROR, "sent bytes of its own behind its answer");
}

static bool challenged(struct http1_client *c, const struct http1_head *head, const char *bytes)
{
    struct mw_headers fields = {0};
    const struct mw_allocator *a = &c->engine->rt->allocator;
    if (head->status != 407 || !http1_copy_head(&fields, a, head, bytes, NULL, NULL))
        return false;
    bool again = mw_exchange_on_proxy_challenge(c->x, &fields);
    mw_headers_free(&fields, a);
    return again;
}

/* It is complete. A body behind a refusal tells people about the proxy, and ends with the
 * connection. */
static void answered(struct http1_client *c, const struct http1_head *head, const char *bytes,
                     size_t length)
{
    char words[200];
    int status = head->status;
    if (status >= 200 && status < 300) {
        if (length > head->size)
            speaks_early(c);
        else
            arrived(c);
        return;
    }
    if (challenged(c, head, bytes)) {
        forget_partial(c->tunnel, &c->engine->rt->allocator);
        http1_client_again(c);
        return;
    }
    snprintf(words, sizeof words, "answered CONNECT with %d %.*s", status,
             head->reason.length < 100 ? (int)head->reason.length : 100, bytes + head->reason.at);
    bool unknown =
        status == 407 || status == 401; /* tinyproxy has the latter for a wrong password */
    settle(c, unknown ? MW_PROXY_AUTHENTICATION_REQUIRED_ERROR : MW_UNKNOWN_PROXY_ERROR, words);
}

static void malformed(struct http1_client *c, const struct http1_head *head)
{
    if (head->refusal == 431)
        http1_client_fail(c, MW_UNKNOWN_PROXY_ERROR, MW_PHASE_PROXY,
                          "the head of its answer to CONNECT is larger than max_head_size, %zu "
                          "bytes, or has more than %d fields",
                          mw_exchange_outgoing(c->x)->max_head_size, HTTP1_MOST_FIELDS);
    else
        http1_client_fail(c, MW_UNKNOWN_PROXY_ERROR, MW_PHASE_PROXY,
                          "its answer to CONNECT is malformed: %s", head->wrong);
}

/* One head among these bytes, the first ones of which have been looked at before. Returns how many
 * bytes an interim one has, which is passed over; 0: nothing is left to do. */
static size_t read_answer(struct http1_client *c, struct http1_head *head, const char *bytes,
                          size_t length)
{
    struct http1_limits limits = {mw_exchange_outgoing(c->x)->max_head_size, HTTP1_MOST_FIELDS};
    switch (http1_read_head(head, bytes, length, &limits)) {
    case HTTP1_DONE:
        if (head->status >= 100 && head->status < 200 && head->status != 101 &&
            c->tunnel->interims++ < MOST_INTERIMS)
            return head->size;
        answered(c, head, bytes, length);
        return 0;
    case HTTP1_MORE:
        break;
    default:
        malformed(c, head);
    }
    return 0;
}

static void take_answer(struct http1_client *c, const char *bytes, size_t length)
{
    struct http1_tunnel *t = c->tunnel;
    const struct mw_allocator *a = &c->engine->rt->allocator;
    struct http1_partial *p = t->partial;
    if (p == NULL) {
        http1_head_init(&c->engine->head, HTTP1_RESPONSE);
        p = http1_partial_new(a, &c->engine->head, bytes, length);
    } else if (!http1_partial_add(p, a, bytes, length)) {
        http1_partial_free(p, a);
        p = NULL;
    }
    t->partial = NULL; /* t may be gone after the next */
    mw_exchange *x = c->x;
    size_t done = p == NULL ? 0 : read_answer(c, &p->head, p->bytes, p->length);
    while (done > 0) {
        p->length -= done;
        memmove(p->bytes, p->bytes + done, p->length);
        http1_head_init(&p->head, HTTP1_RESPONSE);
        done = p->length > 0 ? read_answer(c, &p->head, p->bytes, p->length) : 0;
    }
    if (p == NULL)
        no_memory(c);
    else if (http1_still(c, x) && c->tunnel == t && c->wire.socket.via != NULL)
        t->partial = p;
    else
        http1_partial_free(p, a);
}

/* ---- SOCKS --------------------------------------------------------------------------------- */

static void send_socks(struct http1_client *c)
{
    const struct mw_socks *s = &c->tunnel->socks;
    if (!wire_send(&c->wire, s->out, s->out_size))
        no_memory(c);
}

static void begin_socks(struct http1_client *c)
{
    struct http1_tunnel *t = c->tunnel;
    const struct mw_outgoing *out = mw_exchange_outgoing(c->x);
    const struct mw_proxy *proxy = out->via->proxy;
    struct mw_socks_wish wish = {out->host, out->port, proxy->user, proxy->password};
    if (t->addresses.count > 0) {
        const char *address = t->addresses.text[t->at];
        snprintf(t->host, sizeof t->host, "%.*s", (int)mw_address_without_zone(address), address);
        wish.host = t->host;
    }
    mw_socks_init(&t->socks, &wish);
    send_socks(c);
}

/* What says that another of the host's addresses may be better. */
static bool try_next_address(const struct http1_client *c)
{
    struct http1_tunnel *t = c->tunnel;
    const struct mw_socks *s = &t->socks;
    bool of_address = s->fault == MW_SOCKS_FAULT_REPLY && s->reply != MW_SOCKS_NOT_ALLOWED &&
                      s->reply != MW_SOCKS_BAD_COMMAND;
    if (!of_address || t->at + 1 >= t->addresses.count)
        return false;
    t->at++;
    return true;
}

static void socks_failed(struct http1_client *c)
{
    const struct mw_socks *s = &c->tunnel->socks;
    int code = MW_UNKNOWN_PROXY_ERROR;
    if (try_next_address(c)) {
        http1_client_again(c);
        return;
    }
    if (s->fault == MW_SOCKS_FAULT_CREDENTIALS || s->fault == MW_SOCKS_FAULT_NEEDS_CREDENTIALS)
        code = MW_PROXY_AUTHENTICATION_REQUIRED_ERROR;
    else if (s->fault == MW_SOCKS_FAULT_REPLY && s->reply == MW_SOCKS_REFUSED)
        code = MW_CONNECTION_REFUSED_ERROR; /* it is the host that has refused */
    settle(c, code, s->words);
}

static void take_socks(struct http1_client *c, const char *bytes, size_t length)
{
    size_t used;
    switch (mw_socks_take(&c->tunnel->socks, bytes, length, &used)) {
    case MW_SOCKS_SEND:
        if (used < length)
            speaks_early(c);
        else
            send_socks(c);
        break;
    case MW_SOCKS_DONE:
        if (used < length)
            speaks_early(c);
        else
            arrived(c);
        break;
    case MW_SOCKS_BAD:
        socks_failed(c);
        break;
    default:
        break;
    }
}

/* ---- the wire's events --------------------------------------------------------------------- */

static void on_opened(struct http1_wire *w)
{
    struct http1_client *c = client_of(w);
    const struct mw_via *via = via_of(c);
    if (!via->tunnel)
        arrived(c);
    else if (mw_proxy_is_socks(via->proxy))
        begin_socks(c);
    else
        send_connect(c);
}

static void on_readable(struct http1_wire *w)
{
    struct http1_client *c = client_of(w);
    char *bytes;
    size_t n;
    enum mw_io io = wire_read(w, &bytes, &n);
    if (io == MW_IO_END || io == MW_IO_FAILED) {
        lost(c, io);
    } else if (io != MW_IO_DONE && w->failed) {
        lost(c, MW_IO_FAILED);
    } else if (io == MW_IO_DONE) {
        mw_exchange_on_activity(c->x);
        if (mw_proxy_is_socks(via_of(c)->proxy))
            take_socks(c, bytes, n);
        else
            take_answer(c, bytes, n);
    }
}

static void on_drained(struct http1_wire *w)
{
    (void)w;
}

/* What the proxy said before it closed may lie in the socket still, and then is told. */
static void on_broken(struct http1_wire *w)
{
    struct http1_client *c = client_of(w);
    if (w->opening || w->socket.tls != NULL)
        lost(c, MW_IO_FAILED);
    else
        event_active(&w->readable, EV_READ, 0);
}

static const struct http1_wire_events tunnel_events = {on_opened, on_readable, on_drained,
                                                       on_broken};

void http1_tunnel_begin(struct http1_client *c, int fd)
{
    struct mw_failure f;
    const struct mw_via *via = via_of(c);
    struct mw_tls_store *store = mw_runtime_tls(c->engine->rt);
    mw_failure_init(&f, MW_UNKNOWN_NETWORK_ERROR, MW_PHASE_PROXY);
    mw_failure_text(&f, "no memory for TLS");
    mw_exchange_on_phase(c->x, MW_PHASE_PROXY);
    if (via->proxy->kind != MW_PROXY_HTTPS) {
        mw_socket_plain(&c->wire.socket, fd);
    } else if (store == NULL || !mw_tls_client(store, &c->wire.socket, fd, via->tls,
                                               via->proxy->host, via->proxy->port, &f)) {
        close(fd);
        snprintf(f.address, sizeof f.address, "%s", c->address);
        http1_client_failed(c, &f);
        return;
    }
    if (!wire_open(&c->wire, c->engine, &tunnel_events))
        no_memory(c);
    else if (!c->wire.opening)
        on_opened(&c->wire);
}
