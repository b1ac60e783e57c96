/* require "http": the C parts put together, and the Lua part, which is embedded, on top.
 * SPDX-License-Identifier: MIT */
#include "base/status.h"
#include "lua/context.h"
#include "lua/sources.h"

#include <string.h>

static void load_source(lua_State *L, const struct lua_source *source)
{
    char name[80];
    lua_pushfstring(L, "=%s", source->file);
    size_t length = strlen(lua_tostring(L, -1));
    memcpy(name, lua_tostring(L, -1), length < sizeof name ? length + 1 : sizeof name);
    name[sizeof name - 1] = '\0';
    lua_pop(L, 1);
    if (luaL_loadbuffer(L, (const char *)source->bytes, source->size, name) != 0)
        lua_error(L);
}

/* A package.preload entry; its upvalue is the source. */
static int load_module(lua_State *L)
{
    load_source(L, lua_touserdata(L, lua_upvalueindex(1)));
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

/* The modules beneath "http" come out of this library and not from the path. */
static void preload(lua_State *L)
{
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "preload");
    for (const struct lua_source *s = mw_lua_sources; s->module != NULL; s++) {
        if (strcmp(s->module, "http") == 0)
            continue;
        lua_pushlightuserdata(L, (void *)s);
        lua_pushcclosure(L, load_module, 1);
        lua_setfield(L, -2, s->module);
    }
    lua_pop(L, 2);
}

/* define(name, value): what the C part needs of the Lua part. */
static int define(lua_State *L)
{
    static const char *const names[] = {"headers", "payload", "query",   "pump",
                                        "upload",  "auth",    "content", NULL};
    static const char *const keys[] = {L_HEADERS, L_PAYLOAD, L_QUERY,  L_PUMP,
                                       L_UPLOAD,  L_AUTH,    L_CONTENT};
    int which = luaL_checkoption(L, 1, NULL, names);
    lua_settop(L, 2);
    lua_setfield(L, LUA_REGISTRYINDEX, keys[which]);
    return 0;
}

/* status_phrase(code) -> string; nil for what is no registered code. */
static int status_phrase(lua_State *L)
{
    double code = lua_type(L, 1) == LUA_TNUMBER ? lua_tonumber(L, 1) : 0;
    const char *phrase = "";
    if (code >= 100 && code <= 999 && code == (int)code)
        phrase = mw_status_phrase((int)code);
    if (*phrase == '\0')
        lua_pushnil(L);
    else
        lua_pushstring(L, phrase);
    return 1;
}

static void open_core(lua_State *L)
{
    lua_newtable(L);
    l_open_response(L);
    l_open_request(L);
    l_open_upload(L);
    l_open_download(L);
    l_open_auth(L);
    l_open_part(L);
    l_open_unknown(L);
    l_open_connection(L);
    l_open_timer(L);
    l_open_cookie_jar(L);
    l_open_agent(L);
    l_open_server(L);
    l_open_loop(L);
    l_open_policy(L);
    l_open_url(L);
    l_open_trace(L);
    lua_pushliteral(L, MW_VERSION);
    lua_setfield(L, -2, "version");
    lua_pushcfunction(L, l_traceback);
    lua_setfield(L, -2, "traceback");
    lua_pushcfunction(L, l_words);
    lua_setfield(L, -2, "words");
    lua_getfield(L, LUA_REGISTRYINDEX, L_THREAD); /* nil where callbacks run on the main state */
    lua_setfield(L, -2, "callback_thread");
    lua_pushcfunction(L, define);
    lua_setfield(L, -2, "define");
    lua_pushcfunction(L, status_phrase);
    lua_setfield(L, -2, "status_phrase");
    lua_pushlightuserdata(L, NULL); /* the very value of cjson.null */
    lua_setfield(L, -2, "null");
}

int luaopen_http(lua_State *L)
{
    l_context_get(L);
    preload(L);
    for (const struct lua_source *s = mw_lua_sources; s->module != NULL; s++) {
        if (strcmp(s->module, "http") != 0)
            continue;
        load_source(L, s);
        lua_pushliteral(L, "http");
        open_core(L);
        lua_call(L, 2, 1);
        return 1;
    }
    return luaL_error(L, "the Lua part of http is missing");
}
