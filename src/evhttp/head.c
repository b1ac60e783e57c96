/* Heads: copied out of evhttp, and checked where evhttp takes what it should not.
 * SPDX-License-Identifier: MIT */
#include "base/grammar.h"
#include "evhttp/state.h"

#include <event2/keyvalq_struct.h>

#include <string.h>

bool head_copy(struct mw_headers *h, const struct mw_allocator *a, struct evkeyvalq *fields)
{
    size_t count = 0, bytes = 0;
    for (struct evkeyval *kv = fields->tqh_first; kv != NULL; kv = kv->next.tqe_next) {
        count++;
        bytes += mw_headers_size(kv->key, kv->value);
    }
    if (!mw_headers_reserve(h, a, count, bytes))
        return false;
    for (struct evkeyval *kv = fields->tqh_first; kv != NULL; kv = kv->next.tqe_next)
        mw_headers_add(h, kv->key, kv->value + strspn(kv->value, "\t ")); /* evhttp leaves tabs */
    return true;
}

size_t head_find_end(const char *bytes, size_t length, size_t from)
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

/* RFC 9112, 4: HTTP-version SP status-code SP [ reason-phrase ]. Many leave out the last space. */
static bool good_status_line(const char *line, size_t length)
{
    static const char pattern[] = "HTTP/1.d ddd";
    const size_t least = sizeof pattern - 1;
    if (length < least)
        return false;
    for (size_t i = 0; i < least; i++) {
        bool digit = line[i] >= '0' && line[i] <= '9';
        if (pattern[i] == 'd' ? !digit : line[i] != pattern[i])
            return false;
    }
    return line[least - 3] != '0' && (length == least || line[least] == ' ') &&
           mw_bad_field_value(line, length) < 0;
}

/* RFC 9112, 5: field-name ":" OWS field-value OWS. A line that begins with a blank goes on with the
 * value before it. */
static const char *check_field_line(const char *line, size_t length)
{
    if (line[0] == ' ' || line[0] == '\t')
        return mw_bad_field_value(line, length) < 0 ? NULL
                                                    : "a field has a byte that is not allowed";
    ssize_t colon = mw_bad_token(line, length); /* the name ends where its bytes do */
    if (colon <= 0 || line[colon] != ':')
        return memchr(line, ':', length) == NULL
                   ? "a line has no colon"
                   : "the name of a field has a byte that is not allowed there";
    if (mw_bad_field_value(line + colon, length - (size_t)colon) >= 0)
        return "the value of a field has a byte that is not allowed there";
    return NULL;
}

const char *head_check(const char *bytes, size_t length)
{
    const char *wrong = NULL;
    for (const char *line = bytes, *end = bytes + length; line < end && wrong == NULL;) {
        const char *eol = memchr(line, '\n', (size_t)(end - line)); /* a head ends with one */
        size_t size = (size_t)(eol - line);
        if (size > 0 && line[size - 1] == '\r')
            size--;
        if (line == bytes)
            wrong = good_status_line(line, size) ? NULL : "its status line is not one of HTTP/1";
        else if (size > 0)
            wrong = check_field_line(line, size);
        line = eol + 1;
    }
    return wrong;
}

const char *head_check_fields(const struct mw_headers *h)
{
    for (size_t i = 0; i < h->count; i++) {
        const char *name = h->fields[i].name, *value = h->fields[i].value;
        if (mw_bad_token(name, strlen(name)) >= 0)
            return "the name of a field has a byte that is not allowed there";
        if (mw_bad_field_value(value, strlen(value)) >= 0)
            return "the value of a field has a byte that is not allowed there";
    }
    return NULL;
}

/* One pass: it is made for every message. */
const char *head_read(struct head *head, const struct mw_headers *h)
{
    memset(head, 0, sizeof *head);
    head->length = -1;
    for (size_t i = 0; i < h->count; i++) {
        const char *name = h->fields[i].name, *value = h->fields[i].value;
        if (mw_same_name(name, "Content-Length")) {
            if (head->length >= 0) /* evhttp would take the first */
                return "there are several Content-Length fields";
            head->length = mw_decimal(value);
            if (head->length < 0) /* evhttp would take signs and blanks */
                return "Content-Length is not a number";
        } else if (mw_same_name(name, "Transfer-Encoding")) {
            if (head->chunked || !mw_same_name(value, "chunked"))
                return "Transfer-Encoding is not \"chunked\" alone";
            head->chunked = true;
        } else if (mw_same_name(name, "Connection")) {
            head->close = head->close || mw_list_has(value, "close");
            head->keep_alive = head->keep_alive || mw_list_has(value, "keep-alive");
        } else if (mw_same_name(name, "Host")) {
            head->hosts++;
            head->host = value;
        }
    }
    if (head->chunked && head->length >= 0)
        return "there is a Content-Length beside Transfer-Encoding";
    return NULL;
}

int64_t head_body_length(const struct head *head, int status, bool head_request)
{
    if (head_request || status == 204 || status == 304 || status < 200)
        return 0;
    return head->length;
}

bool head_keeps_alive(const struct head *head, int minor)
{
    if (minor == 0 && head->chunked) /* RFC 9112, 6.1: its framing is in doubt */
        return false;
    return !head->close && (minor >= 1 || head->keep_alive);
}
