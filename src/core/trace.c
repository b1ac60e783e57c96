/* What happens to exchanges, told from the loop: where it happens it is only noted, in one block
 * with all its texts, since the exchange may be over by the time it is told.
 * SPDX-License-Identifier: MIT */
#include "core/trace.h"

#include "base/redact.h"
#include "core/exchange.h"

#include <event2/buffer.h>

#include <string.h>

struct noted {
    struct mw_link link;
    mw_trace_event event; /* its texts lie behind it */
};

/* ---- one event, copied --------------------------------------------------------------------- */

/* Where the texts go; `at` NULL: they are only counted. */
struct room {
    char *at;
    size_t used;
    bool secrets;
};

static const char *put(struct room *r, const char *text, size_t length)
{
    char *place = r->at != NULL ? r->at + r->used : NULL;
    if (place != NULL) {
        memcpy(place, text, length);
        place[length] = '\0';
    }
    r->used += length + 1;
    return place;
}

static const char *put_text(struct room *r, const char *text)
{
    char *place = r->at != NULL ? r->at + r->used : NULL;
    if (r->secrets || text == NULL || text[0] == '\0')
        return put(r, text != NULL ? text : "", text != NULL ? strlen(text) : 0);
    r->used += mw_redact_text(place, text) + 1;
    return place;
}

static const char *put_value(struct room *r, const mw_header *field)
{
    char *place = r->at != NULL ? r->at + r->used : NULL;
    if (r->secrets)
        return put(r, field->value, strlen(field->value));
    r->used += mw_redact_field(place, field->name, field->value) + 1;
    return place;
}

/* The header fields come first: behind the block's head they are aligned. */
static void lay_out(struct room *r, const mw_trace_event *from, mw_trace_event *to)
{
    mw_header *fields = (mw_header *)r->at;
    r->used = from->header_count * sizeof *fields;
    for (size_t i = 0; i < from->header_count; i++) {
        const char *name = put(r, from->headers[i].name, strlen(from->headers[i].name));
        const char *value = put_value(r, &from->headers[i]);
        if (fields != NULL)
            fields[i] = (mw_header){name, value};
    }
    to->headers = fields;
    to->method = put_text(r, from->method);
    to->url = put_text(r, from->url);
    to->address = put_text(r, from->address);
    to->reason = put_text(r, from->reason);
    to->next_method = put_text(r, from->next_method);
    to->next_url = put_text(r, from->next_url);
    to->error_string = put_text(r, from->error_string);
    if (from->body != NULL)
        to->body = put(r, from->body, from->body_length);
}

static void on_turn(struct mw_deferred *self);

/* Without memory the event is lost: what it tells of goes on. */
static void keep(mw_runtime *rt, const mw_trace_event *event)
{
    struct mw_tracer *t = &rt->tracer;
    mw_trace_event ignored = *event;
    struct room room = {NULL, 0, t->secrets};
    lay_out(&room, event, &ignored);
    struct noted *noted = mw_alloc(&rt->allocator, sizeof *noted + room.used);
    if (noted == NULL)
        return;
    memset(&noted->link, 0, sizeof noted->link);
    noted->event = *event;
    room.at = (char *)(noted + 1);
    lay_out(&room, event, &noted->event);
    if (mw_list_empty(&t->events))
        rt->pending++; /* nobody may leave the loop before they are told */
    mw_list_append(&t->events, &noted->link);
    mw_defer(rt, &t->telling);
}

/* ---- telling ------------------------------------------------------------------------------- */

static void forget(mw_runtime *rt, struct mw_link *events)
{
    while (!mw_list_empty(events)) {
        struct noted *noted = MW_ITEM(events->next, struct noted, link);
        mw_unlink(&noted->link);
        mw_dealloc(&rt->allocator, noted);
    }
}

/* Those that are noted now. What the calls bring about waits for the next turn, so that a hook that
 * starts requests does not keep the loop from them; and one that is gone is told of nothing. */
