/* One request and its response, as the core keeps it.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_EXCHANGE_H
#define MW_CORE_EXCHANGE_H

#include "base/url.h"
#include "core/asked.h"
#include "core/body.h"
#include "core/cookies.h"
#include "core/engine.h"
#include "core/leg.h"
#include "core/proxy.h"
#include "core/route.h"
#include "core/runtime.h"

#include <event2/event.h>
#include <event2/event_struct.h>

/* What the user is still to be told of; told in this order. */
enum mw_news {
    MW_NEWS_SENT = 1,
    MW_NEWS_INTERIM = 2,
    MW_NEWS_HEAD = 4,
    MW_NEWS_BODY = 8,
    MW_NEWS_DONE = 16
};

struct mw_callbacks {
    mw_sent_fn on_sent;
    mw_interim_fn on_interim;
    mw_exchange_fn on_head, on_body, on_done;
    void *ud;
};

/* Seven clocks, one event: it is armed for whichever runs out first. Seconds of mw_now. */
struct mw_clocks {
    struct event event;
    double queue, connect, idle, total; /* MW_NEVER: off */
    double resolve, tls, first_byte;
    double started, last_activity;
    double connect_started; /* or waiting for that; anew with each attempt */
    double phase_started;
    double sent;      /* when the newest part of the request went out */
    double armed_for; /* when the event fires; 0: it is not armed */

    /* What happened when in the newest leg; 0: it did not. */
    double leg_started, entered[MW_PHASE_DECODE], first_heard, ended;
};

struct mw_exchange {
    struct mw_link link;
    mw_runtime *rt;
    uint64_t number;                /* 1 is the runtime's first */
    const struct mw_engine *engine; /* that moves it */
    const mw_server *server;        /* in the process, that this leg goes to; NULL: to the wire */
    const mw_server *passed_by;     /* as it departs: it goes below that one */
    size_t size;                    /* with the engine's part */
    struct mw_callbacks callbacks;

    /* the request */
    struct mw_url url;
    struct mw_route route;
    struct mw_proxying *proxying; /* NULL: no proxy comes into question */
    const char *method;
    char *own_method; /* its text; NULL where it is a constant */
    struct mw_body body;
    struct mw_headers fields;
    struct mw_outgoing outgoing;
    struct mw_cookies cookies;
    struct mw_asked_kept asked;
    struct mw_first_leg *first_leg; /* what was asked for, once x has gone on to another URL */
    size_t read_buffer_size;

    /* the response */
    int status;
    struct mw_headers response, trailers;
    struct mw_link interims; /* heads of 1xx to tell of */
    int interim_count;
    const char *reason;            /* in its block; NULL before there is one */
    struct evbuffer *buffer;       /* received and not read; NULL until there is some */
    struct evbuffer *spare_buffer; /* an empty one for that, of an exchange before; NULL: none */
    bool buffer_lent;              /* it was written to by others (reserve) */
    size_t scanned;                /* so many bytes of it hold no "\n" */
    uint64_t received, sent;
    int64_t total;
    bool paused;
    bool read_of;                 /* somebody has taken of the body */
    bool keep_encoded, decoded;   /* the body is to stay as it comes; it did not */
    struct mw_decoding *decoding; /* while there is a body to decode */
    bool upgraded;
    mw_connection *connection; /* behind an upgrade, until it is taken */

    /* where it stands */
    enum mw_phase phase;
    bool queued; /* for its turn to connect */
    struct mw_clocks clocks;
    struct mw_legs legs;
    bool admitted;                  /* by the policy: it counts */
    bool on_wire;                   /* the engine has it */
    bool ended;                     /* nothing more will come of it */
    bool forgotten;                 /* by the engine, whose part of x is void */
    bool finished;                  /* on_done was called, or is being called */
    mw_download *download;          /* that it is the exchange of; NULL: none */
    struct mw_authorize *authorize; /* its credentials; NULL: none */
    int attempt;
    int error;
    struct mw_failure *failure; /* NULL while there is none, or no memory for it */
    unsigned news;
    struct mw_deferred telling;
    bool *freed; /* set where somebody must learn that a callback freed x */
};

/* One in which all is zero but for `size`, `engine`, and blocks of memory that are empty; NULL
 * without memory. It is given back once all else of it is freed (spare.c). */
mw_exchange *mw_exchange_new(mw_runtime *rt);
void mw_exchange_give_back(mw_exchange *x);

/* At the runtime's end, and when the engine changes. */
void mw_exchanges_free_spare(mw_runtime *rt);

/* Fills x from what the user wants; MW_EINVAL with mw_message set where that is not HTTP. What was
 * allocated is freed with x, whatever the result (request.c). */
int mw_exchange_prepare(mw_exchange *x, const mw_options *options);

/* Gives it to its engine; what fails is told from the loop. Returns MW_OK or MW_ENOMEM (start.c).
 */
int mw_exchange_depart(mw_exchange *x);

/* The engine's part of x is void from now on, and it has no connection any more. */
void mw_exchange_leave_wire(mw_exchange *x);

/* What was sent is not needed any more. */
void mw_exchange_forget_request(mw_exchange *x);

/* Tells the user what is new; x->telling runs it. */
void mw_exchange_tell(struct mw_deferred *self);

/* The head that x has is the one to tell of. */
void mw_exchange_head_counts(mw_exchange *x);

/* From x->url to where and what the engine sends: the part of the preparation that each leg to
 * another URL repeats. False without memory (request.c). */
bool mw_exchange_address(mw_exchange *x);

/* The single end of every exchange; NULL where nothing failed. */
void mw_exchange_finish(mw_exchange *x, const struct mw_failure *failure);

/* Calls one callback of the user's; false if it has freed x. */
bool mw_exchange_call(mw_exchange *x, mw_exchange_fn fn);

/* Something is to be told, from the next turn (enum mw_news). */
void mw_exchange_note(mw_exchange *x, unsigned what);

/* Sets an end that the core itself brings about, and takes x from the engine. */
void mw_exchange_fail(mw_exchange *x, const struct mw_failure *failure);

/* The same for one that another try may mend. */
void mw_exchange_give_up(mw_exchange *x, const struct mw_failure *failure);

/* The buffer for what is received, made if there is none (NULL: no memory); and its end. */
struct evbuffer *mw_content_buffer(mw_exchange *x);
void mw_content_drop_buffer(mw_exchange *x);

/* Ends that its content brings about (content.c). */
void mw_content_too_large(mw_exchange *x);
void mw_content_no_memory(mw_exchange *x);

/* The clocks (clock.c). */
void mw_clocks_start(mw_exchange *x, const mw_options *options);
void mw_clocks_next_leg(mw_exchange *x);
void mw_clocks_connect_again(mw_exchange *x);
void mw_clocks_enter(mw_exchange *x); /* another phase */
void mw_clocks_sent(mw_exchange *x);  /* a part of the request went out */
void mw_clocks_stop(mw_exchange *x);
void mw_clocks_touch(mw_exchange *x);  /* something moved */
void mw_clocks_change(mw_exchange *x); /* what counts is another: paused, resumed, queued */

#endif
