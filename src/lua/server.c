/* What http.serve and http.app stand on: a listening server.
 * SPDX-License-Identifier: MIT */
#include "lua/server.h"

#define L_SERVER "moonwire.Server"

enum { SLOT_HANDLER = 1, SLOT_DRAINED };

typedef struct l_server {
    l_object object;
    mw_server *server; /* NULL once closed */
} l_server;

static l_server *check_server(lua_State *L)
{
    return luaL_checkudata(L, 1, L_SERVER);
}

static void forget_server(l_object *object)
{
    ((l_server *)object)->server = NULL;
}

int l_server_answer(lua_State *L, int result)
{
    if (result == MW_OK) {
        lua_pushboolean(L, 1);
        return 1;
    }
    const char *message = mw_message(l_context_get(L)->rt);
    if (result == MW_EINVAL)
        return luaL_error(L, "%s", message);
    lua_pushnil(L);
    lua_pushstring(L, message);
    lua_pushstring(L, result == MW_ECLOSED ? "closed" : result == MW_ENOMEM ? "memory" : "system");
    return 3;
}

struct arrival {
    l_server *server;
    mw_request *r;
    bool taken; /* a userdata has it */
};

static void tell_request(lua_State *L, void *ud)
{
    struct arrival *a = ud;
    lua_rawgeti(L, LUA_REGISTRYINDEX, a->server->object.pin);
    lua_getfenv(L, -1);
    lua_rawgeti(L, -1, SLOT_HANDLER);
    l_object *request = l_request_push(L, a->r);
    a->taken = true;
    l_call(request->ctx, 1);
}

static void on_request(mw_server *server, mw_request *r, void *ud)
{
    struct arrival a = {ud, r, false};
    (void)server;
    l_enter(a.server->object.ctx, tell_request, &a);
    if (!a.taken)
        mw_reply_end(r); /* no memory: the connection is closed */
}

/* The list at the top of the stack, of { host, cert_file, key_file }. What it is made of stays in a
 * userdata, which replaces it there. */
static void read_certificates(lua_State *L, mw_listen *how)
{
    int list = lua_gettop(L);
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    how->certificate_count = lua_objlen(L, list);
    mw_certificate *own = lua_newuserdata(L, (how->certificate_count + 1) * sizeof *own);
    for (size_t i = 0; i < how->certificate_count; i++) {
        lua_rawgeti(L, list, (int)i + 1);
        for (int field = 1; field <= 3; field++)
            lua_rawgeti(L, list + 2, field);
        own[i].host = l_option_string(L, "tls.hosts", -3);
        own[i].cert_file = l_option_string(L, "tls.hosts", -2);
        own[i].key_file = lua_isnil(L, -1) ? NULL : l_option_string(L, "tls.hosts", -1);
        lua_settop(L, list + 1);
    }
    how->certificates = own;
}

static void read_listen(lua_State *L, mw_listen *how)
{
    lua_getfield(L, 1, "host");
    if (!lua_isnil(L, -1))
        how->host = l_option_string(L, "host", -1);
    lua_getfield(L, 1, "port");
    if (!lua_isnil(L, -1))
        how->port = (int)l_option_number(L, "port", -1, 0, 65535);
    lua_getfield(L, 1, "unix");
    if (!lua_isnil(L, -1))
        how->unix_path = l_option_string(L, "unix", -1);
    lua_getfield(L, 1, "backlog");
    if (!lua_isnil(L, -1))
        how->backlog = (int)l_option_number(L, "backlog", -1, 1, 65535);
    lua_getfield(L, 1, "cert_file");
    if (!lua_isnil(L, -1))
        how->cert_file = l_option_string(L, "tls.cert_file", -1);
    lua_getfield(L, 1, "key_file");
    if (!lua_isnil(L, -1))
        how->key_file = l_option_string(L, "tls.key_file", -1);
    lua_getfield(L, 1, "client_ca_file");
    if (!lua_isnil(L, -1))
        how->client_ca_file = l_option_string(L, "tls.client_ca_file", -1);
    lua_getfield(L, 1, "certificates");
    if (!lua_isnil(L, -1))
        read_certificates(L, how);
    lua_getfield(L, 1, "max_head_size");
    if (!lua_isnil(L, -1))
        how->max_head_size = (size_t)l_option_number(L, "max_head_size", -1, 1, 1e15);
    lua_getfield(L, 1, "max_body_size");
    if (!lua_isnil(L, -1))
        how->max_body_size = (uint64_t)l_option_number(L, "max_body_size", -1, 1, 1e15);
    lua_getfield(L, 1, "stream");
    how->stream = lua_toboolean(L, -1);
    lua_getfield(L, 1, "idle_timeout");
    if (!lua_isnil(L, -1))
        how->idle_timeout = l_option_number(L, "idle_timeout", -1, 0.001, 1e9);
    lua_getfield(L, 1, "header_timeout");
    if (!lua_isnil(L, -1))
        how->header_timeout = l_option_number(L, "header_timeout", -1, 0.001, 1e9);
    lua_getfield(L, 1, "min_rate");
    if (!lua_isnil(L, -1))
        how->min_rate = (size_t)l_option_number(L, "min_rate", -1, 1, 1e15);
    lua_getfield(L, 1, "origin");
    if (!lua_isnil(L, -1))
        how->origin = l_option_string(L, "origin", -1);
    lua_getfield(L, 1, "reuse_port");
    how->reuse_port = lua_toboolean(L, -1);
}

