/* What a client sends: heads, bodies, trailers; the parser's words become requests.
 * SPDX-License-Identifier: MIT */
#include "http1/server.h"

#include <string.h>

static const struct mw_allocator *allocator_of(const struct http1_session *s)
{
    return &s->listener->engine->rt->allocator;
}

/* ---- requests ------------------------------------------------------------------------------ */

/* Says why a request with this head is not taken at all, or NULL. */
static const char *objection(const struct http1_session *s, const struct http1_head *head,
                             int *status)
{
    if (head->expects_other) {
        *status = 417;
        return "the field Expect asks for something that is not known here";
    }
    if (head->length > 0 && (uint64_t)head->length > s->listener->max_body_size) {
        *status = 413;
        return "the body of the request is too large";
    }
    return NULL;
}

static void set_body(struct http1_session *s, const struct http1_head *head)
{
    s->body = head->chunked ? HTTP1_CHUNKS : head->length > 0 ? HTTP1_LENGTH : HTTP1_NO_BODY;
    s->left = head->length > 0 ? (uint64_t)head->length : 0;
    s->taken = 0;
    s->paused = false;
    s->body_since = s->moved = s->since;
    if (head->chunked)
        http1_chunks_init(&s->chunks);
}

static bool is_head(const struct http1_head *head, const char *bytes)
{
    return head->method.length == 4 && memcmp(bytes + head->method.at, "HEAD", 4) == 0;
}

static bool is_connect(const struct http1_head *head, const char *bytes)
{
    return head->method.length == 7 && memcmp(bytes + head->method.at, "CONNECT", 7) == 0;
}

static void begin_request(struct http1_session *s, const struct http1_head *head, const char *bytes)
{
    int status;
    s->head_request = is_head(head, bytes);
    const char *wrong = objection(s, head, &status);
    if (wrong != NULL) {
        http1_session_refuse(s, status, wrong);
        return;
    }
    mw_request *r = mw_request_new(s->listener->server);
    struct mw_incoming in = {.head = s->head_request};
    if (r == NULL ||
        !http1_copy_head(mw_request_fields(r), allocator_of(s), head, bytes, s->peer, &in.peer)) {
        if (r != NULL)
            mw_request_free(r);
        http1_session_refuse(s, 503, "there is no memory for a request");
        return;
    }
    http1_session_do(s, HTTP1_TURN);
    set_body(s, head);
    s->minor = (unsigned char)head->minor;
    s->may_switch = head->upgrade || is_connect(head, bytes);
    s->keeps = !head->close && (head->minor == 1 || head->keep_alive);
    s->started = s->in_chunks = false;
    s->r = r;
    http1_turn_of(r)->session = s;
    s->continue_due = head->expects_continue && head->minor == 1 && s->body != HTTP1_NO_BODY;
    in.expects_continue = s->continue_due;
    in.method = http1_text(mw_request_fields(r), head->method);
    in.target = http1_text(mw_request_fields(r), head->target);
    mw_request_on_head(r, &in);
    if (s->body == HTTP1_NO_BODY)
        mw_request_on_end(r);
}

static void end_body(struct http1_session *s)
{
    s->body = HTTP1_NO_BODY;
    if (s->paused) { /* nobody will ask for more, and the client's end is to be noticed */
        s->paused = false;
        wire_read_on(&s->wire, true);
    }
    if (s->r != NULL)
        mw_request_on_end(s->r);
    else if (!s->ended)
        http1_session_rest(s); /* it was answered before it had come */
}

/* The bytes cannot be understood: whatever follows them cannot be, either. */
static void refuse_bytes(struct http1_session *s, int status, const char *wrong)
{
    s->body = HTTP1_NO_BODY;
    http1_session_forsake(http1_session_part(s));
    if (s->started)
        http1_session_drop(s); /* a reply is under way already */
    else
        http1_session_refuse(s, status, wrong);
}

/* ---- heads --------------------------------------------------------------------------------- */

static void head_is_in(struct http1_session *s, const struct http1_head *head, const char *bytes)
{
    if (head->kind == HTTP1_TRAILERS)
        end_body(s); /* nobody here asks for them */
    else
        begin_request(s, head, bytes);
}

