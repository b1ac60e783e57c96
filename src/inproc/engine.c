/* The engine in the process: exchanges and servers of one runtime, with nothing on a wire.
 *
 * It is not chosen for a runtime; an exchange gets it whose origin a server has taken over
 * (core/local.h).
 * SPDX-License-Identifier: MIT */
#include "inproc/pipe.h"

#include <stdio.h>

static void locate(const mw_exchange *x, struct mw_failure *f)
{
    (void)x;
    snprintf(f->address, sizeof f->address, "in process");
}

/* MW_CAN_PROXY: as if there were one on the way, of which neither side sees anything. */
const struct mw_engine mw_inproc_engine = {
    .name = "inproc",
    .can = MW_CAN_STREAM_UPLOAD | MW_CAN_STREAM_REQUEST | MW_CAN_INTERIM | MW_CAN_BE_STRICT |
           MW_CAN_ANY_METHOD | MW_CAN_DRAIN | MW_CAN_CONNECT_ANYHOW | MW_CAN_PROXY |
           MW_CAN_KEEP_APART,
    .exchange_size = sizeof(struct inproc_end),
    .request_size = sizeof(struct inproc_end),
    .start = inproc_start,
    .pause = inproc_pause,
    .resume = inproc_resume,
    .cancel = inproc_cancel,
    .locate = locate,
    .forget = inproc_cancel,
    .listen = inproc_listen,
    .drain = inproc_drain,
    .unlisten = inproc_unlisten,
    .read_on = inproc_read_on,
    .reply_interim = inproc_reply_interim,
    .reply_head = inproc_reply_head,
    .reply_body = inproc_reply_body,
    .reply_pending = inproc_reply_pending,
    .reply_end = inproc_reply_end,
    .detach = inproc_detach,
    .reply_fail = inproc_reply_fail,
    .pass_on = inproc_pass_on,
    .client_of = inproc_client_of,
};
