/* What all connections of the http1 engine share: a buffer to read into, one to write from.
 * SPDX-License-Identifier: MIT */
#ifndef MW_HTTP1_ENGINE_H
#define MW_HTTP1_ENGINE_H

#include "base/list.h"
#include "core/engine.h"
#include "core/runtime.h"
#include "http1/parse.h"
#include "net/tls.h"

enum {
    HTTP1_RECEIVED = 64 << 10, /* the most that one read takes */
    HTTP1_STAGE = 64 << 10     /* what all connections together send in a turn without copying */
};

struct mw_pool;

/* The engine's part of a runtime. */
struct http1_engine {
    mw_runtime *rt;
    char *received;         /* HTTP1_RECEIVED bytes: read, and done with before the next read */
    struct http1_head head; /* a head while it is read, for as long as it comes in one piece */

    /* what is to be sent at the end of this turn: wire.c */
    char *stage;
    size_t staged; /* bytes of it that are in use */
    void *room;    /* what wire_stage gave elsewhere */
    struct mw_link unsent;
    struct event *flush;

    struct mw_pool *pool; /* made at the first request */
};

/* head.c */
/* Copies a head that has been read into the block of `h`, together with the text `more`, whose copy
 * goes to *copy (both may be NULL). Spans of the head are then texts: http1_text. False without
 * memory. */
bool http1_copy_head(struct mw_headers *h, const struct mw_allocator *a,
                     const struct http1_head *head, const char *bytes, const char *more,
                     const char **copy);
/* A span (method, target, reason) of a head that was copied; its end is marked with a NUL. */
const char *http1_text(const struct mw_headers *h, struct http1_span span);

/* client.c */
int http1_start(mw_exchange *x);
void http1_pause(mw_exchange *x, bool on);
void http1_resume(mw_exchange *x);
void http1_cancel(mw_exchange *x);
void http1_locate(const mw_exchange *x, struct mw_failure *f);
void http1_forget(mw_exchange *x);

void http1_drop_idle(struct http1_engine *engine, const struct mw_agent *agent); /* NULL: all */
void http1_clients_free(struct http1_engine *engine); /* after all exchanges */

#endif
