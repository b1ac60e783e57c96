/* The http1 engine: our own HTTP/1.1 behind the seam.
 * SPDX-License-Identifier: MIT */
#include "http1/engine.h"

#include "http1/client.h"
#include "http1/server.h"
#include "http1/wire.h"

static void close_engine(void *state)
{
    struct http1_engine *engine = state;
    const struct mw_allocator a = engine->rt->allocator;
    http1_clients_free(engine);
    wires_free(engine);
    mw_dealloc(&a, engine);
}

static void *open_engine(mw_runtime *rt)
{
    struct http1_engine *engine = mw_zalloc(&rt->allocator, sizeof *engine);
    if (engine == NULL)
        return NULL;
    engine->rt = rt;
    if (wires_open(engine))
        return engine;
    close_engine(engine);
    return NULL;
}

static void drop_idle(void *state, const struct mw_agent *agent)
{
    http1_drop_idle(state, agent);
}

const struct mw_engine mw_http1_engine = {
    .name = "http1",
    .can = MW_CAN_STREAM_UPLOAD | MW_CAN_UPGRADE | MW_CAN_STREAM_REQUEST | MW_CAN_INTERIM |
           MW_CAN_BE_STRICT | MW_CAN_ANY_METHOD | MW_CAN_DRAIN | MW_CAN_TRAILERS |
           MW_CAN_CONNECT_ANYHOW | MW_CAN_PROXY | MW_CAN_KEEP_APART,
    .exchange_size = sizeof(struct http1_call),
    .request_size = sizeof(struct http1_turn),
    .open = open_engine,
    .close = close_engine,
    .drop_idle = drop_idle,
    .start = http1_start,
    .pause = http1_pause,
    .resume = http1_resume,
    .cancel = http1_cancel,
    .locate = http1_locate,
    .forget = http1_forget,
    .listen = http1_listen,
    .drain = http1_drain,
    .unlisten = http1_unlisten,
    .read_on = http1_read_on,
    .reply_interim = http1_reply_interim,
    .reply_head = http1_reply_head,
    .reply_body = http1_reply_body,
    .reply_pending = http1_reply_pending,
    .reply_end = http1_reply_end,
    .detach = http1_detach,
    .hand_over = http1_hand_over,
};
