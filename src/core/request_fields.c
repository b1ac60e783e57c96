/* The fields of a request: the user's, checked, and those that HTTP needs.
 * SPDX-License-Identifier: MIT */
#include "core/request.h"

#include "base/decode.h"
#include "base/grammar.h"

#include <stdio.h>
#include <string.h>

#define AGENT "moonwire/" MW_VERSION

static bool any_of(const char *text, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (strcmp(text, *list) == 0)
            return true;
    }
    return false;
}

/* Where the body does not tell its length, the field does. */
static int check_length(mw_exchange *x, const char *value)
{
    struct mw_body *b = &x->body;
    long long length = mw_decimal(value);
    if (length >= 0 && b->length == MW_UNKNOWN)
        b->length = (uint64_t)length;
    if (b->unusable != NULL || (length >= 0 && (uint64_t)length == b->length))
        return MW_OK;
    return mw_fail(x->rt, MW_EINVAL,
                   "bad headers: Content-Length \"%.20s\" does not match the body's %llu bytes",
                   value, (unsigned long long)b->length);
}

/* The fields of the user's that say how the message is framed must agree with the message. */
static int check_framing(mw_exchange *x, const mw_header *field)
{
    mw_runtime *rt = x->rt;
    if (mw_same_name(field->name, "Content-Length")) {
        return check_length(x, field->value);
    } else if (mw_same_name(field->name, "Transfer-Encoding") &&
               !mw_same_name(field->value, "chunked")) {
        return mw_fail(rt, MW_EINVAL,
                       "bad headers: Transfer-Encoding \"%.60s\" is not one that moonwire can "
                       "apply (it applies \"chunked\")",
                       field->value);
    } else if (mw_same_name(field->name, "Host") &&
               mw_bad_authority(field->value, strlen(field->value)) >= 0) {
        return mw_fail(rt, MW_EINVAL, "bad headers: Host \"%.60s\" is not a host", field->value);
    }
    return MW_OK;
}

/* A second one of these would make two messages of one. */
static int check_single(mw_runtime *rt, const mw_options *o, const char *name)
{
    int count = 0;
    for (size_t i = 0; i < o->header_count; i++)
        count += mw_same_name(o->headers[i].name, name);
    return count > 1 ? mw_fail(rt, MW_EINVAL, "bad headers: several %s header fields", name)
                     : MW_OK;
}

static bool given(const mw_options *o, const char *name)
{
    for (size_t i = 0; i < o->header_count; i++) {
        if (mw_same_name(o->headers[i].name, name))
            return true;
    }
    return false;
}

static int check_fields(mw_exchange *x, const mw_options *o)
{
    char what[120];
    mw_runtime *rt = x->rt;
    for (size_t i = 0; i < o->header_count; i++) {
        const mw_header *field = &o->headers[i];
        if (field->name == NULL || field->value == NULL)
            return mw_fail(rt, MW_EINVAL, "bad headers: field %zu has no %s", i + 1,
                           field->name == NULL ? "name" : "value");
        int result = mw_check_bytes(rt, "header name", mw_bad_token, mw_text_span(field->name));
        if (result != MW_OK)
            return result;
        ssize_t at = mw_bad_field_value(field->value, strlen(field->value));
        if (at >= 0) {
            snprintf(what, sizeof what, "value of the header %.80s", field->name);
            return mw_refuse_byte(rt, what, mw_text_span(field->value), at);
        }
        result = check_framing(x, field);
        if (result != MW_OK)
            return result;
    }
    int result = check_single(rt, o, "Host");
    if (result == MW_OK)
        result = check_single(rt, o, "Content-Length");
    if (result == MW_OK)
        result = check_single(rt, o, "Transfer-Encoding");
    if (result == MW_OK && given(o, "Content-Length") && given(o, "Transfer-Encoding"))
        result = mw_fail(rt, MW_EINVAL,
                         "bad headers: Content-Length and Transfer-Encoding exclude each other");
    return result;
}

/* A request that means to carry content says so even if that is empty (RFC 9110, 8.6). */
static bool needs_length(const mw_exchange *x)
{
    static const char *const methods[] = {"POST", "PUT", "PATCH", NULL};
    return x->body.kind != MW_BODY_NONE || any_of(x->method, methods);
}

/* How the body is framed: what the user said of it, or else a length, or else chunks. */
static size_t frame_body(mw_exchange *x, const mw_options *o, mw_header *field, char *number)
{
    struct mw_outgoing *out = &x->outgoing;
    bool chunked = given(o, "Transfer-Encoding");
    out->body = x->body.bytes;
    out->body_length = x->body.length;
    out->has_body = x->body.kind != MW_BODY_NONE || chunked;
    out->in_chunks = chunked || x->body.length == MW_UNKNOWN;
    if (chunked || given(o, "Content-Length") || !needs_length(x))
        return 0;
    mw_put_decimal(number, x->body.length);
    *field = out->in_chunks ? (mw_header){"Transfer-Encoding", "chunked"}
                            : (mw_header){"Content-Length", number};
    return 1;
}

/* A range is one of the coded representation, of which a part alone cannot be decoded; and what
 * comes behind CONNECT is no content at all. */
static bool asks_for_codings(const mw_exchange *x, const mw_options *o)
{
    return !o->keep_encoded && !given(o, "Accept-Encoding") && !given(o, "Range") &&
           !mw_is_connect(x->method);
}

int mw_exchange_prepare_fields(mw_exchange *x, const mw_options *o)
{
    mw_header own[5];
    size_t count = 0;
    char length[MW_DECIMAL_SIZE];
    int result = check_fields(x, o);
    if (result != MW_OK)
        return result;
    if (!given(o, "Host"))
        own[count++] =
            (mw_header){"Host", mw_is_connect(x->method) ? x->url.target : x->url.authority};
    if (!given(o, "User-Agent"))
        own[count++] = (mw_header){"User-Agent", AGENT};
    if (asks_for_codings(x, o))
        own[count++] = (mw_header){"Accept-Encoding", MW_ACCEPTED_CODINGS};
    count += frame_body(x, o, &own[count], length);
    if (o->expect_continue && x->outgoing.has_body && !given(o, "Expect"))
        own[count++] = (mw_header){"Expect", "100-continue"};
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += mw_headers_size(own[i].name, own[i].value);
    for (size_t i = 0; i < o->header_count; i++)
        bytes += mw_headers_size(o->headers[i].name, o->headers[i].value);
    if (!mw_headers_reuse(&x->fields, &x->rt->allocator, count + o->header_count, bytes))
        return mw_fail(x->rt, MW_ENOMEM, "no memory for the headers");
    for (size_t i = 0; i < count; i++)
        mw_headers_add(&x->fields, own[i].name, own[i].value);
    for (size_t i = 0; i < o->header_count; i++)
        mw_headers_add(&x->fields, o->headers[i].name, o->headers[i].value);
    return MW_OK;
}
