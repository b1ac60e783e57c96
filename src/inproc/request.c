/* The request on its way to the server: its head, and its body as fast as the server reads it.
 * SPDX-License-Identifier: MIT */
#include "inproc/pipe.h"

#include "base/status.h"

#include <event2/event.h>

#include <stdio.h>
#include <string.h>

enum {
    PIECE = 16 << 10,
    MOST_IN_TURN = 128 << 10 /* then the others get theirs */
};

/* ---- its body ------------------------------------------------------------------------------ */

static void on_impatience(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    inproc_release_body(arg);
}

bool inproc_hold_body(struct inproc_pipe *p)
{
    double seconds = mw_exchange_outgoing(p->x)->expect_timeout;
    struct timeval patience = mw_timeval(seconds);
    p->body = INPROC_HELD;
    p->patience = evtimer_new(p->rt->base, on_impatience, p);
    return p->patience != NULL && (seconds < 0 || evtimer_add(p->patience, &patience) == 0);
}

void inproc_release_body(struct inproc_pipe *p)
{
    if (p->body != INPROC_HELD)
        return;
    event_del(p->patience);
    p->body = INPROC_BODY;
    if (p->x != NULL)
        mw_exchange_on_phase(p->x, MW_PHASE_SEND);
    inproc_pipe_go_on(p);
}

/* ---- what the server does not take --------------------------------------------------------- */

static void refuse(struct inproc_pipe *p, int status, const char *why)
{
    char length[24], body[100];
    int size = snprintf(body, sizeof body, "%s\n", why);
    snprintf(length, sizeof length, "%d", size);
    struct mw_header own[] = {{"Content-Type", "text/plain; charset=utf-8"},
                              {"Content-Length", length}};
    const struct mw_headers fields = {.fields = own, .count = 2};
    const struct mw_header date = {"Date", mw_date(p->rt)};
    bool head = p->x != NULL && strcmp(mw_exchange_outgoing(p->x)->method, "HEAD") == 0;
    bool sent =
        inproc_add_head(p, status, mw_status_phrase(status), &fields, &date, head ? 0 : size) &&
        (head || inproc_add_body(p, body, (size_t)size));
    p->body = INPROC_NO_BODY;
    inproc_leave_server(p, sent);
}

static void too_large(struct inproc_pipe *p)
{
    mw_request *r = p->r;
    bool started = p->head_seen || !mw_list_empty(&p->heads);
    if (r != NULL) {
        inproc_of_request(r)->pipe = NULL;
        p->r = NULL;
        if (mw_request_is_known(r))
            mw_request_on_gone(r);
        else
            mw_request_free(r);
    }
    if (started)
        inproc_leave_server(p, false); /* a reply is under way already */
    else
        refuse(p, 413, "the body of the request is too large");
}

/* ---- its head ------------------------------------------------------------------------------ */

static size_t head_size(const struct mw_outgoing *out)
{
    size_t size = strlen(out->method) + strlen(out->target) + sizeof " HTTP/1.1\r\n";
    for (size_t i = 0; i < out->fields->count; i++)
        size += mw_headers_size(out->fields->fields[i].name, out->fields->fields[i].value) + 2;
    return size;
}

static const char *keep(struct mw_headers *to, const char *text)
{
    return mw_headers_text(to, text, strlen(text));
}

/* Its texts are copied: the exchange may go before it. */
static bool fill(struct inproc_pipe *p, struct mw_incoming *in)
{
    const struct mw_outgoing *out = mw_exchange_outgoing(p->x);
    const char *url = mw_exchange_url(p->x);
    size_t url_length = strcspn(url, "#"); /* no server gets to know more */
    struct mw_headers *to = mw_request_fields(p->r);
    size_t bytes = head_size(out) + url_length + 3;
    if (!mw_headers_reuse(to, &p->rt->allocator, out->fields->count, bytes))
        return false;
    for (size_t i = 0; i < out->fields->count; i++)
        mw_headers_add(to, out->fields->fields[i].name, out->fields->fields[i].value);
    in->method = keep(to, out->method);
    in->target = keep(to, out->target);
    in->url = mw_headers_text(to, url, url_length);
    in->peer = "127.0.0.1"; /* what applications expect of a client on the same machine */
    in->head = strcmp(out->method, "HEAD") == 0;
    in->expects_continue = out->expects_continue && out->has_body;
    return true;
}