static void tell(mw_runtime *rt)
{
    struct mw_tracer *t = &rt->tracer;
    struct mw_link batch;
    if (mw_list_empty(&t->events) || t->running)
        return;
    mw_list_move(&t->events, &batch);
    rt->pending--;
    t->running = true;
    rt->callback_depth++;
    while (!mw_list_empty(&batch) && mw_traced(rt)) {
        struct noted *noted = MW_ITEM(batch.next, struct noted, link);
        mw_unlink(&noted->link);
        t->fn(rt, &noted->event, t->ud);
        mw_dealloc(&rt->allocator, noted);
    }
    rt->callback_depth--;
    t->running = false;
    forget(rt, &batch);
}

static void on_turn(struct mw_deferred *self)
{
    struct mw_tracer *t = MW_ITEM(self, struct mw_tracer, telling);
    tell(MW_ITEM(t, mw_runtime, tracer));
}

void mw_tracer_init(mw_runtime *rt)
{
    mw_list_init(&rt->tracer.events);
    rt->tracer.telling.run = on_turn;
}

void mw_tracer_stop(mw_runtime *rt)
{
    struct mw_tracer *t = &rt->tracer;
    t->fn = NULL;
    mw_undefer(&t->telling);
    if (!mw_list_empty(&t->events))
        rt->pending--;
    forget(rt, &t->events);
}

void mw_trace_set(mw_runtime *rt, const mw_trace *how)
{
    struct mw_tracer *t = &rt->tracer;
    if (how == NULL || how->fn == NULL) {
        mw_tracer_stop(rt);
        return;
    }
    t->fn = how->fn;
    t->ud = how->ud;
    t->secrets = how->secrets != 0;
    t->body_limit = how->body_limit;
}

int mw_trace_flush(mw_runtime *rt)
{
    if (rt->tracer.running)
        return mw_fail(rt, MW_ELOOP, "the hook is being called: it cannot be told of more");
    tell(rt);
    return MW_OK;
}

/* ---- what happens -------------------------------------------------------------------------- */

/* What every event tells. */
static mw_trace_event event_of(const mw_exchange *x, const char *what, struct mw_failure *where)
{
    mw_failure_init(where, MW_NO_ERROR, x->phase);
    if (x->on_wire)
        x->engine->locate(x, where);
    return (mw_trace_event){.what = what,
                            .id = x->number,
                            .leg = x->legs.count > 0 ? x->legs.count : 1,
                            .at = mw_now(),
                            .method = x->method,
                            .url = x->url.href,
                            .address = where->address,
                            .total = -1};
}

static void set_fields(mw_trace_event *e, const struct mw_headers *fields)
{
    e->headers = fields->fields;
    e->header_count = fields->count;
}

static void note(const mw_exchange *x, const char *what)
{
    struct mw_failure where;
    mw_trace_event e = event_of(x, what, &where);
    keep(x->rt, &e);
}

void mw_trace_start(mw_exchange *x)
{
    note(x, "start");
}

void mw_trace_queued(mw_exchange *x)
{
    note(x, "queue");
}

static void note_send(const mw_exchange *x)
{
    struct mw_failure where;
    mw_trace_event e = event_of(x, "send", &where);
    size_t most = x->rt->tracer.body_limit;
    set_fields(&e, x->outgoing.fields);
    e.body_total = x->outgoing.has_body ? x->outgoing.body_length : 0;
    if (x->body.kind == MW_BODY_MEMORY && x->body.bytes != NULL && most > 0) {
        e.body = x->body.bytes;
        e.body_length = x->body.length < most ? (size_t)x->body.length : most;
    }
    keep(x->rt, &e);
}

/* A small request may be out before it could be told that it goes. */
static bool noted_send(const mw_exchange *x, enum mw_phase before)
{
    bool noted = false;
    for (int phase = MW_PHASE_SEND; phase < (int)before; phase++)
        noted = noted || x->clocks.entered[phase] != 0;
    return noted;
}

