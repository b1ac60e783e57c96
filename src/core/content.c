/* The body of a response as it comes, within its limits, into the buffer it is read from.
 * SPDX-License-Identifier: MIT */
#include "core/decode_body.h"
#include "core/exchange.h"
#include "core/policy.h"

#include <event2/buffer.h>

void mw_content_too_large(mw_exchange *x)
{
    struct mw_failure f;
    mw_failure_init(&f, MW_UNKNOWN_CONTENT_ERROR, MW_PHASE_BODY);
    mw_failure_text(&f, "the body is larger than max_body_size, %llu bytes",
                    (unsigned long long)x->outgoing.max_body_size);
    mw_exchange_fail(x, &f);
}

void mw_content_no_memory(mw_exchange *x)
{
    struct mw_failure f;
    mw_failure_init(&f, MW_UNKNOWN_NETWORK_ERROR, x->phase);
    mw_failure_text(&f, "no memory for the response");
    mw_exchange_fail(x, &f);
}

/* Moves the bytes with their block of memory. Of many small pieces all but the first are copied:
 * each would keep a block much larger than itself. */
static bool append(struct evbuffer *to, struct evbuffer *from, size_t length)
{
    static const size_t small = 1024;
    if (length > small || evbuffer_get_length(to) == 0)
        return evbuffer_add_buffer(to, from) == 0;
    const unsigned char *bytes = evbuffer_pullup(from, (ev_ssize_t)length);
    return bytes != NULL && evbuffer_add(to, bytes, length) == 0 &&
           evbuffer_drain(from, length) == 0;
}

uint64_t mw_exchange_room(const mw_exchange *x)
{
    uint64_t most = x->outgoing.max_body_size;
    if (x->decoding != NULL)
        most = mw_decoding_most(most);
    return x->received < most ? most - x->received : 0;
}

/* Whether so many bytes more may come; if not, the exchange has ended. */
static bool may_come(mw_exchange *x, size_t length)
{
    if (!mw_policy_counts_received(x, length))
        return false;
    if (length <= mw_exchange_room(x))
        return true;
    mw_content_too_large(x);
    return false;
}

struct evbuffer *mw_content_buffer(mw_exchange *x)
{
    if (x->buffer == NULL) {
        x->buffer = x->spare_buffer != NULL ? x->spare_buffer : evbuffer_new();
        x->spare_buffer = NULL;
    }
    return x->buffer;
}

void mw_content_drop_buffer(mw_exchange *x)
{
    if (x->buffer == NULL)
        return;
    if (x->buffer_lent || x->spare_buffer != NULL) {
        evbuffer_free(x->buffer); /* it may hold blocks that were never filled */
    } else {
        evbuffer_drain(x->buffer, evbuffer_get_length(x->buffer));
        x->spare_buffer = x->buffer;
    }
    x->buffer = NULL;
}

/* The buffer for so many bytes more of the body, or NULL where the exchange has ended with them. */
static struct evbuffer *room_for(mw_exchange *x, size_t length)
{
    if (!may_come(x, length))
        return NULL;
    struct evbuffer *buffer = mw_content_buffer(x);
    if (buffer == NULL)
        mw_content_no_memory(x);
    return buffer;
}

/* What is to be decoded first. */
static bool takes_coded(mw_exchange *x, size_t length)
{
    if (x->decoding == NULL || !may_come(x, length))
        return false;
    x->received += length;
    return true;
}

static void body_came(mw_exchange *x, size_t length)
{
    x->received += length;
    if (!x->paused && x->read_buffer_size > 0 &&
        evbuffer_get_length(x->buffer) >= x->read_buffer_size) {
        x->paused = true;
        x->engine->pause(x, true);
    }
    mw_exchange_note(x, MW_NEWS_BODY);
}

void mw_exchange_on_body(mw_exchange *x, struct evbuffer *bytes)
{
    size_t length = evbuffer_get_length(bytes);
    if (x->ended || length == 0)
        return;
    if (x->legs.state != MW_LEG_RUNS) {
        const void *piece = evbuffer_pullup(bytes, -1);
        if (piece == NULL)
            mw_content_no_memory(x);
        else
            mw_leg_takes(x, piece, length);
        evbuffer_drain(bytes, length);
        return;
    }
    if (takes_coded(x, length)) {
        mw_decoding_buffer(x, bytes);
        return;
    }
    struct evbuffer *buffer = x->ended ? NULL : room_for(x, length);
    if (buffer == NULL)
        return;
    if (append(buffer, bytes, length))
        body_came(x, length);
    else
        mw_content_no_memory(x);
}

void mw_exchange_on_bytes(mw_exchange *x, const void *bytes, size_t length)
{
    if (x->ended || length == 0 || mw_leg_takes(x, bytes, length))
        return;
    if (takes_coded(x, length)) {
        mw_decoding_bytes(x, bytes, length);
        return;
    }
    struct evbuffer *buffer = x->ended ? NULL : room_for(x, length);
    if (buffer == NULL)
        return;
    if (evbuffer_add(buffer, bytes, length) == 0)
        body_came(x, length);
    else
        mw_content_no_memory(x);
}

/* Not much more than what the user wants to have waiting. */
static size_t wanted(const mw_exchange *x, size_t size)
{
    static const size_t least = 16 << 10;
    size_t most = x->read_buffer_size;
    if (most == 0)
        return size;
    size_t waits = evbuffer_get_length(x->buffer);
    size_t room = most > waits + least ? most - waits : least;
    return size < room ? size : room;
}

void *mw_exchange_reserve(mw_exchange *x, size_t *size)
{
    struct evbuffer_iovec space;
    if (x->ended || x->legs.state != MW_LEG_RUNS || x->decoding != NULL)
        return NULL;
    if (mw_content_buffer(x) == NULL)
        return NULL;
    x->buffer_lent = true;
    *size = wanted(x, *size);
    if (evbuffer_reserve_space(x->buffer, (ev_ssize_t)*size, &space, 1) != 1)
        return NULL;
    return space.iov_base;
}

void mw_exchange_commit(mw_exchange *x, void *bytes, size_t length)
{
    struct evbuffer_iovec space = {bytes, length};
    struct evbuffer *buffer = length > 0 ? room_for(x, length) : NULL;
    if (buffer == NULL)
        return;
    if (evbuffer_commit_space(buffer, &space, 1) == 0)
        body_came(x, length);
    else
        mw_content_no_memory(x);
}
