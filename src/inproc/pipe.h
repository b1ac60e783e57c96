/* What lies between an exchange and the server that answers it in the same process: a pipe, which
 * outlives either.
 *
 * Nothing that one side does runs in the other: it is noted here, and carried over from the next
 * turn of the loop (inproc_step). So the order of events is that of a wire.
 * SPDX-License-Identifier: MIT */
#ifndef MW_INPROC_PIPE_H
#define MW_INPROC_PIPE_H

#include "core/engine.h"
#include "core/runtime.h"

struct evbuffer;
struct event;

struct inproc_listener {
    mw_server *server;
    mw_runtime *rt;
    size_t max_head_size;
    uint64_t max_body_size;
    struct mw_link pipes; /* those that it has not answered to the end */
    bool draining;
};

/* The body of the request. */
enum inproc_body {
    INPROC_NO_BODY, /* or all of it has been carried over */
    INPROC_HELD,    /* until the server asks for it, or the client has lost its patience */
    INPROC_BODY
};

struct inproc_pipe {
    struct mw_link link; /* in the listener's list */
    mw_runtime *rt;
    struct inproc_listener *listener; /* NULL once the server has ended its part */
    mw_exchange *x;                   /* NULL once it has gone */
    mw_request *r;                    /* NULL before it is made, and once it has ended */
    struct mw_deferred step;
    bool stepping; /* it is on the stack and must stay */

    bool begun; /* the server has the head of the request, or has refused it */
    enum inproc_body body;
    struct event *patience; /* while it is HELD; NULL before */
    bool request_paused;    /* by the server, which does not read */
    uint64_t given;         /* of the body */

    struct mw_link heads;       /* of the reply: those that have not been carried over */
    struct evbuffer *out;       /* its body, likewise; NULL while there was none */
    int64_t length;             /* of that, where it is known */
    uint64_t carried;           /* of that */
    bool head_seen;             /* by the exchange: the last one */
    bool reply_paused;          /* by the exchange, which does not read */
    bool ended, complete;       /* by the server */
    struct mw_failure *failure; /* that the server wants to see in place of its end */
};

/* What an exchange and a request have of it. */
struct inproc_end {
    struct inproc_pipe *pipe; /* NULL: there is none any more */
};

/* A head on its way to the client. */
struct inproc_head {
    struct mw_link link;
    int status;
    const char *reason; /* in the block of the fields; NULL: it is not the last */
    struct mw_headers fields;
    int64_t length; /* of the body that follows */
};

/* NULL without memory. */
struct inproc_pipe *inproc_pipe_new(struct inproc_listener *listener, mw_exchange *x);
void inproc_pipe_go_on(struct inproc_pipe *p); /* from the next turn */

/* Each takes the pipe from one side, and frees it where that was the last. */
void inproc_leave_client(struct inproc_pipe *p);
void inproc_leave_server(struct inproc_pipe *p, bool complete);

/* Puts a copy of a head in line. `reason` NULL: one of 1xx. `more` is one field beside those that
 * are given, or NULL. False without memory. */
bool inproc_add_head(struct inproc_pipe *p, int status, const char *reason,
                     const struct mw_headers *fields, const struct mw_header *more, int64_t length);
bool inproc_add_body(struct inproc_pipe *p, const void *bytes, size_t length);

/* The request (request.c): carries some of it over; and lets a body go that is held. */
void inproc_carry_request(struct inproc_pipe *p);
void inproc_release_body(struct inproc_pipe *p);
bool inproc_hold_body(struct inproc_pipe *p);

/* The reply (reply.c): carries some of it over. */
void inproc_carry_reply(struct inproc_pipe *p);

/* The seam. */
int inproc_start(mw_exchange *x);
void inproc_pause(mw_exchange *x, bool on);
void inproc_resume(mw_exchange *x);
void inproc_cancel(mw_exchange *x);
int inproc_listen(mw_server *server, const struct mw_listen *how, void **wire, int *port);
void inproc_drain(void *wire);
void inproc_unlisten(void *wire);
void inproc_read_on(mw_request *r, bool on);
int inproc_reply_interim(mw_request *r, int status, const struct mw_headers *fields);
int inproc_reply_head(mw_request *r, int status, const char *reason,
                      const struct mw_headers *fields, int64_t length);
int inproc_reply_body(mw_request *r, const void *bytes, size_t length);
size_t inproc_reply_pending(const mw_request *r);
void inproc_reply_end(mw_request *r, bool complete);
void inproc_detach(mw_request *r);
int inproc_reply_fail(mw_request *r, const struct mw_failure *failure);
int inproc_pass_on(mw_request *r);
const mw_exchange *inproc_client_of(const mw_request *r);

static inline struct inproc_end *inproc_of_exchange(const mw_exchange *x)
{
    return mw_exchange_wire(x);
}

static inline struct inproc_end *inproc_of_request(const mw_request *r)
{
    return mw_request_wire((mw_request *)r);
}

#endif
