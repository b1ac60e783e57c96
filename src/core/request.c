/* From what the user asks for to what goes on the wire: checks every byte, adds what HTTP needs.
 * SPDX-License-Identifier: MIT */
#include "core/exchange.h"

#include "base/decode.h"
#include "base/grammar.h"
#include "base/url_host.h"
#include "core/agent.h"
#include "core/authorize.h"
#include "core/server.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST_ZONE = 15 }; /* as the names of interfaces */

#define AGENT "moonwire/" MW_VERSION

static struct mw_span span(const char *text)
{
    return text != NULL ? (struct mw_span){text, strlen(text)} : (struct mw_span){"", 0};
}

static int refuse_byte(mw_runtime *rt, const char *what, struct mw_span text, ssize_t at)
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

static int check(mw_runtime *rt, const char *what, ssize_t (*bad)(const char *, size_t),
                 struct mw_span text)
{
    ssize_t at = bad(text.at, text.length);
    return at < 0 ? MW_OK : refuse_byte(rt, what, text, at);
}

static bool has_empty_part(struct mw_span host)
{
    for (size_t i = 0; i < host.length; i++) {
        if (host.at[i] == '.' && (i == 0 || host.at[i - 1] == '.'))
            return true;
    }
    return false;
}

static bool is_ipv6(struct mw_span host)
{
    char text[64];
    unsigned char address[16];
    if (host.length >= sizeof text)
        return false;
    memcpy(text, host.at, host.length);
    text[host.length] = '\0';
    return inet_pton(AF_INET6, text, address) == 1;
}

static int check_host(mw_runtime *rt, const struct mw_url_parts *parts)
{
    struct mw_span host = parts->host;
    int result = check(rt, "hostname", mw_bad_host, host);
    if (result == MW_OK && parts->has_zone)
        result = check(rt, "zone in the hostname", mw_bad_host, parts->zone);
    if (result != MW_OK)
        return result;
    if (parts->zone.length > LONGEST_ZONE)
        return mw_fail(rt, MW_EINVAL, "bad zone in the hostname: it is longer than %d bytes",
                       LONGEST_ZONE);
    if (host.at == NULL || host.length > 255)
        return mw_fail(rt, MW_EINVAL, "bad hostname: it is longer than 255 bytes");
    if (has_empty_part(host))
        return mw_fail(rt, MW_EINVAL, "bad hostname: \"%.*s\" has an empty part", (int)host.length,
                       host.at);
    if (memchr(host.at, ':', host.length) == NULL && !parts->bracketed)
        return MW_OK;
    if (is_ipv6(host))
        return MW_OK;
    return mw_fail(rt, MW_EINVAL,
                   "bad hostname: \"%.*s\" is not an IPv6 address (a port goes into "
                   "the option port)",
                   (int)host.length, host.at);
}

static bool is_connect(const char *method)
{
    return method != NULL && strcmp(method, "CONNECT") == 0;
}

/* What CONNECT asks for (RFC 9112, 3.2.3). */
static bool is_authority(const char *path)
{
    return path[0] != ':' && strrchr(path, ':') != NULL && mw_bad_authority(path, strlen(path)) < 0;
}

static int parts_of_options(mw_runtime *rt, const mw_options *o, struct mw_url_parts *parts)
{
    memset(parts, 0, sizeof *parts);
    parts->scheme = span(o->protocol != NULL ? o->protocol : "http");
    if (parts->scheme.length > 0 && parts->scheme.at[parts->scheme.length - 1] == ':')
        parts->scheme.length--;
    if (o->hostname == NULL)
        return mw_fail(rt, MW_EINVAL, "bad hostname: neither hostname nor url was given");
    parts->host = span(o->hostname);
    if (parts->host.length > 1 && parts->host.at[0] == '[' &&
        parts->host.at[parts->host.length - 1] == ']') {
        parts->host.at++;
        parts->host.length -= 2;
        parts->bracketed = true;
    }
    if (memchr(parts->host.at, ':', parts->host.length) != NULL)
        mw_url_cut_zone(parts);
    if (o->port < 0 || o->port > 65535)
        return mw_fail(rt, MW_EINVAL, "bad port: %d is not between 1 and 65535", o->port);
    parts->port = o->port;
    parts->path = span(o->path);
    bool asterisk = o->path != NULL && o->method != NULL && strcmp(o->path, "*") == 0 &&
                    strcmp(o->method, "OPTIONS") == 0; /* RFC 9112, 3.2.4 */
    if (o->path != NULL && strchr(o->path, '?') != NULL && o->query != NULL)
        return mw_fail(rt, MW_EINVAL, "bad path: \"%.60s\" holds a query already", o->path);
    bool tunnel = o->path != NULL && is_connect(o->method) && is_authority(o->path);
    if (o->path != NULL && o->path[0] != '/' && !asterisk && !tunnel)
        return mw_fail(rt, MW_EINVAL, "bad path: \"%.60s\" does not begin with \"/\"", o->path);
    parts->query = span(o->query);
    parts->has_query = parts->query.length > 0;
    return MW_OK;
}

