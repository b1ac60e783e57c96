/* A server: its socket, its limits, its certificate.
 * SPDX-License-Identifier: MIT */
#include "evhttp/state.h"

#include <event2/event.h>
#include <event2/listener.h>

static int bind_to(struct listener *l, const struct mw_listen *how, int *port)
{
    char wrong[200];
    mw_runtime *rt = mw_server_runtime(l->server);
    int result = mw_listening_open(&l->listening, &rt->allocator, how, wrong, sizeof wrong);
    if (result != MW_OK)
        return mw_fail(rt, result, "%s", wrong);
    struct evconnlistener *listener = evconnlistener_new(
        rt->base, NULL, NULL, LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_CLOSE_ON_FREE, 0, l->listening.fd);
    if (listener == NULL)
        return mw_fail(rt, MW_ENOMEM, "no memory for a server");
    l->listening.fd = -1; /* it closes it */
    if (evhttp_bind_listener(l->http, listener) == NULL) {
        evconnlistener_free(listener);
        return mw_fail(rt, MW_ENOMEM, "no memory for a server");
    }
    *port = l->listening.port;
    return MW_OK;
}

static struct bufferevent *on_accept(struct event_base *base, void *arg)
{
    struct listener *l = arg;
    return mw_tls_bev_accept(l->tls, base);
}

static int open_tls(struct listener *l, const struct mw_listen *how)
{
    int result = mw_server_tls(mw_server_runtime(l->server), how, &l->tls);
    if (result == MW_OK)
        evhttp_set_bevcb(l->http, on_accept, l);
    return result;
}

static int open_listener(struct listener *l, const struct mw_listen *how, int *port)
{
    mw_runtime *rt = mw_server_runtime(l->server);
    l->http = evhttp_new(rt->base);
    l->flush = evtimer_new(rt->base, server_flush, l);
    if (l->http == NULL || l->flush == NULL)
        return mw_fail(rt, MW_ENOMEM, "no memory for a server");
    int result = how->cert_file != NULL ? open_tls(l, how) : MW_OK;
    if (result != MW_OK)
        return result;
    l->idle = mw_timeval(how->idle_timeout);
    evhttp_set_timeout_tv(l->http, &l->idle);
    evhttp_set_max_headers_size(l->http, (ev_ssize_t)how->max_head_size);
    evhttp_set_max_body_size(l->http, (ev_ssize_t)how->max_body_size);
    evhttp_set_allowed_methods(l->http, 0xffff); /* unknown ones get our own 501 */
    evhttp_set_default_content_type(l->http, NULL);
    evhttp_set_gencb(l->http, server_on_request, l);
    return bind_to(l, how, port);
}

int server_listen(mw_server *server, const struct mw_listen *how, void **wire, int *port)
{
    mw_runtime *rt = mw_server_runtime(server);
    struct listener *l = mw_zalloc(&rt->allocator, sizeof *l);
    if (l == NULL)
        return mw_fail(rt, MW_ENOMEM, "no memory for a server");
    l->server = server;
    l->listening.fd = -1;
    int result = open_listener(l, how, port);
    if (result != MW_OK) {
        server_unlisten(l);
        return result;
    }
    *wire = l;
    return MW_OK;
}

void server_unlisten(void *wire)
{
    struct listener *l = wire;
    const struct mw_allocator *a = &mw_server_runtime(l->server)->allocator;
    while (l->unsent_count > 0)
        bufferevent_decref(l->unsent[--l->unsent_count]);
    if (l->flush != NULL)
        event_free(l->flush);
    if (l->http != NULL)
        evhttp_free(l->http);
    mw_listening_close(&l->listening, a);
    mw_tls_server_free(l->tls);
    mw_dealloc(a, l);
}
