/* The server's side of evhttp: small, and strict where evhttp lets us be.
 * SPDX-License-Identifier: MIT */
#include "base/grammar.h"
#include "evhttp/state.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

static const char *method_name(enum evhttp_cmd_type type)
{
    switch (type) {
    case EVHTTP_REQ_GET:
        return "GET";
    case EVHTTP_REQ_POST:
        return "POST";
    case EVHTTP_REQ_HEAD:
        return "HEAD";
    case EVHTTP_REQ_PUT:
        return "PUT";
    case EVHTTP_REQ_DELETE:
        return "DELETE";
    case EVHTTP_REQ_OPTIONS:
        return "OPTIONS";
    case EVHTTP_REQ_TRACE:
        return "TRACE";
    case EVHTTP_REQ_PATCH:
        return "PATCH";
    default:
        return NULL;
    }
}

static struct evhttp_call *call_of(mw_request *r)
{
    return mw_request_wire(r);
}

static void refuse(struct evhttp_request *request, int status, const char *why)
{
    struct evbuffer *body = evbuffer_new();
    request->major = request->minor = 1; /* it may have said anything, and evhttp repeats it */
    struct evkeyvalq *fields = evhttp_request_get_output_headers(request);
    evhttp_add_header(fields, "Connection", "close");
    evhttp_add_header(fields, "Content-Type", "text/plain; charset=utf-8");
    if (body != NULL)
        evbuffer_add_printf(body, "%s\n", why);
    evhttp_send_reply(request, status, status == 501 ? "Not Implemented" : "Bad Request", body);
    if (body != NULL)
        evbuffer_free(body);
}

static void say_close(struct evkeyvalq *fields)
{
    while (evhttp_remove_header(fields, "Connection") == 0)
        ;
    evhttp_add_header(fields, "Connection", "close");
}

static const char *check(struct evhttp_request *request, const struct mw_headers *h)
{
    const char *target = evhttp_request_get_uri(request);
    struct head head;
    const char *wrong = head_check_fields(h);
    if (wrong == NULL)
        wrong = head_read(&head, h);
    if (wrong != NULL)
        return wrong;
    if (head.hosts > 1 || (head.hosts == 0 && request->minor >= 1))
        return "there must be exactly one Host field"; /* RFC 9112, 3.2 */
    bool bodyless = request->type == EVHTTP_REQ_HEAD || request->type == EVHTTP_REQ_TRACE;
    if (bodyless && (head.length > 0 || head.chunked)) /* evhttp takes it for the next request */
        return "there is a body, which this method does not have here";
    if (head.close) /* evhttp knows the word only where it stands alone */
        say_close(evhttp_request_get_input_headers(request));
    if (head.host != NULL && mw_bad_authority(head.host, strlen(head.host)) >= 0)
        return "the Host field is not a host";
    if (request->major != 1 || request->minor < 0 || request->minor > 9)
        return "the version is not one that is spoken here";
    if (head.chunked && request->minor == 0)
        return "there were no chunks before version 1.1"; /* RFC 9112, 6.1 */
    for (const char *c = target; *c != '\0'; c++) {
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            return "the target has a byte that is not allowed there";
    }
    return NULL;
}

/* The connection is being closed; its descriptor may be another's soon. */
static void on_gone(struct evhttp_connection *evcon, void *arg)
{
    struct evhttp_call *call = call_of(arg);
    (void)evcon;
    if (call->watch != NULL)
        event_free(call->watch);
    call->watch = NULL;
    mw_request_on_gone(arg);
}

/* evhttp waits for reading while it writes a reply, to hear of an end; the clock of that would cut
 * each reply that takes longer than it. So there is none, until the reply is out. */
static void on_sent(struct evhttp_request *request, void *arg)
{
    struct listener *l = arg;
    struct evhttp_connection *evcon = evhttp_request_get_connection(request);
    bufferevent_set_timeouts(evhttp_connection_get_bufferevent(evcon), &l->idle, &l->idle);
}

