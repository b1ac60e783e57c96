/* What waits is always in a block of just its size, so that the sanitizers see a byte too far.
 * SPDX-License-Identifier: MIT */
#include "message.h"

#include <stdlib.h>
#include <string.h>

/* A block that holds these bytes, and has room for some more. */
static char *block_of(const char *bytes, size_t length, size_t more)
{
    char *block = malloc(length + more > 0 ? length + more : 1);
    if (block == NULL)
        abort();
    if (length > 0)
        memcpy(block, bytes, length);
    return block;
}

void message_init(struct message *m, enum http1_kind kind)
{
    memset(m, 0, sizeof *m);
    m->limits = (struct http1_limits){65536, 100};
    http1_head_init(&m->head, kind);
}

void message_free(struct message *m)
{
    free(m->bytes);
    free(m->first);
    free(m->last);
    free(m->body);
}

/* So many bytes are done with. */
static void take(struct message *m, size_t length)
{
    char *rest = block_of(m->bytes + length, m->length - length, 0);
    free(m->bytes);
    m->bytes = rest;
    m->length -= length;
    m->taken += length;
}

static void keep(struct message *m, const char *bytes, size_t length)
{
    char *body = realloc(m->body, m->body_length + length + 1);
    if (body == NULL)
        abort();
    memcpy(body + m->body_length, bytes, length);
    m->body = body;
    m->body_length += length;
}

static int fail(struct message *m, const char *wrong, int refusal)
{
    m->state = MESSAGE_BAD;
    m->wrong = wrong;
    m->refusal = refusal;
    return 0;
}

/* RFC 9112, 6.3. */
static void frame(struct message *m)
{
    const struct http1_head *h = &m->head;
    int reply = h->kind == HTTP1_RESPONSE;
    m->state = MESSAGE_DONE;
    if (reply && (m->bodiless || h->status < 200 || h->status == 204 || h->status == 304))
        return;
    if (h->chunked) {
        http1_chunks_init(&m->chunks);
        m->state = MESSAGE_CHUNKS;
    } else if (h->length > 0) {
        m->left = h->length;
        m->state = MESSAGE_LENGTH;
    } else if (h->length < 0 && reply) {
        m->state = MESSAGE_UNTIL_CLOSE;
    }
}

/* Each step answers whether there may be another with the bytes that are there. */
static int read_head(struct message *m, struct http1_head *h)
{
    enum http1_verdict verdict = http1_read_head(h, m->bytes, m->length, &m->limits);
    if (verdict == HTTP1_BAD)
        return fail(m, h->wrong, h->refusal);
    if (verdict == HTTP1_MORE)
        return 0;
    if (h->kind == HTTP1_TRAILERS) {
        m->last = block_of(m->bytes, h->size, 0);
        m->state = MESSAGE_DONE;
    } else {
        m->first = block_of(m->bytes, h->size, 0);
        frame(m);
    }
    take(m, h->size);
    return 1;
}

static int read_chunks(struct message *m)
{
    enum http1_chunk answer = HTTP1_CHUNK_DATA;
    size_t at = 0;
    while (answer == HTTP1_CHUNK_DATA) {
        size_t used, size;
        const char *data;
        answer = http1_read_chunks(&m->chunks, m->bytes + at, m->length - at, &used, &data, &size);
        if (answer == HTTP1_CHUNK_DATA)
            keep(m, data, size);
        at += used;
    }
    if (answer == HTTP1_CHUNK_BAD)
        return fail(m, m->chunks.wrong, 400);
    take(m, at);
    if (answer == HTTP1_CHUNK_MORE)
        return 0;
    http1_head_init(&m->trailers, HTTP1_TRAILERS);
    m->state = MESSAGE_TRAILERS;
    return 1;
}

static int read_counted(struct message *m)
{
    size_t size = m->length;
    if (m->state == MESSAGE_LENGTH && m->left < (int64_t)size)
        size = (size_t)m->left;
    keep(m, m->bytes, size);
    take(m, size);
    if (m->state == MESSAGE_UNTIL_CLOSE)
        return 0;
    m->left -= (int64_t)size;
    if (m->left == 0)
        m->state = MESSAGE_DONE;
    return m->left == 0;
}

static int step(struct message *m)
{
    switch (m->state) {
    case MESSAGE_HEAD:
        return read_head(m, &m->head);
    case MESSAGE_TRAILERS:
        return read_head(m, &m->trailers);
    case MESSAGE_CHUNKS:
        return read_chunks(m);
    case MESSAGE_LENGTH:
    case MESSAGE_UNTIL_CLOSE:
        return read_counted(m);
    default:
        return 0;
    }
}

void message_feed(struct message *m, const char *bytes, size_t length)
{
    char *joined = block_of(m->bytes, m->length, length);
    if (length > 0)
        memcpy(joined + m->length, bytes, length);
    free(m->bytes);
    m->bytes = joined;
    m->length += length;
    while (step(m))
        ;
}
