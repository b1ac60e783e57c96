/* Replies: their heads in one piece, their bodies, their ends.
 * SPDX-License-Identifier: MIT */
#include "http1/server.h"

#include "base/grammar.h"
#include "base/status.h"

#include <event2/buffer.h>

#include <stdio.h>
#include <string.h>

static struct http1_session *session_of(const mw_request *r)
{
    return http1_turn_of(r)->session;
}

static int gone(mw_request *r)
{
    return mw_fail(mw_request_runtime(r), MW_ECLOSED, "the client has gone");
}

static int no_memory(struct http1_session *s)
{
    return mw_fail(s->listener->engine->rt, MW_ENOMEM, "no memory for the answer");
}

/* ---- heads --------------------------------------------------------------------------------- */

static char *put(char *at, const char *text, size_t length)
{
    return (char *)memcpy(at, text, length) + length;
}

#define PUT(at, literal) put(at, literal, sizeof(literal) - 1)

static char *put_text(char *at, const char *text)
{
    return put(at, text, strlen(text));
}

static char *put_fields(char *at, const struct mw_headers *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        at = put_text(at, fields->fields[i].name);
        at = PUT(at, ": ");
        at = put_text(at, fields->fields[i].value);
        at = PUT(at, "\r\n");
    }
    return at;
}

static size_t size_of_fields(const struct mw_headers *fields)
{
    size_t size = 0;
    for (size_t i = 0; i < fields->count; i++)
        size += strlen(fields->fields[i].name) + strlen(fields->fields[i].value) + 4;
    return size;
}

static char *put_status(char *at, int status, const char *reason)
{
    at = PUT(at, "HTTP/1.1 ");
    *at++ = (char)('0' + status / 100);
    *at++ = (char)('0' + status / 10 % 10);
    *at++ = (char)('0' + status % 10);
    *at++ = ' ';
    at = put_text(at, reason);
    return PUT(at, "\r\n");
}

/* What the head says beside the user's fields. */
struct extras {
    const char *connection; /* NULL: nothing */
    bool date, chunks;
};

/* Bytes that the status line without its reason, and the extras, come to. */
enum { MOST_EXTRA = 160 };

static bool write_head(struct http1_session *s, int status, const char *reason,
                       const struct mw_headers *fields, struct extras extras)
{
    size_t size = strlen(reason) + size_of_fields(fields) + MOST_EXTRA;
    char *head = wire_stage(&s->wire, size);
    if (head == NULL)
        return false;
    char *at = put_status(head, status, reason);
    at = put_fields(at, fields);
    if (extras.date) {
        at = PUT(at, "Date: ");
        at = put_text(at, mw_date(s->listener->engine->rt));
        at = PUT(at, "\r\n");
    }
    if (extras.connection != NULL) {
        at = PUT(at, "Connection: ");
        at = put_text(at, extras.connection);
        at = PUT(at, "\r\n");
    }
    if (extras.chunks)
        at = PUT(at, "Transfer-Encoding: chunked\r\n");
    at = PUT(at, "\r\n");
    wire_staged(&s->wire, (size_t)(at - head));
    return true;
}

/* What the user's own fields say of these. */
static void look_at_fields(const struct mw_headers *fields, bool *has_date, bool *has_connection,
                           bool *closes)
{
    for (size_t i = 0; i < fields->count; i++) {
        const char *name = fields->fields[i].name;
        if (mw_same_name(name, "Date")) {
            *has_date = true;
        } else if (mw_same_name(name, "Connection")) {
            *has_connection = true;
            *closes = *closes || mw_list_has(fields->fields[i].value, "close");
        }
    }
}

/* A body that was not read, and will not be, is in the way of the next request. A short one is read
 * and thrown away. */
static bool body_is_in_the_way(const struct http1_session *s)
{
    static const uint64_t little = 64 << 10;
    return s->body != HTTP1_NO_BODY &&
           (s->continue_due || s->body != HTTP1_LENGTH || s->left > little);
}

int http1_reply_head(mw_request *r, int status, const char *reason, const struct mw_headers *fields,
                     int64_t length)
{
    struct http1_session *s = session_of(r);
    bool has_date = false, has_connection = false, closes = false;
    if (s == NULL)
        return gone(r);
    if (status == 101 && s->minor == 0)
        return mw_fail(mw_request_runtime(r), MW_EINVAL,
                       "the client speaks HTTP/1.0, which knows no upgrade");
    bool bodyless = s->head_request || status < 200 || status == 204 || status == 304;
    look_at_fields(fields, &has_date, &has_connection, &closes);
    s->in_chunks = length < 0 && !bodyless && s->minor == 1;
    bool until_close = length < 0 && !bodyless && s->minor == 0;
    bool kept = s->keeps;
    s->keeps =
        s->keeps && !closes && !until_close && !body_is_in_the_way(s) && !s->listener->draining;
    s->started = true;
    struct extras extras = {.date = !has_date, .chunks = s->in_chunks};
    if (status == 101)
        return write_head(s, status, reason, fields, extras) ? MW_OK : no_memory(s);
    if (!has_connection || (kept && !s->keeps && !closes))
        extras.connection = !s->keeps ? "close" : s->minor == 0 ? "keep-alive" : NULL;
    return write_head(s, status, reason, fields, extras) ? MW_OK : no_memory(s);
}

