/* One request and its response: tells the user what the engine reports, in order, and ends once.
 *
 * An engine reports from wherever it is; what it reports is noted (x->news) and told from the next
 * turn of the loop (tell). So no callback runs inside a call of the user's, and the engine is never
 * on the stack when a callback frees x.
 * SPDX-License-Identifier: MIT */
#include "core/exchange.h"

#include "base/grammar.h"
#include "core/connection.h"
#include "core/interim.h"

#include <event2/buffer.h>

#include <stdio.h>
#include <string.h>

static void tell(struct mw_deferred *self);

static const struct mw_engine *engine_of(const mw_exchange *x)
{
    return x->rt->engine;
}

void mw_exchange_note(mw_exchange *x, unsigned what)
{
    x->news |= what;
    mw_defer(x->rt, &x->telling);
}

/* ---- the end ------------------------------------------------------------------------------- */

static void note_failure(mw_exchange *x, const struct mw_failure *failure)
{
    x->error = failure->code;
    if (x->failure == NULL)
        x->failure = mw_alloc(&x->rt->allocator, sizeof *x->failure);
    if (x->failure != NULL)
        *x->failure = *failure;
}

/* What was sent is not needed any more, and a Response may live for long. */
static void forget_request(mw_exchange *x)
{
    const struct mw_allocator *a = &x->rt->allocator;
    if (!x->forgotten) /* the engine may be another by the time x is freed */
        engine_of(x)->forget(x);
    x->forgotten = true;
    mw_route_free(&x->route, a);
    mw_headers_free(&x->fields, a);
    mw_body_free(x);
}

/* The single end of every exchange. */
static void finish(mw_exchange *x, const struct mw_failure *failure)
{
    if (failure != NULL)
        note_failure(x, failure);
    x->ended = true;
    mw_clocks_stop(x);
    forget_request(x);
    mw_exchange_note(x, MW_NEWS_DONE);
}

void mw_exchange_on_done(mw_exchange *x)
{
    struct mw_failure f;
    if (x->ended)
        return;
    int error = mw_error_of_status(x->status);
    if (error == MW_NO_ERROR) {
        finish(x, NULL);
        return;
    }
    mw_failure_init(&f, error, MW_PHASE_BODY);
    mw_failure_text(&f, "the server answered %d%s%.150s", x->status, x->reason[0] ? " " : "",
                    x->reason);
    finish(x, &f);
}

void mw_exchange_on_error(mw_exchange *x, const struct mw_failure *failure)
{
    if (!x->ended)
        finish(x, failure);
}

void mw_exchange_fail(mw_exchange *x, const struct mw_failure *failure)
{
    struct mw_failure f = *failure;
    if (x->ended)
        return;
    engine_of(x)->locate(x, &f);
    engine_of(x)->cancel(x);
    finish(x, &f);
}

void mw_exchange_cancel(mw_exchange *x)
{
    struct mw_failure f;
    if (x->finished)
        return;
    mw_failure_init(&f, MW_OPERATION_CANCELLED_ERROR, x->phase);
    mw_failure_text(&f, "the request was cancelled");
    if (x->ended)
        note_failure(x, &f); /* over on the wire, but the user has not heard: the wish counts */
    else
        mw_exchange_fail(x, &f);
    x->news = MW_NEWS_DONE; /* who has cancelled wants to hear of nothing else */
}

/* ---- telling the user ---------------------------------------------------------------------- */

/* Calls one callback; false if it has freed x. */
static bool call(mw_exchange *x, mw_exchange_fn fn)
{
    bool freed = false;
    if (fn == NULL)
        return true;
    mw_runtime *rt = x->rt;
    x->freed = &freed;
    rt->callback_depth++;
    fn(x, x->callbacks.ud);
    rt->callback_depth--;
    if (freed)
        return false;
    x->freed = NULL;
    return true;
}

static void sent(mw_exchange *x, void *ud)
{
    x->callbacks.on_sent(x, x->sent, x->outgoing.body_length, ud);
}

static bool take(mw_exchange *x, unsigned what)
{
    bool there = (x->news & what) != 0;
    x->news &= ~what;
    return there;
}

/* Each of them, unless one of the calls ends it all. */
static bool tell_interims(mw_exchange *x)
{
    while (x->news & MW_NEWS_INTERIM) {
        if (!call(x, mw_interim_tell))
            return false;
        if (!mw_interim_next(x))
            take(x, MW_NEWS_INTERIM);
    }
    return true;
}

