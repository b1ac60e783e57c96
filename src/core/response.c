/* What can be asked of an exchange: its head, its body as it arrives, what became of it.
 * SPDX-License-Identifier: MIT */
#include "core/exchange.h"

#include "core/connection.h"
#include "core/decode_body.h"

#include <event2/buffer.h>

int mw_exchange_finished(const mw_exchange *x)
{
    return x->finished;
}

int mw_exchange_status(const mw_exchange *x)
{
    return x->status;
}

const char *mw_exchange_reason(const mw_exchange *x)
{
    return x->reason != NULL ? x->reason : "";
}

const char *mw_exchange_url(const mw_exchange *x)
{
    return x->url.whole;
}

size_t mw_exchange_header_count(const mw_exchange *x)
{
    return x->response.count;
}

mw_header mw_exchange_header_at(const mw_exchange *x, size_t index)
{
    return index < x->response.count ? x->response.fields[index] : (mw_header){NULL, NULL};
}

const char *mw_exchange_header(const mw_exchange *x, const char *name)
{
    const struct mw_header *field = mw_headers_find(&x->response, name, NULL);
    return field != NULL ? field->value : NULL;
}

size_t mw_exchange_trailer_count(const mw_exchange *x)
{
    return x->trailers.count;
}

mw_header mw_exchange_trailer_at(const mw_exchange *x, size_t index)
{
    return index < x->trailers.count ? x->trailers.fields[index] : (mw_header){NULL, NULL};
}

const char *mw_exchange_trailer(const mw_exchange *x, const char *name)
{
    const struct mw_header *field = mw_headers_find(&x->trailers, name, NULL);
    return field != NULL ? field->value : NULL;
}

uint64_t mw_exchange_received(const mw_exchange *x)
{
    return x->received;
}

int mw_exchange_decoded(const mw_exchange *x)
{
    return x->decoded;
}

int64_t mw_exchange_total(const mw_exchange *x)
{
    return x->total;
}

size_t mw_exchange_available(const mw_exchange *x)
{
    return x->buffer != NULL ? evbuffer_get_length(x->buffer) : 0;
}

/* There is room again: go on where read_buffer_size had stopped the socket. */
static void resume(mw_exchange *x)
{
    size_t most = x->read_buffer_size;
    if (!x->paused || (most > 0 && mw_exchange_available(x) >= most))
        return;
    if (x->decoding != NULL) {
        mw_decoding_resume(x);
        return;
    }
    x->paused = false;
    if (!x->ended) {
        mw_clocks_change(x);
        x->engine->pause(x, false);
    }
}

/* A Response that was read may live for long: the memory of its body need not. */
static void free_if_read(mw_exchange *x)
{
    if (x->ended && evbuffer_get_length(x->buffer) == 0)
        mw_content_drop_buffer(x);
}

size_t mw_exchange_read(mw_exchange *x, void *bytes, size_t size)
{
    if (x->buffer == NULL)
        return 0;
    x->read_of = true;
    static const size_t most = 1u << 30; /* libevent counts what it removes in an int */
    int removed = evbuffer_remove(x->buffer, bytes, size < most ? size : most);
    size_t length = removed > 0 ? (size_t)removed : 0;
    x->scanned = x->scanned > length ? x->scanned - length : 0;
    free_if_read(x);
    resume(x);
    return length;
}

const void *mw_exchange_front(const mw_exchange *x, size_t *length)
{
    struct evbuffer_iovec first = {NULL, 0};
    if (x->buffer != NULL && evbuffer_peek(x->buffer, -1, NULL, &first, 1) < 1)
        first.iov_len = 0;
    *length = first.iov_len;
    return first.iov_base;
}

void mw_exchange_skip(mw_exchange *x, size_t length)
{
    if (x->buffer == NULL)
        return;
    x->read_of = true;
    evbuffer_drain(x->buffer, length);
    x->scanned = x->scanned > length ? x->scanned - length : 0;
    free_if_read(x);
    resume(x);
}

size_t mw_exchange_peek(const mw_exchange *x, void *bytes, size_t size)
{
    ev_ssize_t length = x->buffer != NULL ? evbuffer_copyout(x->buffer, bytes, size) : 0;
    return length > 0 ? (size_t)length : 0;
}

size_t mw_exchange_line(mw_exchange *x)
{
    struct evbuffer_ptr from, at;
    if (x->buffer == NULL || evbuffer_get_length(x->buffer) <= x->scanned)
        return 0;
    evbuffer_ptr_set(x->buffer, &from, x->scanned, EVBUFFER_PTR_SET);
    at = evbuffer_search(x->buffer, "\n", 1, &from);
    if (at.pos < 0)
        x->scanned = evbuffer_get_length(x->buffer); /* looked at once, not again with more */
    return at.pos < 0 ? 0 : (size_t)at.pos + 1;
}

void mw_exchange_drop(mw_exchange *x)
{
    if (x->buffer != NULL) {
        x->read_of = true;
        evbuffer_drain(x->buffer, evbuffer_get_length(x->buffer));
        free_if_read(x);
    }
    x->scanned = 0;
    resume(x);
}

size_t mw_exchange_read_buffer_size(const mw_exchange *x)
{
    return x->read_buffer_size;
}

void mw_exchange_set_read_buffer_size(mw_exchange *x, size_t size)
{
    x->read_buffer_size = size;
    resume(x);
}

mw_connection *mw_exchange_take_connection(mw_exchange *x)
{
    mw_connection *c = x->connection;
    x->connection = NULL;
    if (c == NULL) {
        mw_fail(x->rt, MW_EINVAL, "%s",
                x->upgraded   ? "the connection has been taken already"
                : x->finished ? "the exchange was not upgraded"
                              : "an exchange has no connection before it has finished");
        return NULL;
    }
    if (mw_connection_take(c) == MW_OK)
        return c;
    mw_connection_destroy(c);
    return NULL;
}

int mw_exchange_error(const mw_exchange *x)
{
    return x->error;
}

const char *mw_exchange_error_string(const mw_exchange *x)
{
    if (x->error == MW_NO_ERROR)
        return "";
    if (x->failure != NULL && x->failure->text[0] != '\0')
        return x->failure->text;
    const char *name = mw_error_name(x->error);
    return name != NULL ? name : "unknown error";
}

mw_detail mw_exchange_detail(const mw_exchange *x)
{
    const struct mw_failure *f = x->failure;
    mw_detail detail = {mw_phase_name(x->phase), 0, "", "", -1, "", "", x->attempt};
    if (f != NULL) {
        detail.phase = mw_phase_name(f->phase);
        detail.system_errno = f->system_errno;
        detail.address = f->address;
        detail.tls = f->tls;
        detail.tls_depth = f->tls_depth;
        detail.tls_subject = f->tls_subject;
        detail.clock = f->clock;
    }
    return detail;
}
