/* Bodies with a content coding: decoded as they come, as far as there is room.
 * SPDX-License-Identifier: MIT */
#include "core/decode_body.h"

#include "base/decode.h"
#include "core/exchange.h"

#include <event2/buffer.h>

#include <string.h>

enum {
    PIECE = (64 << 10) - 64, /* with what libevent adds, a power of two */
    SHARE = PIECE,           /* in one turn of the loop: more memory would only come and go */
    LEAST = (4 << 10) - 64,
    USUAL_RATIO = 4
};

struct mw_decoding {
    mw_exchange *x;
    struct mw_decoder *decoder;
    struct evbuffer *wire; /* came and is not decoded; NULL until some had to wait */
    uint64_t decoded;
    unsigned long turn; /* in which `spent` bytes were decoded */
    size_t spent;
    bool full;  /* there may be more output, with no more input */
    bool whole; /* the engine is done with x */
    struct mw_deferred again;
};

/* ---- ends ---------------------------------------------------------------------------------- */

static void fail_undecodable(struct mw_decoding *d)
{
    struct mw_failure f;
    mw_failure_init(&f, MW_UNKNOWN_CONTENT_ERROR, MW_PHASE_DECODE);
    mw_failure_text(&f, "the body cannot be decoded from %s: %s", mw_decoder_coding(d->decoder),
                    mw_decoder_words(d->decoder));
    mw_exchange_fail(d->x, &f);
}

static void fail_too_large(mw_exchange *x)
{
    struct mw_failure f;
    mw_failure_init(&f, MW_UNKNOWN_CONTENT_ERROR, MW_PHASE_DECODE);
    mw_failure_text(&f, "the decoded body is larger than max_body_size, %llu bytes",
                    (unsigned long long)x->outgoing.max_body_size);
    mw_exchange_fail(x, &f);
}

static void fail_without_memory(mw_exchange *x)
{
    struct mw_failure f;
    mw_failure_init(&f, MW_UNKNOWN_NETWORK_ERROR, MW_PHASE_DECODE);
    mw_failure_text(&f, "no memory to decode the body");
    mw_exchange_fail(x, &f);
}

/* ---- begin and free ------------------------------------------------------------------------ */

static void codings_of(const mw_exchange *x, struct mw_codings *codings)
{
    const struct mw_header *field = NULL;
    while ((field = mw_headers_find(&x->response, "Content-Encoding", field)) != NULL)
        mw_codings_add(codings, field->value);
}

static void go_on(struct mw_deferred *self);

static struct mw_decoding *new_decoding(mw_exchange *x, const struct mw_codings *codings)
{
    const struct mw_allocator *a = &x->rt->allocator;
    struct mw_decoding *d = mw_zalloc(a, sizeof *d);
    if (d == NULL)
        return NULL;
    d->x = x;
    d->again.run = go_on;
    d->decoder = mw_decoder_new(a, codings);
    if (d->decoder != NULL)
        return d;
    mw_dealloc(a, d);
    return NULL;
}

void mw_decoding_begin(mw_exchange *x)
{
    struct mw_codings codings = {0};
    struct mw_failure f;
    if (x->keep_encoded || x->status == 206 ||
        mw_headers_find(&x->response, "Content-Encoding", NULL) == NULL)
        return; /* of a part alone nothing can be decoded */
    if (x->total == 0 && strcmp(x->method, "HEAD") != 0)
        return;
    codings_of(x, &codings);
    if (codings.count == 0 || codings.unknown)
        return;
    if (x->total == 0) {
        x->decoded = true; /* as GET would tell */
        return;
    }
    if (codings.count > MW_MOST_CODINGS) {
        mw_failure_init(&f, MW_UNKNOWN_CONTENT_ERROR, MW_PHASE_DECODE);
        mw_failure_text(&f, "the body has more than %d content codings", MW_MOST_CODINGS);
        mw_exchange_fail(x, &f);
        return;
    }
    x->decoding = new_decoding(x, &codings);
    if (x->decoding == NULL)
        fail_without_memory(x);
    else
        x->decoded = true;
}

