/* The server's side of the engine: what its files share.
 * SPDX-License-Identifier: MIT */
#ifndef MW_HTTP1_SERVER_H
#define MW_HTTP1_SERVER_H

#include "http1/partial.h"
#include "http1/wire.h"
#include "net/listen.h"

struct evconnlistener;

/* What a session is doing; each has a list of its own, the one that waits longest first. */
enum http1_doing {
    HTTP1_WAITING, /* for a request */
    HTTP1_READING, /* a part of a head is in, or of a handshake */
    HTTP1_TURN,    /* a request's body is read, or its reply written */
    HTTP1_LEAVING, /* the last reply is out: what still comes is thrown away until the client ends
                    */
    HTTP1_DOINGS
};

/* A server's socket, and its sessions. */
struct http1_listener {
    struct http1_engine *engine;
    mw_server *server;
    struct mw_listening listening;
    struct evconnlistener *accepting; /* NULL while it does not */
    struct mw_tls_server *tls;
    struct mw_link sessions[HTTP1_DOINGS];
    struct mw_link dead; /* until nobody is on the stack that has one of them */
    struct mw_deferred reaping;
    struct event *sweep; /* looks for those that took too long */
    struct event *retry; /* accepts again, after the system had no descriptor left */
    struct http1_limits limits;
    uint64_t max_body_size;
    double idle_timeout, header_timeout, min_rate, sweep_interval;
    bool draining;
};

enum http1_body { HTTP1_NO_BODY, HTTP1_LENGTH, HTTP1_CHUNKS, HTTP1_TRAILER_FIELDS };

/* One connection of a client's. */
struct http1_session {
    struct http1_wire wire;
    struct mw_link link;
    struct http1_listener *listener;
    mw_request *r;                 /* the request that is being answered; NULL if none */
    struct http1_partial *partial; /* NULL mostly */
    struct evbuffer *early;        /* what came behind the request; NULL mostly */
    struct mw_deferred again;      /* to read that */
    double since;                  /* in this state; of a turn, since something moved */
    double moved;                  /* when the newest part of a head or a body came */
    double body_since;             /* when the first byte of the body was waited for */
    size_t pending;                /* of the reply, at the last sweep, with what the system holds */
    uint64_t left;                 /* of a body of known length */
    uint64_t taken;                /* of the body so far */
    struct http1_chunks chunks;
    unsigned char doing;     /* http1_doing */
    unsigned char body;      /* http1_body: what is still to be read */
    unsigned char minor;     /* HTTP/1.minor of the request */
    bool head_request;       /* its method is HEAD */
    bool over;               /* whatever still comes is thrown away */
    bool may_switch;         /* the request asks for another protocol, or a tunnel */
    bool keeps;              /* the connection serves for more */
    bool continue_due;       /* the client waits for 100 */
    bool paused;             /* the body is not wanted now */
    bool started, in_chunks; /* the reply */
    bool ended;              /* wire closed, waits to be freed */
    char peer[46];           /* the client's address, "" by a file */
};

/* The engine's part of a request. */
struct http1_turn {
    struct http1_session *session; /* NULL once it is over or gone */
};

static inline struct http1_turn *http1_turn_of(const mw_request *r)
{
    return mw_request_wire((mw_request *)r);
}

/* listen.c */
int http1_listen(mw_server *server, const struct mw_listen *how, void **wire, int *port);
void http1_drain(void *wire);
void http1_check_drained(struct http1_listener *l); /* a session has come to its end */
void http1_unlisten(void *wire);

/* session.c */
void http1_session_accept(struct http1_listener *l, int fd, const char *peer);
void http1_session_do(struct http1_session *s, enum http1_doing doing); /* from now on */
void http1_session_end(struct http1_session *s); /* closes it; freed when nobody is on the stack */
void http1_session_free(struct http1_session *s);
mw_request *http1_session_part(struct http1_session *s); /* from its request, if it has one */
void http1_session_forsake(mw_request *r); /* such a request: nobody will take its answer */
/* The client has gone: whoever answers learns it. */
void http1_session_drop(struct http1_session *s);
void http1_session_time_out(struct http1_session *s);
/* Between two requests: waits for one, once all that was sent is out. */
void http1_session_rest(struct http1_session *s);
/* The reply has been written to its end: on to the next request, or good-bye. */
void http1_session_next(struct http1_session *s);
void http1_session_feed(struct http1_session *s, const char *bytes, size_t length);

/* receive.c */
/* Takes what it can of the bytes, and says how many that were; 0: these are for later. */
size_t http1_receive(struct http1_session *s, const char *bytes, size_t length);

/* answer.c */
int http1_reply_interim(mw_request *r, int status, const struct mw_headers *fields);
int http1_reply_head(mw_request *r, int status, const char *reason, const struct mw_headers *fields,
                     int64_t length);
int http1_reply_body(mw_request *r, const void *bytes, size_t length);
size_t http1_reply_pending(const mw_request *r);
void http1_reply_end(mw_request *r, bool complete);
void http1_detach(mw_request *r);
int http1_hand_over(mw_request *r, struct mw_socket *socket, struct evbuffer *early);
void http1_read_on(mw_request *r, bool on);
/* Answers in the engine's own name, and says good-bye. */
void http1_session_refuse(struct http1_session *s, int status, const char *why);
void http1_continue(struct http1_session *s); /* 100 */

#endif
