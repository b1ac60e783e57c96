/* One exchange over evhttp: finds or makes a connection, and reports what comes back.
 * SPDX-License-Identifier: MIT */
#include "evhttp/state.h"

#include <event2/buffer.h>
#include <event2/event.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct evhttp_state *state_of(const mw_exchange *x)
{
    return mw_exchange_runtime(x)->engine_state;
}

static struct call *call_of(const mw_exchange *x)
{
    return mw_exchange_wire(x);
}

/* ---- what evhttp reports ------------------------------------------------------------------- */

void client_fail(struct connection *c, int code, const char *format, ...)
{
    struct mw_failure f;
    va_list args;
    mw_failure_init(&f, code, c->head_seen ? MW_PHASE_BODY : MW_PHASE_HEAD);
    va_start(args, format);
    vsnprintf(f.text, sizeof f.text, format, args);
    va_end(args);
    snprintf(f.address, sizeof f.address, "%s", c->address);
    client_failed(c, &f);
}

static void on_chunk(struct evhttp_request *request, void *arg)
{
    struct connection *c = arg;
    if (c->x != NULL)
        mw_exchange_on_body(c->x, evhttp_request_get_input_buffer(request));
}

/* 100 goes by (RFC 9110, 15.2.1); evhttp takes the others for the final reply. */
static int on_interim(struct connection *c, struct evhttp_request *request, int status)
{
    if (++c->interims > 32)
        return client_fail(c, MW_PROTOCOL_FAILURE, "the server sends interim replies (1xx) only"),
               -1;
    if (status == 100) {
        c->held = false;
        evhttp_clear_headers(evhttp_request_get_input_headers(request));
        mw_exchange_on_phase(c->x, MW_PHASE_SEND); /* evhttp writes what it had held back */
        return 0;
    }
    client_fail(c, MW_PROTOCOL_INVALID_OPERATION_ERROR,
                status == 101 ? "the evhttp engine cannot switch protocols (101)"
                              : "the evhttp engine cannot read past an interim reply (1xx)");
    return -1;
}

static int on_head(struct evhttp_request *request, void *arg)
{
    struct connection *c = arg;
    if (c->x == NULL)
        return -1;
    if (c->head_seen)
        return 0; /* it was told of already */
    return on_interim(c, request, evhttp_request_get_response_code(request));
}

/* Connecting failed inside evhttp_make_request, before its callbacks could be taken over. */
static void connect_failed(struct connection *c, int system_errno)
{
    struct mw_failure f;
    int lookup = bufferevent_socket_get_dns_error(c->bev);
    diagnose(c, BEV_EVENT_ERROR, lookup != 0 ? EADDRNOTAVAIL : system_errno, &f);
    client_failed(c, &f);
}

static void on_parse_error(enum evhttp_request_error error, void *arg)
{
    int system_errno = errno;
    struct connection *c = arg;
    if (c->x == NULL)
        return;
    if (!c->connected)
        connect_failed(c, system_errno);
    else if (error ==
             EVREQ_HTTP_DATA_TOO_LONG) /* evhttp's limits are off, so this is what is left */
        client_fail(c, MW_PROTOCOL_FAILURE,
                    "the body's chunks are malformed, or have an extension, which "
                    "the evhttp engine cannot read");
    else if (error == EVREQ_HTTP_INVALID_HEADER)
        client_fail(c, MW_PROTOCOL_FAILURE,
                    c->head_seen ? "the length of the body is malformed"
                                 : "the head of the reply is malformed");
    else
        client_fail(c, MW_UNKNOWN_NETWORK_ERROR, "evhttp failed");
}

static void on_complete(struct evhttp_request *request, void *arg)
{
    int system_errno = errno;
    struct connection *c = arg;
    mw_exchange *x = c->x;
    if (x == NULL)
        return;
    if (request == NULL || !c->head_seen) {
        connect_failed(c, system_errno);
        return;
    }
    /* Bytes behind the reply would be taken for the next one: such a connection is not kept. Nor is
     * one that evhttp has closed. */
    bool clean = bufferevent_getfd(c->bev) >= 0 &&
                 evbuffer_get_length(bufferevent_get_input(c->bev)) == 0 &&
                 evbuffer_get_length(bufferevent_get_output(c->bev)) == 0;
    c->x = NULL;
    call_of(x)->connection = NULL;
    if (clean && !c->closing_after && !c->until_close && !c->write_failed && !c->held)
        connection_park(c);
    else
        connection_retire(c);
    mw_exchange_on_done(x);
}

struct evhttp_request *client_request(struct connection *c)
{
    struct evhttp_request *request = evhttp_request_new(on_complete, c);
    if (request == NULL)
        return NULL;
    evhttp_request_set_header_cb(request, on_head);
    evhttp_request_set_chunked_cb(request, on_chunk);
    evhttp_request_set_error_cb(request, on_parse_error);
    return request;
}

/* ---- finding somebody to talk to ----------------------------------------------------------- */

static void give_up(mw_exchange *x, int code, enum mw_phase phase, const char *text)
{
    struct mw_failure f;
    mw_failure_init(&f, code, phase);
    mw_failure_text(&f, "%s", text);
    mw_exchange_on_error(x, &f);
}