void mw_trace_phase(mw_exchange *x)
{
    switch (x->phase) {
    case MW_PHASE_RESOLVE:
        note(x, "resolve");
        break;
    case MW_PHASE_CONNECT:
        note(x, "connect");
        break;
    case MW_PHASE_PROXY:
        note(x, "proxy");
        break;
    case MW_PHASE_TLS:
        note(x, "tls");
        break;
    case MW_PHASE_SEND:
        note_send(x);
        break;
    case MW_PHASE_HEAD:
    case MW_PHASE_BODY:
        if (!noted_send(x, x->phase))
            note_send(x);
        break;
    default:
        break;
    }
}

void mw_trace_interim(mw_exchange *x, int status, const struct mw_headers *fields)
{
    struct mw_failure where;
    mw_trace_event e = event_of(x, "interim", &where);
    e.status = status;
    set_fields(&e, fields);
    keep(x->rt, &e);
}

void mw_trace_head(mw_exchange *x)
{
    struct mw_failure where;
    mw_trace_event e = event_of(x, "head", &where);
    e.status = x->status;
    e.reason = x->reason;
    e.total = x->total;
    set_fields(&e, &x->response);
    keep(x->rt, &e);
}

/* How the leg stands as it ends. */
static void set_end(mw_trace_event *e, const mw_exchange *x)
{
    e->status = x->status;
    e->reason = x->reason;
    e->sent = x->sent;
    e->received = x->received;
    e->total = x->total;
    e->timings = mw_exchange_timings(x);
}

static void set_failure(mw_trace_event *e, const struct mw_failure *f)
{
    e->error = f->code;
    e->error_string = f->text;
    if (f->address[0] != '\0')
        e->address = f->address;
}

void mw_trace_again(mw_exchange *x, const struct mw_failure *failure)
{
    const struct mw_leg_plan *plan = x->legs.plan;
    struct mw_failure where;
    mw_trace_event e = event_of(x, plan->why, &where);
    set_end(&e, x);
    if (failure != NULL)
        set_failure(&e, failure);
    else
        e.error = mw_error_of_status(x->status);
    e.next_method = plan->to_get ? "GET" : x->method;
    e.next_url = plan->has_url ? plan->url.href : x->url.href;
    e.wait = plan->wait;
    keep(x->rt, &e);
}

void mw_trace_resent(mw_exchange *x)
{
    struct mw_failure where;
    mw_trace_event e = event_of(x, "retry", &where);
    set_end(&e, x);
    e.error = MW_REMOTE_HOST_CLOSED_ERROR;
    e.error_string = "the idle connection had died";
    e.next_method = x->method;
    e.next_url = x->url.href;
    keep(x->rt, &e);
}

/* What is there of the body, unless somebody has read of it: it is not kept for our sake. */
static void set_body(mw_trace_event *e, const mw_exchange *x)
{
    size_t most = x->rt->tracer.body_limit;
    size_t length = x->buffer != NULL ? evbuffer_get_length(x->buffer) : 0;
    if (most == 0 || length == 0 || x->read_of)
        return;
    e->body_total = length;
    e->body_length = length < most ? length : most;
    e->body = evbuffer_pullup(x->buffer, (ev_ssize_t)e->body_length);
}

bool mw_trace_done(mw_exchange *x)
{
    struct mw_failure where;
    bool freed = false;
    mw_trace_event e = event_of(x, "done", &where);
    set_end(&e, x);
    set_body(&e, x);
    if (x->failure != NULL)
        set_failure(&e, x->failure);
    e.error = x->error;
    e.error_string = mw_exchange_error_string(x);
    keep(x->rt, &e);
    x->freed = &freed;
    tell(x->rt);
    if (!freed)
        x->freed = NULL;
    return !freed;
}

void mw_trace_freed(mw_exchange *x)
{
    struct mw_failure where;
    mw_trace_event e = event_of(x, "done", &where);
    set_end(&e, x);
    e.error = MW_OPERATION_CANCELLED_ERROR;
    e.error_string = "the request was dropped";
    keep(x->rt, &e);
}
