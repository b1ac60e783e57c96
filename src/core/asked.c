/* What was asked for, to be asked of an exchange as long as it lives: it goes on to other URLs with
 * other fields, and this stays.
 * SPDX-License-Identifier: MIT */
#include "core/asked.h"

#include "base/redact.h"
#include "core/exchange.h"

#include <string.h>

/* A larger body is not kept beyond the end for the sake of this. */
enum { MOST_KEPT = 64 << 10 };

bool mw_asked_needs_body(const mw_exchange *x)
{
    return x->body.kind == MW_BODY_MEMORY && x->body.length <= MOST_KEPT;
}

static char *copy(const struct mw_allocator *a, const char *text, bool *ok)
{
    char *made = text != NULL ? mw_strdup(a, text) : NULL;
    *ok = *ok && (text == NULL || made != NULL);
    return made;
}

/* Its password is not kept for the sake of this. */
static char *copy_proxy(const struct mw_allocator *a, const char *url, bool *ok)
{
    if (url == NULL)
        return NULL;
    char *made = mw_alloc(a, mw_redact_text(NULL, url) + 1);
    if (made != NULL)
        mw_redact_text(made, url);
    *ok = *ok && made != NULL;
    return made;
}

int mw_asked_prepare(mw_exchange *x, const mw_options *o)
{
    const struct mw_allocator *a = &x->rt->allocator;
    struct mw_asked_kept *kept = &x->asked;
    bool ok = true;
    kept->kind = (unsigned char)x->body.kind;
    kept->length = x->body.length;
    kept->offset = o->body_offset;
    kept->file = copy(a, o->body_file, &ok);
    kept->proxy = copy_proxy(a, o->proxy, &ok);
    kept->no_proxy = copy(a, o->no_proxy, &ok);
    kept->proxy_ca_file = copy(a, o->proxy_ca_file, &ok);
    kept->proxy_insecure = o->proxy_insecure != 0;
    return ok ? MW_OK : mw_fail(x->rt, MW_ENOMEM, "no memory for a request");
}

/* The texts of a first leg, in one block behind it. */
struct mw_first_leg {
    const char *method, *url, *cert_file, *key_file;
    void *body;
    struct mw_headers fields;
};

static bool copy_fields(mw_exchange *x, struct mw_headers *to)
{
    size_t bytes = 0;
    for (size_t i = 0; i < x->fields.count; i++)
        bytes += mw_headers_size(x->fields.fields[i].name, x->fields.fields[i].value);
    if (!mw_headers_reserve(to, &x->rt->allocator, x->fields.count, bytes))
        return false;
    for (size_t i = 0; i < x->fields.count; i++)
        mw_headers_add(to, x->fields.fields[i].name, x->fields.fields[i].value);
    return true;
}

static void free_first(mw_exchange *x)
{
    const struct mw_allocator *a = &x->rt->allocator;
    struct mw_first_leg *first = x->first_leg;
    if (first == NULL)
        return;
    x->first_leg = NULL;
    mw_headers_free(&first->fields, a);
    mw_dealloc(a, (void *)first->method);
    mw_dealloc(a, (void *)first->url);
    mw_dealloc(a, (void *)first->cert_file);
    mw_dealloc(a, (void *)first->key_file);
    mw_dealloc(a, first->body);
    mw_dealloc(a, first);
}

bool mw_asked_keep(mw_exchange *x)
{
    const struct mw_allocator *a = &x->rt->allocator;
    bool ok = true;
    if (x->first_leg != NULL)
        return true;
    struct mw_first_leg *first = x->first_leg = mw_zalloc(a, sizeof *first);
    if (first == NULL)
        return false;
    first->method = copy(a, x->method, &ok);
    first->url = copy(a, x->url.href, &ok);
    first->cert_file = copy(a, x->outgoing.tls.cert_file, &ok);
    first->key_file = copy(a, x->outgoing.tls.key_file, &ok);
    if (mw_asked_needs_body(x) && x->body.length > 0) {
        first->body = mw_alloc(a, (size_t)x->body.length);
        if (first->body != NULL)
            memcpy(first->body, x->body.bytes, (size_t)x->body.length);
        ok = ok && first->body != NULL;
    }
    if (copy_fields(x, &first->fields) && ok)
        return true;
    free_first(x); /* half of it would tell of requests that never were */
    return false;
}

void mw_asked_free(mw_exchange *x)
{
    const struct mw_allocator *a = &x->rt->allocator;
    mw_dealloc(a, x->asked.file);
    mw_dealloc(a, x->asked.proxy);
    mw_dealloc(a, x->asked.no_proxy);
    mw_dealloc(a, x->asked.proxy_ca_file);
    free_first(x);
}

static void set_body(mw_asked *asked, const mw_exchange *x)
{
    const struct mw_asked_kept *b = &x->asked;
    const struct mw_first_leg *first = x->first_leg;
    asked->body_length = b->kind == MW_BODY_NONE ? 0 : b->length;
    asked->has_body = b->kind != MW_BODY_NONE;
    asked->body_file = b->file;
    asked->body_offset = b->offset;
    if (first != NULL)
        asked->body = first->body;
    else if (x->body.kind == MW_BODY_MEMORY)
        asked->body = x->body.bytes;
    if (b->kind == MW_BODY_MEMORY && b->length == 0)
        asked->body = "";
}

mw_asked mw_exchange_asked(const mw_exchange *x)
{
    const struct mw_first_leg *first = x->first_leg;
    const struct mw_tls_options *tls = &x->outgoing.tls;
    const struct mw_headers *fields = first != NULL ? &first->fields : &x->fields;
    mw_asked asked = {.method = first != NULL ? first->method : x->method,
                      .url = first != NULL ? first->url : x->url.href,
                      .headers = fields->fields,
                      .header_count = fields->count,
                      .insecure = tls->insecure,
                      .ca_file = tls->ca_file,
                      .ca_path = tls->ca_path,
                      .ca_data = tls->ca_data,
                      .cert_file = first != NULL ? first->cert_file : tls->cert_file,
                      .key_file = first != NULL ? first->key_file : tls->key_file,
                      .pins = tls->pins,
                      .resolve = x->route.entries,
                      .resolve_count = x->route.count,
                      .local_address = x->route.local_address,
                      .unix_path = x->route.unix_path,
                      .connect_timeout = x->clocks.connect,
                      .total_timeout = x->clocks.total,
                      .max_redirects = x->legs.most_redirects,
                      .decode = !x->keep_encoded,
                      .credentials = x->asked.credentials || x->authorize != NULL,
                      .proxy = x->asked.proxy,
                      .no_proxy = x->asked.no_proxy,
                      .proxy_ca_file = x->asked.proxy_ca_file,
                      .proxy_insecure = x->asked.proxy_insecure};
    set_body(&asked, x);
    return asked;
}
