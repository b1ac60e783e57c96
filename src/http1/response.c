/* A reply as it comes: interim heads, the final one, its body, what follows.
 * SPDX-License-Identifier: MIT */
#include "http1/client.h"

#include <string.h>

enum {
    MOST_INTERIMS = 32,
    MOST_IN_TURN = 64 << 10, /* more would only wait, and its memory come and go */
    BULK = (64 << 10) - 64,  /* read at once: with what libevent adds, a power of two */
    RECORD = 16 << 10        /* TLS gives no more */
};

static const struct mw_allocator *allocator_of(const struct http1_client *c)
{
    return &c->engine->rt->allocator;
}

void http1_response_begin(struct http1_client *c)
{
    c->reading = HTTP1_READ_HEAD;
    c->heard = c->head_seen = c->closing_after = c->in_bulk = false;
    c->interims = 0;
}

/* ---- its end ------------------------------------------------------------------------------- */

static void lost(struct http1_client *c, enum mw_io how)
{
    struct mw_failure f;
    http1_diagnose(c, how, &f);
    http1_client_failed(c, &f);
}

static void no_memory(struct http1_client *c)
{
    http1_client_fail(c, MW_UNKNOWN_NETWORK_ERROR, c->head_seen ? MW_PHASE_BODY : MW_PHASE_HEAD,
                      "no memory for the %s of the reply", c->head_seen ? "trailers" : "head");
}

/* The reply is whole. Bytes behind it would be taken for the next one: such a connection is not
 * kept. Nor is one on which some of the request is still to be sent. */
static void done(struct http1_client *c, size_t surplus)
{
    mw_exchange *x = c->x;
    bool sent = c->sending == HTTP1_SEND_NOTHING && wire_pending(&c->wire) == 0;
    if (surplus == 0 && sent && !c->closing_after && !c->write_failed &&
        !mw_socket_buffered(&c->wire.socket))
        http1_client_park(c);
    else
        http1_client_close(c);
    mw_exchange_on_done(x);
}

static void hand_over(struct http1_client *c, const char *early, size_t length)
{
    struct mw_socket socket;
    mw_exchange *x = c->x;
    wire_release(&c->wire, &socket);
    http1_client_close(c);
    mw_exchange_on_upgrade(x, &socket, early, length);
}

/* ---- heads --------------------------------------------------------------------------------- */

static void interim(struct http1_client *c, const struct http1_head *head, const char *bytes)
{
    struct mw_headers fields = {0};
    mw_exchange *x = c->x;
    if (!http1_copy_head(&fields, allocator_of(c), head, bytes, NULL, NULL)) {
        no_memory(c);
        return;
    }
    mw_exchange_on_interim(x, head->status, &fields);
    if (head->status == 100 && http1_still(c, x))
        http1_upload_release(c);
}

/* What follows the final head (RFC 9112, 6.3). Returns the length as the core knows it. */
static int64_t expect_body(struct http1_client *c, const struct http1_head *head)
{
    const char *method = mw_exchange_outgoing(c->x)->method;
    c->reading = HTTP1_READ_LENGTH;
    c->left = 0;
    if (head->status == 101 || (head->status < 300 && strcmp(method, "CONNECT") == 0)) {
        c->reading = HTTP1_READ_TUNNEL;
        return 0;
    }
    if (head->status == 204 || head->status == 304 || strcmp(method, "HEAD") == 0)
        return 0;
    if (head->chunked) {
        c->reading = HTTP1_READ_CHUNKS;
        http1_chunks_init(&c->chunks);
        return -1;
    }
    if (head->length < 0) {
        c->reading = HTTP1_READ_UNTIL_CLOSE;
        c->closing_after = true;
        return -1;
    }
    c->left = (uint64_t)head->length;
    return head->length;
}

/* A server that has heard enough says so by an error, or by closing (RFC 9112, 9.5). Others may
 * answer while they read, and get the rest. */