void mw_decoding_free(mw_exchange *x)
{
    struct mw_decoding *d = x->decoding;
    if (d == NULL)
        return;
    x->decoding = NULL;
    mw_undefer(&d->again);
    mw_decoder_free(d->decoder);
    if (d->wire != NULL)
        evbuffer_free(d->wire);
    mw_dealloc(&x->rt->allocator, d);
}

/* ---- decoding ------------------------------------------------------------------------------ */

static size_t waiting(const struct mw_decoding *d)
{
    return d->wire != NULL ? evbuffer_get_length(d->wire) : 0;
}

static bool has_more(const struct mw_decoding *d)
{
    return d->full || waiting(d) > 0;
}

/* What the reader has room for. */
static size_t room(const mw_exchange *x)
{
    size_t most = x->read_buffer_size, there = mw_exchange_available(x);
    if (most == 0)
        return SIZE_MAX;
    return there < most ? most - there : 0;
}

/* Whether this turn is for others from now on. */
static bool had_share(struct mw_decoding *d)
{
    unsigned long turn = d->x->rt->turns;
    if (d->turn != turn)
        d->spent = 0;
    d->turn = turn;
    return d->spent >= SHARE;
}

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How much to make room for at once: small bodies are to keep small blocks. One byte more than may
 * come shows that there is more. */
static size_t next_piece(const struct mw_decoding *d, size_t in_length)
{
    size_t usual = in_length < PIECE / USUAL_RATIO ? in_length * USUAL_RATIO : PIECE;
    size_t most = least_of(usual > LEAST ? usual : LEAST, room(d->x));
    uint64_t left = d->x->outgoing.max_body_size - d->decoded;
    return left < most ? (size_t)left + 1 : most;
}

/* Decodes once into each place, `size` bytes in all; what it made goes to *made. */
static enum mw_decode fill(struct mw_decoding *d, struct mw_decode_io *io,
                           struct evbuffer_iovec *places, int count, size_t size, size_t *made)
{
    enum mw_decode result = MW_DECODE_FULL;
    *made = 0;
    for (int i = 0; i < count; i++) {
        size_t length = result == MW_DECODE_FULL ? least_of(places[i].iov_len, size - *made) : 0;
        io->out = places[i].iov_base;
        io->out_length = length;
        if (length > 0)
            result = mw_decoder_run(d->decoder, io);
        places[i].iov_len = length - io->out_length;
        *made += places[i].iov_len;
    }
    return result;
}

/* One piece more of the body. False: x has ended with it. */
static bool decode_piece(struct mw_decoding *d, struct mw_decode_io *io, size_t size)
{
    mw_exchange *x = d->x;
    struct evbuffer_iovec places[2];
    size_t made;
    struct evbuffer *buffer = mw_content_buffer(x);
    x->buffer_lent = true;
    int count = buffer != NULL ? evbuffer_reserve_space(buffer, (ev_ssize_t)size, places, 2) : -1;
    if (count < 1)
        return fail_without_memory(x), false;
    enum mw_decode result = fill(d, io, places, count, size, &made);
    d->full = result == MW_DECODE_FULL;
    if (made > x->outgoing.max_body_size - d->decoded)
        return fail_too_large(x), false;
    if (evbuffer_commit_space(x->buffer, places, count) < 0 || result == MW_DECODE_NO_MEMORY)
        return fail_without_memory(x), false;
    d->decoded += made;
    d->spent += made;
    if (result == MW_DECODE_BAD)
        return fail_undecodable(d), false;
    return true;
}

/* Decodes as far as there is room. Returns how many of the bytes are done with, or -1 where x has
 * ended. */
