/* Servers: they listen, stop and close.
 * SPDX-License-Identifier: MIT */
#include "core/server.h"

#include "core/local.h"

#include "base/grammar.h"
#include "core/policy.h"
#include "net/tls.h"

#include <string.h>

static int check_certificates(mw_runtime *rt, const mw_listen *how)
{
    const char *needs = how->certificate_count > 0    ? "certificates"
                        : how->client_ca_file != NULL ? "client_ca_file"
                        : how->key_file != NULL       ? "key_file"
                                                      : NULL;
    if (how->cert_file == NULL && needs != NULL)
        return mw_fail(rt, MW_EINVAL, "bad %s: it needs a cert_file", needs);
    for (size_t i = 0; i < how->certificate_count; i++) {
        const mw_certificate *own = &how->certificates[i];
        if (own->host == NULL || own->cert_file == NULL)
            return mw_fail(rt, MW_EINVAL, "bad certificates: number %zu has no %s", i + 1,
                           own->host == NULL ? "host" : "cert_file");
        const char *name = strncmp(own->host, "*.", 2) == 0 ? own->host + 2 : own->host;
        if (mw_bad_host(name, strlen(name)) >= 0 || strpbrk(name, "*:") != NULL)
            return mw_fail(rt, MW_EINVAL,
                           "bad certificates: \"%.80s\" is not a name, nor \"*.\" and a name",
                           own->host);
    }
    return MW_OK;
}

/* Nobody from outside comes to a server in the process: it alone keeps no loop running. */
static void count(mw_server *server)
{
    if (!server->counted)
        server->rt->pending++;
    server->counted = true;
}

int mw_server_listen(mw_runtime *rt, const mw_listen *options, mw_server **out)
{
    mw_listen how = *options;
    const struct mw_engine *engine = how.origin != NULL ? mw_engine_in_process() : rt->engine;
    if (how.on_request == NULL)
        return mw_fail(rt, MW_EINVAL, "bad on_request: a server needs it");
    if (!mw_policy_lets_listen(rt))
        return mw_fail(rt, MW_EINVAL, "the policy does not allow servers");
    if (how.stream && !(engine->can & MW_CAN_STREAM_REQUEST))
        return mw_fail(rt, MW_EINVAL,
                       "bad stream: the %s engine reads a request's body before its handler runs",
                       engine->name);
    if (how.port < 0 || how.port > 65535)
        return mw_fail(rt, MW_EINVAL, "bad port: %d is not between 0 and 65535", how.port);
    if (how.host == NULL)
        how.host = "127.0.0.1";
    if (how.backlog < 0)
        return mw_fail(rt, MW_EINVAL, "bad backlog: %d is below 0", how.backlog);
    if (how.backlog == 0)
        how.backlog = 128;
    if (how.max_head_size == 0)
        how.max_head_size = 64u << 10;
    if (how.max_body_size == 0)
        how.max_body_size = 16u << 20;
    if (how.idle_timeout == 0)
        how.idle_timeout = 60;
    if (!(engine->can & MW_CAN_STREAM_REQUEST) && (how.header_timeout != 0 || how.min_rate != 0))
        return mw_fail(rt, MW_EINVAL,
                       "the %s engine sees requests only when they are whole: it has neither "
                       "header_timeout nor min_rate",
                       engine->name);
    if (how.header_timeout == 0)
        how.header_timeout = 30;
    if (how.min_rate == 0)
        how.min_rate = 64;
    int result = how.origin != NULL ? mw_local_check(rt, options) : check_certificates(rt, &how);
    if (result != MW_OK)
        return result;
    mw_server *server = mw_zalloc(&rt->allocator, sizeof *server);
    if (server == NULL)
        return mw_fail(rt, MW_ENOMEM, "no memory for a server");
    rt->engine_uses++;
    server->rt = rt;
    server->engine = engine;
    server->on_request = how.on_request;
    server->stream = how.stream != 0;
    server->ud = how.ud;
    result = engine->listen(server, &how, &server->wire, &server->port);
    if (result != MW_OK) {
        mw_dealloc(&rt->allocator, server);
        return result;
    }
    mw_list_append(&rt->servers, &server->link);
    if (how.origin == NULL)
        count(server);
    if (how.origin != NULL && (result = mw_server_add_origin(server, how.origin)) != MW_OK) {
        mw_server_free(server);
        return result;
    }
    *out = server;
    return MW_OK;
}

void mw_server_free(mw_server *server)
{
    if (server == NULL)
        return;
    mw_runtime *rt = server->rt;
    for (struct mw_link *l = rt->requests.next, *next; l != &rt->requests; l = next) {
        mw_request *r = MW_ITEM(l, mw_request, link);
        next = l->next;
        if (r->server != server)
            continue;
        server->engine->detach(r);
        if (mw_request_is_known(r)) {
            r->server = NULL;
            mw_request_on_gone(r);
        } else {
            mw_request_free(r);
        }
    }
    server->engine->unlisten(server->wire);
    mw_undefer(&server->drained);
    mw_local_drop(server);
    mw_unlink(&server->link);
    if (server->counted)
        rt->pending--;
    mw_dealloc(&rt->allocator, server);
}

static void tell_drained(struct mw_deferred *self)
{
    mw_server *server = MW_ITEM(self, mw_server, drained);
    mw_runtime *rt = server->rt;
    mw_server_fn fn = server->on_drained;
    server->on_drained = NULL;
    if (fn == NULL)
        return;
    rt->callback_depth++;
    fn(server, server->drained_ud); /* may free it */
    rt->callback_depth--;
}

void mw_server_on_drained(mw_server *server)
{
    if (server->on_drained != NULL)
        mw_defer(server->rt, &server->drained);
}

int mw_server_drain(mw_server *server, mw_server_fn fn, void *ud)
{
    mw_runtime *rt = server->rt;
    const struct mw_engine *engine = server->engine;
    if (!(engine->can & MW_CAN_DRAIN))
        return mw_fail(rt, MW_EINVAL,
                       "the %s engine cannot finish what runs while it takes nothing new",
                       engine->name);
    if (server->draining)
        return mw_fail(rt, MW_EINVAL, "the server is being stopped already");
    server->draining = true;
    count(server); /* somebody waits for it */
    server->on_drained = fn;
    server->drained_ud = ud;
    server->drained.run = tell_drained;
    engine->drain(server->wire);
    return MW_OK;
}

int mw_server_tls(mw_runtime *rt, const struct mw_listen *how, struct mw_tls_server **tls)
{
    char wrong[200] = "";
    struct mw_tls_store *store = mw_runtime_tls(rt);
    *tls = NULL;
    if (store != NULL)
        *tls = mw_tls_server_new(store, how, wrong, sizeof wrong);
    if (*tls != NULL)
        return MW_OK;
    return wrong[0] == '\0' ? mw_fail(rt, MW_ENOMEM, "no memory for TLS")
                            : mw_fail(rt, MW_ESYSTEM, "%s", wrong);
}

int mw_server_port(const mw_server *server)
{
    return server->port;
}

mw_runtime *mw_server_runtime(const mw_server *server)
{
    return server->rt;
}
