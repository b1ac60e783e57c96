/* Heads: what they say of their message, and those of requests copied out of evhttp.
 * SPDX-License-Identifier: MIT */
#include "base/grammar.h"
#include "evhttp/state.h"

#include <event2/keyvalq_struct.h>

#include <string.h>

bool head_copy(struct mw_headers *h, const struct mw_allocator *a, struct evkeyvalq *fields,
               const char *const *texts, const char **copies, size_t count_of_texts)
{
    size_t count = 0, bytes = 0;
    for (size_t i = 0; i < count_of_texts; i++)
        bytes += strlen(texts[i]) + 1;
    for (struct evkeyval *kv = fields->tqh_first; kv != NULL; kv = kv->next.tqe_next) {
        count++;
        bytes += mw_headers_size(kv->key, kv->value);
    }
    if (!mw_headers_reuse(h, a, count, bytes))
        return false;
    for (size_t i = 0; i < count_of_texts; i++)
        copies[i] = mw_headers_text(h, texts[i], strlen(texts[i]));
    for (struct evkeyval *kv = fields->tqh_first; kv != NULL; kv = kv->next.tqe_next)
        mw_headers_add(h, kv->key, kv->value + strspn(kv->value, "\t ")); /* evhttp leaves tabs */
    return true;
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
