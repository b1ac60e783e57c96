/* A request on its way: its head, and a small body behind it, in one piece.
 * SPDX-License-Identifier: MIT */
#include "http1/client.h"

#include "base/grammar.h"

#include <string.h>

/* Bodies up to here are copied behind the head. */
enum { SMALL_BODY = 16 << 10 };

static char *put(char *at, const char *text)
{
    return stpcpy(at, text);
}

/* The most that the head can come to: no text is longer than the block that holds it. */
static size_t head_bound(const struct mw_outgoing *out)
{
    return strlen(out->method) + 1 + strlen(out->target) + sizeof " HTTP/1.1\r\n\r\n" +
           out->fields->capacity + 2 * out->fields->count;
}

static char *put_field(char *at, const char *name, const char *value)
{
    at = put(put(at, name), ": ");
    return put(put(at, value), "\r\n");
}

/* What the way through a proxy adds to the bound. */
static size_t via_bound(const struct mw_via *via, const char *authorization)
{
    if (via->tunnel)
        return 0;
    size_t more = strlen(via->target) + via->fields->capacity + 4 * via->fields->count;
    if (authorization != NULL)
        more += sizeof "Proxy-Authorization: \r\n" + strlen(authorization);
    return more;
}

/* The same through a proxy, which either gets the request itself, or must not be known to the host.
 */
static char *put_head_via(char *at, const struct mw_outgoing *out, const char *authorization)
{
    const struct mw_via *via = out->via;
    at = put(put(at, out->method), " ");
    at = put(put(at, via->tunnel ? out->target : via->target), " HTTP/1.1\r\n");
    for (size_t i = 0; i < out->fields->count; i++) {
        const struct mw_header *f = &out->fields->fields[i];
        if (!mw_same_name(f->name, "Proxy-Authorization"))
            at = put_field(at, f->name, f->value);
    }
    if (authorization != NULL)
        at = put_field(at, "Proxy-Authorization", authorization);
    for (size_t i = 0; i < via->fields->count && !via->tunnel; i++)
        at = put_field(at, via->fields->fields[i].name, via->fields->fields[i].value);
    return put(at, "\r\n");
}

static char *put_head(char *at, const struct mw_outgoing *out)
{
    const struct mw_header *end = out->fields->fields + out->fields->count;
    at = put(at, out->method);
    *at++ = ' ';
    at = put(at, out->target);
    at = put(at, " HTTP/1.1\r\n");
    for (const struct mw_header *f = out->fields->fields; f < end; f++) {
        at = put(at, f->name);
        *at++ = ':';
        *at++ = ' ';
        at = put(at, f->value);
        *at++ = '\r';
        *at++ = '\n';
    }
    *at++ = '\r';
    *at++ = '\n';
    return at;
}

static bool asks_to_close(const struct mw_outgoing *out)
{
    const struct mw_header *field = NULL;
    while ((field = mw_headers_find(out->fields, "Connection", field)) != NULL) {
        if (mw_list_has(field->value, "close"))
            return true;
    }
    return false;
}

static void attach(struct http1_client *c, mw_exchange *x)
{
    const struct mw_outgoing *out = mw_exchange_outgoing(x);
    c->x = x;
    http1_call_of(x)->client = c;
    c->asked_to_close = asks_to_close(out);
    c->has_body = out->in_chunks || out->body_length > 0;
    c->write_failed = false;
    c->given = 0;
    http1_response_begin(c);
}

void http1_send(struct http1_client *c, mw_exchange *x)
{
    const struct mw_outgoing *out = mw_exchange_outgoing(x);
    attach(c, x);
    bool with_body = c->has_body && out->body != NULL && out->body_length <= SMALL_BODY &&
                     !out->in_chunks && !out->expects_continue;
    size_t body = with_body ? (size_t)out->body_length : 0;
    const struct mw_via *via = out->via;
    const char *secret = via != NULL && !via->tunnel ? mw_exchange_proxy_authorization(x) : NULL;
    size_t most = head_bound(out) + (via != NULL ? via_bound(via, secret) : 0);
    char *head = wire_stage(&c->wire, most + body);
    if (head == NULL) {
        http1_client_fail(c, MW_UNKNOWN_NETWORK_ERROR, MW_PHASE_SEND, "no memory for a request");
        return;
    }
    char *end = via != NULL ? put_head_via(head, out, secret) : put_head(head, out);
    if (with_body)
        memcpy(end, out->body, body);
    wire_staged(&c->wire, (size_t)(end - head) + body);
    http1_upload_begin(c, body);
}
