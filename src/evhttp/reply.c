/* The head of a reply: read from its bytes, in one pass, and told to the exchange.
 *
 * evhttp's own reading of heads is lenient (it stops at a NUL, takes any version, any status and
 * control bytes) and dear (three blocks of memory for each field). So it is shown, in place of the
 * head that came, one that says no more than where the body ends.
 * SPDX-License-Identifier: MIT */
#include "base/grammar.h"
#include "base/url.h"
#include "evhttp/state.h"

#include <event2/buffer.h>

#include <string.h>

struct reply {
    int status, minor;
    const char *reason; /* in the block of the fields */
    struct mw_headers fields;
};

/* ---- reading ------------------------------------------------------------------------------- */

/* The length of the head that the bytes begin with, with its empty line; 0 if it is not complete.
 * The first `from` bytes were looked at before. */
static size_t find_end(const char *bytes, size_t length, size_t from)
{
    const char *end = bytes + length;
    const char *at = bytes + (from > 3 ? from - 3 : 0);
    while ((at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        at++;
        if (end - at >= 1 && at[0] == '\n')
            return (size_t)(at - bytes) + 1;
        if (end - at >= 2 && at[0] == '\r' && at[1] == '\n')
            return (size_t)(at - bytes) + 2;
    }
    return 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct mw_span trim(const char *bytes, size_t length)
{
    while (length > 0 && is_blank(bytes[0]))
        bytes++, length--;
    while (length > 0 && is_blank(bytes[length - 1]))
        length--;
    return (struct mw_span){bytes, length};
}

/* RFC 9112, 4: HTTP-version SP status-code SP [ reason-phrase ]. Many leave out the last space. */
static const char *read_status_line(struct reply *r, const char *line, size_t length)
{
    static const char pattern[] = "HTTP/1.d ddd", wrong[] = "its status line is not one of HTTP/1";
    const size_t least = sizeof pattern - 1;
    if (length < least)
        return wrong;
    for (size_t i = 0; i < least; i++) {
        bool digit = line[i] >= '0' && line[i] <= '9';
        if (pattern[i] == 'd' ? !digit : line[i] != pattern[i])
            return wrong;
    }
    if (line[least - 3] == '0' || (length > least && line[least] != ' ') ||
        mw_bad_field_value(line, length) >= 0)
        return wrong;
    r->minor = line[7] - '0';
    r->status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
    size_t from = length > least ? least + 1 : least;
    r->reason = mw_headers_text(&r->fields, line + from, length - from);
    return NULL;
}

/* A line that begins with a blank goes on with the value before it (RFC 9112, 5.2). */
static const char *read_folded_line(struct mw_headers *h, const char *line, size_t length)
{
    if (mw_bad_field_value(line, length) >= 0)
        return "a field has a byte that is not allowed";
    if (h->count == 0)
        return "it begins with the continuation of a field";
    struct mw_span more = trim(line, length);
    if (more.length == 0)
        return NULL;
    if (h->fields[h->count - 1].value[0] == '\0')
        h->end--; /* that value is the last text of all */
    else
        h->end[-1] = ' ';
    mw_headers_text(h, more.at, more.length);
    return NULL;
}

/* RFC 9112, 5: field-name ":" OWS field-value OWS. */
static const char *read_field_line(struct mw_headers *h, const char *line, size_t length)
{
    if (is_blank(line[0]))
        return read_folded_line(h, line, length);
    ssize_t colon = mw_bad_token(line, length); /* the name ends where its bytes do */
    if (colon <= 0 || line[colon] != ':')
        return memchr(line, ':', length) == NULL
                   ? "a line has no colon"
                   : "the name of a field has a byte that is not allowed there";
    struct mw_span value = trim(line + colon + 1, length - (size_t)colon - 1);
    if (mw_bad_field_value(value.at, value.length) >= 0)
        return "the value of a field has a byte that is not allowed there";
    struct mw_header *field = &h->fields[h->count++];
    field->name = mw_headers_text(h, line, (size_t)colon);
    field->value = mw_headers_text(h, value.at, value.length);
    return NULL;
}

/* Room for all that a head can hold: every text is at least as long on the wire, and its end. */
static bool reserve(struct reply *r, const struct mw_allocator *a, const char *bytes, size_t length)
{
    size_t lines = 0;
    for (const char *at = bytes; (at = memchr(at, '\n', length - (size_t)(at - bytes))); at++)
        lines++;
    return mw_headers_reserve(&r->fields, a, lines, length);
}

/* Words for what is wrong with a head as it came, or NULL. It ends with an empty line. */
static const char *read_lines(struct reply *r, const char *bytes, size_t length)
{
    const char *wrong = NULL;
    for (const char *line = bytes, *end = bytes + length; line < end && wrong == NULL;) {
        const char *eol = memchr(line, '\n', (size_t)(end - line));
        size_t size = (size_t)(eol - line);
        if (size > 0 && line[size - 1] == '\r')
            size--;
        if (line == bytes)
            wrong = read_status_line(r, line, size);
        else if (size > 0)
            wrong = read_field_line(&r->fields, line, size);
        line = eol + 1;
    }
    return wrong;
}

/* ---- what evhttp is shown ------------------------------------------------------------------ */

static bool show(struct evbuffer *input, const char *head, size_t length)
{
    return evbuffer_prepend(input, head, length) == 0;
}

/* `length` as of head_body_length. */
static bool show_framing(struct evbuffer *input, bool chunked, int64_t length)
{
    static const char none[] = "HTTP/1.1 204 \r\n\r\n";
    static const char chunks[] = "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n";
    static const char until_close[] = "HTTP/1.1 200 \r\nConnection: close\r\n\r\n";
    char sized[] = "HTTP/1.1 200 \r\nContent-Length: 0000000000000000000\r\n\r\n";
    if (length == 0)
        return show(input, none, sizeof none - 1);
    if (chunked)
        return show(input, chunks, sizeof chunks - 1);
    if (length < 0)
        return show(input, until_close, sizeof until_close - 1);
    for (char *digit = sized + sizeof sized - 1 - 5; length > 0; length /= 10)
        *digit-- = (char)('0' + length % 10);
    return show(input, sized, sizeof sized - 1);
}

/* ---- telling ------------------------------------------------------------------------------- */

/* The final head, of so many bytes at the front of the input. */
static bool tell(struct connection *c, struct evbuffer *input, size_t bytes, struct reply *r)
{
    struct head head;
    const struct mw_allocator *a = &c->state->rt->allocator;
    const struct mw_outgoing *out = mw_exchange_outgoing(c->x);
    const char *wrong = head_read(&head, &r->fields);
    if (wrong != NULL) {
        mw_headers_free(&r->fields, a);
        return client_fail(c, MW_PROTOCOL_FAILURE, "%s", wrong), false;
    }
    int64_t length = head_body_length(&head, r->status, strcmp(out->method, "HEAD") == 0);
    evbuffer_drain(input, bytes);
    if (!show_framing(input, head.chunked, length)) {
        mw_headers_free(&r->fields, a);
        return client_fail(c, MW_UNKNOWN_NETWORK_ERROR, "no memory for the head of the reply"),
               false;
    }
    c->head_seen = true;
    c->closing_after = c->asked_to_close || !head_keeps_alive(&head, r->minor);
    c->until_close = length < 0 && !head.chunked;
    mw_exchange_on_head(c->x, r->status, r->reason, &r->fields, length);
    return c->x != NULL; /* the core may have ended it: the body is too large */
}

bool reply_take_head(struct connection *c, struct evbuffer *input)
{
    const struct mw_allocator *a = &c->state->rt->allocator;
    struct reply r;
    size_t length = evbuffer_get_length(input);
    size_t most = mw_exchange_outgoing(c->x)->max_head_size;
    const char *bytes = (const char *)evbuffer_pullup(input, -1);
    size_t head = bytes != NULL ? find_end(bytes, length, c->searched) : 0;
    c->searched = length;
    if (head > most || (head == 0 && length > most))
        return client_fail(c, MW_UNKNOWN_CONTENT_ERROR,
                           "the head of the reply is larger than max_head_size, %zu bytes", most),
               false;
    if (head == 0)
        return false;
    c->searched = 0; /* an interim head may be followed by another */
    if (!reserve(&r, a, bytes, head))
        return client_fail(c, MW_UNKNOWN_NETWORK_ERROR, "no memory for the head of the reply"),
               false;
    const char *wrong = read_lines(&r, bytes, head);
    if (wrong == NULL && r.status >= 200)
        return tell(c, input, head, &r);
    mw_headers_free(&r.fields, a);
    if (wrong != NULL)
        return client_fail(c, MW_PROTOCOL_FAILURE, "the head of the reply is malformed: %s", wrong),
               false;
    return true; /* an interim head: evhttp sees it as it is */
}
