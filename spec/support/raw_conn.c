/* raw_conn.c: a connection of a test peer as the script sees it, accepted or made.
 * SPDX-License-Identifier: MIT */
#include "raw.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CONN_TYPE "raw.conn"

/* ---- methods ---- */

static raw_conn *check_conn(lua_State *L)
{
    return luaL_checkudata(L, 1, CONN_TYPE);
}

static int usable(const raw_conn *conn)
{
    return conn->fd >= 0 && !conn->closing && !conn->halving;
}

/* conn:send(bytes) -> true, or nil and "closed" */
static int conn_send(lua_State *L)
{
    raw_conn *conn = check_conn(L);
    size_t length;
    const char *bytes = luaL_checklstring(L, 2, &length);
    if (!usable(conn)) {
        lua_pushnil(L);
        lua_pushliteral(L, "closed");
        return 2;
    }
    if (raw_wire_send(conn, bytes, length) != 0)
        return luaL_error(L, "send: out of memory");
    lua_pushboolean(L, 1);
    return 1;
}

/* conn:close{ notify = true }: sends what waits, (TLS) close_notify and FIN. */
static int conn_close(lua_State *L)
{
    raw_conn *conn = check_conn(L);
    if (lua_istable(L, 2)) {
        lua_getfield(L, 2, "notify");
        if (lua_isboolean(L, -1) && !lua_toboolean(L, -1))
            conn->silent = 1;
    }
    raw_wire_close(conn);
    return 0;
}

/* conn:reset(): RST; what waits is lost. */
static int conn_reset(lua_State *L)
{
    raw_wire_reset(check_conn(L));
    return 0;
}

/* conn:half_close(): sends what waits, then FIN; still receives. */
static int conn_half_close(lua_State *L)
{
    raw_conn *conn = check_conn(L);
    if (usable(conn)) {
        conn->halving = 1;
        raw_wire_go(conn);
    }
    return 0;
}

static int conn_pause(lua_State *L)
{
    raw_wire_pause(check_conn(L), 1);
    return 0;
}

static int conn_resume(lua_State *L)
{
    raw_wire_pause(check_conn(L), 0);
    return 0;
}

static void push_tls(lua_State *L, const raw_conn *conn)
{
    if (!conn->tls.version) {
        lua_pushnil(L);
        return;
    }
    lua_newtable(L);
    lua_pushstring(L, conn->tls.version);
    lua_setfield(L, -2, "version");
    lua_pushboolean(L, conn->tls.resumed);
    lua_setfield(L, -2, "resumed");
    if (conn->tls.server_name[0]) {
        lua_pushstring(L, conn->tls.server_name);
        lua_setfield(L, -2, "server_name");
    }
    if (conn->tls.alpn[0]) {
        lua_pushstring(L, conn->tls.alpn);
        lua_setfield(L, -2, "alpn");
    }
    if (conn->tls.subject[0]) {
        lua_pushstring(L, conn->tls.subject);
        lua_setfield(L, -2, "subject");
    }
}

static int conn_property(lua_State *L, const char *name)
{
    const raw_conn *conn = lua_touserdata(L, 1);
    if (strcmp(name, "open") == 0)
        lua_pushboolean(L, conn->fd >= 0 && !conn->closing);
    else if (strcmp(name, "received") == 0)
        lua_pushlstring(L, conn->in ? conn->in : "", conn->in_length);
    else if (strcmp(name, "received_count") == 0)
        lua_pushnumber(L, (lua_Number)conn->in_length);
    else if (strcmp(name, "unsent_count") == 0)
        lua_pushnumber(L, (lua_Number)raw_wire_unsent(conn));
    else if (strcmp(name, "closed") == 0)
        lua_pushstring(L, conn->how);
    else if (strcmp(name, "detail") == 0)
        lua_pushstring(L, conn->detail);
    else if (strcmp(name, "tls") == 0)
        push_tls(L, conn);
    else
        return 0;
    return 1;
}

/* ---- making one ---- */

static void conn_release(raw_object *object)
{
    raw_conn *conn = (raw_conn *)object;
    raw_wire_shut(conn);
    if (!object
             ->pinned) { /* collected, or the state is being closed: nobody can read it any more */
        free(conn->in);
        conn->in = NULL;
        conn->in_length = conn->in_size = 0;
    }
}

raw_conn *raw_conn_new(lua_State *L, raw_context *ctx)
{
    raw_conn *conn = raw_new(L, ctx, CONN_TYPE, sizeof *conn, conn_release);
    conn->fd = -1;
    return conn;
}

void raw_conn_start(lua_State *L, int index)
{
    raw_conn *conn = lua_touserdata(L, index);
    if (raw_wire_start(conn) != 0)
        luaL_error(L, "connection: out of memory");
    raw_pin(L, index);
    raw_wire_go(conn);
}

/* raw.connect{ host=, port=, tls=true or { server_name=, alpn="h2,http/1.1", cert_file=,
 * key_file=, max_version= }, on_connect=, on_secure=, on_data=,
 * on_close=, allow_half_open= } -> conn. A failure is told by on_close. */
static int l_connect(lua_State *L)
{
    struct sockaddr_storage address;
    luaL_checktype(L, 1, LUA_TTABLE);
    socklen_t length = raw_address(L, 1, &address);
    lua_getfield(L, 1, "tls");
    int tls = lua_toboolean(L, -1);
    int tls_index = lua_gettop(L);
    raw_conn *conn = raw_conn_new(L, raw_context_of(L));
    int index = lua_gettop(L);
    static const char *const fields[] = {"on_connect", "on_secure",       "on_data",
                                         "on_close",   "allow_half_open", NULL};
    for (int i = 0; fields[i]; i++)
        raw_copy_field(L, 1, fields[i]);

    conn->fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (conn->fd < 0 || (tls && raw_tls_connect(L, tls_index, conn) != 0))
        return luaL_error(L, "connect: no socket or no TLS: %s", strerror(errno));
    conn->connecting = 1;
    int refused = 0;
    if (connect(conn->fd, (struct sockaddr *)&address, length) != 0 && errno != EINPROGRESS)
        refused = errno;
    raw_conn_start(L, index);
    if (refused) /* told from the loop, like every other failure */
        raw_wire_fail(conn, refused);
    return 1;
}

void raw_open_conn(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"send", conn_send},   {"close", conn_close},
        {"reset", conn_reset}, {"half_close", conn_half_close},
        {"pause", conn_pause}, {"resume", conn_resume},
        {NULL, NULL},
    };
    static const luaL_Reg functions[] = {{"connect", l_connect}, {NULL, NULL}};
    raw_type(L, CONN_TYPE, methods, conn_property);
    raw_register(L, functions);
}