static void stop_sending(struct http1_client *c, const struct http1_head *head)
{
    bool heard_enough = head->status >= 300 || c->sending == HTTP1_SEND_HELD || c->closing_after ||
                        c->reading == HTTP1_READ_TUNNEL;
    if (c->sending == HTTP1_SEND_NOTHING || !heard_enough)
        return;
    http1_upload_stop(c);
    c->closing_after = true; /* what is missing was announced */
}

/* A proxy that wants credentials has not waited for the body; squid 5 says that it keeps the
 * connection, and never reads the next request on it. */
static bool refused_body(const struct http1_client *c, const struct http1_head *head)
{
    const struct mw_via *via = mw_exchange_outgoing(c->x)->via;
    return head->status == 407 && c->has_body && via != NULL && !via->tunnel;
}

static void final(struct http1_client *c, const struct http1_head *head, const char *bytes)
{
    struct mw_headers fields;
    mw_exchange_lend_fields(c->x, &fields);
    if (!http1_copy_head(&fields, allocator_of(c), head, bytes, NULL, NULL)) {
        no_memory(c);
        return;
    }
    c->head_seen = true;
    c->closing_after = c->asked_to_close || head->close || (head->minor == 0 && !head->keep_alive);
    if (refused_body(c, head))
        c->closing_after = true;
    int64_t length = expect_body(c, head);
    stop_sending(c, head);
    mw_exchange_on_head(c->x, head->status, http1_text(&fields, head->reason), &fields, length);
}

/* 101 is final where it was asked for, and once the server has all of the request. */
static const char *wrong_switch(const struct http1_client *c)
{
    if (mw_headers_find(mw_exchange_outgoing(c->x)->fields, "Upgrade", NULL) == NULL)
        return "which it was not asked for";
    if (c->sending != HTTP1_SEND_NOTHING || wire_pending(&c->wire) > 0)
        return "before it has the whole request";
    return NULL;
}

static void reply_head(struct http1_client *c, const struct http1_head *head, const char *bytes)
{
    const char *wrong = head->status == 101 ? wrong_switch(c) : NULL;
    if (wrong != NULL)
        http1_client_fail(c, MW_PROTOCOL_FAILURE, MW_PHASE_HEAD,
                          "the server switches protocols (101), %s", wrong);
    else if (head->status >= 200 || head->status == 101)
        final(c, head, bytes);
    else if (++c->interims > MOST_INTERIMS)
        http1_client_fail(c, MW_PROTOCOL_FAILURE, MW_PHASE_HEAD,
                          "the server sends interim replies (1xx) only");
    else
        interim(c, head, bytes);
}

static void trailers(struct http1_client *c, const struct http1_head *head, const char *bytes)
{
    struct mw_headers fields = {0};
    if (head->count == 0)
        return;
    if (http1_copy_head(&fields, allocator_of(c), head, bytes, NULL, NULL))
        mw_exchange_on_trailers(c->x, &fields);
    else
        no_memory(c);
}

static void malformed(struct http1_client *c, const struct http1_head *head)
{
    bool trailer = head->kind == HTTP1_TRAILERS;
    const char *what = trailer ? "trailers" : "head";
    enum mw_phase phase = trailer ? MW_PHASE_BODY : MW_PHASE_HEAD;
    if (head->refusal != 431)
        http1_client_fail(c, MW_PROTOCOL_FAILURE, phase, "the %s of the reply %s malformed: %s",
                          what, trailer ? "are" : "is", head->wrong);
    else if (head->count >= HTTP1_MOST_FIELDS)
        http1_client_fail(c, MW_UNKNOWN_CONTENT_ERROR, phase,
                          "the %s of the reply %s more than %d fields", what,
                          trailer ? "have" : "has", HTTP1_MOST_FIELDS);
    else
        http1_client_fail(c, MW_UNKNOWN_CONTENT_ERROR, phase,
                          "the %s of the reply %s larger than max_head_size, %zu bytes", what,
                          trailer ? "are" : "is", mw_exchange_outgoing(c->x)->max_head_size);
}