/* What has another form as well gets the one that http.url, redirects and policies know it by, into
 * `name`; any other is only checked. */
static int map_host(mw_runtime *rt, struct mw_url_parts *parts, char name[MW_HOST_SIZE])
{
    bool empty = parts->host.at == NULL; /* which check_host refuses */
    bool v6 = !empty && (parts->bracketed || memchr(parts->host.at, ':', parts->host.length));
    if (empty || v6 || !mw_host_may_change(parts->host))
        return MW_OK;
    const char *wrong = mw_host_normalize(parts->host, name);
    if (wrong != NULL)
        return mw_fail(rt, MW_EINVAL, "bad hostname: %s", wrong);
    parts->host = span(name);
    return MW_OK;
}

static int prepare_url(mw_exchange *x, const mw_options *o)
{
    char name[MW_HOST_SIZE];
    struct mw_url_parts parts;
    mw_runtime *rt = x->rt;
    int result = MW_OK;
    if (o->url != NULL) {
        const char *wrong = mw_url_split(o->url, &parts);
        bool secret = wrong != NULL && strchr(o->url, '@') != NULL; /* a password is not repeated */
        if (wrong != NULL)
            return mw_fail(rt, MW_EINVAL, "bad url%s%.80s%s: %s", secret ? "" : " \"",
                           secret ? "" : o->url, secret ? "" : "\"", wrong);
    } else {
        result = parts_of_options(rt, o, &parts);
    }
    if (result == MW_OK)
        result = check(rt, "protocol", mw_bad_token, parts.scheme);
    if (result == MW_OK)
        result = map_host(rt, &parts, name);
    if (result == MW_OK)
        result = check_host(rt, &parts);
    if (result == MW_OK)
        result = check(rt, "path", mw_bad_target, parts.path);
    if (result == MW_OK)
        result = check(rt, "query", mw_bad_target, parts.query);
    if (result == MW_OK)
        result = check(rt, "fragment", mw_bad_field_value, parts.fragment);
    if (result == MW_OK && !mw_url_join(&x->url, &rt->allocator, &parts))
        result = mw_fail(rt, MW_ENOMEM, "no memory for the URL");
    return result;
}

static bool any_of(const char *text, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (strcmp(text, *list) == 0)
            return true;
    }
    return false;
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
    int result = check(x->rt, "method", mw_bad_token, span(method));
    if (result != MW_OK)
        return result;
    x->method = x->own_method = mw_strdup(&x->rt->allocator, method);
    return x->method != NULL ? MW_OK : mw_fail(x->rt, MW_ENOMEM, "no memory for the method");
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
        int result = check(rt, "header name", mw_bad_token, span(field->name));
        if (result != MW_OK)
            return result;
        ssize_t at = mw_bad_field_value(field->value, strlen(field->value));
        if (at >= 0) {
            snprintf(what, sizeof what, "value of the header %.80s", field->name);
            return refuse_byte(rt, what, span(field->value), at);
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
static size_t frame_body(mw_exchange *x, const mw_options *o, mw_header *field, char *number,
                         size_t size)
{
    struct mw_outgoing *out = &x->outgoing;
    bool chunked = given(o, "Transfer-Encoding");
    out->body = x->body.bytes;
    out->body_length = x->body.length;
    out->has_body = x->body.kind != MW_BODY_NONE || chunked;
    out->in_chunks = chunked || x->body.length == MW_UNKNOWN;
    if (chunked || given(o, "Content-Length") || !needs_length(x))
        return 0;
    snprintf(number, size, "%llu", (unsigned long long)x->body.length);
    *field = out->in_chunks ? (mw_header){"Transfer-Encoding", "chunked"}
                            : (mw_header){"Content-Length", number};
    return 1;
}

/* A range is one of the coded representation, of which a part alone cannot be decoded; and what
 * comes behind CONNECT is no content at all. */
static bool asks_for_codings(const mw_exchange *x, const mw_options *o)
{
    return !o->keep_encoded && !given(o, "Accept-Encoding") && !given(o, "Range") &&
           !is_connect(x->method);
}

static int prepare_fields(mw_exchange *x, const mw_options *o)
{
    mw_header own[5];
    size_t count = 0;
    char length[24];
    int result = check_fields(x, o);
    if (result != MW_OK)
        return result;
    if (!given(o, "Host"))
        own[count++] =
            (mw_header){"Host", is_connect(x->method) ? x->url.target : x->url.authority};
    if (!given(o, "User-Agent"))
        own[count++] = (mw_header){"User-Agent", AGENT};
    if (asks_for_codings(x, o))
        own[count++] = (mw_header){"Accept-Encoding", MW_ACCEPTED_CODINGS};
    count += frame_body(x, o, &own[count], length, sizeof length);
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
    int result = prepare_url(x, o);
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
        result = prepare_fields(x, o);
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
