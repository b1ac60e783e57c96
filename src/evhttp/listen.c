/* A server's listening socket: an address and port, or a file.
 * SPDX-License-Identifier: MIT */
#include "evhttp/state.h"

#include <event2/event.h>
#include <event2/listener.h>

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un file;
};

/* Returns its size, or 0 with words for why there is none. */
static int address_of(mw_runtime *rt, const struct mw_listen *how, union address *a)
{
    struct mw_addresses found;
    int size = (int)sizeof *a;
    memset(a, 0, sizeof *a);
    if (how->unix_path != NULL) {
        size_t length = strlen(how->unix_path);
        if (length == 0 || length >= sizeof a->file.sun_path) {
            mw_fail(rt, MW_EINVAL, "bad unix_path: its length is not between 1 and %zu bytes",
                    sizeof a->file.sun_path - 1);
            return 0;
        }
        a->file.sun_family = AF_UNIX;
        memcpy(a->file.sun_path, how->unix_path, length);
        return (int)sizeof a->file;
    }
    if (!mw_resolve_literal(how->host, &found) || /* libevent would ask a name server, and wait */
        evutil_parse_sockaddr_port(found.text[0], &a->any, &size) != 0) {
        mw_fail(rt, MW_ESYSTEM, "cannot listen on %.80s: it is not an address", how->host);
        return 0;
    }
    if (a->any.sa_family == AF_INET6)
        a->v6.sin6_port = htons((uint16_t)how->port);
    else
        a->v4.sin_port = htons((uint16_t)how->port);
    return size;
}

static int cannot_listen(mw_runtime *rt, const struct mw_listen *how)
{
    const char *why = errno != 0 ? strerror(errno) : "not an address of this machine";
    if (how->unix_path != NULL)
        return mw_fail(rt, MW_ESYSTEM, "cannot listen on %.120s: %s", how->unix_path, why);
    return mw_fail(rt, MW_ESYSTEM, "cannot listen on %.80s port %d: %s", how->host, how->port, why);
}

static int port_of(mw_runtime *rt, struct evhttp_bound_socket *bound, int *port)
{
    union address a = {.any = {0}};
    socklen_t size = sizeof a;
    if (getsockname(evhttp_bound_socket_get_fd(bound), &a.any, &size) != 0)
        return mw_fail(rt, MW_ESYSTEM, "cannot tell the port: %s", strerror(errno));
    if (a.any.sa_family == AF_UNIX)
        *port = 0;
    else
        *port = ntohs(a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
    return MW_OK;
}

static int bind_to(struct listener *l, const struct mw_listen *how, int *port)
{
    mw_runtime *rt = mw_server_runtime(l->server);
    union address a;
    int size = address_of(rt, how, &a);
    if (size == 0)
        return how->unix_path != NULL ? MW_EINVAL : MW_ESYSTEM;
    errno = 0;
    struct evconnlistener *listening = evconnlistener_new_bind(
        rt->base, NULL, NULL, LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_CLOSE_ON_FREE,
        how->backlog, &a.any, size);
    if (listening == NULL)
        return cannot_listen(rt, how);
    struct evhttp_bound_socket *bound = evhttp_bind_listener(l->http, listening);
    if (bound == NULL) {
        evconnlistener_free(listening);
        return mw_fail(rt, MW_ENOMEM, "no memory for a server");
    }
    if (how->unix_path != NULL) {
        l->unix_path = mw_strdup(&rt->allocator, how->unix_path);
        if (l->unix_path == NULL) {
            unlink(how->unix_path);
            return mw_fail(rt, MW_ENOMEM, "no memory for a server");
        }
        struct stat file;
        if (stat(how->unix_path, &file) == 0) {
            l->unix_device = file.st_dev;
            l->unix_inode = file.st_ino;
        }
    }
    return port_of(rt, bound, port);
}

static struct bufferevent *on_accept(struct event_base *base, void *arg)
{
    struct listener *l = arg;
    return mw_tls_accept(l->tls, base);
}

static int open_tls(struct listener *l, const struct mw_listen *how)
{
    char wrong[200];
    mw_runtime *rt = mw_server_runtime(l->server);
    l->tls = mw_tls_server_new(&rt->allocator, how->cert_file, how->key_file, wrong, sizeof wrong);
    if (l->tls == NULL && wrong[0] == '\0')
        return mw_fail(rt, MW_ENOMEM, "no memory for TLS");
    if (l->tls == NULL)
        return mw_fail(rt, MW_ESYSTEM, "%s", wrong);
    evhttp_set_bevcb(l->http, on_accept, l);
    return MW_OK;
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
    struct timeval idle = mw_timeval(how->idle_timeout);
    evhttp_set_timeout_tv(l->http, &idle);
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
    int result = open_listener(l, how, port);
    if (result != MW_OK) {
        server_unlisten(l);
        return result;
    }
    *wire = l;
    return MW_OK;
}

/* Another server may have taken the file's place. */
static bool is_ours(const struct listener *l)
{
    struct stat now;
    return stat(l->unix_path, &now) == 0 && now.st_dev == l->unix_device &&
           now.st_ino == l->unix_inode;
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
    if (l->unix_path != NULL && is_ours(l))
        unlink(l->unix_path);
    mw_dealloc(a, l->unix_path);
    mw_tls_server_free(l->tls);
    mw_dealloc(a, l);
}
