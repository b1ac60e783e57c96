/* How an exchange begins, departs, and is freed.
 * SPDX-License-Identifier: MIT */
#include "core/exchange.h"

#include "core/authorize.h"
#include "core/connection.h"
#include "core/interim.h"
#include "core/policy.h"
#include "core/local.h"
#include "core/server.h"
#include "core/trace.h"

#include <string.h>

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
    if (x->outgoing.via != NULL && !(can & MW_CAN_PROXY))
        return "cannot go through a proxy (proxy = false goes without one)";
    if (x->outgoing.agent != NULL && !(can & MW_CAN_KEEP_APART))
        return "cannot keep the connections of an agent apart";
    return NULL;
}

/* What no engine, or not this one, can do: it ends at once, told from the loop like every end. */
static bool impossible(mw_exchange *x, struct mw_failure *f)
{
    const struct mw_engine *engine = x->engine;
    const char *words = beyond(x, engine->can);
    if (!x->url.known) {
        mw_failure_init(f, MW_PROTOCOL_UNKNOWN_ERROR, MW_PHASE_SEND);
        mw_failure_text(f,
                        "\"%.*s\" is not a protocol that moonwire speaks; it speaks http and "
                        "https",
                        (int)strcspn(x->url.href, ":"), x->url.href);
    } else if (x->server == NULL && mw_proxying_wrong(x) != NULL) {
        mw_failure_init(f, MW_UNKNOWN_PROXY_ERROR, MW_PHASE_PROXY);
        mw_failure_text(f, "%s", mw_proxying_wrong(x));
    } else if (words != NULL) {
        mw_failure_init(f, MW_PROTOCOL_INVALID_OPERATION_ERROR, MW_PHASE_SEND);
        mw_failure_text(f, "the %s engine %s", engine->name, words);
    } else if ((engine->can & MW_CAN_UPGRADE) && strcmp(x->method, "CONNECT") == 0 &&
               x->url.target[0] == '/') {
        mw_failure_init(f, MW_PROTOCOL_INVALID_OPERATION_ERROR, MW_PHASE_SEND);
        mw_failure_text(f, "CONNECT asks for a host and a port, and has them as its path: "
                           "\"example.com:443\"");
    } else if (x->body.unusable != NULL) {
        *f = *x->body.unusable;
    } else if (mw_authorize_unusable(x) != NULL) {
        *f = *mw_authorize_unusable(x);
    } else {
        return !mw_policy_admits(x, f);
    }
    return true;
}

/* Where it goes: to a server in the process, below the one that has passed it on, or to the wire.
 */
static void choose_engine(mw_exchange *x)
{
    mw_runtime *rt = x->rt;
    bool local = !mw_list_empty(&rt->local);
    x->server = local ? mw_local_find(rt, &x->url, x->passed_by) : NULL;
    x->passed_by = NULL;
    x->engine = x->server != NULL ? mw_engine_in_process() : rt->engine;
}

void *mw_exchange_server_wire(const mw_exchange *x)
{
    return x->server->wire;
}

int mw_exchange_depart(mw_exchange *x)
{
    struct mw_failure f;
    choose_engine(x);
    x->legs.count++;
    if (impossible(x, &f)) {
        mw_exchange_finish(x, &f);
        return MW_OK;
    }
    x->on_wire = true;
    int result = x->engine->start(x);
    if (result != MW_OK)
        x->on_wire = false; /* the engine has let go of it */
    return result == MW_OK ? MW_OK : mw_fail(x->rt, result, "no memory for a request");
}

void mw_exchange_pass_on(mw_exchange *x, const mw_server *server)
{
    struct mw_failure f;
    x->on_wire = false;
    if (!mw_exchange_rewind_body(x)) {
        mw_failure_init(&f, MW_CONTENT_RE_SEND_ERROR, MW_PHASE_SEND);
        mw_failure_text(&f, "a server in the process has passed the request on, but its body "
                            "cannot be read a second time");
        mw_exchange_fail(x, &f);
        return;
    }
    memset(mw_exchange_wire(x), 0, x->size - sizeof *x);
    x->passed_by = server;
    x->legs.count--; /* this one does not count */
    x->sent = 0;
    x->phase = MW_PHASE_RESOLVE;
    mw_clocks_connect_again(x);
    if (mw_exchange_depart(x) != MW_OK)
        mw_content_no_memory(x);
}

int mw_exchange_start(mw_runtime *rt, const mw_options *options, mw_exchange **out)
{
    mw_exchange *x = mw_exchange_new(rt);
    if (x == NULL)
        return mw_fail(rt, MW_ENOMEM, "no memory for a request");
    rt->engine_uses++;
    x->rt = rt;
    x->number = ++rt->exchange_number;
    x->total = -1;
    x->attempt = 1;
    x->telling.run = mw_exchange_tell;
    mw_list_init(&x->interims);
    mw_list_init(&x->legs.history);
    int result = mw_exchange_prepare(x, options);
    if (result == MW_OK) {
        x->callbacks =
            (struct mw_callbacks){options->on_sent, options->on_interim, options->on_head,
                                  options->on_body, options->on_done,    options->ud};
        mw_clocks_start(x, options);
        mw_list_append(&rt->exchanges, &x->link);
        rt->pending++;
        if (mw_traced(rt))
            mw_trace_start(x);
        result = mw_authorize_waits(x) ? MW_OK : mw_exchange_depart(x);
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
    x->ended = true;
    if (mw_linked(&x->link)) {
        if (!x->finished)
            x->rt->pending--;
        if (!x->finished && mw_traced(x->rt))
            mw_trace_freed(x);
        mw_clocks_stop(x);
        mw_undefer(&x->telling);
        mw_unlink(&x->link);
    }
    mw_content_drop_buffer(x);
    mw_policy_leaves(x);
    mw_exchange_forget_request(x);
    mw_legs_free(x);
    mw_body_destroy(x);
    mw_asked_free(x);
    mw_route_free(&x->route, a);
    if (x->connection != NULL)
        mw_connection_destroy(x->connection);
    mw_interims_free(x);
    mw_headers_free(&x->trailers, a);
    mw_dealloc(a, x->own_method);
    mw_tls_options_free(&x->outgoing.tls, a);
    mw_dealloc(a, x->failure);
    mw_exchange_give_back(x);
}
