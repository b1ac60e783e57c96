/* The evhttp engine: libevent's own HTTP behind the seam.
 * SPDX-License-Identifier: MIT */
#include "evhttp/state.h"

static void *open_state(mw_runtime *rt)
{
    struct evhttp_state *state = mw_zalloc(&rt->allocator, sizeof *state);
    if (state == NULL)
        return NULL;
    state->rt = rt;
    if (!connections_open(state)) {
        connections_free(state);
        mw_dealloc(&rt->allocator, state);
        return NULL;
    }
    return state;
}

static void close_state(void *arg)
{
    struct evhttp_state *state = arg;
    connections_free(state);
    mw_dealloc(&state->rt->allocator, state);
}

const struct mw_engine mw_evhttp_engine = {
    .name = "evhttp",
    .can = 0,
    .exchange_size = sizeof(struct call),
    .request_size = sizeof(struct evhttp_call),
    .open = open_state,
    .close = close_state,
    .drop_idle = connections_drop_idle,
    .start = client_start,
    .pause = client_pause,
    .cancel = client_cancel,
    .locate = client_locate,
    .forget = client_forget,
    .listen = server_listen,
    .unlisten = server_unlisten,
    .reply_head = server_reply_head,
    .reply_body = server_reply_body,
    .reply_pending = server_reply_pending,
    .reply_end = server_reply_end,
    .watch = server_watch,
    .detach = server_detach,
};
