/* A listening server and the requests that it has received.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_SERVER_H
#define MW_CORE_SERVER_H

#include "core/engine.h"
#include "core/runtime.h"

struct mw_server {
    struct mw_link link;
    mw_runtime *rt;
    void *wire; /* the engine's */
    int port;
    mw_request_fn on_request;
    void *ud;
};

enum mw_reply_state { MW_REPLY_NONE, MW_REPLY_STARTED };

struct mw_request {
    struct mw_link link;
    mw_runtime *rt;
    mw_server *server; /* NULL once it is closed */
    struct mw_headers fields;
    struct evbuffer *body;
    char *method, *target, *peer;
    struct mw_deferred arrival; /* tells the handler from the next turn */
    struct mw_deferred change;  /* likewise who watches it */
    mw_request_watch_fn watcher;
    void *watcher_ud;
    bool head; /* the method is HEAD */
    bool gone;
    bool broken; /* a part of the reply was lost: it must not look whole */
    bool *freed; /* set while the handler is called */
    enum mw_reply_state state;
    bool bodyless;  /* what is written of a body is dropped */
    int64_t length; /* of the reply's body, -1 if not known */
    uint64_t written;
};

/* Forgets a request without answering it. */
void mw_request_free(mw_request *r);

#endif
