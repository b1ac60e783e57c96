/* Heads that come before the last one, 100 and 103 for two: kept in order until the user was told.
 * SPDX-License-Identifier: MIT */
#include "core/interim.h"

#include "core/exchange.h"
#include "core/trace.h"

#include <string.h>

/* What may wait to be told; a server that sends more in one go means no good. */
enum { MOST = 100 };

struct mw_interim {
    struct mw_link link;
    int status;
    struct mw_headers fields;
};

static void destroy(mw_exchange *x, struct mw_interim *head)
{
    mw_unlink(&head->link);
    mw_headers_free(&head->fields, &x->rt->allocator);
    mw_dealloc(&x->rt->allocator, head);
}

static struct mw_interim *first(const mw_exchange *x)
{
    return mw_list_empty(&x->interims) ? NULL : MW_ITEM(x->interims.next, struct mw_interim, link);
}

void mw_interims_free(mw_exchange *x)
{
    for (struct mw_interim *head; (head = first(x)) != NULL;)
        destroy(x, head);
    x->interim_count = 0;
}

static void refuse(mw_exchange *x, int code, const char *words)
{
    struct mw_failure f;
    mw_failure_init(&f, code, MW_PHASE_HEAD);
    mw_failure_text(&f, "%s", words);
    mw_exchange_fail(x, &f);
}

void mw_exchange_on_interim(mw_exchange *x, int status, struct mw_headers *fields)
{
    const struct mw_allocator *a = &x->rt->allocator;
    bool wanted = !x->ended && x->callbacks.on_interim != NULL;
    bool room = x->interim_count < MOST;
    if (!x->ended && mw_traced(x->rt))
        mw_trace_interim(x, status, fields);
    struct mw_interim *head = wanted && room ? mw_zalloc(a, sizeof *head) : NULL;
    if (head == NULL) {
        mw_headers_free(fields, a);
        if (wanted && !room)
            refuse(x, MW_PROTOCOL_FAILURE, "too many heads of 1xx in a row");
        else if (wanted)
            refuse(x, MW_UNKNOWN_NETWORK_ERROR, "no memory for the response");
        return;
    }
    head->status = status;
    head->fields = *fields;
    memset(fields, 0, sizeof *fields);
    mw_list_append(&x->interims, &head->link);
    x->interim_count++;
    mw_exchange_note(x, MW_NEWS_INTERIM);
}

/* The one that is told of is the first, and goes when the user has been told. */
void mw_interim_tell(mw_exchange *x, void *ud)
{
    x->callbacks.on_interim(x, first(x)->status, ud);
}

bool mw_interim_next(mw_exchange *x)
{
    destroy(x, first(x));
    x->interim_count--;
    return first(x) != NULL;
}

size_t mw_exchange_interim_header_count(const mw_exchange *x)
{
    const struct mw_interim *head = first(x);
    return head != NULL ? head->fields.count : 0;
}

mw_header mw_exchange_interim_header_at(const mw_exchange *x, size_t index)
{
    const struct mw_interim *head = first(x);
    bool there = head != NULL && index < head->fields.count;
    return there ? head->fields.fields[index] : (mw_header){NULL, NULL};
}

const char *mw_exchange_interim_header(const mw_exchange *x, const char *name)
{
    const struct mw_interim *head = first(x);
    const mw_header *field = head != NULL ? mw_headers_find(&head->fields, name, NULL) : NULL;
    return field != NULL ? field->value : NULL;
}
