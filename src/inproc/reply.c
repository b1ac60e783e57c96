/* The reply on its way to the exchange: heads, a body as fast as it is read, and an end.
 * SPDX-License-Identifier: MIT */
#include "inproc/pipe.h"

#include "base/grammar.h"

#include <event2/buffer.h>

#include <string.h>

enum {
    PIECE = 16 << 10,
    MOST_IN_TURN = 128 << 10 /* then the others get theirs */
};

static size_t waiting(const struct inproc_pipe *p)
{
    return p->out != NULL ? evbuffer_get_length(p->out) : 0;
}

/* ---- to the exchange ----------------------------------------------------------------------- */

static size_t size_of(const struct inproc_head *head)
{
    size_t size = sizeof "HTTP/1.1 200 \r\n" + (head->reason != NULL ? strlen(head->reason) : 0);
    for (size_t i = 0; i < head->fields.count; i++)
        size += mw_headers_size(head->fields.fields[i].name, head->fields.fields[i].value) + 2;
    return size;
}

static void end(struct inproc_pipe *p, const struct mw_failure *f)
{
    mw_exchange *x = p->x;
    inproc_leave_client(p);
    if (f != NULL)
        mw_exchange_on_error(x, f);
    else
        mw_exchange_on_done(x);
}

static void head_too_large(struct inproc_pipe *p, size_t most)
{
    struct mw_failure f;
    mw_failure_init(&f, MW_UNKNOWN_CONTENT_ERROR, MW_PHASE_HEAD);
    mw_failure_text(&f, "the head of the reply is larger than max_head_size, %zu bytes", most);
    end(p, &f);
}

static void carry_head(struct inproc_pipe *p)
{
    struct inproc_head *head = MW_ITEM(p->heads.next, struct inproc_head, link);
    const size_t most = mw_exchange_outgoing(p->x)->max_head_size;
    struct inproc_head at = *head;
    if (size_of(head) > most) {
        head_too_large(p, most);
        return;
    }
    mw_unlink(&head->link);
    mw_dealloc(&p->rt->allocator, head);
    mw_exchange_on_activity(p->x);
    if (at.reason == NULL) {
        mw_exchange_on_interim(p->x, at.status, &at.fields);
        return;
    }
    p->head_seen = true;
    p->length = at.length;
    if (p->body == INPROC_HELD) /* the server did not want it */
        p->body = INPROC_NO_BODY;
    mw_exchange_on_head(p->x, at.status, at.reason, &at.fields, at.length);
}

/* True if something moved. */
static bool carry_piece(struct inproc_pipe *p)
{
    struct evbuffer *piece = evbuffer_new();
    size_t n = waiting(p) < PIECE ? waiting(p) : PIECE;
    bool moved = piece != NULL && evbuffer_remove_buffer(p->out, piece, n) == (int)n;
    if (moved) {
        p->carried += n;
        mw_exchange_on_activity(p->x);
        mw_exchange_on_body(p->x, piece);
    }
    if (piece != NULL)
        evbuffer_free(piece);
    if (!moved) {
        struct mw_failure f;
        mw_failure_init(&f, MW_UNKNOWN_NETWORK_ERROR, MW_PHASE_BODY);
        mw_failure_text(&f, "no memory for the response");
        end(p, &f);
    }
    return moved;
}

static void carry_body(struct inproc_pipe *p)
{
    size_t before = waiting(p);
    for (size_t n = 0; n < MOST_IN_TURN; n += PIECE) {
        if (p->x == NULL || p->reply_paused || waiting(p) == 0 || !carry_piece(p))
            break;
    }
    if (p->r != NULL && before > 0 && waiting(p) == 0)
        mw_request_on_drained(p->r);
    if (p->x != NULL && !p->reply_paused && waiting(p) > 0)
        inproc_pipe_go_on(p);
}

/* The server has let go of it before all was said. */
static void broken(struct inproc_pipe *p)
{
    struct mw_failure f;
    enum mw_phase phase = mw_exchange_phase(p->x);
    mw_failure_init(&f, MW_REMOTE_HOST_CLOSED_ERROR, phase);
    if (phase == MW_PHASE_BODY && p->length >= 0)
        mw_failure_text(
            &f, "the server, in the same process, gave its reply up after %llu of %lld bytes",
            (unsigned long long)p->carried, (long long)p->length);
    else
        mw_failure_text(&f, "the server, in the same process, gave its reply up %s",
                        phase == MW_PHASE_BODY ? "in the middle of the body"
                                               : "before the head of it");
    end(p, &f);
}

void inproc_carry_reply(struct inproc_pipe *p)
{
    while (p->x != NULL && !mw_list_empty(&p->heads))
        carry_head(p);
    if (p->x != NULL && waiting(p) > 0)
        carry_body(p);
    if (p->x == NULL || !p->ended || waiting(p) > 0)
        return;
    if (p->failure != NULL)
        end(p, p->failure);
    else if (p->complete)
        end(p, NULL);
    else
        broken(p);
}
