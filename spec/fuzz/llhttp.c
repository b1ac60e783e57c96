/* What our parser accepts, llhttp in its strict mode accepts too, and takes for the same: the same
 * method, target, status, fields, body and end. llhttp is the parser of Node.js.
 *
 * llhttp is the looser one nearly everywhere. Where it is the stricter one, the reason is here:
 * - it knows a list of methods, not tokens (HPE_INVALID_METHOD);
 * - its schemes are of letters alone, while RFC 3986, 3.1 allows digits, "+", "-" and "." too, and
 * it knows nothing of the methods' forms of targets (HPE_INVALID_URL);
 * - it takes SOURCE and PRI for other protocols than HTTP (HPE_INVALID_CONSTANT);
 * - in the extensions of chunks it allows no blanks around ";" and "=", no backslash within quotes
 * and nothing behind a value that is a token, all of which RFC 9112, 7.1.1 does allow (HPE_STRICT,
 *   HPE_INVALID_CHUNK_SIZE);
 * - it allows no tab behind a Content-Length (HPE_INVALID_CONTENT_LENGTH), and does not know
 *   "chunked" with a tab behind it: such messages are not compared.
 * SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include "message.h"

#include <llhttp.h>

#include <strings.h>

/* What llhttp says of a message, in one text: what lies where does not matter. */
struct text {
    char *bytes;
    size_t length;
};

struct other {
    llhttp_t parser;
    struct text target, reason, fields, body;
    int complete;
};

static void put(struct text *t, const char *bytes, size_t length)
{
    char *grown = realloc(t->bytes, t->length + length + 1);
    MUST(grown != NULL);
    if (length > 0)
        memcpy(grown + t->length, bytes, length);
    t->bytes = grown;
    t->length += length;
}

/* ---- llhttp --------------------------------------------------------------------------------- */

static int on_url(llhttp_t *p, const char *at, size_t length)
{
    put(&((struct other *)p->data)->target, at, length);
    return 0;
}

static int on_status(llhttp_t *p, const char *at, size_t length)
{
    put(&((struct other *)p->data)->reason, at, length);
    return 0;
}

static int on_field_bytes(llhttp_t *p, const char *at, size_t length)
{
    put(&((struct other *)p->data)->fields, at, length);
    return 0;
}

static int on_name_end(llhttp_t *p)
{
    put(&((struct other *)p->data)->fields, ":", 1);
    return 0;
}

/* llhttp leaves the blanks behind a value to its callers. */
static int on_value_end(llhttp_t *p)
{
    struct text *t = &((struct other *)p->data)->fields;
    while (t->length > 0 && (t->bytes[t->length - 1] == ' ' || t->bytes[t->length - 1] == '\t'))
        t->length--;
    put(t, "\r\n", 2);
    return 0;
}

/* llhttp leaves it to its callers that some replies never have a body (RFC 9112, 6.3). */
static int on_headers_complete(llhttp_t *p)
{
    int status = p->status_code;
    return p->type == HTTP_RESPONSE && (status < 200 || status == 204 || status == 304);
}

static int on_body(llhttp_t *p, const char *at, size_t length)
{
    put(&((struct other *)p->data)->body, at, length);
    return 0;
}

static int on_message_complete(llhttp_t *p)
{
    ((struct other *)p->data)->complete = 1;
    return HPE_PAUSED;
}

static void other_init(struct other *o, llhttp_settings_t *settings, enum http1_kind kind)
{
    memset(o, 0, sizeof *o);
    llhttp_settings_init(settings);
    settings->on_url = on_url;
    settings->on_status = on_status;
    settings->on_header_field = on_field_bytes;
    settings->on_header_field_complete = on_name_end;
    settings->on_header_value = on_field_bytes;
    settings->on_header_value_complete = on_value_end;
    settings->on_headers_complete = on_headers_complete;
    settings->on_body = on_body;
    settings->on_message_complete = on_message_complete;
    llhttp_init(&o->parser, kind == HTTP1_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE, settings);
    o->parser.data = o;
}

static void other_free(struct other *o)
{
    free(o->target.bytes);
    free(o->reason.bytes);
    free(o->fields.bytes);
    free(o->body.bytes);
}

/* ---- both ----------------------------------------------------------------------------------- */

static void put_fields(struct text *t, const struct http1_head *h, const char *bytes)
{
    for (unsigned i = 0; i < h->count; i++) {
        put(t, bytes + h->fields[i].name.at, h->fields[i].name.length);
        put(t, ":", 1);
        put(t, bytes + h->fields[i].value.at, h->fields[i].value.length);
        put(t, "\r\n", 2);
    }
}

static void must_be(const struct text *t, const char *bytes, size_t length)
{
    MUST(t->length == length && (length == 0 || memcmp(t->bytes, bytes, length) == 0));
}

