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
#include "base/proxy.h"
#include "net/socket.h"
#include "net/tls_options.h"

#include <stdbool.h>
#include <stdint.h>

struct evbuffer;
struct mw_addresses;
struct mw_agent;

/* What an engine can do beyond the plain case. Asked for what it cannot, the core fails at once. */
enum mw_capability {
    MW_CAN_STREAM_UPLOAD = 1u << 1, /* request bodies that are read as they go out, in chunks too */
    MW_CAN_UPGRADE = 1u << 2,       /* 101, CONNECT: hand over the connection */
    MW_CAN_STREAM_REQUEST = 1u << 3, /* a server's handler runs before the request's body is in */
    MW_CAN_INTERIM = 1u << 4,        /* 102, 103 and their like, read and sent */
    MW_CAN_BE_STRICT = 1u << 5,      /* refuses framing that is malformed, all of it */
    MW_CAN_ANY_METHOD = 1u << 6,     /* methods that nobody registered */
    MW_CAN_DRAIN = 1u << 7,          /* a server that stops finishes what runs */
    MW_CAN_TRAILERS = 1u << 8,       /* fields behind a body in chunks */
    MW_CAN_CONNECT_ANYHOW = 1u << 9, /* to a socket's file, from a chosen address */
    MW_CAN_PROXY = 1u << 10,         /* through a proxy */
    MW_CAN_KEEP_APART = 1u << 11,    /* connections of an agent, within its limits */
};

struct mw_engine {
    const char *name;
    unsigned can;         /* mw_capability bits */
    size_t exchange_size; /* bytes of its own with every exchange: mw_exchange_wire */
    size_t request_size;  /* likewise with every request of a server: mw_request_wire */

    void *(*open)(mw_runtime *rt); /* NULL without memory */
    void (*close)(void *state);    /* after all exchanges and servers have gone */
    /* Closes idle connections: those of an agent; NULL: all. */
    void (*drop_idle)(void *state, const struct mw_agent *agent);

    /* Client. `start` returns MW_OK, or MW_ENOMEM before it has reported anything; every other
     * failure is reported. */
    int (*start)(mw_exchange *x);
    void (*pause)(mw_exchange *x, bool on); /* stop and go on reading the body */
    void (*resume)(mw_exchange *x);         /* mw_exchange_read_body has more */
    void (*cancel)(mw_exchange *x);
    void (*locate)(const mw_exchange *x, struct mw_failure *f); /* its address, its exact phase */
    void (*forget)(mw_exchange *x); /* it has ended, and has been cancelled if need be: free it */

    /* Server. `listen` sets *wire and *port, or fails with mw_message set. */
    int (*listen)(mw_server *server, const struct mw_listen *how, void **wire, int *port);
    void (*drain)(void *wire); /* takes no connection more, and no request more on those it has */
    void (*unlisten)(void *wire); /* cuts its connections; their requests were detached */
    void (*read_on)(mw_request *r, bool on); /* stop and go on reading the request's body */
    int (*reply_interim)(mw_request *r, int status, const struct mw_headers *fields);
    int (*reply_head)(mw_request *r, int status, const char *reason,
                      const struct mw_headers *fields, int64_t length);
    int (*reply_body)(mw_request *r, const void *bytes, size_t length);
    size_t (*reply_pending)(const mw_request *r);    /* bytes that the system has not taken yet */
    void (*reply_end)(mw_request *r, bool complete); /* not complete: close the connection */
    void (*watch)(mw_request *r);                    /* tell if the client leaves meanwhile; NULL:
                                                        it does so anyway */
    void (*detach)(mw_request *r);                   /* forget r; nothing more will be answered */
    /* Behind a reply of 101, or of 2xx to CONNECT: the socket, and bytes that came early, are the
     * core's from now on. */
    int (*hand_over)(mw_request *r, struct mw_socket *s, struct evbuffer *early);
    /* In the process alone; NULL elsewhere. `reply_fail` is followed by reply_end: the exchange is
     * to end so. `pass_on` is followed by mw_exchange_pass_on. */
    int (*reply_fail)(mw_request *r, const struct mw_failure *failure);
    int (*pass_on)(mw_request *r);
    const mw_exchange *(*client_of)(const mw_request *r); /* NULL once it has gone */
};

/* The engine for exchanges with a server of the same runtime (core/local.h), whichever the
 * runtime's own is. It has no state: open, close and drop_idle are NULL. */
