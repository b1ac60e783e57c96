/* What http.url is made of: URLs resolved, bytes percent-encoded and decoded.
 * SPDX-License-Identifier: MIT */
#include "lua/context.h"

#include <string.h>

static void set(lua_State *L, const char *field, mw_bytes bytes)
{
    if (bytes.at == NULL)
        return;
    lua_pushlstring(L, bytes.at, bytes.length);
    lua_setfield(L, -2, field);
}

static int push_parts(lua_State *L)
{
    const mw_uri *uri = lua_touserdata(L, 1);
    lua_createtable(L, 0, 12);
    lua_pushstring(L, uri->href);
    lua_setfield(L, -2, "href");
    lua_pushlstring(L, uri->scheme.at, uri->scheme.length);
    lua_pushliteral(L, ":");
    lua_concat(L, 2);
    lua_setfield(L, -2, "protocol");
    set(L, "user", uri->user);
    set(L, "password", uri->password);
    set(L, "hostname", uri->host);
    if (uri->zone.at != NULL) { /* as the option hostname takes it */
        lua_pushlstring(L, uri->host.at, uri->host.length);
        lua_pushliteral(L, "%");
        lua_pushlstring(L, uri->zone.at, uri->zone.length);
        lua_concat(L, 3);
        lua_setfield(L, -2, "hostname");
    }
    if (uri->port != 0) {
        lua_pushinteger(L, uri->port);
        lua_setfield(L, -2, "port");
    }
    set(L, "path", uri->path);
    set(L, "query", uri->query);
    set(L, "fragment", uri->fragment);
    set(L, "origin", uri->origin);
    return 1;
}

/* url_resolve(reference [, base]) -> table of parts; or nil, message. */
static int resolve(lua_State *L)
{
    mw_uri uri;
    mw_bytes reference, base;
    reference.at = luaL_checklstring(L, 1, &reference.length);
    base.at = luaL_optlstring(L, 2, NULL, &base.length);
    const l_context *ctx = l_context_get(L);
    if (ctx->rt == NULL)
        return luaL_error(L, "the runtime is closed");
    lua_pushcfunction(L,
                      push_parts); /* before there is anything that an error would leave behind */
    lua_pushlightuserdata(L, &uri);
    if (mw_uri_resolve(ctx->rt, base.at != NULL ? &base : NULL, reference, &uri) != MW_OK) {
        lua_pushnil(L);
        lua_pushstring(L, mw_message(ctx->rt));
        return 2;
    }
    int result = lua_pcall(L, 1, 1, 0);
    mw_uri_free(ctx->rt, &uri);
    return result == 0 ? 1 : lua_error(L);
}

/* url_encode(text, keep) -> string */
static int encode(lua_State *L)
{
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length), *keep = luaL_checkstring(L, 2);
    if (length == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    char *room = lua_newuserdata(L, 3 * length);
    lua_pushlstring(L, room, mw_uri_encode(room, text, length, keep));
    return 1;
}

/* url_decode(text) -> string; or nil and the place of an escape that is none, counted from 1. */
static int decode(lua_State *L)
{
    size_t length, at = 0;
    const char *text = luaL_checklstring(L, 1, &length);
    char *room = lua_newuserdata(L, length + 1);
    long long decoded = mw_uri_decode(room, text, length, &at);
    if (decoded >= 0) {
        lua_pushlstring(L, room, (size_t)decoded);
        return 1;
    }
    lua_pushnil(L);
    lua_pushinteger(L, (lua_Integer)at + 1);
    return 2;
}

void l_open_url(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"url_resolve", resolve}, {"url_encode", encode}, {"url_decode", decode}, {NULL, NULL}};
    for (const luaL_Reg *f = functions; f->name != NULL; f++) {
        lua_pushcfunction(L, f->func);
        lua_setfield(L, -2, f->name);
    }
}
