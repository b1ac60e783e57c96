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
        mw_headers_add(h, kv->key, kv->value);
    return true;
}

/* evhttp takes the first of several lengths, and signs and blanks in one. */
static const char *check_length(const struct mw_headers *h)
{
    const struct mw_header *first = mw_headers_find(h, "Content-Length", NULL);
    if (first == NULL)
        return NULL;
    if (mw_decimal(first->value) < 0)
        return "Content-Length is not a number";
    if (mw_headers_find(h, "Content-Length", first) != NULL)
        return "there are several Content-Length fields";
    if (mw_headers_find(h, "Transfer-Encoding", NULL) != NULL)
        return "there is a Content-Length beside Transfer-Encoding";
    return NULL;
}

const char *head_check_framing(const struct mw_headers *h)
{
    for (size_t i = 0; i < h->count; i++) {
        const char *name = h->fields[i].name, *value = h->fields[i].value;
        if (mw_bad_token(name, strlen(name)) >= 0)
            return "the name of a field has a byte that is not allowed there";
        if (mw_bad_field_value(value, strlen(value)) >= 0)
            return "the value of a field has a byte that is not allowed there";
    }
    const char *wrong = check_length(h);
    if (wrong != NULL)
        return wrong;
    const struct mw_header *coding = mw_headers_find(h, "Transfer-Encoding", NULL);
    if (coding == NULL)
        return NULL;
    if (!mw_same_name(coding->value, "chunked") ||
        mw_headers_find(h, "Transfer-Encoding", coding) != NULL)
        return "Transfer-Encoding is not \"chunked\" alone";
    return NULL;
}

int64_t head_body_length(const struct mw_headers *h, int status, bool head_request)
{
    if (head_request || status == 204 || status == 304 || status < 200)
        return 0;
    const struct mw_header *length = mw_headers_find(h, "Content-Length", NULL);
    return length != NULL ? mw_decimal(length->value) : -1;
}

bool head_keeps_alive(const struct mw_headers *h, int major, int minor)
{
    bool keep = major == 1 && minor >= 1;
    const struct mw_header *field = NULL;
    while ((field = mw_headers_find(h, "Connection", field)) != NULL) {
        if (mw_list_has(field->value, "close"))
            return false;
        if (mw_list_has(field->value, "keep-alive"))
            keep = true;
    }
    return keep;
}
