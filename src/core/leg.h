/* The legs of an exchange: the requests that it takes on the wire until there is a reply that
 * counts.
 *
 * The head of a reply may call for another leg: a redirect, a challenge, a server that is too busy.
 * Such a reply is held; from the next turn, with the engine off the stack, the steps below judge it
 * in order. Unless one of them wants another leg it is told of like any other. Otherwise it is put
 * into the history, what is left of its body is read or cut off, and x departs anew: with another
 * URL or method perhaps, and with fields composed for this leg.
 *
 * Who takes part has a row in the list of steps (leg.c), of composers, or of both.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_LEG_H
#define MW_CORE_LEG_H

#include "base/error.h"
#include "base/headers.h"
#include "base/list.h"
#include "base/url.h"
#include "core/retry.h"
#include "core/runtime.h"

struct evbuffer;
struct event;

enum mw_leg_state {
    MW_LEG_RUNS,    /* what comes is told of */
    MW_LEG_HELD,    /* a head that may call for another leg: nobody is told yet */
    MW_LEG_DROPPED, /* another leg follows: the rest of this reply is thrown away */
    MW_LEG_WAITS    /* nothing is on the wire until the next leg departs */
};

/* How the next leg differs from the one that ends. */
struct mw_leg_plan {
    const char *why;   /* "redirect", "authenticate", "retry": for the history */
    struct mw_url url; /* where has_url: to there; x takes it over */
    bool has_url;
    bool to_get;               /* the method becomes GET, and the body goes */
    bool wanted;               /* by the user, where that is asked */
    double wait;               /* seconds until it departs */
    struct mw_failure failure; /* for MW_JUDGE_FAIL */
};

enum mw_judgement {
    MW_JUDGE_FINAL, /* no wish; another step may have one */
    MW_JUDGE_AGAIN, /* another leg, as in the plan */
    MW_JUDGE_FAIL,  /* the exchange ends, with the plan's failure */
    MW_JUDGE_LATER, /* not known yet: x->legs.next, deferred, asks all steps anew */
    MW_JUDGE_GONE   /* a callback of the user's has freed x */
};

struct mw_leg_step {
    /* Whether a reply of this status may be of interest. Cheap, and called from inside the engine:
     * it must change nothing. */
    bool (*concerns)(const mw_exchange *x);
    /* The head is in x (status, response). Called from the loop; may call the user
     * (mw_exchange_call). */
    enum mw_judgement (*judge)(mw_exchange *x, struct mw_leg_plan *plan);
};

/* Puts its fields (Cookie, Authorization) into x->fields for the URL that x has now, or takes out
 * those of the leg before, with mw_headers_set and _remove. MW_OK, or an error with mw_message set.
 * Called before each leg, the first too; x->url, method and body are settled. */
typedef int (*mw_compose_fn)(mw_exchange *x);

/* A leg that is over. */
struct mw_leg {
    struct mw_link link;
    int status; /* 0: there was no reply, but `error` */
    int error;
    const char *why, *method, *url, *reason; /* the texts lie behind it, but for the reason */
    struct mw_headers headers;
};

struct mw_legs {
    unsigned char state;
    bool wire_ended;                 /* of a reply that is held or dropped */
    bool told;                       /* the head counts: there is no other leg */
    uint32_t dropped;                /* bytes thrown away */
    int redirects_left;              /* below 0: none are followed */
    int most_redirects;              /* what that was at first */
    int count;                       /* departures, and how often the engine sent again */
    struct evbuffer *body;           /* of a reply that is held; NULL until there is some */
    struct mw_failure *wire_failure; /* how it ended, if not well */
    struct mw_leg_plan *plan;        /* of the leg to come; NULL where there is none */
    struct mw_deferred next;
    struct event *clock; /* for the wait before a leg, and for a body that is dropped */
    struct mw_link history;
    int history_count;
    mw_redirect_fn on_redirect;
    struct mw_url *origin; /* where the first leg went, once others have gone elsewhere */
    char *secret_headers;  /* fields that go to no other origin; NULL: the usual ones alone */
    struct mw_retry retry;
};

int mw_legs_prepare(mw_exchange *x, const mw_options *options);
void mw_legs_stop(mw_exchange *x); /* no other leg will follow */
void mw_legs_free(mw_exchange *x);

/* Puts the leg that is over into the history, with its head, which is x's no longer. False without
 * memory (history.c). */
bool mw_history_add(mw_exchange *x, const char *why, int error);
void mw_history_free(mw_exchange *x);

/* All composers, in order. */
int mw_leg_compose(mw_exchange *x);

/* Whether two URLs have the same scheme, host and port. */
bool mw_same_origin(const struct mw_url *a, const struct mw_url *b);

/* The first leg does not depart before mw_leg_go. */
void mw_leg_wait(mw_exchange *x);
void mw_leg_go(mw_exchange *x);

/* What exchange.c asks as the engine reports. A head is in: whether it is held. */
bool mw_leg_holds(mw_exchange *x);
/* It came to its end, well or not, while it was held or dropped: whether that is settled here. */
bool mw_leg_ended(mw_exchange *x, const struct mw_failure *failure);
/* It failed with nobody told of a head: whether another leg will follow. */
bool mw_leg_survives(mw_exchange *x, const struct mw_failure *failure);
/* So many bytes of a body came: whether they are kept, or thrown away, here. */
bool mw_leg_takes(mw_exchange *x, const void *bytes, size_t length);

/* The steps and composers. */
bool mw_redirect_concerns(const mw_exchange *x);
enum mw_judgement mw_redirect_judge(mw_exchange *x, struct mw_leg_plan *plan);
bool mw_retry_concerns(const mw_exchange *x);
enum mw_judgement mw_retry_judge(mw_exchange *x, struct mw_leg_plan *plan);

/* Whether to try again after such a failure; if so, plan->wait is set. */
bool mw_retry_after_failure(mw_exchange *x, const struct mw_failure *failure,
                            struct mw_leg_plan *plan);

/* Takes out what must not follow to another origin, and a body that does not go again
 * (redirect.c): part of the departure to plan->url. */
void mw_redirect_strip(mw_exchange *x, const struct mw_leg_plan *plan);

#endif
