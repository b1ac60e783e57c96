/* What the files of the evhttp engine share.
 *
 * evhttp tells less than it knows, so its callbacks are interposed: after each of its own moves the
 * bufferevent's callbacks are taken over and call evhttp's in turn. That is how the true cause of a
 * failure is seen (evhttp conflates most of them), and how bytes are counted. evhttp 2.1.12.
 * SPDX-License-Identifier: MIT */
#ifndef MW_EVHTTP_STATE_H
#define MW_EVHTTP_STATE_H

#include "base/attribute.h"
#include "core/engine.h"
#include "core/runtime.h"
#include "net/listen.h"
#include "net/resolve.h"
#include "net/tls_bufferevent.h"

#include <event2/bufferevent.h>
#include <event2/event_struct.h>
#include <event2/http.h>

#include <sys/types.h>

/* The engine's part of a runtime. */
struct evhttp_state {
    mw_runtime *rt;
    struct mw_link busy, idle; /* connections; the last used first among the idle */
    int idle_count;
    struct event *sweep;     /* closes connections that have been idle for long */
    unsigned char *received; /* TRANSPORT_READ bytes that every connection reads into */
    struct evbuffer *head;   /* of a request, while it is put together */
    struct mw_link unsent;   /* connections with a request to write */
    struct event *flush;     /* due while there are some */
    struct mw_deferred reaping;
    struct mw_link dead; /* connections that wait for evhttp to be off the stack */
};

/* The engine's part of an exchange. */
struct call {
    struct connection *connection; /* NULL while a name is looked up */
    struct mw_lookup *lookup;
    struct mw_addresses *addresses; /* to try, NULL while there was no need for one */
    unsigned next_address;
};

/* One connection, and evhttp's beneath it. */
struct connection {
    struct mw_link link;
    struct mw_link unsent;
    struct evhttp_state *state;
    struct evhttp_connection *evcon;
    struct bufferevent *bev;
    struct mw_tls_bev tls; /* tls.bev is NULL on a plain connection */
    struct event readable; /* of a plain connection, once it is connected: */
    bool receives;         /* this one reads, and the bufferevent does not */

    /* which requests it fits */
    char *host;
    char *addresses; /* given in the place of the host's; NULL: none */
    struct mw_tls_options tls_options;
    unsigned short port;
    bool secure;
    char address[MW_ADDRESS_SIZE + 8]; /* the peer's, with its port */
    double idle_since;
    unsigned long idle_turn; /* the runtime's turns by then */
    int interims;            /* replies of 1xx before this one */

    /* the exchange in flight; NULL when idle or dead */
    mw_exchange *x;
    struct evhttp_request *request;
    bool connected, idle;
    bool reused; /* it had served another request before */
    bool heard;  /* at least one byte of the reply has come */
    bool head_seen;
    bool until_close;    /* the body ends with the connection */
    bool closing;        /* retired */
    bool asked_to_close; /* the request in flight is the last */
    bool closing_after;  /* the reply in flight is the last */
    bool write_failed;
    bool held;     /* the body waits for 100 */
    bool counting; /* the output is watched, for upload progress */
    int write_errno;
    size_t searched;          /* bytes of input that hold no end of the head */
    uint64_t queued, flushed; /* bytes that went into and out of the output */

    /* evhttp's own callbacks, called from ours */
    bufferevent_data_cb ev_read, ev_write;
    bufferevent_event_cb ev_event;
    void *ev_arg;
};

/* connection.c */
struct connection *connection_find_idle(struct evhttp_state *state, const struct mw_outgoing *out);
struct connection *connection_new(struct evhttp_state *state, const struct mw_outgoing *out,
                                  const char *address, struct mw_failure *f);
void connection_attach(struct connection *c, mw_exchange *x, struct evhttp_request *request);
void connection_park(struct connection *c);   /* its exchange is over: keep it for the next */
void connection_retire(struct connection *c); /* never again; freed from the loop */
void connections_free(struct evhttp_state *state);
void connections_drop_idle(void *arg, const struct mw_agent *agent);
bool connections_open(struct evhttp_state *state);