/* Tries the next address. Failures are reported. */
static void connect_next(mw_exchange *x)
{
    struct call *call = call_of(x);
    struct mw_failure f;
    const char *address = call->addresses->text[call->next_address++];
    struct connection *c = connection_new(state_of(x), mw_exchange_outgoing(x), address, &f);
    if (c == NULL) {
        mw_exchange_on_error(x, &f);
        return;
    }
    if (!send_on(c, x)) {
        connection_retire(c);
        give_up(x, MW_UNKNOWN_NETWORK_ERROR, MW_PHASE_CONNECT, "no memory for a request");
    }
}

/* The first of those that may be connected to. */
static void connect_allowed(mw_exchange *x)
{
    struct mw_failure f;
    if (mw_exchange_screen(x, call_of(x)->addresses, &f))
        connect_next(x);
    else
        mw_exchange_on_error(x, &f);
}

static void on_addresses(const struct mw_addresses *found, const char *wrong, void *arg)
{
    mw_exchange *x = arg;
    struct call *call = call_of(x);
    call->lookup = NULL;
    if (wrong != NULL) {
        struct mw_failure f;
        mw_failure_init(&f, MW_HOST_NOT_FOUND_ERROR, MW_PHASE_RESOLVE);
        mw_failure_text(&f, "cannot find the address of %.100s: %s", mw_exchange_outgoing(x)->host,
                        wrong);
        mw_exchange_on_error(x, &f);
        return;
    }
    *call->addresses = *found;
    connect_allowed(x);
}

static void find_addresses(mw_exchange *x)
{
    struct call *call = call_of(x);
    const struct mw_outgoing *out = mw_exchange_outgoing(x);
    call->next_address = 0;
    if (call->addresses == NULL)
        call->addresses = mw_alloc(&mw_exchange_runtime(x)->allocator, sizeof *call->addresses);
    if (call->addresses == NULL) {
        give_up(x, MW_UNKNOWN_NETWORK_ERROR, MW_PHASE_RESOLVE, "no memory for addresses");
        return;
    }
    if (out->addresses != NULL)
        mw_addresses_read(call->addresses, out->addresses);
    if (out->addresses != NULL || mw_resolve_literal(out->host, call->addresses)) {
        connect_allowed(x);
        return;
    }
    struct mw_resolver *names = mw_names(mw_exchange_runtime(x));
    mw_exchange_on_phase(x, MW_PHASE_RESOLVE);
    if (names != NULL)
        call->lookup = mw_lookup_start(names, out->host, on_addresses, x);
    if (call->lookup == NULL)
        give_up(x, MW_UNKNOWN_NETWORK_ERROR, MW_PHASE_RESOLVE, "no memory for a name look-up");
}

int client_start(mw_exchange *x)
{
    const struct mw_outgoing *out = mw_exchange_outgoing(x);
    enum evhttp_cmd_type type;
    if (!send_method(out->method, &type)) {
        struct mw_failure f;
        mw_failure_init(&f, MW_PROTOCOL_INVALID_OPERATION_ERROR, MW_PHASE_SEND);
        if (strcmp(out->method, "CONNECT") == 0)
            mw_failure_text(&f, "the evhttp engine cannot hand over the tunnel that CONNECT makes");
        else
            mw_failure_text(&f, "the evhttp engine cannot send the method %.60s", out->method);
        mw_exchange_on_error(x, &f);
        return MW_OK;
    }
    struct connection *c = connection_find_idle(state_of(x), out);
    if (c == NULL)
        find_addresses(x);
    else if (!send_on(c, x))
        return MW_ENOMEM;
    return MW_OK;
}

void client_pause(mw_exchange *x, bool on)
{
    struct connection *c = call_of(x)->connection;
    if (c != NULL)
        transport_read(c, !on);
}

void client_locate(const mw_exchange *x, struct mw_failure *f)
{
    const struct connection *c = call_of(x)->connection;
    if (c == NULL)
        return;
    f->phase = diagnose_phase(c, EINPROGRESS);
    strncpy(f->address, c->address, sizeof f->address - 1);
}

void client_forget(mw_exchange *x)
{
    mw_dealloc(&mw_exchange_runtime(x)->allocator, call_of(x)->addresses);
    call_of(x)->addresses = NULL;
}

void client_cancel(mw_exchange *x)
{
    struct call *call = call_of(x);
    if (call->lookup != NULL)
        mw_lookup_cancel(call->lookup);
    call->lookup = NULL;
    if (call->connection != NULL)
        connection_retire(call->connection);
    call->connection = NULL;
}

/* A connection that had been idle may have died just then: no byte came back, so it was not the
 * request's fault. Once more on a fresh one, if doing it twice does no harm (RFC 9110, 9.2.2). */
static bool may_retry(const struct connection *c, const struct mw_failure *f)
{
    return c->reused && !c->heard && f->code == MW_REMOTE_HOST_CLOSED_ERROR &&
           mw_exchange_outgoing(c->x)->idempotent && mw_exchange_attempt(c->x) == 1;
}

void client_failed(struct connection *c, const struct mw_failure *f)
{
    mw_exchange *x = c->x;
    struct call *call = call_of(x);
    bool retry = may_retry(c, f);
    bool another = !c->connected && f->phase == MW_PHASE_CONNECT &&
                   call->next_address < call->addresses->count;
    connection_retire(c);
    call->connection = NULL;
    if (retry) {
        mw_exchange_on_retry(x);
        find_addresses(x);
    } else if (another) {
        connect_next(x);
    } else {
        mw_exchange_on_error(x, f);
    }
}
