/* A listening server and the requests that it has received.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_SERVER_H
#define MW_CORE_SERVER_H

#include "core/engine.h"
#include "core/runtime.h"

struct mw_server {
    struct mw_link link;
    mw_runtime *rt;
    const struct mw_engine *engine;
    void *wire; /* the engine's */
    int port;
    mw_request_fn on_request;
    void *ud;
    bool stream;  /* handlers run before the body is in */
    bool counted; /* it is something that the loop may wait for */
    bool draining;
    mw_server_fn on_drained; /* NULL once it was called */
    void *drained_ud;
    struct mw_deferred drained;
};

enum mw_reply_state { MW_REPLY_NONE, MW_REPLY_STARTED };

struct mw_request {
    struct mw_link link;
    mw_runtime *rt;
    const struct mw_engine *engine;
    mw_server *server;        /* NULL once it is closed */
    struct mw_headers fields; /* in whose block the next four lie */
    const char *method, *target, *peer, *url;
    struct evbuffer *body;      /* NULL while there is none */
    struct mw_deferred arrival; /* tells the handler from the next turn */
    struct mw_deferred change;  /* likewise who watches it */
    mw_request_watch_fn watcher;
    void *watcher_ud;
    bool head;  /* the method is HEAD */
    bool whole; /* all of the body is in */
    bool paused;
    bool expects_continue; /* the client waits to be asked for it */
    bool gone;
    bool broken; /* a part of the reply was lost: it must not look whole */
    bool *freed; /* set while the handler is called */
    enum mw_reply_state state;
    bool bodyless;  /* what is written of a body is dropped */
    int64_t length; /* of the reply's body, -1 if not known */
    uint64_t written;
};

/* Gathers the fields of a reply in the runtime's reply_fields: checked, without those of framing,
 * with `own` behind them, if there is one. Their texts stay the caller's. MW_OK, MW_EINVAL or
 * MW_ENOMEM. */
int mw_reply_collect(mw_request *r, const mw_header *headers, size_t count, const mw_header *own);

/* Whose request it is, of a server in the process; NULL of others, and once the client has gone. */
const mw_exchange *mw_request_client(const mw_request *r);

/* MW_EINVAL with words once the answer has begun, MW_ECLOSED once the client has gone. */
int mw_reply_check_open(mw_request *r);

/* At the runtime's end. */
void mw_requests_free_spare(mw_runtime *rt);

#endif
