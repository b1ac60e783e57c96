/* From what the user asks for to what goes on the wire: checks every byte, adds what HTTP needs.
 * SPDX-License-Identifier: MIT */
#include "core/request.h"

#include "base/grammar.h"
#include "core/agent.h"
#include "core/authorize.h"
#include "core/server.h"

#include <string.h>

int mw_refuse_byte(mw_runtime *rt, const char *what, struct mw_span text, ssize_t at)
{
    if (text.length == 0)
        return mw_fail(rt, MW_EINVAL, "bad %s: it is empty", what);
    unsigned char c = (unsigned char)text.at[at];
    if (c > 0x20 && c < 0x7f)
        return mw_fail(rt, MW_EINVAL, "bad %s: \"%c\" at byte %zd is not allowed there", what, c,
                       at + 1);
    return mw_fail(rt, MW_EINVAL, "bad %s: byte 0x%02X at byte %zd is not allowed there%s", what, c,
                   at + 1, c == ' ' || c >= 0x80 ? " (percent-encode it)" : "");
}

int mw_check_bytes(mw_runtime *rt, const char *what, ssize_t (*bad)(const char *, size_t),
                   struct mw_span text)
{
    ssize_t at = bad(text.at, text.length);
    return at < 0 ? MW_OK : mw_refuse_byte(rt, what, text, at);
}

/* The usual methods need no copy, and no look at their bytes. */
static int prepare_method(mw_exchange *x, const mw_options *o)
{
    static const struct {
        const char *name;
        bool idempotent; /* RFC 9110, 9.2.2 */
    } usual[] = {{"GET", true},    {"POST", false},  {"PUT", true},     {"HEAD", true},
                 {"PATCH", false}, {"DELETE", true}, {"OPTIONS", true}, {"TRACE", true}};
    const char *method = o->method != NULL ? o->method : "GET";
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        if (strcmp(method, usual[i].name) == 0) {
            x->method = usual[i].name;
            x->outgoing.idempotent = usual[i].idempotent;
            return MW_OK;
        }
    }
    int result = mw_check_bytes(x->rt, "method", mw_bad_token, mw_text_span(method));
    if (result != MW_OK)
        return result;
    x->method = x->own_method = mw_strdup(&x->rt->allocator, method);
    return x->method != NULL ? MW_OK : mw_fail(x->rt, MW_ENOMEM, "no memory for the method");
}

/* In the name of the client of a server in the process: below that one, by the client's own TLS. */
static int prepare_forward(mw_exchange *x, const mw_request *r)
{
    const mw_exchange *client = mw_request_client(r);
    if (r->url == NULL)
        return mw_fail(x->rt, MW_EINVAL,
                       "bad forward: only a server in the process asks others for its client");
    if (client == NULL)
        return mw_fail(x->rt, MW_ECLOSED, "bad forward: the client has gone");
    x->passed_by = r->server;
    mw_agent_follow(x, client);
    if (!mw_tls_options_copy(&x->outgoing.tls, &client->outgoing.tls, &x->rt->allocator))
        return mw_fail(x->rt, MW_ENOMEM, "no memory for the options of TLS");
    return MW_OK;
}

static int prepare_tls(mw_exchange *x, const mw_options *o)
{
    struct mw_tls_options tls = {.insecure = o->insecure != 0};
    const char *bad = o->pins != NULL ? mw_tls_bad_pin(o->pins) : NULL;
    if (bad != NULL)
        return mw_fail(x->rt, MW_EINVAL,
                       "bad pins: \"%.*s\" is not \"sha256//\" and a digest in base64",
                       (int)strcspn(bad, ";"), bad);
    if (o->key_file != NULL && o->cert_file == NULL)
        return mw_fail(x->rt, MW_EINVAL, "bad key_file: it needs a cert_file");
    tls.ca_file = o->ca_file;
    tls.ca_path = o->ca_path;
    tls.ca_data = o->ca_data;
    tls.cert_file = o->cert_file;
    tls.key_file = o->key_file;
    tls.pins = o->pins;
    if (!mw_tls_options_copy(&x->outgoing.tls, &tls, &x->rt->allocator))
        return mw_fail(x->rt, MW_ENOMEM, "no memory for the options of TLS");
    return MW_OK;
}

static int check_clock(mw_runtime *rt, const char *name, double seconds)
{
    if (seconds == seconds)
        return MW_OK;
    return mw_fail(rt, MW_EINVAL, "bad %s: it is not a number", name);
}

static void send_to(mw_exchange *x)
{
    struct mw_outgoing *out = &x->outgoing;
    out->method = x->method;
    out->target = x->url.target;
    out->host = x->url.host;
    out->port = x->url.port;
    out->secure = x->url.secure;
}

bool mw_exchange_address(mw_exchange *x)
{
    send_to(x);
    mw_route_choose(x);
    return mw_headers_find(&x->fields, "Host", NULL) != NULL ||
           mw_headers_set(&x->fields, &x->rt->allocator, "Host", x->url.authority);
}

int mw_exchange_prepare(mw_exchange *x, const mw_options *o)
{
    int result = mw_exchange_prepare_url(x, o);
    if (result == MW_OK)
        result = check_clock(x->rt, "queue_timeout", o->queue_timeout);
    if (result == MW_OK)
        result = check_clock(x->rt, "connect_timeout", o->connect_timeout);
    if (result == MW_OK)
        result = check_clock(x->rt, "idle_timeout", o->idle_timeout);
    if (result == MW_OK)
        result = check_clock(x->rt, "total_timeout", o->total_timeout);
    if (result == MW_OK)
        result = check_clock(x->rt, "expect_timeout", o->expect_timeout);
    if (result == MW_OK)
        result = mw_route_prepare(x, o);
    if (result == MW_OK)
        result = mw_agent_prepare(x, o);
    if (result == MW_OK)
        result = prepare_method(x, o);
    if (result == MW_OK)
        result = mw_body_prepare(x, o);
    if (result == MW_OK)
        result = mw_asked_prepare(x, o);
    if (result == MW_OK)
        result = o->forward != NULL ? prepare_forward(x, o->forward) : prepare_tls(x, o);
    if (result == MW_OK)
        result = mw_exchange_prepare_fields(x, o);
    if (result == MW_OK)
        result = mw_legs_prepare(x, o);
    mw_cookies_prepare(x, o);
    if (result == MW_OK)
        result = mw_authorize_prepare(x, o);
    if (result == MW_OK)
        result = mw_proxying_prepare(x, o);
    if (result == MW_OK)
        result = mw_leg_compose(x);
    if (result != MW_OK)
        return result;

    const struct mw_header *expect = mw_headers_find(&x->fields, "Expect", NULL);
    struct mw_outgoing *out = &x->outgoing;
    send_to(x);
    out->fields = &x->fields;
    out->expects_continue = expect != NULL && mw_same_name(expect->value, "100-continue");
    out->expect_timeout = o->expect_timeout != 0 ? o->expect_timeout : 1;
    out->max_head_size = o->max_head_size != 0 ? o->max_head_size : 64u << 10;
    out->max_body_size = o->max_body_size != 0 ? o->max_body_size : 256u << 20;
    x->read_buffer_size = o->read_buffer_size;
    x->keep_encoded = o->keep_encoded != 0;
    return MW_OK;
}