/* listen(options, handler(request)) -> server | nil, message, code. serve.lua checks the options.
 */
static int listen_on(lua_State *L)
{
    mw_listen how = {0};
    l_context *ctx = l_context_get(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    if (ctx->rt == NULL)
        return luaL_error(L, "the runtime is closed");
    read_listen(L, &how);
    l_server *server = l_object_new(L, sizeof *server, L_SERVER, forget_server);
    l_object_slots(L);
    lua_getfenv(L, -1);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, SLOT_HANDLER);
    lua_pop(L, 1);
    l_pin(L, -1, &server->object);
    how.on_request = on_request;
    how.ud = server;
    int result = mw_server_listen(ctx->rt, &how, &server->server);
    if (result == MW_OK)
        return 1;
    l_unpin(&server->object);
    return l_server_answer(L, result);
}

static int server_port(lua_State *L)
{
    const l_server *server = check_server(L);
    lua_pushinteger(L, server->server != NULL ? mw_server_port(server->server) : 0);
    return 1;
}

/* server:add_origin(origin) -> true: one more, for a server in the process. */
static int server_add_origin(lua_State *L)
{
    const l_server *server = check_server(L);
    const char *origin = luaL_checkstring(L, 2);
    if (server->server == NULL)
        return luaL_error(L, "the server is closed");
    return l_server_answer(L, mw_server_add_origin(server->server, origin));
}

static void tell_drained(lua_State *L, void *ud)
{
    l_server *server = ud;
    lua_rawgeti(L, LUA_REGISTRYINDEX, server->object.pin);
    lua_getfenv(L, -1);
    lua_rawgeti(L, -1, SLOT_DRAINED);
    l_call(server->object.ctx, 0);
}

static void on_drained(mw_server *server, void *ud)
{
    l_server *self = ud;
    (void)server;
    l_enter(self->object.ctx, tell_drained, self);
}

/* server:drain(fn) -> true: takes nothing new; fn() once all that runs is over. */
static int server_drain(lua_State *L)
{
    l_server *server = check_server(L);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    if (server->server == NULL)
        return luaL_error(L, "the server is closed");
    lua_settop(L, 2);
    lua_getfenv(L, 1);
    lua_insert(L, 2);
    lua_rawseti(L, 2, SLOT_DRAINED);
    return l_server_answer(L, mw_server_drain(server->server, on_drained, server));
}

static int server_close(lua_State *L)
{
    l_server *server = check_server(L);
    if (server->server == NULL)
        return 0;
    mw_server_free(server->server);
    server->server = NULL;
    l_unpin(&server->object);
    return 0;
}

static int server_gc(lua_State *L)
{
    l_server *server = check_server(L);
    mw_server_free(server->server);
    server->server = NULL;
    l_object_gc(&server->object);
    return 0;
}

void l_open_server(lua_State *L)
{
    static const luaL_Reg of_server[] = {{"port", server_port},
                                         {"add_origin", server_add_origin},
                                         {"drain", server_drain},
                                         {"close", server_close},
                                         {NULL, NULL}};
    l_object_type(L, L_SERVER, L_SERVER, of_server, server_gc);
    l_open_server_request(L);
    lua_pushcfunction(L, listen_on);
    lua_setfield(L, -2, "listen");
}