static void tell(struct mw_deferred *self)
{
    mw_exchange *x = MW_ITEM(self, mw_exchange, telling);
    if (take(x, MW_NEWS_SENT) && x->callbacks.on_sent != NULL && !call(x, sent))
        return;
    if (!tell_interims(x))
        return;
    if (take(x, MW_NEWS_HEAD) && !call(x, x->callbacks.on_head))
        return;
    if (take(x, MW_NEWS_BODY) && !call(x, x->callbacks.on_body))
        return;
    if (!take(x, MW_NEWS_DONE))
        return;
    mw_undefer(&x->telling); /* a callback above may have asked for this turn as well */
    x->finished = true;
    x->rt->pending--;
    call(x, x->callbacks.on_done);
}

/* ---- what the engine reports --------------------------------------------------------------- */

void mw_exchange_on_phase(mw_exchange *x, enum mw_phase phase)
{
    x->phase = phase;
    mw_clocks_change(x);
}

void mw_exchange_on_queued(mw_exchange *x, bool queued)
{
    x->queued = queued;
    mw_clocks_connect_again(x);
}

void mw_exchange_on_activity(mw_exchange *x)
{
    mw_clocks_touch(x);
}

void mw_exchange_on_sent(mw_exchange *x, uint64_t bytes)
{
    if (x->ended || bytes == x->sent)
        return;
    x->sent = bytes;
    mw_clocks_touch(x);
    mw_exchange_note(x, MW_NEWS_SENT);
}

void mw_exchange_on_head(mw_exchange *x, int status, const char *reason, struct mw_headers *fields,
                         int64_t length)
{
    if (x->ended) {
        mw_headers_free(fields, &x->rt->allocator);
        return;
    }
    x->status = status;
    x->response = *fields;
    x->total = length;
    x->reason = reason;
    mw_exchange_on_phase(x, MW_PHASE_BODY);
    mw_exchange_note(x, MW_NEWS_HEAD);
    if (length > 0 && (uint64_t)length > x->outgoing.max_body_size)
        mw_content_too_large(x);
}

void mw_exchange_on_trailers(mw_exchange *x, struct mw_headers *fields)
{
    struct mw_headers *old = x->ended ? fields : &x->trailers;
    mw_headers_free(old, &x->rt->allocator);
    if (!x->ended)
        x->trailers = *fields;
}

void mw_exchange_on_upgrade(mw_exchange *x, struct mw_socket *s, const void *early, size_t length)
{
    if (x->ended) {
        s->via->close(s);
        return;
    }
    x->connection = mw_connection_new(x->rt, s, early, length);
    x->upgraded = true;
    if (x->connection == NULL)
        mw_content_no_memory(x);
    else
        finish(x, NULL);
}

void mw_exchange_on_retry(mw_exchange *x)
{
    x->attempt++;
    x->sent = 0;
    x->phase = MW_PHASE_RESOLVE;
    mw_clocks_connect_again(x);
}

int mw_exchange_attempt(const mw_exchange *x)
{
    return x->attempt;
}

enum mw_phase mw_exchange_phase(const mw_exchange *x)
{
    return x->phase;
}

mw_runtime *mw_exchange_runtime(const mw_exchange *x)
{
    return x->rt;
}

const struct mw_outgoing *mw_exchange_outgoing(const mw_exchange *x)
{
    return &x->outgoing;
}

void *mw_exchange_wire(const mw_exchange *x)
{
    return (void *)(x + 1); /* allocated in one piece */
}

/* ---- start and free ------------------------------------------------------------------------ */

/* What this engine cannot do, in words that follow its name; NULL if it can. */
static const char *beyond(const mw_exchange *x, unsigned can)
{
    bool streams = (can & MW_CAN_STREAM_UPLOAD) != 0, upgrades = (can & MW_CAN_UPGRADE) != 0;
    if (!streams && (x->body.kind == MW_BODY_FILE || x->body.kind == MW_BODY_FUNCTION))
        return "cannot read a body as it sends it; it sends those that are in memory";
    if (!streams && mw_headers_find(&x->fields, "Transfer-Encoding", NULL))
        return "cannot send a body with Transfer-Encoding; it sends bodies of a known length only";
    if (!upgrades && mw_headers_find(&x->fields, "Upgrade", NULL))
        return "cannot upgrade a connection to another protocol";
    if (x->outgoing.unix_path != NULL && !(can & MW_CAN_CONNECT_ANYHOW))
        return "cannot connect to a unix socket";
    if (x->outgoing.local_address != NULL && !(can & MW_CAN_CONNECT_ANYHOW))
        return "cannot connect from an address that is chosen";
    return NULL;
}