/* ---- heads in pieces ----------------------------------------------------------------------- */

static bool keep(struct http1_client *c, const struct http1_head *head, const char *bytes, size_t n)
{
    if (c->partial != NULL)
        return http1_partial_add(c->partial, allocator_of(c), bytes, n);
    c->partial = http1_partial_new(allocator_of(c), head, bytes, n);
    return c->partial != NULL;
}

/* Tells of one that is complete. */
static void tell_head(struct http1_client *c, const struct http1_head *head, const char *bytes)
{
    if (head->kind == HTTP1_TRAILERS)
        trailers(c, head, bytes);
    else
        reply_head(c, head, bytes);
}

static size_t begin_head(struct http1_client *c, const char *bytes, size_t n)
{
    struct http1_head *head = &c->engine->head;
    bool trailing = c->reading == HTTP1_READ_TRAILERS;
    struct http1_limits limits = {mw_exchange_outgoing(c->x)->max_head_size, HTTP1_MOST_FIELDS};
    http1_head_init(head, trailing ? HTTP1_TRAILERS : HTTP1_RESPONSE);
    switch (http1_read_head(head, bytes, n, &limits)) {
    case HTTP1_DONE:
        n = head->size;
        tell_head(c, head, bytes);
        break;
    case HTTP1_MORE:
        if (!keep(c, head, bytes, n))
            no_memory(c);
        break;
    default:
        malformed(c, head);
    }
    return n;
}

static size_t go_on_with_head(struct http1_client *c, const char *bytes, size_t n)
{
    const struct mw_allocator *a = allocator_of(c);
    struct http1_partial *p = c->partial;
    struct http1_limits limits = {mw_exchange_outgoing(c->x)->max_head_size, HTTP1_MOST_FIELDS};
    size_t before = p->length;
    if (!keep(c, &p->head, bytes, n)) {
        no_memory(c);
        return n;
    }
    enum http1_verdict verdict = http1_read_head(&p->head, p->bytes, p->length, &limits);
    if (verdict == HTTP1_MORE)
        return n;
    c->partial = NULL; /* c may be gone after this */
    if (verdict == HTTP1_DONE) {
        n = p->head.size - before; /* it was not complete before these bytes came */
        tell_head(c, &p->head, p->bytes);
    } else {
        malformed(c, &p->head);
    }
    http1_partial_free(p, a);
    return n;
}

/* ---- bodies -------------------------------------------------------------------------------- */

/* A chunk that says how much it is need not be waited for. */
static bool chunk_fits(const struct http1_client *c)
{
    return c->chunks.left <= mw_exchange_room(c->x);
}

/* Reads on in the chunks; returns how many of the bytes are done with. */
static size_t take_chunks(struct http1_client *c, const char *bytes, size_t n)
{
    const char *data;
    size_t used, size;
    mw_exchange *x = c->x;
    switch (http1_read_chunks(&c->chunks, bytes, n, &used, &data, &size)) {
    case HTTP1_CHUNK_DATA:
        mw_exchange_on_bytes(c->x, data, size);
        break;
    case HTTP1_CHUNK_LAST:
        c->reading = HTTP1_READ_TRAILERS;
        break;
    case HTTP1_CHUNK_BAD:
        http1_client_fail(c, MW_PROTOCOL_FAILURE, MW_PHASE_BODY,
                          "the body's chunks are malformed: %s", c->chunks.wrong);
        break;
    default:
        break;
    }
    if (http1_still(c, x) && !chunk_fits(c))
        http1_client_fail(c, MW_UNKNOWN_CONTENT_ERROR, MW_PHASE_BODY,
                          "the body is larger than max_body_size, %llu bytes",
                          (unsigned long long)mw_exchange_outgoing(x)->max_body_size);
    return used;
}