static void read_untimed(struct listener *l, struct evhttp_request *request)
{
    struct evhttp_connection *evcon = evhttp_request_get_connection(request);
    bufferevent_set_timeouts(evhttp_connection_get_bufferevent(evcon), NULL, &l->idle);
    evhttp_request_set_on_complete_cb(request, on_sent, l);
}

void server_on_request(struct evhttp_request *request, void *arg)
{
    struct listener *l = arg;
    char *address = NULL;
    ev_uint16_t port;
    const char *method = method_name(evhttp_request_get_command(request));
    if (method == NULL) {
        refuse(request, 501, "the method is not known here");
        return;
    }
    mw_request *r = mw_request_new(l->server);
    if (r == NULL) {
        evhttp_send_error(request, 503, NULL);
        return;
    }
    struct evhttp_connection *evcon = evhttp_request_get_connection(request);
    evhttp_connection_get_peer(evcon, &address, &port);
    struct mw_incoming in = {
        .target = evhttp_request_get_uri(request),
        .peer = address != NULL && l->listening.unix_path == NULL ? address : "",
        .head = request->type == EVHTTP_REQ_HEAD,
    };
    struct mw_headers *fields = mw_request_fields(r);
    const struct mw_allocator *a = &mw_server_runtime(l->server)->allocator;
    const char *const texts[] = {in.target, in.peer};
    const char *copies[2];
    if (!head_copy(fields, a, evhttp_request_get_input_headers(request), texts, copies, 2)) {
        mw_request_free(r);
        evhttp_send_error(request, 503, NULL);
        return;
    }
    const char *wrong = check(request, fields);
    if (wrong != NULL) {
        mw_request_free(r);
        refuse(request, 400, wrong);
        return;
    }
    in.method = method;
    in.target = copies[0];
    in.peer = copies[1];
    call_of(r)->request = request;
    call_of(r)->listener = l;
    evhttp_connection_set_closecb(evcon, on_gone, r);
    read_untimed(l, request);
    mw_request_on_head(r, &in);
    mw_request_on_buffer(r, evhttp_request_get_input_buffer(request));
    mw_request_on_end(r);
}

static const struct timeval look_again = {0, 500000};

/* A client that has sent more than its request may leave all the same: that is looked for now and
 * then. (To wait for it is no use: a reset wakes the loop for ever, and counts as no end of data.)
 */
static void on_look(evutil_socket_t fd, short what, void *arg)
{
    struct evhttp_call *call = call_of(arg);
    struct evhttp_connection *evcon = evhttp_request_get_connection(call->request);
    struct bufferevent *bev = evhttp_connection_get_bufferevent(evcon);
    struct pollfd socket = {.fd = bufferevent_getfd(bev), .events = POLLRDHUP};
    (void)fd;
    (void)what;
    if (poll(&socket, 1, 0) > 0)
        mw_request_on_gone(arg);
    else
        event_add(call->watch, &look_again);
}

static void on_left(evutil_socket_t fd, short what, void *arg)
{
    struct event *watch = call_of(arg)->watch;
    char byte;
    ssize_t n = (what & EV_CLOSED) ? 0 : recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
        mw_request_on_gone(arg);
        return;
    }
    if (n > 0) { /* a next request: it would be told of again and again */
        event_assign(watch, event_get_base(watch), -1, 0, on_look, arg);
        event_add(watch, &look_again);
        return;
    }
    event_add(watch, NULL);
}

/* evhttp does not read while a request is being answered, so it learns of a client that leaves when
 * it writes. It must not be made to read either: one byte more, and it exits. The end of the data
 * can be waited for without reading it; a reset is told as something to read. */
void server_watch(mw_request *r)
{
    struct evhttp_call *call = call_of(r);
    if (call->request == NULL || call->watch != NULL)
        return;
    struct evhttp_connection *evcon = evhttp_request_get_connection(call->request);
    if (evcon == NULL)
        return;
    evutil_socket_t fd = bufferevent_getfd(evhttp_connection_get_bufferevent(evcon));
    call->watch = event_new(mw_request_runtime(r)->base, fd, EV_CLOSED | EV_READ, on_left, r);
    if (call->watch != NULL)
        event_add(call->watch, NULL);
}
