/* The server's side of the seam: it listens for exchanges of its own runtime, and answers them.
 * SPDX-License-Identifier: MIT */
#include "inproc/pipe.h"

#include "base/grammar.h"

#include <event2/buffer.h>

#include <string.h>

/* ---- listening ----------------------------------------------------------------------------- */

int inproc_listen(mw_server *server, const struct mw_listen *how, void **wire, int *port)
{
    mw_runtime *rt = mw_server_runtime(server);
    struct inproc_listener *listener = mw_zalloc(&rt->allocator, sizeof *listener);
    if (listener == NULL)
        return mw_fail(rt, MW_ENOMEM, "no memory for a server");
    listener->server = server;
    listener->rt = rt;
    listener->max_head_size = how->max_head_size;
    listener->max_body_size = how->max_body_size;
    mw_list_init(&listener->pipes);
    *wire = listener;
    *port = 0;
    return MW_OK;
}

void inproc_drain(void *wire)
{
    struct inproc_listener *listener = wire;
    listener->draining = true;
    if (mw_list_empty(&listener->pipes))
        mw_server_on_drained(listener->server);
}

/* Its requests were detached; what is left had not come to be one. */
void inproc_unlisten(void *wire)
{
    struct inproc_listener *listener = wire;
    const struct mw_allocator *a = &listener->rt->allocator;
    listener->draining = false;
    while (!mw_list_empty(&listener->pipes))
        inproc_leave_server(MW_ITEM(listener->pipes.next, struct inproc_pipe, link), false);
    mw_dealloc(a, listener);
}

/* ---- answering ----------------------------------------------------------------------------- */

static struct inproc_pipe *pipe_of(const mw_request *r)
{
    struct inproc_pipe *p = inproc_of_request(r)->pipe;
    return p != NULL && p->x != NULL ? p : NULL;
}

static int gone(mw_request *r)
{
    return mw_fail(mw_request_runtime(r), MW_ECLOSED, "the client has gone");
}

static int no_memory(mw_request *r)
{
    return mw_fail(mw_request_runtime(r), MW_ENOMEM, "no memory for the answer");
}

/* A server that reads asks for a body that is held. */
void inproc_read_on(mw_request *r, bool on)
{
    static const struct mw_headers none = {0};
    struct inproc_pipe *p = pipe_of(r);
    if (p == NULL)
        return;
    p->request_paused = !on;
    if (on && p->body == INPROC_HELD) {
        inproc_add_head(p, 100, NULL, &none, NULL, 0); /* without memory it goes all the same */
        inproc_release_body(p);
    }
    if (on)
        inproc_pipe_go_on(p);
}

int inproc_reply_interim(mw_request *r, int status, const struct mw_headers *fields)
{
    struct inproc_pipe *p = pipe_of(r);
    if (p == NULL)
        return gone(r);
    if (status == 100)
        inproc_release_body(p);
    return inproc_add_head(p, status, NULL, fields, NULL, 0) ? MW_OK : no_memory(r);
}

int inproc_reply_head(mw_request *r, int status, const char *reason,
                      const struct mw_headers *fields, int64_t length)
{
    struct inproc_pipe *p = pipe_of(r);
    if (p == NULL)
        return gone(r);
    const struct mw_header date = {"Date", mw_date(p->rt)};
    bool dated = mw_headers_find(fields, "Date", NULL) != NULL;
    bool bodyless = strcmp(mw_request_method(r), "HEAD") == 0 || status == 204 || status == 304;
    bool kept =
        inproc_add_head(p, status, reason, fields, dated ? NULL : &date, bodyless ? 0 : length);
    return kept ? MW_OK : no_memory(r);
}

int inproc_reply_body(mw_request *r, const void *bytes, size_t length)
{
    struct inproc_pipe *p = pipe_of(r);
    if (p == NULL)
        return gone(r);
    return inproc_add_body(p, bytes, length) ? MW_OK : no_memory(r);
}

size_t inproc_reply_pending(const mw_request *r)
{
    const struct inproc_pipe *p = pipe_of(r);
    return p != NULL && p->out != NULL ? evbuffer_get_length(p->out) : 0;
}

void inproc_reply_end(mw_request *r, bool complete)
{
    struct inproc_pipe *p = inproc_of_request(r)->pipe;
    if (p != NULL)
        inproc_leave_server(p, complete);
}

void inproc_detach(mw_request *r)
{
    inproc_reply_end(r, false);
}

int inproc_reply_fail(mw_request *r, const struct mw_failure *failure)
{
    struct inproc_pipe *p = pipe_of(r);
    if (p == NULL)
        return gone(r);
    p->failure = mw_alloc(&p->rt->allocator, sizeof *p->failure);
    if (p->failure == NULL)
        return no_memory(r);
    *p->failure = *failure;
    return MW_OK;
}

const mw_exchange *inproc_client_of(const mw_request *r)
{
    const struct inproc_pipe *p = pipe_of(r);
    return p != NULL ? p->x : NULL;
}

/* The exchange leaves for elsewhere; its server has nothing to do with it any more. */
int inproc_pass_on(mw_request *r)
{
    struct inproc_pipe *p = pipe_of(r);
    if (p == NULL)
        return gone(r);
    mw_exchange *x = p->x;
    mw_server *server = p->listener->server;
    inproc_of_exchange(x)->pipe = NULL;
    p->x = NULL;
    inproc_leave_server(p, false);
    mw_exchange_pass_on(x, server);
    return MW_OK;
}
