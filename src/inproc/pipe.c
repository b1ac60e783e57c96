/* A pipe: made by the exchange, left by both sides; what waits in it.
 * SPDX-License-Identifier: MIT */
#include "inproc/pipe.h"

#include <event2/buffer.h>
#include <event2/event.h>

#include <string.h>

static void step(struct mw_deferred *self);

struct inproc_pipe *inproc_pipe_new(struct inproc_listener *listener, mw_exchange *x)
{
    struct inproc_pipe *p = mw_zalloc(&listener->rt->allocator, sizeof *p);
    if (p == NULL)
        return NULL;
    p->rt = listener->rt;
    p->listener = listener;
    p->x = x;
    p->length = -1;
    p->step.run = step;
    mw_list_init(&p->heads);
    mw_list_append(&listener->pipes, &p->link);
    return p;
}

void inproc_pipe_go_on(struct inproc_pipe *p)
{
    mw_defer(p->rt, &p->step);
}

/* ---- what waits ---------------------------------------------------------------------------- */

static void free_heads(struct inproc_pipe *p)
{
    while (!mw_list_empty(&p->heads)) {
        struct inproc_head *head = MW_ITEM(p->heads.next, struct inproc_head, link);
        mw_unlink(&head->link);
        mw_headers_free(&head->fields, &p->rt->allocator);
        mw_dealloc(&p->rt->allocator, head);
    }
}

static size_t size_of(const struct mw_headers *fields)
{
    size_t bytes = 0;
    for (size_t i = 0; i < fields->count; i++)
        bytes += mw_headers_size(fields->fields[i].name, fields->fields[i].value);
    return bytes;
}

bool inproc_add_head(struct inproc_pipe *p, int status, const char *reason,
                     const struct mw_headers *fields, const struct mw_header *more, int64_t length)
{
    const struct mw_allocator *a = &p->rt->allocator;
    struct inproc_head *head = mw_zalloc(a, sizeof *head);
    size_t bytes = size_of(fields) + (reason != NULL ? strlen(reason) + 1 : 0);
    if (more != NULL)
        bytes += mw_headers_size(more->name, more->value);
    if (head == NULL || !mw_headers_reserve(&head->fields, a, fields->count + 1, bytes)) {
        mw_dealloc(a, head);
        return false;
    }
    for (size_t i = 0; i < fields->count; i++)
        mw_headers_add(&head->fields, fields->fields[i].name, fields->fields[i].value);
    if (more != NULL)
        mw_headers_add(&head->fields, more->name, more->value);
    if (reason != NULL)
        head->reason = mw_headers_text(&head->fields, reason, strlen(reason));
    head->status = status;
    head->length = length;
    mw_list_append(&p->heads, &head->link);
    inproc_pipe_go_on(p);
    return true;
}

bool inproc_add_body(struct inproc_pipe *p, const void *bytes, size_t length)
{
    if (p->out == NULL)
        p->out = evbuffer_new();
    if (p->out == NULL || evbuffer_add(p->out, bytes, length) != 0)
        return false;
    if (!p->reply_paused)
        inproc_pipe_go_on(p);
    return true;
}

/* ---- its end ------------------------------------------------------------------------------- */

static void free_if_left(struct inproc_pipe *p)
{
    const struct mw_allocator a = p->rt->allocator;
    if (p->x != NULL || p->listener != NULL || p->stepping)
        return;
    mw_undefer(&p->step);
    free_heads(p);
    if (p->out != NULL)
        evbuffer_free(p->out);
    if (p->patience != NULL)
        event_free(p->patience);
    mw_dealloc(&a, p->failure);
    mw_dealloc(&a, p);
}

static void leave_listener(struct inproc_pipe *p)
{
    struct inproc_listener *listener = p->listener;
    p->listener = NULL;
    mw_unlink(&p->link);
    if (listener != NULL && listener->draining && mw_list_empty(&listener->pipes))
        mw_server_on_drained(listener->server);
}

/* The server is told that its client has gone. A request that its handler has not seen just goes.
 */
void inproc_leave_client(struct inproc_pipe *p)
{
    mw_request *r = p->r;
    if (p->x != NULL)
        inproc_of_exchange(p->x)->pipe = NULL;
    p->x = NULL;
    if (r == NULL) {
        leave_listener(p);
    } else if (mw_request_is_known(r)) {
        mw_request_on_gone(r);
    } else {
        mw_request_free(r); /* which detaches it from here */
        return;
    }
    free_if_left(p);
}

void inproc_leave_server(struct inproc_pipe *p, bool complete)
{
    if (p->r != NULL)
        inproc_of_request(p->r)->pipe = NULL;
    p->r = NULL;
    p->ended = true;
    p->complete = complete;
    leave_listener(p);
    if (p->x != NULL)
        inproc_pipe_go_on(p);
    else
        free_if_left(p);
}

/* ---- its work ------------------------------------------------------------------------------ */

/* What has come of the reply goes first: with it the exchange may end. */
static void step(struct mw_deferred *self)
{
    struct inproc_pipe *p = MW_ITEM(self, struct inproc_pipe, step);
    p->stepping = true;
    if (p->x != NULL)
        inproc_carry_reply(p);
    if (p->x != NULL && !p->ended)
        inproc_carry_request(p);
    p->stepping = false;
    free_if_left(p);
}
