/* The bytes of plain sockets: received into the bufferevent's input, sent from its output.
 *
 * A bufferevent asks how much there is before it reads, and 4 KiB is its most; and evhttp takes the
 * wish to read back and repeats it several times with each request, every time at a system call. So
 * one event of ours stays with the socket, and the bufferevent does not read by itself: what evhttp
 * enables is taken over. TLS is left to libevent.
 * SPDX-License-Identifier: MIT */
#include "evhttp/state.h"

#include <event2/buffer.h>
#include <event2/event.h>

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* ---- receiving ----------------------------------------------------------------------------- */

/* One read a turn: the others get theirs, and a pause takes effect. */
static void on_readable(evutil_socket_t fd, short event, void *arg)
{
    struct connection *c = arg;
    struct evbuffer *input = bufferevent_get_input(c->bev);
    (void)event;
    ssize_t n = recv(fd, c->state->received, TRANSPORT_READ, 0);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (n <= 0) {
        int saved = errno;
        event_del(&c->readable); /* as libevent does; evhttp enables it to hear of it again */
        errno = saved;
        interpose_event(c, BEV_EVENT_READING | (n == 0 ? BEV_EVENT_EOF : BEV_EVENT_ERROR));
        return;
    }
    evbuffer_unfreeze(input, 0); /* frozen, since only the bufferevent is to add to it */
    int added = evbuffer_add(input, c->state->received, (size_t)n);
    evbuffer_freeze(input, 0);
    if (added == 0) {
        interpose_read(c);
    } else {
        errno = ENOMEM;
        interpose_event(c, BEV_EVENT_READING | BEV_EVENT_ERROR);
    }
}

void transport_take_over(struct connection *c)
{
    if (!c->receives || !(bufferevent_get_enabled(c->bev) & EV_READ))
        return;
    bufferevent_disable(c->bev, EV_READ);
    event_add(&c->readable, NULL);
}

void transport_read(struct connection *c, bool on)
{
    if (c->receives && on)
        event_add(&c->readable, NULL);
    else if (c->receives)
        event_del(&c->readable);
    else if (on)
        bufferevent_enable(c->bev, EV_READ);
    else
        bufferevent_disable(c->bev, EV_READ);
}

void transport_close(struct connection *c)
{
    if (c->receives)
        event_del(&c->readable);
    c->receives = false;
}

/* evhttp is about to close the socket. */
static void on_close(struct evhttp_connection *evcon, void *arg)
{
    (void)evcon;
    transport_close(arg);
}

void transport_open(struct connection *c)
{
    if (c->tls.bev != NULL)
        return;
    event_assign(&c->readable, c->state->rt->base, bufferevent_getfd(c->bev), EV_READ | EV_PERSIST,
                 on_readable, c);
    evhttp_connection_set_closecb(c->evcon, on_close, c);
    c->receives = true;
    transport_take_over(c);
}

/* ---- sending ------------------------------------------------------------------------------- */

/* Writes what the socket takes, which is nearly always all: otherwise evhttp would ask for
 * writability, wait for it, and take the wish back, at two system calls and a turn. What is left,
 * and every error, is the bufferevent's, which waits for writability already. */
bool transport_send(struct bufferevent *bev)
{
    struct evbuffer_iovec pieces[8];
    const int most = sizeof pieces / sizeof pieces[0];
    struct evbuffer *output = bufferevent_get_output(bev);
    int count = evbuffer_peek(output, -1, NULL, pieces, most);
    if (count <= 0)
        return false;
    struct msghdr message = {.msg_iov = pieces,
                             .msg_iovlen = (size_t)(count < most ? count : most)};
    int fd = bufferevent_getfd(bev);
    ssize_t n = count == 1 ? send(fd, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL)
                           : sendmsg(fd, &message, MSG_NOSIGNAL);
    if (n <= 0)
        return false;
    evbuffer_unfreeze(output, 1); /* frozen, since only the bufferevent is to take from it */
    evbuffer_drain(output, (size_t)n);
    evbuffer_freeze(output, 1);
    return evbuffer_get_length(output) == 0;
}

/* All at the end of the turn, one behind the other: a server that gets its requests at once stays
 * awake for them, and waking it is the dearest part of a write. */
static void on_flush(evutil_socket_t fd, short what, void *arg)
{
    struct evhttp_state *state = arg;
    (void)fd;
    (void)what;
    while (!mw_list_empty(&state->unsent)) {
        struct connection *c = MW_ITEM(state->unsent.next, struct connection, unsent);
        mw_unlink(&c->unsent);
        if (transport_send(c->bev))
            bufferevent_trigger(c->bev, EV_WRITE, 0); /* what it does when it has written all */
    }
}

void transport_flush(struct connection *c)
{
    struct evhttp_state *state = c->state;
    if (!c->connected || c->tls.bev != NULL)
        return; /* libevent writes, once it is connected, through TLS */
    if (mw_list_empty(&state->unsent))
        event_active(state->flush, EV_TIMEOUT, 0);
    mw_list_append(&state->unsent, &c->unsent);
}

/* ---- what all connections share ------------------------------------------------------------ */

bool transports_open(struct evhttp_state *state)
{
    mw_list_init(&state->unsent);
    state->received = mw_alloc(&state->rt->allocator, TRANSPORT_READ);
    state->flush = evtimer_new(state->rt->base, on_flush, state);
    state->head = evbuffer_new();
    return state->received != NULL && state->head != NULL && state->flush != NULL;
}

void transports_free(struct evhttp_state *state)
{
    if (state->flush != NULL)
        event_free(state->flush);
    if (state->head != NULL)
        evbuffer_free(state->head);
    mw_dealloc(&state->rt->allocator, state->received);
}