const struct mw_engine *mw_engine_in_process(void);

/* By name; NULL means the default. Returns NULL for a name that is none. */
const struct mw_engine *mw_engine_find(const char *name);

/* Whether there is one of that name; if not, `words` say so, and which there are. */
bool mw_engine_known(const char *name, char *words, size_t size);

/* ---- the exchange, as an engine sees it ---------------------------------------------------- */

mw_runtime *mw_exchange_runtime(const mw_exchange *x);
void *mw_exchange_wire(const mw_exchange *x); /* exchange_size zeroed bytes, the engine's */

/* A proxy on the way to the host. Of the fields of the request Proxy-Authorization is not sent:
 * what is meant for the proxy stands in here. */
struct mw_via {
    const struct mw_proxy *proxy;
    bool tunnel; /* it is asked for a way to the host; else it gets the request itself, with: */
    const char *target; /* of CONNECT; else the request's in absolute form (RFC 9112, 3.2.2) */
    const char *key;    /* for pools: all that makes it another. Holds secrets */
    const struct mw_headers *fields;  /* more fields for the proxy, if it speaks HTTP */
    const struct mw_tls_options *tls; /* with the proxy itself */
};

/* What to send: the fields are complete (Host, Content-Length), their bytes are checked. */
struct mw_outgoing {
    const char *method;
    const char *target;
    const char *host; /* to look up, to verify; an address is without its zone */
    unsigned short port;
    const char *addresses;     /* to connect to in the place of a look-up (mw_addresses_read); NULL:
                                  none are given. Connections to them serve no other requests */
    const char *unix_path;     /* these two: of engines that can (MW_CAN_CONNECT_ANYHOW); */
    const char *local_address; /* NULL: not asked for */
    const struct mw_via *via;  /* of engines that can (MW_CAN_PROXY); NULL: none */
    struct mw_agent *agent; /* whose connections serve it (MW_CAN_KEEP_APART); NULL: everybody's */
    bool secure, idempotent, expects_continue;
    double
        expect_timeout; /* the body goes after so many seconds without a 100; MW_NEVER: only then */
    struct mw_tls_options tls;
    const struct mw_headers *fields;
    const void
        *body; /* stays as it is until the exchange has ended; NULL: read it as it goes out */
    uint64_t body_length; /* MW_UNKNOWN where only its end will tell */
    bool has_body;
    bool in_chunks; /* Transfer-Encoding: chunked is among the fields, Content-Length is not */
    size_t max_head_size;
    uint64_t max_body_size;
};
const struct mw_outgoing *mw_exchange_outgoing(const mw_exchange *x);

/* Leaves of the addresses, however they were come by, those that the policy allows. False where
 * none is left: *f says so. Every address that is connected to must have gone through this. */
bool mw_exchange_screen(const mw_exchange *x, struct mw_addresses *found, struct mw_failure *f);

/* How far it is; the clocks depend on it. */
void mw_exchange_on_phase(mw_exchange *x, enum mw_phase phase);
enum mw_phase mw_exchange_phase(const mw_exchange *x);

/* It waits for another exchange to be over, or does so no longer: meanwhile it is not connecting.
 */
void mw_exchange_on_queued(mw_exchange *x, bool queued);

/* Something came from the peer, be it only a part of what is reported next. */
void mw_exchange_on_activity(mw_exchange *x);

/* So many bytes of the request body have been sent in all. */
void mw_exchange_on_sent(mw_exchange *x, uint64_t bytes);

/* The body of a request, wherever it lies: reads on. DONE with at least a byte, END behind the
 * last; AGAIN_READ: `resume` follows, or `cancel`, where it cannot be read. It calls nobody. */
enum mw_io mw_exchange_read_body(mw_exchange *x, void *bytes, size_t size, size_t *n);
/* Or a file of so many bytes (body_length), to send from; -1 if it is none. */
int mw_exchange_body_file(const mw_exchange *x, off_t *offset);
/* Sets it back to its beginning, to be sent again: to be asked before on_retry. False if it cannot
 * be. */
bool mw_exchange_rewind_body(mw_exchange *x);

/* A head of 1xx that is not the last. Takes the fields over. */
void mw_exchange_on_interim(mw_exchange *x, int status, struct mw_headers *fields);

/* Lends a block for the fields of the final head, which may be empty: for mw_headers_reuse. */
void mw_exchange_lend_fields(mw_exchange *x, struct mw_headers *fields);