static void no_memory(struct inproc_pipe *p)
{
    struct mw_failure f;
    mw_exchange *x = p->x;
    mw_failure_init(&f, MW_UNKNOWN_NETWORK_ERROR, MW_PHASE_SEND);
    mw_failure_text(&f, "no memory for a request");
    if (p->r != NULL)
        mw_request_free(p->r); /* which nobody has seen */
    inproc_leave_client(p);
    mw_exchange_on_error(x, &f);
}

static void begin(struct inproc_pipe *p)
{
    const struct mw_outgoing *out = mw_exchange_outgoing(p->x);
    struct mw_incoming in = {0};
    p->begun = true;
    if (head_size(out) > p->listener->max_head_size) {
        refuse(p, 431, "the head of the request is too large");
        return;
    }
    if (out->has_body && !out->in_chunks && out->body_length > p->listener->max_body_size) {
        refuse(p, 413, "the body of the request is too large");
        return;
    }
    p->r = mw_request_new(p->listener->server);
    if (p->r != NULL)
        inproc_of_request(p->r)->pipe = p;
    bool held = out->expects_continue && out->has_body;
    if (p->r == NULL || !fill(p, &in) || (held && !inproc_hold_body(p))) {
        no_memory(p);
        return;
    }
    mw_exchange_on_phase(p->x, out->has_body && !held ? MW_PHASE_SEND : MW_PHASE_HEAD);
    if (out->has_body && !held)
        p->body = INPROC_BODY;
    mw_request_on_head(p->r, &in);
    if (!out->has_body && p->r != NULL)
        mw_request_on_end(p->r);
}

/* ---- carrying it over ---------------------------------------------------------------------- */

static void end_body(struct inproc_pipe *p)
{
    p->body = INPROC_NO_BODY;
    if (mw_exchange_phase(p->x) == MW_PHASE_SEND)
        mw_exchange_on_phase(p->x, MW_PHASE_HEAD);
    mw_request_on_end(p->r);
}

/* One piece; false where no more goes now. */
static bool carry_piece(struct inproc_pipe *p)
{
    const struct mw_outgoing *out = mw_exchange_outgoing(p->x);
    char bytes[PIECE];
    size_t n;
    enum mw_io io = mw_exchange_read_body(p->x, bytes, sizeof bytes, &n);
    if (io == MW_IO_END)
        end_body(p);
    if (io != MW_IO_DONE)
        return false; /* inproc_resume follows, or a cancel */
    p->given += n;
    if (p->given > p->listener->max_body_size) {
        too_large(p);
        return false;
    }
    mw_request_on_body(p->r, bytes, n);
    if (p->x == NULL || p->r == NULL)
        return false; /* there was no memory for it */
    mw_exchange_on_sent(p->x, p->given);
    if (!out->in_chunks && p->given == out->body_length)
        end_body(p);
    return true;
}

void inproc_carry_request(struct inproc_pipe *p)
{
    size_t most = MOST_IN_TURN;
    if (!p->begun) {
        begin(p);
        most = 0; /* a turn later: as on a wire, where the head comes first */
    }
    for (; most > 0; most -= PIECE) {
        if (p->x == NULL || p->r == NULL || p->body != INPROC_BODY || p->request_paused ||
            !carry_piece(p))
            return;
    }
    if (p->x != NULL && p->r != NULL && p->body == INPROC_BODY && !p->request_paused)
        inproc_pipe_go_on(p);
}
