/* The seam: what an engine, who speaks HTTP on the wire, does for the core and tells it.
 *
 * An exchange belongs to the core: its clocks, its limits, its single end. An engine moves it over
 * the wire. Whatever an engine reports may come from inside any of its own callbacks; the core
 * never calls the user from there, but it may call `pause` and `cancel`.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_ENGINE_H
#define MW_CORE_ENGINE_H

#include "base/error.h"
#include "base/headers.h"
#include "net/tls_options.h"

#include <stdbool.h>
#include <stdint.h>

struct evbuffer;

/* What an engine can do beyond the plain case. Asked for what it cannot, the core fails at once. */
enum mw_capability {
    MW_CAN_STREAM_UPLOAD = 1u << 1, /* request bodies that are read as they go out, in chunks too */
    MW_CAN_UPGRADE = 1u << 2,       /* 101, CONNECT: hand over the connection */
    MW_CAN_STREAM_REQUEST = 1u << 3, /* a server's handler runs before the request's body is in */
    MW_CAN_INTERIM = 1u << 4,        /* 102, 103 and their like, read and sent */
    MW_CAN_BE_STRICT = 1u << 5,      /* refuses framing that is malformed, all of it */
    MW_CAN_ANY_METHOD = 1u << 6,     /* methods that nobody registered */
    MW_CAN_HALF_CLOSE = 1u << 7, /* a client that has ended its sending side is still answered */
    MW_CAN_TRAILERS = 1u << 8,   /* fields behind a body in chunks */
    MW_CAN_CONNECT_ANYHOW =
        1u << 9, /* a socket's file, from a chosen address, both families at once */
};

struct mw_engine {
    const char *name;
    unsigned can;         /* mw_capability bits */
    size_t exchange_size; /* bytes of its own with every exchange: mw_exchange_wire */
    size_t request_size;  /* likewise with every request of a server: mw_request_wire */

    void *(*open)(mw_runtime *rt); /* NULL without memory */
    void (*close)(void *state);    /* after all exchanges and servers have gone */
    void (*drop_idle)(void *state);

    /* Client. `start` returns MW_OK, or MW_ENOMEM before it has reported anything; every other
     * failure is reported. */
    int (*start)(mw_exchange *x);
    void (*pause)(mw_exchange *x, bool on); /* stop and go on reading the body */
    void (*cancel)(mw_exchange *x);
    void (*locate)(const mw_exchange *x, struct mw_failure *f); /* its address, its exact phase */
    void (*forget)(mw_exchange *x); /* it has ended, and has been cancelled if need be: free it */

    /* Server. `listen` sets *wire and *port, or fails with mw_message set. */
    int (*listen)(mw_server *server, const struct mw_listen *how, void **wire, int *port);
    void (*unlisten)(void *wire); /* cuts its connections; their requests were detached */
    int (*reply_head)(mw_request *r, int status, const char *reason,
                      const struct mw_headers *fields, int64_t length);
    int (*reply_body)(mw_request *r, const void *bytes, size_t length);
    size_t (*reply_pending)(const mw_request *r);    /* bytes that the system has not taken yet */
    void (*reply_end)(mw_request *r, bool complete); /* not complete: close the connection */
    void (*watch)(mw_request *r);                    /* tell if the client leaves meanwhile */
    void (*detach)(mw_request *r);                   /* forget r; nothing more will be answered */
};

/* By name; NULL means the default. Returns NULL for a name that is none. */
const struct mw_engine *mw_engine_find(const char *name);

/* ---- the exchange, as an engine sees it ---------------------------------------------------- */

mw_runtime *mw_exchange_runtime(const mw_exchange *x);
void *mw_exchange_wire(const mw_exchange *x); /* exchange_size zeroed bytes, the engine's */

/* What to send: the fields are complete (Host, Content-Length), their bytes are checked. */
struct mw_outgoing {
    const char *method;
    const char *target;
    const char *host; /* to look up, to verify */
    unsigned short port;
    bool secure, idempotent, expects_continue;
    struct mw_tls_options tls;
    const struct mw_headers *fields;
    const void *body; /* stays as it is until the exchange has ended */
    size_t body_length;
    bool has_body;
    size_t max_head_size;
    uint64_t max_body_size;
};
const struct mw_outgoing *mw_exchange_outgoing(const mw_exchange *x);

/* How far it is; the clocks depend on it. */
void mw_exchange_on_phase(mw_exchange *x, enum mw_phase phase);
enum mw_phase mw_exchange_phase(const mw_exchange *x);

/* Something came from the peer, be it only a part of what is reported next. */
void mw_exchange_on_activity(mw_exchange *x);

/* So many bytes of the request body have been sent in all. */
void mw_exchange_on_sent(mw_exchange *x, uint64_t bytes);

/* The final head. Takes the fields over, in whose block the reason lies. `length` of the body is -1
 * where it is not known, 0 where there is none. */
void mw_exchange_on_head(mw_exchange *x, int status, const char *reason, struct mw_headers *fields,
                         int64_t length);

/* Takes everything out of the buffer. */
void mw_exchange_on_body(mw_exchange *x, struct evbuffer *bytes);

/* The end: one of these, once; later ones are ignored. */
void mw_exchange_on_done(mw_exchange *x);
void mw_exchange_on_error(mw_exchange *x, const struct mw_failure *failure);

/* An idle connection had died; the request is being sent again on a new one. */
void mw_exchange_on_retry(mw_exchange *x);
int mw_exchange_attempt(const mw_exchange *x);

/* ---- the server, as an engine sees it ------------------------------------------------------ */

mw_runtime *mw_server_runtime(const mw_server *server);

/* A request as it came. Fields and body are taken over. */
struct mw_incoming {
    const char *method;
    const char *target;
    const char *peer;
    struct mw_headers *fields;
    struct evbuffer *body;
    bool head; /* the method is HEAD */
};

/* Makes the request known; the handler is called from the next turn. Returns NULL without memory.
 * mw_request_wire is then the engine's to fill. */
mw_request *mw_server_on_request(mw_server *server, const struct mw_incoming *in);
void *mw_request_wire(mw_request *r);
mw_runtime *mw_request_runtime(const mw_request *r);
void mw_request_on_gone(mw_request *r);    /* the client has left */
void mw_request_on_drained(mw_request *r); /* reply_pending has come down to 0 */

#endif
