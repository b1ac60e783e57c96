/* The client's side of the seam: an exchange goes to a server of the same runtime.
 * SPDX-License-Identifier: MIT */
#include "inproc/pipe.h"

#include <string.h>

static void refused(mw_exchange *x, int code, enum mw_phase phase, const char *words)
{
    struct mw_failure f;
    mw_failure_init(&f, code, phase);
    mw_failure_text(&f, "%s", words);
    mw_exchange_on_error(x, &f);
}

int inproc_start(mw_exchange *x)
{
    struct inproc_listener *listener = mw_exchange_server_wire(x);
    if (strcmp(mw_exchange_outgoing(x)->method, "CONNECT") == 0) {
        refused(x, MW_PROTOCOL_INVALID_OPERATION_ERROR, MW_PHASE_CONNECT,
                "a server in the same process has no connection that CONNECT could take over");
        return MW_OK;
    }
    if (listener->draining) {
        refused(x, MW_CONNECTION_REFUSED_ERROR, MW_PHASE_CONNECT,
                "the server, in the same process, is being stopped");
        return MW_OK;
    }
    struct inproc_pipe *p = inproc_pipe_new(listener, x);
    if (p == NULL)
        return MW_ENOMEM;
    inproc_of_exchange(x)->pipe = p;
    inproc_pipe_go_on(p);
    return MW_OK;
}

void inproc_pause(mw_exchange *x, bool on)
{
    struct inproc_pipe *p = inproc_of_exchange(x)->pipe;
    if (p == NULL)
        return;
    p->reply_paused = on;
    if (!on)
        inproc_pipe_go_on(p);
}

void inproc_resume(mw_exchange *x)
{
    struct inproc_pipe *p = inproc_of_exchange(x)->pipe;
    if (p != NULL)
        inproc_pipe_go_on(p);
}

void inproc_cancel(mw_exchange *x)
{
    struct inproc_pipe *p = inproc_of_exchange(x)->pipe;
    if (p != NULL)
        inproc_leave_client(p);
}
