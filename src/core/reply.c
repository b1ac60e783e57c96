/* Replies: what the user answers is checked, and handed to the engine.
 * SPDX-License-Identifier: MIT */
#include "core/server.h"

#include "base/grammar.h"
#include "base/status.h"

#include <string.h>

static bool has_no_body(int status)
{
    return status < 200 || status == 204 || status == 304; /* RFC 9110, 6.4.1 */
}

static int check_field(mw_runtime *rt, const mw_header *field)
{
    if (field->name == NULL || field->value == NULL)
        return mw_fail(rt, MW_EINVAL, "bad headers: a field has no %s",
                       field->name == NULL ? "name" : "value");
    if (mw_bad_token(field->name, strlen(field->name)) >= 0)
        return mw_fail(rt, MW_EINVAL, "bad header name: \"%.60s\" has a byte that is not allowed",
                       field->name);
    if (mw_bad_field_value(field->value, strlen(field->value)) >= 0)
        return mw_fail(rt, MW_EINVAL,
                       "bad value of the header %.60s: it has a byte that is not "
                       "allowed (a line break, perhaps)",
                       field->name);
    return MW_OK;
}

/* The framing of a reply is ours to state; what the user says of it is left out. */
static bool is_framing(const char *name)
{
    return mw_same_name(name, "Content-Length") || mw_same_name(name, "Transfer-Encoding");
}

int mw_reply_collect(mw_request *r, const mw_header *headers, size_t count, const mw_header *own)
{
    struct mw_headers *fields = &r->rt->reply_fields;
    if (!mw_headers_reuse(fields, &r->rt->allocator, count + 1, 0))
        return mw_fail(r->rt, MW_ENOMEM, "no memory for the headers");
    for (size_t i = 0; i < count; i++) {
        int result = check_field(r->rt, &headers[i]);
        if (result != MW_OK)
            return result;
        if (!is_framing(headers[i].name))
            fields->fields[fields->count++] = headers[i];
    }
    if (own != NULL)
        fields->fields[fields->count++] = *own;
    return MW_OK;
}

/* What may be done before the answer, and not once it has begun. */
int mw_reply_check_open(mw_request *r)
{
    if (r->state != MW_REPLY_NONE)
        return mw_fail(r->rt, MW_EINVAL, "the head of the answer has already been sent");
    return r->gone ? mw_fail(r->rt, MW_ECLOSED, "the client has gone") : MW_OK;
}

int mw_reply_interim(mw_request *r, int status, const mw_header *headers, size_t header_count)
{
    mw_runtime *rt = r->rt;
    const struct mw_engine *engine = r->engine;
    if (!(engine->can & MW_CAN_INTERIM))
        return mw_fail(rt, MW_EINVAL, "the %s engine cannot send a head before the last one",
                       engine->name);
    if (status < 100 || status > 199 || status == 101)
        return mw_fail(rt, MW_EINVAL, "bad status: %d is not one of 100 and 102 to 199", status);
    int result = mw_reply_check_open(r);
    if (result == MW_OK)
        result = mw_reply_collect(r, headers, header_count, NULL);
    if (result != MW_OK)
        return result;
    result = engine->reply_interim(r, status, &rt->reply_fields);
    return result;
}

int mw_reply_head(mw_request *r, int status, const char *reason, const mw_header *headers,
                  size_t header_count, int64_t length)
{
    mw_runtime *rt = r->rt;
    char number[MW_DECIMAL_SIZE];
    const mw_header counted = {"Content-Length", number};
    if (r->state != MW_REPLY_NONE)
        return mw_fail(rt, MW_EINVAL, "the head of the answer has already been sent");
    if (status < 200 || status > 999)
        return mw_fail(rt, MW_EINVAL, "bad status: %d is not between 200 and 999", status);
    if (reason == NULL)
        reason = mw_status_phrase(status);
    if (mw_bad_field_value(reason, strlen(reason)) >= 0)
        return mw_fail(rt, MW_EINVAL, "bad reason: it has a byte that is not allowed");
    if (status < 300 && strcmp(r->method, "CONNECT") == 0)
        return mw_fail(rt, MW_EINVAL,
                       "bad status: %d to CONNECT says that a tunnel follows; that is an upgrade's",
                       status);
    bool told = length >= 0 && status != 204 && !(status == 304 && length == 0);
    if (told)
        mw_put_decimal(number, (uint64_t)length);
    int result = mw_reply_collect(r, headers, header_count, told ? &counted : NULL);
    if (result != MW_OK)
        return result;
    r->state = MW_REPLY_STARTED;
    r->bodyless = r->head || has_no_body(status);
    r->length = length;
    if (r->gone)
        result = mw_fail(rt, MW_ECLOSED, "the client has gone");
    else
        result = r->engine->reply_head(r, status, reason, &rt->reply_fields, length);
    r->broken = result != MW_OK;
    return result;
}