static ptrdiff_t decode(struct mw_decoding *d, const void *bytes, size_t length)
{
    struct mw_decode_io io = {bytes, length, NULL, 0};
    while ((d->full || io.in_length > 0) && room(d->x) > 0 && !had_share(d)) {
        if (!decode_piece(d, &io, next_piece(d, io.in_length)))
            return -1;
    }
    return (ptrdiff_t)(length - io.in_length);
}

/* The same with what waits. False: x has ended. */
static bool decode_waiting(struct mw_decoding *d)
{
    while (has_more(d)) {
        struct evbuffer_iovec first = {NULL, 0};
        if (waiting(d) > 0)
            evbuffer_peek(d->wire, -1, NULL, &first, 1);
        ptrdiff_t used = decode(d, first.iov_base, first.iov_len);
        if (used < 0)
            return false;
        if (used > 0)
            evbuffer_drain(d->wire, (size_t)used);
        if (d->full || (size_t)used < first.iov_len)
            break; /* there is no room */
    }
    return true;
}

/* ---- stop and go on ------------------------------------------------------------------------ */

/* Pauses the engine, or lets it go on; comes back for the rest where there is any. */
static void settle(struct mw_decoding *d)
{
    mw_exchange *x = d->x;
    bool more = has_more(d), pause = more || room(x) == 0;
    if (more && room(x) > 0)
        mw_defer(x->rt, &d->again);
    if (pause != x->paused) {
        x->paused = pause;
        if (!pause)
            mw_clocks_change(x);
        if (x->on_wire)
            x->engine->pause(x, pause);
    }
    if (d->whole && !more)
        mw_exchange_on_done(x);
}

static void go_on(struct mw_deferred *self)
{
    struct mw_decoding *d = MW_ITEM(self, struct mw_decoding, again);
    uint64_t before = d->decoded;
    if (!decode_waiting(d))
        return;
    if (d->decoded > before)
        mw_exchange_note(d->x, MW_NEWS_BODY);
    settle(d);
}

void mw_decoding_resume(mw_exchange *x)
{
    mw_defer(x->rt, &x->decoding->again);
}

bool mw_decoding_done(mw_exchange *x)
{
    struct mw_decoding *d = x->decoding;
    d->whole = true;
    if (has_more(d)) {
        settle(d);
        return false;
    }
    if (mw_decoder_complete(d->decoder))
        return true;
    fail_undecodable(d);
    return false;
}

/* ---- what comes ---------------------------------------------------------------------------- */

uint64_t mw_decoding_most(uint64_t most)
{
    static const uint64_t heads = 64 << 10;
    return most < UINT64_MAX / 4 ? 2 * most + heads : UINT64_MAX;
}

/* Keeps what could not be decoded yet. */
static struct evbuffer *wire_of(struct mw_decoding *d)
{
    if (d->wire == NULL)
        d->wire = evbuffer_new();
    return d->wire;
}

void mw_decoding_bytes(mw_exchange *x, const void *bytes, size_t length)
{
    struct mw_decoding *d = x->decoding;
    ptrdiff_t used = has_more(d) ? 0 : decode(d, bytes, length);
    if (used < 0)
        return;
    const char *rest = (const char *)bytes + used;
    size_t left = length - (size_t)used;
    if (left > 0 && (wire_of(d) == NULL || evbuffer_add(d->wire, rest, left) != 0)) {
        fail_without_memory(x);
        return;
    }
    mw_exchange_note(x, MW_NEWS_BODY); /* if only of progress */
    settle(d);
}

void mw_decoding_buffer(mw_exchange *x, struct evbuffer *bytes)
{
    struct mw_decoding *d = x->decoding;
    if (wire_of(d) == NULL || evbuffer_add_buffer(d->wire, bytes) != 0) {
        fail_without_memory(x);
        return;
    }
    if (!decode_waiting(d))
        return;
    mw_exchange_note(x, MW_NEWS_BODY);
    settle(d);
}