static int is(const struct message *m, const char *method)
{
    return m->head.method.length == strlen(method) &&
           memcmp(m->first + m->head.method.at, method, strlen(method)) == 0;
}

static void must_have_the_same_fields(const struct message *m, const struct other *o, int upgraded)
{
    const struct http1_head *h = &m->head;
    struct text fields = {NULL, 0};
    MUST(o->parser.http_major == 1 && o->parser.http_minor == h->minor);
    if (h->kind == HTTP1_REQUEST) {
        const char *method = llhttp_method_name((llhttp_method_t)o->parser.method);
        MUST(is(m, method));
        must_be(&o->target, m->first + h->target.at, h->target.length);
    } else {
        MUST(o->parser.status_code == h->status);
        must_be(&o->reason, m->first + h->reason.at, h->reason.length);
    }
    put_fields(&fields, h, m->first);
    if (m->last != NULL && !upgraded)
        put_fields(&fields, &m->trailers, m->last);
    must_be(&o->fields, fields.bytes, fields.length);
    free(fields.bytes);
}

static int is_among(char byte, const char *bytes)
{
    return byte != '\0' && strchr(bytes, byte) != NULL;
}

/* Whether the blanks behind a field's value have a tab among them. */
static int ends_in_tab(const struct message *m, const char *name)
{
    const struct http1_head *h = &m->head;
    for (unsigned i = 0; i < h->count; i++) {
        const struct http1_field *f = &h->fields[i];
        const char *behind = m->first + f->value.at + f->value.length;
        if (f->name.length == strlen(name) &&
            strncasecmp(m->first + f->name.at, name, f->name.length) == 0)
            return memchr(behind, '\t', strcspn(behind, "\r")) != NULL;
    }
    return 0;
}

/* Where llhttp is the stricter one, and why: above. `at` is where it stopped, or just behind it. */
static int may_refuse(const struct message *m, llhttp_errno_t error, const char *at)
{
    const char *target = m->first + m->head.target.at;
    if (m->head.chunked && (error == HPE_STRICT || error == HPE_INVALID_CHUNK_SIZE))
        return is_among(*at, " \t\\") || is_among(at[-1], " \t\\;");
    if (error == HPE_INVALID_CONTENT_LENGTH)
        return *at == '\t';
    if (m->head.kind != HTTP1_REQUEST)
        return 0;
    if (error == HPE_INVALID_METHOD)
        return 1;
    if (error == HPE_INVALID_CONSTANT)
        return is(m, "SOURCE") || is(m, "PRI");
    return error == HPE_INVALID_URL && target[0] != '/';
}

/* Reads what ours has read: it was one whole message of so many bytes. */
static void must_agree(const struct message *m, const char *bytes)
{
    struct other o;
    llhttp_settings_t settings;
    if (ends_in_tab(m, "Transfer-Encoding"))
        return;
    char *block = fuzz_copy(bytes, m->taken, 0);
    other_init(&o, &settings, m->head.kind);
    llhttp_errno_t error = llhttp_execute(&o.parser, block, m->taken);
    int upgraded = error == HPE_PAUSED_UPGRADE;
    if (error == HPE_OK && m->state == MESSAGE_UNTIL_CLOSE)
        error = llhttp_finish(&o.parser);
    if (error != HPE_OK && error != HPE_PAUSED && !upgraded) {
        MUST(may_refuse(m, error, llhttp_get_error_pos(&o.parser)));
    } else {
        MUST(o.complete);
        must_have_the_same_fields(m, &o, upgraded);
        if (upgraded) { /* for llhttp what follows is another protocol's */
            MUST(m->head.upgrade || is(m, "CONNECT"));
        } else {
            must_be(&o.body, m->body, m->body_length);
            MUST(m->state == MESSAGE_UNTIL_CLOSE ||
                 llhttp_get_error_pos(&o.parser) == block + m->taken);
        }
    }
    other_free(&o);
    free(block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = fuzz_input(data, size);
    struct message m, whole;
    int reply = in.length >= 5 && memcmp(in.bytes, "HTTP/", 5) == 0;
    enum http1_kind kind = reply ? HTTP1_RESPONSE : HTTP1_REQUEST;
    message_init(&whole, kind);
    message_feed(&whole, in.bytes, in.length);
    message_init(&m, kind);
    message_feed(&m, in.bytes, in.cut);
    message_feed(&m, in.bytes + in.cut, in.length - in.cut);
    MUST(m.state == whole.state && m.wrong == whole.wrong && m.refusal == whole.refusal);
    MUST(m.body_length == whole.body_length);
    MUST(m.body_length == 0 || memcmp(m.body, whole.body, m.body_length) == 0);
    if (whole.state == MESSAGE_DONE || whole.state == MESSAGE_UNTIL_CLOSE)
        must_agree(&whole, in.bytes);
    message_free(&m);
    message_free(&whole);
    return 0;
}