int mw_reply_body(mw_request *r, const void *bytes, size_t length)
{
    mw_runtime *rt = r->rt;
    if (r->state != MW_REPLY_STARTED)
        return mw_fail(rt, MW_EINVAL, "the head of the answer must be sent before its body");
    if (r->length >= 0 && r->written + length > (uint64_t)r->length)
        return mw_fail(rt, MW_EINVAL, "the body is longer than its Content-Length, %lld",
                       (long long)r->length);
    if (r->gone)
        return mw_fail(rt, MW_ECLOSED, "the client has gone");
    r->written += length;
    if (r->bodyless || length == 0)
        return MW_OK;
    int result = r->engine->reply_body(r, bytes, length);
    r->broken = r->broken || result != MW_OK;
    return result;
}

size_t mw_reply_pending(const mw_request *r)
{
    return r->gone || r->state != MW_REPLY_STARTED ? 0 : r->engine->reply_pending(r);
}

void mw_reply_abort(mw_request *r)
{
    mw_request_free(r); /* without an end */
}

/* How far an exchange that ends so has come. */
static enum mw_phase phase_of(int error)
{
    switch (error) {
    case MW_HOST_NOT_FOUND_ERROR:
    case MW_PROTOCOL_UNKNOWN_ERROR:
        return MW_PHASE_RESOLVE;
    case MW_CONNECTION_REFUSED_ERROR:
    case MW_NETWORK_SESSION_FAILED_ERROR:
    case MW_TEMPORARY_NETWORK_FAILURE_ERROR:
        return MW_PHASE_CONNECT;
    case MW_SSL_HANDSHAKE_FAILED_ERROR:
        return MW_PHASE_TLS;
    default:
        return error >= MW_PROXY_CONNECTION_REFUSED_ERROR && error <= MW_UNKNOWN_PROXY_ERROR
                   ? MW_PHASE_PROXY
                   : MW_PHASE_HEAD;
    }
}

int mw_reply_fail(mw_request *r, int error, const char *words)
{
    struct mw_failure f;
    mw_runtime *rt = r->rt;
    const char *name = mw_error_name(error);
    if (r->engine->reply_fail == NULL)
        return mw_fail(rt, MW_EINVAL,
                       "only a server in the process can choose how its client fails; "
                       "mw_reply_abort closes the connection");
    if (name == NULL || error == MW_NO_ERROR)
        return mw_fail(rt, MW_EINVAL, "bad error: %d is none that an exchange ends with", error);
    mw_failure_init(&f, error, r->state == MW_REPLY_STARTED ? MW_PHASE_BODY : phase_of(error));
    if (words != NULL)
        mw_failure_text(&f, "%s", words);
    else
        mw_failure_text(&f, "the server in the process answers with %s", name);
    int result =
        r->gone ? mw_fail(rt, MW_ECLOSED, "the client has gone") : r->engine->reply_fail(r, &f);
    if (result != MW_OK)
        return result;
    r->engine->reply_end(r, false);
    mw_request_free(r);
    return MW_OK;
}

int mw_request_pass_on(mw_request *r)
{
    mw_runtime *rt = r->rt;
    if (r->engine->pass_on == NULL)
        return mw_fail(rt, MW_EINVAL, "only a server in the process can pass a request on");
    int result = mw_reply_check_open(r);
    if (result == MW_OK)
        result = r->engine->pass_on(r);
    if (result == MW_OK)
        mw_request_free(r);
    return result;
}

void mw_reply_end(mw_request *r)
{
    bool whole = r->bodyless || r->length < 0 || r->written == (uint64_t)r->length;
    bool sound = r->state == MW_REPLY_STARTED && !r->gone && !r->broken;
    r->engine->reply_end(r, sound && whole);
    mw_request_free(r);
}
