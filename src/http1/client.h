/* One connection of the client's: opened, a request sent, its reply read, kept for the next.
 * SPDX-License-Identifier: MIT */
#ifndef MW_HTTP1_CLIENT_H
#define MW_HTTP1_CLIENT_H

#include "http1/partial.h"
#include "http1/wire.h"
#include "net/connect.h"
#include "net/pool.h"
#include "net/resolve.h"

struct http1_client;
struct http1_tunnel;

/* The engine's part of an exchange. */
struct http1_call {
    mw_exchange *x;
    struct http1_client *client; /* NULL: it waits for its turn, or is over */
    struct mw_waiting waiting;
};

/* What is read next. */
enum http1_reading {
    HTTP1_READ_HEAD,
    HTTP1_READ_LENGTH, /* a body of `left` bytes more */
    HTTP1_READ_CHUNKS,
    HTTP1_READ_TRAILERS,
    HTTP1_READ_UNTIL_CLOSE,
    HTTP1_READ_TUNNEL /* another protocol: the connection is handed over */
};

/* What is sent next. */
enum http1_sending {
    HTTP1_SEND_NOTHING, /* all of it has been given to the wire */
    HTTP1_SEND_HELD,    /* the body waits for 100 */
    HTTP1_SEND_MEMORY,
    HTTP1_SEND_FILE,
    HTTP1_SEND_READER
};

struct http1_client {
    struct http1_wire wire;
    struct mw_pooled pooled;
    struct http1_engine *engine;
    mw_exchange *x; /* NULL while it is idle */

    /* opening */
    struct mw_lookup *lookup;
    struct mw_dial *dial;
    struct http1_tunnel *tunnel; /* its way through a proxy, until it is there; NULL: none */
    bool connected;
    char address[80]; /* the peer's, with its port; "" before it is known */

    /* the request in flight */
    enum http1_sending sending;
    bool reused;         /* the connection had served another request before */
    bool asked_to_close; /* the request is the last */
    bool has_body;
    bool write_failed; /* what the server said is read still, and then this is told: */
    int write_errno;
    int file; /* to send from, at: */
    off_t offset;
    uint64_t given;               /* bytes of the body that the wire has got */
    struct event *continue_clock; /* for 100; NULL: it was never needed */
    struct mw_deferred more;      /* the upload goes on in the next turn */

    /* its reply */
    enum http1_reading reading;
    bool heard; /* a byte of it has come */
    bool head_seen;
    bool closing_after; /* the reply is the last */
    bool in_bulk;       /* the body comes faster than it is read */
    int interims;
    uint64_t left; /* bytes of a body of known length */
    struct http1_chunks chunks;
    struct http1_partial *partial; /* NULL: none */

    unsigned long idle_turn; /* the runtime's turns when it was parked */
};

static inline struct http1_call *http1_call_of(const mw_exchange *x)
{
    return mw_exchange_wire(x);
}

/* Whether x is still on c: what is told to the core may end the exchange, and free c. */
static inline bool http1_still(const struct http1_client *c, const mw_exchange *x)
{
    return http1_call_of(x)->client == c;
}

/* client.c */
void http1_key(struct mw_origin_key *key, const struct mw_outgoing *out);

/* connection.c */
/* Makes a connection for x, which begins with its name; what fails later is reported. False without
 * memory, with nothing done. */
bool http1_client_open(struct http1_engine *engine, mw_exchange *x);
/* The way through the proxy is there: *s, which is taken over, leads to the host; or to the proxy,
 * which then gets the request. c may be gone on return. */
void http1_client_arrived(struct http1_client *c, struct mw_socket *s);
/* Through the proxy once more, on a new connection to it, with what c->tunnel knows. */
void http1_client_again(struct http1_client *c);
void http1_client_close(struct http1_client *c); /* at once, and frees it; its exchange is let go */
/* Its exchange is over: for the next. It may be gone, or another's, on return. */
void http1_client_park(struct http1_client *c);
/* Whether an idle one is as it was left: neither an end nor bytes have come. */
bool http1_client_quiet(struct http1_client *c);
/* Writing has failed, for which the wire's socket knows why. */
void http1_client_write_failed(struct http1_client *c);
/* The exchange on c has failed: once more on a new connection, if that does no harm; else it ends,
 * and c is gone. */
void http1_client_failed(struct http1_client *c, const struct mw_failure *f);
void http1_client_fail(struct http1_client *c, int code, enum mw_phase phase, const char *format,
                       ...) MW_PRINTF(4, 5);

/* diagnose.c */
enum mw_phase http1_phase_of(const struct http1_client *c);
/* What it means that the connection came to its END, or FAILED. */
void http1_diagnose(const struct http1_client *c, enum mw_io how, struct mw_failure *f);

/* write.c */
void http1_send(struct http1_client *c, mw_exchange *x); /* on an open connection */

/* upload.c */
/* The request's head, and so many bytes of its body, are on their way. */
void http1_upload_begin(struct http1_client *c, size_t given);
/* Sends on, as much as the socket takes; tells how far it is. c may be gone on return. */
void http1_upload(struct http1_client *c);
void http1_upload_release(struct http1_client *c); /* no longer wait for 100; c may be gone */
void http1_upload_stop(struct http1_client *c);    /* no more of it, if it goes on */

/* response.c */
void http1_response_begin(struct http1_client *c);
void http1_response_readable(struct http1_client *c); /* c may be gone on return */

#endif