int http1_reply_interim(mw_request *r, int status, const struct mw_headers *fields)
{
    struct http1_session *s = session_of(r);
    if (s == NULL)
        return gone(r);
    if (s->minor == 0) /* RFC 9110, 15.2: such a client knows none */
        return MW_OK;
    if (status == 100) {
        s->continue_due = false;
        s->body_since = s->moved = mw_now();
    }
    return write_head(s, status, mw_status_phrase(status), fields, (struct extras){0})
               ? MW_OK
               : no_memory(s);
}

void http1_continue(struct http1_session *s)
{
    static const char words[] = "HTTP/1.1 100 Continue\r\n\r\n";
    s->continue_due = false;
    s->body_since = s->moved = mw_now();
    if (!wire_send(&s->wire, words, sizeof words - 1))
        http1_session_drop(s);
}

/* ---- bodies and ends ----------------------------------------------------------------------- */

static bool send_chunk(struct http1_session *s, const void *bytes, size_t length)
{
    char line[20];
    int size = snprintf(line, sizeof line, "%zx\r\n", length);
    return wire_send(&s->wire, line, (size_t)size) && wire_send(&s->wire, bytes, length) &&
           wire_send(&s->wire, "\r\n", 2);
}

int http1_reply_body(mw_request *r, const void *bytes, size_t length)
{
    struct http1_session *s = session_of(r);
    if (s == NULL)
        return gone(r);
    bool sent = s->in_chunks ? send_chunk(s, bytes, length) : wire_send(&s->wire, bytes, length);
    if (sent && s->wire.failed)
        return gone(r); /* of which the loop will tell; who writes until then would never let it */
    return sent ? MW_OK : no_memory(s);
}

size_t http1_reply_pending(const mw_request *r)
{
    const struct http1_session *s = session_of(r);
    return s != NULL ? wire_pending(&s->wire) : 0;
}

void http1_reply_end(mw_request *r, bool complete)
{
    struct http1_session *s = session_of(r);
    if (s == NULL)
        return;
    http1_session_part(s);
    if (complete && s->in_chunks && !wire_send(&s->wire, "0\r\n\r\n", 5))
        complete = false;
    if (complete) {
        http1_session_next(s);
        return;
    }
    wire_flush(&s->wire); /* what it has is not the whole, and must not look so */
    if (s->minor == 0 || s->wire.socket.tls != NULL)
        mw_socket_spoil(&s->wire.socket); /* where the end may be that of the body */
    http1_session_end(s);
}

void http1_detach(mw_request *r)
{
    http1_reply_end(r, false);
}

int http1_hand_over(mw_request *r, struct mw_socket *socket, struct evbuffer *early)
{
    struct http1_session *s = session_of(r);
    if (s == NULL)
        return gone(r);
    if (!wire_flush(&s->wire)) /* a head is small, and nothing was before it */
        return mw_fail(mw_request_runtime(r), MW_ECLOSED, "the client does not take the answer");
    if (s->early != NULL && evbuffer_add_buffer(early, s->early) != 0)
        return no_memory(s);
    http1_session_part(s);
    wire_release(&s->wire, socket);
    http1_session_end(s);
    return MW_OK;
}

void http1_read_on(mw_request *r, bool on)
{
    struct http1_session *s = session_of(r);
    if (s == NULL || s->body == HTTP1_NO_BODY)
        return;
    if (on && s->continue_due && !s->started) {
        http1_continue(s);
        return;
    }
    s->continue_due = s->continue_due && !on; /* too late to ask for it: the reply is under way */
    s->paused = !on;
    if (on)
        s->body_since = s->moved = mw_now(); /* and what has come by now counts for it */
    wire_read_on(&s->wire, on);
}

/* ---- in the engine's own name -------------------------------------------------------------- */

void http1_session_refuse(struct http1_session *s, int status, const char *why)
{
    char length[24], body[300];
    struct mw_header own[] = {{"Content-Type", "text/plain; charset=utf-8"},
                              {"Content-Length", length}};
    struct mw_headers fields = {.fields = own, .count = 2};
    int size = snprintf(body, sizeof body, "%s\n", why);
    snprintf(length, sizeof length, "%d", size);
    s->keeps = false;
    s->over = true;
    s->body = HTTP1_NO_BODY;
    http1_partial_free(s->partial, &s->listener->engine->rt->allocator);
    s->partial = NULL;
    struct extras extras = {.connection = "close", .date = true};
    if (write_head(s, status, mw_status_phrase(status), &fields, extras) &&
        (s->head_request || wire_send(&s->wire, body, (size_t)size)))
        http1_session_next(s);
    else
        http1_session_end(s);
}