/* What no engine, or not this one, can do: it ends at once, told from the loop like every end. */
static bool impossible(mw_exchange *x, struct mw_failure *f)
{
    const struct mw_engine *engine = engine_of(x);
    const char *words = beyond(x, engine->can);
    mw_failure_init(f, MW_PROTOCOL_INVALID_OPERATION_ERROR, MW_PHASE_SEND);
    if (!x->url.known) {
        f->code = MW_PROTOCOL_UNKNOWN_ERROR;
        mw_failure_text(f,
                        "\"%.*s\" is not a protocol that moonwire speaks; it speaks http and "
                        "https",
                        (int)strcspn(x->url.href, ":"), x->url.href);
    } else if (words != NULL) {
        mw_failure_text(f, "the %s engine %s", engine->name, words);
    } else if ((engine->can & MW_CAN_UPGRADE) && strcmp(x->method, "CONNECT") == 0 &&
               x->url.target[0] == '/') {
        mw_failure_text(f, "CONNECT asks for a host and a port, and has them as its path: "
                           "\"example.com:443\"");
    } else if (x->body.unusable != NULL) {
        *f = *x->body.unusable;
    } else {
        return false;
    }
    return true;
}

static int start(mw_exchange *x)
{
    struct mw_failure f;
    if (impossible(x, &f)) {
        finish(x, &f);
        return MW_OK;
    }
    int result = engine_of(x)->start(x);
    return result == MW_OK ? MW_OK : mw_fail(x->rt, result, "no memory for a request");
}

/* An exchange that is over serves for the next one: a block of this size is dear to get. */
static mw_exchange *new_exchange(mw_runtime *rt)
{
    size_t size = sizeof(mw_exchange) + rt->engine->exchange_size;
    mw_exchange *x = NULL;
    if (mw_list_empty(&rt->spare_exchanges)) {
        x = mw_zalloc(&rt->allocator, size);
    } else {
        x = MW_ITEM(rt->spare_exchanges.next, mw_exchange, link);
        mw_unlink(&x->link);
        rt->spare_exchange_count--;
        memset(x, 0, size);
    }
    if (x != NULL)
        x->size = size;
    return x;
}

static void give_back(mw_exchange *x)
{
    mw_runtime *rt = x->rt;
    if (rt->spare_exchange_count >= MW_MOST_SPARE ||
        x->size != sizeof *x + rt->engine->exchange_size) { /* the engine is another by now */
        mw_dealloc(&rt->allocator, x);
        return;
    }
    mw_list_prepend(&rt->spare_exchanges, &x->link);
    rt->spare_exchange_count++;
}

void mw_exchanges_free_spare(mw_runtime *rt)
{
    while (!mw_list_empty(&rt->spare_exchanges)) {
        mw_exchange *x = MW_ITEM(rt->spare_exchanges.next, mw_exchange, link);
        mw_unlink(&x->link);
        mw_dealloc(&rt->allocator, x);
    }
    rt->spare_exchange_count = 0;
}

int mw_exchange_start(mw_runtime *rt, const mw_options *options, mw_exchange **out)
{
    mw_exchange *x = new_exchange(rt);
    if (x == NULL)
        return mw_fail(rt, MW_ENOMEM, "no memory for a request");
    rt->engine_uses++;
    x->rt = rt;
    x->total = -1;
    x->attempt = 1;
    x->telling.run = tell;
    mw_list_init(&x->interims);
    int result = mw_exchange_prepare(x, options);
    if (result == MW_OK) {
        x->callbacks =
            (struct mw_callbacks){options->on_sent, options->on_interim, options->on_head,
                                  options->on_body, options->on_done,    options->ud};
        mw_clocks_start(x, options);
        mw_list_append(&rt->exchanges, &x->link);
        rt->pending++;
        result = start(x);
    }
    if (result != MW_OK) {
        x->ended = true; /* the engine never had it, or has let go of it */
        mw_exchange_free(x);
        return result;
    }
    if (out != NULL)
        *out = x;
    return MW_OK;
}

void mw_exchange_free(mw_exchange *x)
{
    if (x == NULL)
        return;
    const struct mw_allocator *a = &x->rt->allocator;
    if (x->freed != NULL)
        *x->freed = true;
    if (mw_linked(&x->link)) {
        if (!x->ended)
            engine_of(x)->cancel(x);
        if (!x->finished)
            x->rt->pending--;
        mw_clocks_stop(x);
        mw_undefer(&x->telling);
        mw_unlink(&x->link);
    }
    if (x->buffer != NULL)
        evbuffer_free(x->buffer);
    forget_request(x);
    mw_body_destroy(x);
    mw_url_free(&x->url, a);
    if (x->connection != NULL)
        mw_connection_destroy(x->connection);
    mw_interims_free(x);
    mw_headers_free(&x->response, a);
    mw_headers_free(&x->trailers, a);
    mw_dealloc(a, x->method);
    mw_tls_options_free(&x->outgoing.tls, a);
    mw_dealloc(a, x->failure);
    give_back(x);
}