/* Takes a part of what has come; returns how many bytes are done with. */
static size_t take_some(struct http1_client *c, const char *bytes, size_t n)
{
    size_t used = n;
    switch (c->reading) {
    case HTTP1_READ_HEAD:
    case HTTP1_READ_TRAILERS:
        return c->partial == NULL ? begin_head(c, bytes, n) : go_on_with_head(c, bytes, n);
    case HTTP1_READ_CHUNKS:
        return take_chunks(c, bytes, n);
    case HTTP1_READ_LENGTH:
        used = n < c->left ? n : (size_t)c->left;
        c->left -= used;
        mw_exchange_on_bytes(c->x, bytes, used);
        return used;
    default:
        mw_exchange_on_bytes(c->x, bytes, n);
        return n;
    }
}

static void take(struct http1_client *c, const char *bytes, size_t n)
{
    mw_exchange *x = c->x;
    while (n > 0) {
        bool trailing = c->reading == HTTP1_READ_TRAILERS;
        size_t used = take_some(c, bytes, n);
        if (!http1_still(c, x))
            return;
        bytes += used;
        n -= used;
        if (c->reading == HTTP1_READ_TUNNEL)
            hand_over(c, bytes, n);
        else if ((c->reading == HTTP1_READ_LENGTH && c->left == 0) ||
                 (trailing && c->partial == NULL))
            done(c, n);
        else
            continue;
        return;
    }
}

static void came(struct http1_client *c)
{
    c->heard = true;
    mw_exchange_on_activity(c->x);
}

/* Whether a large body comes fast: then it is read into its place. What comes slowly, and so in
 * small pieces, is put together. */
static bool in_bulk(const struct http1_client *c)
{
    return c->in_bulk && c->reading == HTTP1_READ_LENGTH && c->left >= HTTP1_RECEIVED;
}

static size_t bulk_of(const struct http1_client *c)
{
    return c->wire.socket.tls != NULL ? RECORD : BULK;
}

/* False without memory, with nothing done. */
static bool read_bulk(struct http1_client *c, enum mw_io *io)
{
    mw_exchange *x = c->x;
    size_t n, most = bulk_of(c), size = c->left < most ? (size_t)c->left : most;
    char *place = mw_exchange_reserve(x, &size);
    if (place == NULL)
        return false;
    *io = wire_read_into(&c->wire, place, size, &n);
    if (*io != MW_IO_DONE)
        return true;
    came(c);
    c->in_bulk = n > size / 2;
    c->left -= n;
    mw_exchange_commit(x, place, n);
    if (http1_still(c, x) && c->left == 0)
        done(c, 0);
    return true;
}

static enum mw_io read_some(struct http1_client *c)
{
    char *bytes;
    size_t n;
    enum mw_io io;
    if (in_bulk(c) && read_bulk(c, &io))
        return io;
    io = wire_read(&c->wire, &bytes, &n);
    if (io == MW_IO_DONE) {
        came(c);
        c->in_bulk = n >= bulk_of(c);
        take(c, bytes, n);
    }
    return io;
}

void http1_response_readable(struct http1_client *c)
{
    mw_exchange *x = c->x;
    const size_t bulk = bulk_of(c);
    enum mw_io io = read_some(c);
    for (size_t n = bulk; io == MW_IO_DONE && n + bulk <= MOST_IN_TURN; n += bulk) {
        if (!http1_still(c, x) || !c->wire.reading || !in_bulk(c))
            break;
        io = read_some(c);
    }
    if (io == MW_IO_DONE || !http1_still(c, x))
        return;
    if (io == MW_IO_END && c->reading == HTTP1_READ_UNTIL_CLOSE)
        done(c, 0);
    else if (io == MW_IO_END || io == MW_IO_FAILED)
        lost(c, io);
    else if (c->write_failed && !c->heard)
        lost(c, MW_IO_FAILED); /* it had said nothing */
}
