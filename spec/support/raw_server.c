/* raw_server.c: a listening socket of a test peer, which hands every connection to the script.
 * SPDX-License-Identifier: MIT */
#include "raw.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#define SERVER_TYPE "raw.server"
#define BACKLOG 128

typedef struct raw_server {
    raw_object object;
    int fd; /* -1 once closed */
    int port;
    int accepted;
    struct event *event;
    struct ssl_ctx_st *tls;
} raw_server;

static void server_release(raw_object *object)
{
    raw_server *server = (raw_server *)object;
    if (server->event)
        event_free(server->event);
    server->event = NULL;
    if (server->fd >= 0)
        close(server->fd);
    server->fd = -1;
    raw_tls_free_context(server->tls);
    server->tls = NULL;
}

/* Takes one connection a turn: the userdata first, then the socket. */
static int accept_one(lua_State *L)
{
    raw_server *server = lua_touserdata(L, 1);
    raw_conn *conn = raw_conn_new(L, server->object.ctx);
    int index = lua_gettop(L);
    conn->fd = accept4(server->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (conn->fd < 0) {
        if (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR)
            return 0;
        return luaL_error(L, "accept: %s", strerror(errno));
    }
    server->accepted++;
    if (server->tls && raw_tls_accept(conn, server->tls) != 0)
        return luaL_error(L, "accept: no TLS");
    raw_conn_start(L, index);

    raw_push(L, server);
    lua_getfield(L, -1, "on_connect");
    if (lua_isnil(L, -1))
        return 0;
    lua_pushvalue(L, index);
    raw_pcall(L, server->object.ctx, 1);
    return 0;
}

static void on_acceptable(evutil_socket_t fd, short what, void *ud)
{
    (void)fd;
    (void)what;
    raw_server *server = ud;
    raw_protect(server->object.ctx, accept_one, server);
}

/* server:close(): stops listening; its connections stay. */
static int server_close(lua_State *L)
{
    raw_server *server = luaL_checkudata(L, 1, SERVER_TYPE);
    server_release(&server->object);
    raw_unpin(&server->object);
    return 0;
}

static int server_property(lua_State *L, const char *name)
{
    const raw_server *server = lua_touserdata(L, 1);
    if (strcmp(name, "port") == 0)
        lua_pushinteger(L, server->port);
    else if (strcmp(name, "accepted") == 0)
        lua_pushinteger(L, server->accepted);
    else if (strcmp(name, "open") == 0)
        lua_pushboolean(L, server->fd >= 0);
    else
        return 0;
    return 1;
}

/* raw.listen{ host=, port=, tls={ cert_file=, key_file=, min_version=, max_version=,
 * client_ca_file= },
 * on_connect=function(conn) end } -> server, or nil and why. Its fields `host` and `secure` serve
 * to make URLs. on_connect runs as soon as TCP connects; what it sends waits for the handshake. */
static int l_listen(lua_State *L)
{
    struct sockaddr_storage address;
    luaL_checktype(L, 1, LUA_TTABLE);
    socklen_t length = raw_address(L, 1, &address);
    lua_getfield(L, 1, "tls");
    int secure = lua_toboolean(L, -1);
    int tls_index = lua_gettop(L);

    raw_server *server = raw_new(L, raw_context_of(L), SERVER_TYPE, sizeof *server, server_release);
    int index = lua_gettop(L);
    server->fd = -1;
    if (secure)
        raw_tls_server(L, tls_index, &server->tls);
    lua_settop(L, index);
    raw_copy_field(L, 1, "on_connect");
    raw_copy_field(L, 1, "host");
    lua_pushboolean(L, secure);
    lua_setfield(L, index, "secure");

    server->fd = raw_listen_socket(&address, length, BACKLOG);
    if (server->fd < 0) {
        lua_pushnil(L);
        lua_pushstring(L, strerror(errno));
        return 2;
    }
    server->port = raw_port(server->fd);
    server->event = event_new(server->object.ctx->base, server->fd, EV_READ | EV_PERSIST,
                              on_acceptable, server);
    if (!server->event)
        return luaL_error(L, "listen: out of memory");
    raw_pin(L, index);
    event_add(server->event, NULL);
    lua_settop(L, index);
    return 1;
}

void raw_open_server(lua_State *L)
{
    static const luaL_Reg methods[] = {{"close", server_close}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"listen", l_listen}, {NULL, NULL}};
    raw_type(L, SERVER_TYPE, methods, server_property);
    raw_register(L, functions);
}