/* The final head. Takes the fields over, in whose block the reason lies. `length` of the body is -1
 * where it is not known, 0 where there is none. */
void mw_exchange_on_head(mw_exchange *x, int status, const char *reason, struct mw_headers *fields,
                         int64_t length);

/* Takes everything out of the buffer; or copies the bytes. */
void mw_exchange_on_body(mw_exchange *x, struct evbuffer *bytes);
void mw_exchange_on_bytes(mw_exchange *x, const void *bytes, size_t length);

/* Or lends a place to read into: *size bytes at most, perhaps fewer, of which mw_exchange_commit
 * takes over what has come. NULL where there is no memory, or they must be decoded; the other way
 * still serves. */
void *mw_exchange_reserve(mw_exchange *x, size_t *size);
void mw_exchange_commit(mw_exchange *x, void *bytes, size_t length);

/* So many bytes of the body may still come: of what is announced as more the core will fail. */
uint64_t mw_exchange_room(const mw_exchange *x);

/* Fields behind the body. Takes them over. */
void mw_exchange_on_trailers(mw_exchange *x, struct mw_headers *fields);

/* Behind a head of 101, or of 2xx to CONNECT: the socket is the core's from now on, with bytes that
 * came early. The exchange ends with it. */
void mw_exchange_on_upgrade(mw_exchange *x, struct mw_socket *s, const void *early, size_t length);

/* The end: one of these, once; later ones are ignored. */
void mw_exchange_on_done(mw_exchange *x);
void mw_exchange_on_error(mw_exchange *x, const struct mw_failure *failure);

/* The value of Proxy-Authorization for the next message to a proxy that speaks HTTP, be it CONNECT
 * or the request; NULL: none. Each serves for one message, and stays until the next call. */
const char *mw_exchange_proxy_authorization(mw_exchange *x);

/* The proxy has answered 407, with these fields. True: there is another value now, worth another
 * try. */
bool mw_exchange_on_proxy_challenge(mw_exchange *x, const struct mw_headers *fields);

/* An idle connection had died; the request is being sent again on a new one. */
void mw_exchange_on_retry(mw_exchange *x);
int mw_exchange_attempt(const mw_exchange *x);

/* For the engine in the process: the wire of the server that it goes to; and on to where it would
 * go without that one, whose engine has let go of it. */
void *mw_exchange_server_wire(const mw_exchange *x);
void mw_exchange_pass_on(mw_exchange *x, const mw_server *server);

/* ---- the server, as an engine sees it ------------------------------------------------------ */

mw_runtime *mw_server_runtime(const mw_server *server);

/* The certificates of a server that is to speak TLS. Anything but MW_OK: mw_message is set. */
struct mw_tls_server;
int mw_server_tls(mw_runtime *rt, const struct mw_listen *how, struct mw_tls_server **tls);

void mw_server_on_drained(
    mw_server *server); /* after `drain`: nothing is being answered any more */

/* A request for the engine to fill: from spare ones, so that most need no memory. NULL without any.
 */
mw_request *mw_request_new(mw_server *server);
struct mw_headers *mw_request_fields(mw_request *r); /* mw_headers_reuse, then add */
void *mw_request_wire(mw_request *r);                /* request_size zeroed bytes, the engine's */

/* Its head as it came. The texts lie in the block of its fields. */
struct mw_incoming {
    const char *method;
    const char *target;
    const char *peer;
    const char *url;       /* in the process: what the client asked for; NULL elsewhere */
    bool head;             /* the method is HEAD */
    bool expects_continue; /* it comes once read_on is called */
};

/* Makes the request known: to the handler from the next turn, or, where the server wants bodies
 * whole, once that is in. */
void mw_request_on_head(mw_request *r, const struct mw_incoming *in);
void mw_request_on_body(mw_request *r, const void *bytes, size_t length); /* may call read_on */
void mw_request_on_buffer(mw_request *r, struct evbuffer *bytes); /* takes everything out of it */
void mw_request_on_end(mw_request *r);                            /* the body is whole */
bool mw_request_is_known(const mw_request *r); /* its handler has been called, or will be */
void mw_request_free(mw_request *r);           /* of one that is not known yet, and never will be */

mw_runtime *mw_request_runtime(const mw_request *r);
void mw_request_on_gone(mw_request *r);    /* the client has left */
void mw_request_on_drained(mw_request *r); /* reply_pending has come down to 0 */

#endif