static void begin_reading(struct http1_session *s)
{
    http1_session_do(s, HTTP1_READING);
    s->moved = s->since;
}

/* Goes on with a head of which a part had come. */
static size_t receive_more_of_head(struct http1_session *s, const char *bytes, size_t length)
{
    struct http1_partial *p = s->partial;
    s->moved = mw_now();
    if (!http1_partial_add(p, allocator_of(s), bytes, length)) {
        refuse_bytes(s, 503, "there is no memory for a head");
        return length;
    }
    enum http1_verdict verdict =
        http1_read_head(&p->head, p->bytes, p->length, &s->listener->limits);
    if (verdict == HTTP1_MORE) {
        if (s->doing == HTTP1_WAITING)
            begin_reading(s);
        return length;
    }
    if (verdict == HTTP1_BAD) {
        s->head_request = false;
        refuse_bytes(s, p->head.refusal, p->head.wrong);
        return length;
    }
    size_t behind = p->length - p->head.size; /* of these bytes: a head ends in the newest only */
    s->partial = NULL;
    head_is_in(s, &p->head, p->bytes);
    http1_partial_free(p, allocator_of(s));
    return length - behind;
}

static size_t receive_head(struct http1_session *s, enum http1_kind kind, const char *bytes,
                           size_t length)
{
    struct http1_head *head = &s->listener->engine->head;
    if (s->partial != NULL)
        return receive_more_of_head(s, bytes, length);
    http1_head_init(head, kind);
    switch (http1_read_head(head, bytes, length, &s->listener->limits)) {
    case HTTP1_DONE:
        head_is_in(s, head, bytes);
        return head->size;
    case HTTP1_BAD:
        s->head_request = false; /* whose it is cannot be told */
        refuse_bytes(s, head->refusal, head->wrong);
        return length;
    default:
        s->partial = http1_partial_new(allocator_of(s), head, bytes, length);
        if (s->partial == NULL)
            refuse_bytes(s, 503, "there is no memory for a head");
        else if (kind == HTTP1_REQUEST && bytes[0] != '\r') /* an empty line is no request */
            begin_reading(s);
        return length;
    }
}

/* ---- bodies -------------------------------------------------------------------------------- */

/* A piece of the body. What nobody wants any more is thrown away. */
static void take_body(struct http1_session *s, const char *bytes, size_t length)
{
    s->taken += length;
    s->moved = mw_now();
    s->continue_due = false; /* it comes unasked */
    if (s->taken > s->listener->max_body_size)
        refuse_bytes(s, 413, "the body of the request is too large");
    else if (s->r != NULL)
        mw_request_on_body(s->r, bytes, length);
}

static size_t receive_length(struct http1_session *s, const char *bytes, size_t length)
{
    size_t n = length < s->left ? length : (size_t)s->left;
    s->left -= n;
    take_body(s, bytes, n);
    if (s->left == 0 && s->body == HTTP1_LENGTH)
        end_body(s);
    return n;
}

static size_t receive_chunks(struct http1_session *s, const char *bytes, size_t length)
{
    size_t used = 0, size = 0;
    const char *data = NULL;
    switch (http1_read_chunks(&s->chunks, bytes, length, &used, &data, &size)) {
    case HTTP1_CHUNK_DATA:
        take_body(s, data, size);
        break;
    case HTTP1_CHUNK_LAST:
        s->body = HTTP1_TRAILER_FIELDS;
        break;
    case HTTP1_CHUNK_BAD:
        refuse_bytes(s, 400, s->chunks.wrong);
        return length;
    default:
        break;
    }
    return used;
}

size_t http1_receive(struct http1_session *s, const char *bytes, size_t length)
{
    switch (s->body) {
    case HTTP1_LENGTH:
        return receive_length(s, bytes, length);
    case HTTP1_CHUNKS:
        return receive_chunks(s, bytes, length);
    case HTTP1_TRAILER_FIELDS:
        return receive_head(s, HTTP1_TRAILERS, bytes, length);
    default:
        return receive_head(s, HTTP1_REQUEST, bytes, length);
    }
}
