/* What the parts of the core share of a runtime: its loop, its lists, deferred work.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_RUNTIME_H
#define MW_CORE_RUNTIME_H

#include "base/alloc.h"
#include "base/attribute.h"
#include "base/headers.h"
#include "base/list.h"
#include "moonwire.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/time.h>

struct event;
struct mw_engine;
struct mw_resolver;
struct mw_rules;
struct mw_tls_store;

/* How many objects of a kind are kept for the next use. None where a sanitizer is to see what is
 * used after its end. */
#if defined(__SANITIZE_ADDRESS__)
enum { MW_MOST_SPARE = 0 };
#else
enum { MW_MOST_SPARE = 512 }; /* a collector frees what is over in heaps */
#endif

/* Work for when the engine is off the stack. Lives in its owner; runs once for each mw_defer, from
 * the loop, and never from inside the call that asked for it. */
struct mw_deferred {
    struct mw_link link;
    void (*run)(struct mw_deferred *self);
};

/* Who is told of what happens to exchanges (trace.c). */
struct mw_tracer {
    mw_trace_fn fn; /* NULL: nobody */
    void *ud;
    bool secrets;
    size_t body_limit;
    bool running; /* fn is being called */
    struct mw_link events;
    struct mw_deferred telling;
};

struct mw_runtime {
    struct mw_allocator allocator;
    struct event_base *base;
    bool own_base;
    const struct mw_engine *engine;
    void *engine_state;           /* the engine's: its connections */
    unsigned long engine_uses;    /* exchanges and servers begun, for tests */
    struct mw_resolver *resolver; /* made at the first name */
    struct mw_tls_store *tls;     /* made at the first connection that is secure */
    struct mw_rules *rules;       /* the policy; NULL: everything is allowed */
    struct mw_proxies *proxies;   /* the environment's, read at the first request */
    char *resolv_conf;            /* NULL: the system's */
    char *hosts_file;
    mw_message_fn on_error;
    void *ud;
    char message[256];
    int pending;
    int callback_depth; /* above 0: a callback of the user's is running */
    bool looping;
    bool closing; /* nothing new is begun */
    volatile sig_atomic_t stopping;
    int wake[2]; /* a pipe: mw_stop writes, the loop reads */
    struct event *wake_event;
    struct event *defer_event; /* due while `deferred` is not empty */
    bool in_deferred;
    unsigned long turns; /* how often deferred work has run */
    struct mw_tracer tracer;
    uint64_t exchange_number; /* how many exchanges were started */
    struct event *poll_timer;
    struct mw_link deferred;
    struct event *timer_event;
    unsigned long timer_number; /* how many timers were started */
    struct mw_link exchanges, servers, requests, connections, downloads, agents;
    struct mw_link local; /* that servers in the process answer for, the newest first */
    struct mw_link spare_requests, spare_exchanges; /* to be used again */
    int spare_request_count, spare_exchange_count;
    struct mw_link auth_spaces; /* what servers have asked for (auth_space.h) */
    int auth_space_count;
    long long date_at; /* the second that `date` tells */
    char date[32];
    struct mw_headers reply_fields; /* of the reply whose head is being sent */
    unsigned max_connections, max_connections_per_origin; /* 0: the engine's own choice */
    struct mw_link timers,
        fired_timers; /* those to fire, the next first; and those that are over */
};

void mw_defer(mw_runtime *rt, struct mw_deferred *work); /* asked twice, runs once */
void mw_undefer(struct mw_deferred *work);

/* Notes words for mw_message and returns the code. */
int mw_fail(mw_runtime *rt, int result, const char *format, ...) MW_PRINTF(3, 4);

/* Tells the host of an error that nobody else can be told of. */
void mw_report(mw_runtime *rt, const char *message);

/* The runtime's name look-up. NULL without memory. */
struct mw_resolver *mw_names(mw_runtime *rt);

/* Now, as the field Date has it (RFC 9110, 5.6.7). */
const char *mw_date(mw_runtime *rt);

/* The runtime's trust, sessions and log of keys. NULL without memory. */
struct mw_tls_store *mw_runtime_tls(mw_runtime *rt);

/* mw_config's keylog_file, from the next connection on; NULL: none. MW_ESYSTEM where it cannot be
 * opened. */
int mw_set_keylog(mw_runtime *rt, const char *file);

/* Other files than mw_config's from the next look-up on; NULL: the system's. MW_EINVAL while names
 * are being looked up. */
int mw_set_names(mw_runtime *rt, const char *resolv_conf, const char *hosts_file);

/* Another engine from now on; NULL: the default. MW_EINVAL for a name that is none, and while an
 * exchange, a server or a request is in the hands of the present one. */
int mw_set_engine(mw_runtime *rt, const char *name);

/* Limits of the client's connections, in all or to each origin; 0: the default. */
void mw_set_max_connections(mw_runtime *rt, bool per_origin, unsigned most);

/* Seconds as libevent takes them. */
struct timeval mw_timeval(double seconds);

/* Numbers of live handles, for tests and for hosts that watch over a script. */
struct mw_census {
    int exchanges, timers, servers, requests, connections;
};
struct mw_census mw_census(const mw_runtime *rt);

/* Closes connections that are kept alive for reuse. */
void mw_drop_idle(mw_runtime *rt);

#endif