/* transport.c */
/* The most that one read takes: with what libevent adds, a power of two, to which it rounds. */
enum { TRANSPORT_READ = (32 << 10) - 64 };
void transport_open(struct connection *c);      /* it is connected */
void transport_take_over(struct connection *c); /* from the bufferevent, if evhttp has enabled it */
void transport_read(struct connection *c, bool on); /* goes on and stops reading */
void transport_flush(struct connection *c);         /* writes what is queued, soon and at once */
void transport_close(struct connection *c);
bool transport_send(struct bufferevent *bev); /* of a plain socket; whether that was all */
bool transports_open(struct evhttp_state *state);
void transports_free(struct evhttp_state *state);

/* interpose.c */
void interpose(struct connection *c); /* takes the bufferevent's callbacks over, again if need be */
/* What a bufferevent tells, by whoever has read instead of it. */
void interpose_read(struct connection *c);
void interpose_event(struct connection *c, short what); /* errno is the error's */

/* client.c */
int client_start(mw_exchange *x);
void client_pause(mw_exchange *x, bool on);
void client_cancel(mw_exchange *x);
void client_locate(const mw_exchange *x, struct mw_failure *f);
void client_forget(mw_exchange *x);
struct evhttp_request *client_request(struct connection *c); /* that reports; NULL: no memory */
void client_failed(struct connection *c, const struct mw_failure *f); /* may retry */
void client_fail(struct connection *c, int code, const char *format, ...) MW_PRINTF(3, 4);

/* send.c */
bool send_method(const char *method, enum evhttp_cmd_type *type); /* false: evhttp cannot */
bool send_on(struct connection *c, mw_exchange *x);               /* false without memory */
void send_connected(struct connection *c);
void send_written(struct connection *c);

/* diagnose.c */
/* The phase that the exchange on c is in; `system_errno` of its failure, EINPROGRESS if it has not
 * failed. */
enum mw_phase diagnose_phase(const struct connection *c, int system_errno);
/* What a bufferevent's event means for the exchange on c. */
void diagnose(const struct connection *c, short what, int system_errno, struct mw_failure *f);

/* reply.c */
/* Looks for a whole head in the input, reads it, and tells the exchange of one that is final. True
 * if evhttp may go on with the input; otherwise there is none yet, or the exchange has ended. */
bool reply_take_head(struct connection *c, struct evbuffer *input);

/* head.c */
/* Copies evhttp's fields, and so many texts more into the same block. Returns false without memory.
 */
bool head_copy(struct mw_headers *h, const struct mw_allocator *a, struct evkeyvalq *fields,
               const char *const *texts, const char **copies, size_t count_of_texts);
/* What a head says of its message's framing (RFC 9112, 6). */
struct head {
    int64_t length; /* Content-Length, -1 without one */
    bool chunked, close, keep_alive;
    int hosts;        /* Host fields */
    const char *host; /* the last of them */
};
/* Bytes that are not allowed in fields; of requests, whose heads evhttp has parsed unseen. */
const char *head_check_fields(const struct mw_headers *h);
/* Fills it in. Returns words for what makes the framing doubtful, or NULL. */
const char *head_read(struct head *head, const struct mw_headers *h);
/* The length of a response's body: -1 until close or in chunks, 0 none. */
int64_t head_body_length(const struct head *head, int status, bool head_request);
bool head_keeps_alive(const struct head *head, int minor);

/* listen.c */
enum { MOST_UNSENT = 64 };

/* A server's sockets, and what its connections share. */
struct listener {
    mw_server *server;
    struct evhttp *http;
    struct mw_tls_server *tls;
    struct mw_listening listening;
    struct timeval idle;
    struct event *flush;                     /* due while there are some of: */
    struct bufferevent *unsent[MOST_UNSENT]; /* those with a whole reply to write, held */
    int unsent_count;
};
int server_listen(mw_server *server, const struct mw_listen *how, void **wire, int *port);
void server_unlisten(void *wire);

/* server.c */
void server_on_request(struct evhttp_request *request, void *arg);

/* answer.c */
void server_flush(evutil_socket_t fd, short what, void *arg);
int server_reply_head(mw_request *r, int status, const char *reason,
                      const struct mw_headers *fields, int64_t length);
int server_reply_body(mw_request *r, const void *bytes, size_t length);
size_t server_reply_pending(const mw_request *r);
void server_reply_end(mw_request *r, bool complete);
void server_watch(mw_request *r);
void server_detach(mw_request *r);
/* The engine's part of a request: evhttp's, NULL once it is gone or answered. */
struct evhttp_call {
    struct evhttp_request *request;
    struct listener *listener;
    struct event *watch; /* for the client's leaving, NULL while nobody waits */
};

#endif
