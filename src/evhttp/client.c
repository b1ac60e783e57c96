/* One exchange over evhttp: finds or makes a connection, sends, and reports what comes back.
 * SPDX-License-Identifier: MIT */
#include "base/grammar.h"
#include "evhttp/state.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http_struct.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

static struct evhttp_state *state_of(const mw_exchange *x)
{
    return mw_exchange_runtime(x)->engine_state;
}

static struct call *call_of(const mw_exchange *x)
{
    return mw_exchange_wire(x);
}

/* ---- what evhttp reports ------------------------------------------------------------------- */

static void fail(struct connection *c, int code, const char *text)
{
    struct mw_failure f;
    mw_failure_init(&f, code, c->head_seen ? MW_PHASE_BODY : MW_PHASE_HEAD);
    mw_failure_text(&f, "%s", text);
    strncpy(f.address, c->address, sizeof f.address - 1);
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
        return fail(c, MW_PROTOCOL_FAILURE, "the server sends interim replies (1xx) only"), -1;
    if (status == 100) {
        c->held = false;
        evhttp_clear_headers(evhttp_request_get_input_headers(request));
        mw_exchange_on_phase(c->x, MW_PHASE_SEND); /* evhttp writes what it had held back */
        return 0;
    }
    fail(c, MW_PROTOCOL_INVALID_OPERATION_ERROR,
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
        fail(c, MW_PROTOCOL_FAILURE,
             "the body's chunks are malformed, or have an extension, which "
             "the evhttp engine cannot read");
    else if (error == EVREQ_HTTP_INVALID_HEADER)
        fail(c, MW_PROTOCOL_FAILURE,
             c->head_seen ? "the length of the body is malformed"
                          : "the head of the reply is malformed");
    else
        fail(c, MW_UNKNOWN_NETWORK_ERROR, "evhttp failed");
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

/* ---- sending ------------------------------------------------------------------------------- */

static bool method_type(const char *method, enum evhttp_cmd_type *type)
{
    static const struct {
        const char *name;
        enum evhttp_cmd_type type;
    } methods[] = {
        {"GET", EVHTTP_REQ_GET},     {"POST", EVHTTP_REQ_POST},     {"HEAD", EVHTTP_REQ_HEAD},
        {"PUT", EVHTTP_REQ_PUT},     {"DELETE", EVHTTP_REQ_DELETE}, {"OPTIONS", EVHTTP_REQ_OPTIONS},
        {"TRACE", EVHTTP_REQ_TRACE}, {"PATCH", EVHTTP_REQ_PATCH},
    };
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (strcmp(method, methods[i].name) == 0) {
            *type = methods[i].type;
            return true;
        }
    }
    return false;
}

/* libevent hands each piece of a buffer to one SSL_write, which tells nothing before all of it is
 * written: so the pieces are of the size of a TLS record. A plain socket takes any size. */
static bool add_body(struct evbuffer *output, const struct mw_outgoing *out)
{
    const char *at = out->body;
    size_t left = out->body_length;
    size_t most = out->secure ? 16384 : left;
    while (left > 0) {
        size_t piece = left < most ? left : most;
        if (evbuffer_add_reference(output, at, piece, NULL, NULL) != 0)
            return false;
        at += piece;
        left -= piece;
    }
    return true;
}

/* evhttp keeps a copy of every field and prints them one by one, so it is given none of them, but
 * for the one that makes it hold the body back. See write_head. */
static struct evhttp_request *build(struct connection *c, const struct mw_outgoing *out)
{
    struct evhttp_request *request = evhttp_request_new(on_complete, c);
    if (request == NULL)
        return NULL;
    if (out->expects_continue && evhttp_add_header(evhttp_request_get_output_headers(request),
                                                   "Expect", "100-continue") != 0)
        goto fail;
    if (!add_body(evhttp_request_get_output_buffer(request), out))
        goto fail;
    evhttp_request_set_header_cb(request, on_head);
    evhttp_request_set_chunked_cb(request, on_chunk);
    evhttp_request_set_error_cb(request, on_parse_error);
    return request;
fail:
    evhttp_request_free(request);
    return NULL;
}

static char *put(char *at, const char *text, size_t length)
{
    return (char *)memcpy(at, text, length) + length;
}

/* Puts the request's head in front of what is in the buffer. False without memory. */
static bool prepend_head(struct evbuffer *output, struct evbuffer *spare,
                         const struct mw_outgoing *out)
{
    static const char version[] = " HTTP/1.1\r\n";
    const size_t method = strlen(out->method), target = strlen(out->target);
    const struct mw_header *fields = out->fields->fields, *end = fields + out->fields->count;
    size_t size = method + 1 + target + sizeof version - 1 + 2;
    for (const struct mw_header *f = fields; f < end; f++)
        size += strlen(f->name) + 2 + strlen(f->value) + 2;
    struct evbuffer_iovec space;
    if (evbuffer_reserve_space(spare, (ev_ssize_t)size, &space, 1) != 1)
        return false;
    char *at = put(space.iov_base, out->method, method);
    *at++ = ' ';
    at = put(at, out->target, target);
    at = put(at, version, sizeof version - 1);
    for (const struct mw_header *f = fields; f < end; f++) {
        at = put(at, f->name, strlen(f->name));
        at = put(at, ": ", 2);
        at = put(at, f->value, strlen(f->value));
        at = put(at, "\r\n", 2);
    }
    put(at, "\r\n", 2);
    space.iov_len = size;
    return evbuffer_commit_space(spare, &space, 1) == 0 &&
           evbuffer_prepend_buffer(output, spare) == 0;
}

/* evhttp has just written the head of its request: ours takes its place. */
static bool write_head(struct connection *c)
{
    const struct mw_outgoing *out = mw_exchange_outgoing(c->x);
    struct evbuffer *output = bufferevent_get_output(c->bev);
    size_t body = c->held ? 0 : out->body_length;
    evbuffer_unfreeze(output, 1); /* frozen, since only the bufferevent is to take from it */
    evbuffer_drain(output, evbuffer_get_length(output) - body);
    bool done = prepend_head(output, c->state->head, out);
    if (c->tls.bev == NULL) /* one of TLS freezes nothing, and could not take what it has sent */
        evbuffer_freeze(output, 1);
    if (!done)
        fail(c, MW_UNKNOWN_NETWORK_ERROR, "no memory for the head of the request");
    return done;
}

/* Progress of the request body. The head goes first and counts for nothing. */
static void on_output(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg)
{
    struct connection *c = arg;
    (void)output;
    if (c->x == NULL)
        return;
    c->queued += info->n_added;
    c->flushed += info->n_deleted;
    uint64_t body = mw_exchange_outgoing(c->x)->body_length;
    if (info->n_deleted > 0 && body > 0 && !c->held && !c->write_failed) {
        uint64_t head = c->queued - body;
        if (c->flushed > head)
            mw_exchange_on_sent(c->x, c->flushed - head);
    }
}

/* Sends x's request on c. False without memory. */
static bool send_on(struct connection *c, mw_exchange *x)
{
    const struct mw_outgoing *out = mw_exchange_outgoing(x);
    enum evhttp_cmd_type type = EVHTTP_REQ_GET;
    method_type(out->method, &type);
    struct evhttp_request *request = build(c, out);
    if (request == NULL)
        return false;
    connection_attach(c, x, request);
    call_of(x)->connection = c;
    mw_exchange_on_phase(x, c->connected ? MW_PHASE_SEND : MW_PHASE_CONNECT);
    if (out->body_length > 0 && !c->counting) {
        evbuffer_add_cb(bufferevent_get_output(c->bev), on_output, c);
        c->counting = true;
    }
    if (evhttp_make_request(c->evcon, request, type, out->target) != 0 && c->x != NULL) {
        fail(c, MW_UNKNOWN_NETWORK_ERROR, "evhttp could not start the request");
        return true;
    }
    if (c->x == NULL)
        return true; /* it has failed at once, and that was reported */
    /* The core has clocks of its own: evhttp's would need a timer with each turn. */
    bufferevent_set_timeouts(c->bev, NULL, NULL);
    interpose(c);
    if (c->connected && write_head(c))
        transport_flush(c);
    return true;
}

void client_connected(struct connection *c)
{
    int on = 1;
    c->connected = true;
    setsockopt(bufferevent_getfd(c->bev), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    bufferevent_set_timeouts(c->bev, NULL, NULL); /* evhttp set its own when it was connected */
    bufferevent_set_max_single_write(c->bev, 256 << 10);
    transport_open(c);
    mw_exchange_on_phase(c->x, MW_PHASE_SEND);
    write_head(c);
}

void client_written(struct connection *c)
{
    if (evbuffer_get_length(bufferevent_get_output(c->bev)) == 0)
        mw_exchange_on_phase(c->x, MW_PHASE_HEAD);
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
    connect_next(x);
}

static void find_addresses(mw_exchange *x)
{
    struct call *call = call_of(x);
    const char *host = mw_exchange_outgoing(x)->host;
    call->next_address = 0;
    if (call->addresses == NULL)
        call->addresses = mw_alloc(&mw_exchange_runtime(x)->allocator, sizeof *call->addresses);
    if (call->addresses == NULL) {
        give_up(x, MW_UNKNOWN_NETWORK_ERROR, MW_PHASE_RESOLVE, "no memory for addresses");
        return;
    }
    if (mw_resolve_literal(host, call->addresses)) {
        connect_next(x);
        return;
    }
    bool done = false;
    struct mw_resolver *names = mw_names(mw_exchange_runtime(x));
    if (names != NULL)
        call->lookup = mw_lookup_start(names, host, on_addresses, x, &done);
    if (call->lookup == NULL && !done)
        give_up(x, MW_UNKNOWN_NETWORK_ERROR, MW_PHASE_RESOLVE, "no memory for a name look-up");
}

int client_start(mw_exchange *x)
{
    const struct mw_outgoing *out = mw_exchange_outgoing(x);
    enum evhttp_cmd_type type;
    if (!method_type(out->method, &type)) {
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
