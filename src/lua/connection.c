/* A connection beyond HTTP, as the Lua part wraps it.
 * SPDX-License-Identifier: MIT */
#include "lua/connection.h"

#include "lua/response.h"
#include "lua/server.h"

#define L_CONNECTION "moonwire.Connection"

enum { SLOT_WATCHER = 1, PIECE = 16 << 10 };

typedef struct l_connection {
    l_object object;
    mw_connection *c; /* NULL once closed */
} l_connection;

static l_connection *check_connection(lua_State *L)
{
    return luaL_checkudata(L, 1, L_CONNECTION);
}

static void forget_connection(l_object *object)
{
    ((l_connection *)object)->c = NULL;
}

mw_connection **l_connection_push(lua_State *L)
{
    l_connection *connection = l_object_new(L, sizeof *connection, L_CONNECTION, forget_connection);
    l_object_slots(L);
    return &connection->c;
}

static void tell_change(lua_State *L, void *ud)
{
    l_connection *connection = ud;
    lua_rawgeti(L, LUA_REGISTRYINDEX, connection->object.pin);
    lua_getfenv(L, -1);
    lua_rawgeti(L, -1, SLOT_WATCHER);
    l_call(connection->object.ctx, 0);
}

/* While it is open it stays; one that has gone, and will tell of nothing more, is its holder's. */
static void on_change(mw_connection *c, void *ud)
{
    l_connection *connection = ud;
    bool gone = mw_connection_gone(c) != 0;
    l_enter(connection->object.ctx, tell_change, connection);
    if (gone)
        l_unpin(&connection->object);
}

/* connection:watch(fn): fn() is called when more has come, when it has ended or gone, and when all
 * that was written is on its way. */
static int connection_watch(lua_State *L)
{
    l_connection *connection = check_connection(L);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    if (connection->c == NULL)
        return 0;
    lua_getfenv(L, 1);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, SLOT_WATCHER);
    if (connection->object.pin == LUA_NOREF)
        l_pin(L, 1, &connection->object);
    mw_connection_watch(connection->c, on_change, connection);
    return 0;
}

/* connection:take() -> what has come, or a part of it; "" for nothing */
static int connection_take(lua_State *L)
{
    l_connection *connection = check_connection(L);
    char bytes[PIECE];
    size_t n = connection->c != NULL ? mw_connection_read(connection->c, bytes, sizeof bytes) : 0;
    lua_pushlstring(L, bytes, n);
    return 1;
}

/* connection:write(bytes) -> true | nil, message, code */
static int connection_write(lua_State *L)
{
    l_connection *connection = check_connection(L);
    size_t length;
    const char *bytes = luaL_checklstring(L, 2, &length);
    if (connection->c != NULL)
        return l_server_answer(L, mw_connection_write(connection->c, bytes, length));
    lua_pushnil(L);
    lua_pushliteral(L, "the connection is closed");
    lua_pushliteral(L, "closed");
    return 3;
}

static int connection_pending(lua_State *L)
{
    const l_connection *connection = check_connection(L);
    lua_pushnumber(L, connection->c != NULL ? (lua_Number)mw_connection_pending(connection->c) : 0);
    return 1;
}

static int connection_ended(lua_State *L)
{
    const l_connection *connection = check_connection(L);
    lua_pushboolean(L, connection->c == NULL || mw_connection_ended(connection->c));
    return 1;
}

static int connection_gone(lua_State *L)
{
    const l_connection *connection = check_connection(L);
    lua_pushboolean(L, connection->c == NULL || mw_connection_gone(connection->c));
    return 1;
}

/* connection:failure() -> message, code; nothing where it ended in order */
static int connection_failure(lua_State *L)
{
    const l_connection *connection = check_connection(L);
    if (connection->c != NULL && mw_connection_error(connection->c) == MW_NO_ERROR)
        return 0;
    lua_pushstring(L, connection->c != NULL ? mw_connection_error_string(connection->c)
                                            : "the connection is closed");
    lua_pushliteral(L, "closed");
    return 2;
}

static int end_with(lua_State *L, void (*end)(mw_connection *c))
{
    l_connection *connection = check_connection(L);
    if (connection->c == NULL)
        return 0;
    end(connection->c);
    connection->c = NULL;
    l_unpin(&connection->object);
    return 0;
}

static int connection_close(lua_State *L)
{
    return end_with(L, mw_connection_close);
}

static int connection_abort(lua_State *L)
{
    return end_with(L, mw_connection_abort);
}

static int connection_gc(lua_State *L)
{
    l_connection *connection = check_connection(L);
    mw_connection_close(connection->c);
    connection->c = NULL;
    l_object_gc(&connection->object);
    return 0;
}

/* connection(response) -> that behind its upgrade | nil, message */
static int of_response(lua_State *L)
{
    l_response *r = l_response_check(L, 1);
    mw_connection **c = l_connection_push(L);
    if (r->x != NULL)
        *c = mw_exchange_take_connection(r->x);
    if (*c != NULL)
        return 1;
    lua_pushnil(L);
    lua_pushstring(L, r->x != NULL ? mw_message(r->object.ctx->rt) : "the runtime is closed");
    return 2;
}

void l_open_connection(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"watch", connection_watch},     {"take", connection_take},
        {"write", connection_write},     {"pending", connection_pending},
        {"ended", connection_ended},     {"gone", connection_gone},
        {"failure", connection_failure}, {"close", connection_close},
        {"abort", connection_abort},     {NULL, NULL}};
    l_object_type(L, L_CONNECTION, L_CONNECTION, methods, connection_gc);
    lua_pushcfunction(L, of_response);
    lua_setfield(L, -2, "connection");
}
