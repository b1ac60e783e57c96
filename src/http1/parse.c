/* Heads of HTTP/1 (RFC 9112, 2 to 5), line by line.
 *
 * Every line ends in CR LF and nothing else does: a CR is in no class of bytes, so that the loops
 * over a line end at its own CR at the latest. SPDX-License-Identifier: MIT */
#include "http1/parse.h"

#include "base/grammar.h"
#include "http1/fields.h"

#include <string.h>

void http1_head_init(struct http1_head *h, enum http1_kind kind)
{
    memset(h, 0, offsetof(struct http1_head, fields));
    h->kind = kind;
    h->length = -1;
    h->started = kind == HTTP1_TRAILERS;
}

static struct http1_span span(size_t at, size_t length)
{
    return (struct http1_span){(uint32_t)at, (uint32_t)length};
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* ---- the request line ----------------------------------------------------------------------- */

/* RFC 9112, 2.3: "HTTP" "/" DIGIT "." DIGIT. */
static bool read_version(struct http1_head *h, const char *bytes, size_t length)
{
    if (memchr(bytes, ' ', length) != NULL)
        return http1_refuse(h, 400, "the request line has more than two blanks");
    if (length != sizeof "HTTP/1.1" - 1 || memcmp(bytes, "HTTP/", 5) != 0 || !is_digit(bytes[5]) ||
        bytes[6] != '.' || !is_digit(bytes[7]))
        return http1_refuse(h, 400, "the request line does not end in a version of HTTP");
    if (bytes[5] != '1' || bytes[7] > '1')
        return http1_refuse(h, 505, "its version is neither 1.1 nor 1.0");
    h->minor = bytes[7] - '0';
    return true;
}

/* scheme "://" authority path; user and password are in no class of ours (RFC 9110, 4.2.4). */
static bool is_absolute(const char *target, size_t length)
{
    size_t scheme = 0;
    while (scheme < length && (((target[scheme] | 0x20) >= 'a' && (target[scheme] | 0x20) <= 'z') ||
                               (scheme > 0 && (is_digit(target[scheme]) || target[scheme] == '+' ||
                                               target[scheme] == '-' || target[scheme] == '.'))))
        scheme++;
    if (scheme == 0 || length - scheme <= 3 || memcmp(target + scheme, "://", 3) != 0)
        return false;
    const char *authority = target + scheme + 3;
    size_t size = 0, rest = length - scheme - 3;
    while (size < rest && authority[size] != '/' && authority[size] != '?')
        size++;
    return size > 0 && http1_is_authority(authority, size, false);
}

/* RFC 9112, 3.2: each form belongs to its methods. The bytes are those of a target. */
static bool check_form(struct http1_head *h, const char *method, size_t method_length,
                       const char *target, size_t length)
{
    if (method_length == 7 && memcmp(method, "CONNECT", 7) == 0)
        return http1_is_authority(target, length, true)
                   ? true
                   : http1_refuse(h, 400, "the target of CONNECT is not a host and a port");
    if (target[0] == '/')
        return true;
    if (length == 1 && target[0] == '*')
        return method_length == 7 && memcmp(method, "OPTIONS", 7) == 0
                   ? true
                   : http1_refuse(h, 400, "the target \"*\" is for OPTIONS alone");
    if (is_absolute(target, length))
        return true;
    return http1_refuse(h, 400, "the target is neither a path nor a URL with a host");
}

/* RFC 9112, 3: method SP request-target SP HTTP-version. */
static bool read_request_line(struct http1_head *h, const char *bytes, size_t length)
{
    const char *line = bytes + h->line;
    size_t method = 0;
    while (mw_byte_is(line[method], MW_TOKEN))
        method++;
    if (method == 0 || line[method] != ' ')
        return http1_refuse(h, 400, "the request line does not begin with a method and a blank");
    size_t target = method + 1, end = target;
    while (mw_byte_is(line[end], MW_RECEIVED))
        end++;
    if (end == length)
        return http1_refuse(h, 400, "the request line does not end in a version of HTTP");
    if (line[end] != ' ')
        return http1_refuse(h, 400, "the target has a byte that is not allowed there");
    if (end == target)
        return http1_refuse(h, 400, "the request line has no target, or two blanks before it");
    h->method = span(h->line, method);
    h->target = span(h->line + target, end - target);
    return read_version(h, line + end + 1, length - end - 1) &&
           check_form(h, line, method, line + target, end - target);
}

/* ---- the status line ------------------------------------------------------------------------ */

/* RFC 9112, 4: HTTP-version SP status-code SP [ reason-phrase ]. Many leave out the last space. */
static bool read_status_line(struct http1_head *h, const char *bytes, size_t length)
{
    const char *line = bytes + h->line;
    const size_t least = sizeof "HTTP/1.1 200" - 1;
    if (length < least || memcmp(line, "HTTP/1.", 7) != 0 || (line[7] != '0' && line[7] != '1') ||
        line[8] != ' ' || line[9] < '1' || !is_digit(line[9]) || !is_digit(line[10]) ||
        !is_digit(line[11]) || (length > least && line[least] != ' ') ||
        mw_bad_field_value(line + least, length - least) >= 0)
        return http1_refuse(h, 400, "its status line is not one of HTTP/1");
    h->minor = line[7] - '0';
    h->status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
    size_t from = length > least ? least + 1 : least;
    h->reason = span(h->line + from, length - from);
    return true;
}

/* ---- fields --------------------------------------------------------------------------------- */

/* Why a line is no field: its name ends at this place, which is not a colon. */
static bool refuse_name(struct http1_head *h, const char *line, size_t length, size_t at)
{
    size_t after = at;
    while (is_blank(line[after]))
        after++;
    if (at == 0 && after > 0)
        return http1_refuse(h, 400, "a line begins with a blank");
    if (memchr(line, ':', length) == NULL)
        return http1_refuse(h, 400, "a line has no colon");
    if (at == 0 && line[0] == ':')
        return http1_refuse(h, 400, "a field has no name");
    if (after > at && line[after] == ':')
        return http1_refuse(h, 400, "there is a blank before the colon of a field");
    return http1_refuse(h, 400, "the name of a field has a byte that is not allowed there");
}

/* RFC 9112, 5: field-name ":" OWS field-value OWS. */
static bool read_field(struct http1_head *h, const char *bytes, size_t length,
                       const struct http1_limits *limits)
{
    const char *line = bytes + h->line;
    size_t colon = 0;
    while (mw_byte_is(line[colon], MW_TOKEN))
        colon++;
    if (colon == 0 || line[colon] != ':')
        return refuse_name(h, line, length, colon);
    size_t value = colon + 1, end = length;
    while (is_blank(line[value]))
        value++;
    while (end > value && is_blank(line[end - 1]))
        end--;
    if (mw_bad_field_value(line + value, end - value) >= 0)
        return http1_refuse(h, 400, "the value of a field has a byte that is not allowed there");
    if (h->count >= limits->fields || h->count >= HTTP1_MOST_FIELDS)
        return http1_refuse(h, 431, "there are too many fields");
    struct http1_field *field = &h->fields[h->count++];
    field->name = span(h->line, colon);
    field->value = span(h->line + value, end - value);
    return http1_take_field(h, bytes, field);
}

/* ---- heads ---------------------------------------------------------------------------------- */

/* Reads a whole line, of so many bytes without its CR LF. */
static enum http1_verdict read_line(struct http1_head *h, const char *bytes, size_t length,
                                    const struct http1_limits *limits)
{
    bool good;
    if (h->started && length == 0) {
        h->size = h->line + 2;
        return http1_take_end(h, bytes) ? HTTP1_DONE : HTTP1_BAD;
    }
    if (h->started) {
        good = read_field(h, bytes, length, limits);
    } else if (h->kind == HTTP1_RESPONSE) {
        good = read_status_line(h, bytes, length);
        h->started = true;
    } else if (length == 0 && h->line == 0) {
        good = true; /* RFC 9112, 2.2: some clients end a body with a line too many */
    } else {
        good = read_request_line(h, bytes, length);
        h->started = true;
    }
    return good ? HTTP1_MORE : HTTP1_BAD;
}

static enum http1_verdict refuse_size(struct http1_head *h)
{
    if (h->kind == HTTP1_REQUEST && !h->started)
        http1_refuse(h, 414, "the request line is longer than a head may be");
    else
        http1_refuse(h, 431, "the head is larger than allowed");
    return HTTP1_BAD;
}

enum http1_verdict http1_read_head(struct http1_head *h, const char *bytes, size_t length,
                                   const struct http1_limits *limits)
{
    size_t most = limits->head < UINT32_MAX ? limits->head : UINT32_MAX;
    size_t seen = length < most ? length : most;
    enum http1_verdict verdict = h->wrong != NULL ? HTTP1_BAD : HTTP1_MORE;
    while (verdict == HTTP1_MORE) {
        const char *end = NULL;
        if (h->searched < seen)
            end = memchr(bytes + h->searched, '\n', seen - h->searched);
        if (end == NULL) {
            h->searched = seen;
            return length < most ? HTTP1_MORE : refuse_size(h);
        }
        size_t at = (size_t)(end - bytes);
        if (at == h->line || end[-1] != '\r') {
            http1_refuse(h, 400, "a line ends in LF without CR");
            return HTTP1_BAD;
        }
        verdict = read_line(h, bytes, at - h->line - 1, limits);
        h->line = h->searched = at + 1;
    }
    return verdict;
}
