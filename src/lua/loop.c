/* The loop as a script sees it: http.run, http.poll, http.now, and what tests ask of the runtime.
 * SPDX-License-Identifier: MIT */
#include "lua/context.h"

#include "core/runtime.h"
#include "lua/options.h"

#include <math.h>
#include <string.h>

static l_context *check(lua_State *L)
{
    l_context *ctx = l_context_get(L);
    if (ctx->rt == NULL)
        luaL_error(L, "the runtime is closed");
    return ctx;
}

/* Callbacks run on the main state; while a coroutine runs, that one is not free. */
static l_context *check_main(lua_State *L)
{
    if (lua_pushthread(L) != 1)
        luaL_error(L, "the loop cannot be run from inside a coroutine; await in a task instead "
                      "(http.spawn)");
    lua_pop(L, 1);
    return check(L);
}

static int fail(lua_State *L)
{
    return luaL_error(L, "the loop is already running: a handler cannot wait; await in a task "
                         "instead (http.spawn)");
}

/* run(): until nothing is pending. */
static int run(lua_State *L)
{
    if (mw_run(check_main(L)->rt) == MW_ELOOP)
        return fail(L);
    return 0;
}

/* poll([seconds]) -> pending: runs what is ready, waits at most so long; without seconds, until
 * something happens. */
static int poll(lua_State *L)
{
    lua_Number seconds = luaL_optnumber(L, 1, -1);
    int pending = mw_poll(check_main(L)->rt, seconds);
    if (pending == MW_ELOOP)
        return fail(L);
    lua_pushinteger(L, pending);
    return 1;
}

/* looping() -> boolean: whether the loop is running now, so that it cannot be run again. */
static int looping(lua_State *L)
{
    const mw_runtime *rt = check(L)->rt;
    lua_pushboolean(L, rt->looping || rt->callback_depth > 0);
    return 1;
}

static int now(lua_State *L)
{
    lua_pushnumber(L, mw_now());
    return 1;
}

/* The place of a string in a list, -1 if it is not there. */
static int index_of(lua_State *L, int at, const char *const *list)
{
    for (int i = 0; lua_type(L, at) == LUA_TSTRING && list[i] != NULL; i++) {
        if (strcmp(lua_tostring(L, at), list[i]) == 0)
            return i;
    }
    return -1;
}

enum { RESOLV_CONF, HOSTS_FILE, ENGINE, KEYLOG_FILE, SETTINGS };

static const char *const limits[] = {"max_connections", "max_connections_per_origin", NULL};

/* Options that are numbers, with where they go. Returns false if this is none of them. */
static bool take_limit(lua_State *L, mw_runtime *rt, int key, int value)
{
    int i = index_of(L, key, limits);
    double number = lua_tonumber(L, value);
    if (i < 0)
        return false;
    if (lua_type(L, value) == LUA_TBOOLEAN && !lua_toboolean(L, value))
        number = 0;
    else if (lua_type(L, value) != LUA_TNUMBER || number != floor(number) || number < 1 ||
             number > 1e6)
        l_bad_option(L, limits[i], "integer above 0, or false for the default", value);
    mw_set_max_connections(rt, i == 1, (unsigned)number);
    return true;
}

static int apply(mw_runtime *rt, const char *const *values, const bool *given, bool others)
{
    bool names =
        given[RESOLV_CONF] || given[HOSTS_FILE] || !(given[ENGINE] || given[KEYLOG_FILE] || others);
    int result = MW_OK;
    if (given[ENGINE])
        result = mw_set_engine(rt, values[ENGINE]);
    if (result == MW_OK && names)
        result = mw_set_names(rt, values[RESOLV_CONF], values[HOSTS_FILE]);
    if (result == MW_OK && given[KEYLOG_FILE])
        result = mw_set_keylog(rt, values[KEYLOG_FILE]);
    return result;
}

/* Throws for the key below the top, which is neither one of those nor a limit. */
static int refuse(lua_State *L, const char *const *known)
{
    int key = lua_gettop(L) - 1;
    lua_newtable(L);
    for (int i = 0; i < 2; i++) {
        for (const char *const *name = i == 0 ? known : limits; *name != NULL; name++) {
            lua_pushboolean(L, 1);
            lua_setfield(L, -2, *name);
        }
    }
    return l_unknown_option(L, key, lua_gettop(L));
}

/* configure{ resolv_conf=, hosts_file=, engine=, keylog_file=, max_connections=,
 * max_connections_per_origin= }: other files for name look-up than the system's, another engine, a
 * file for the secrets of TLS, limits of the client's connections. The files for names are the
 * system's again where they are not given; the engine stays, and so does the last one, unless it is
 * false. Returns true; or nil, words and "system" where that one cannot be opened. */
static int configure(lua_State *L)
{
    static const char *const known[] = {"resolv_conf", "hosts_file", "engine", "keylog_file", NULL};
    const char *values[SETTINGS] = {NULL, NULL, NULL, NULL};
    bool given[SETTINGS] = {false, false, false, false};
    bool others = false;
    luaL_checktype(L, 1, LUA_TTABLE);
    l_context *ctx = check(L);
    lua_settop(L, 1);
    lua_pushnil(L);
    while (lua_next(L, 1) != 0) {
        if (take_limit(L, ctx->rt, -2, -1)) {
            others = true;
            lua_pop(L, 1);
            continue;
        }
        int i = index_of(L, -2, known);
        if (i < 0)
            return refuse(L, known);
        given[i] = true;
        if (i != KEYLOG_FILE || lua_type(L, -1) != LUA_TBOOLEAN || lua_toboolean(L, -1))
            values[i] = l_option_string(L, known[i], -1);
        lua_pop(L, 1);
    }
    int result = apply(ctx->rt, values, given, others);
    if (result == MW_OK) {
        lua_pushboolean(L, 1);
        return 1;
    }
    if (result != MW_ESYSTEM)
        return luaL_error(L, "%s", mw_message(ctx->rt));
    lua_pushnil(L);
    lua_pushstring(L, mw_message(ctx->rt));
    lua_pushliteral(L, "system");
    return 3;
}

/* engine() -> the name of the one in use. */
static int engine(lua_State *L)
{
    lua_pushstring(L, mw_engine_name(check(L)->rt));
    return 1;
}

/* engines() -> { name, ... }: those in this build. */
static int engines(lua_State *L)
{
    const char *name;
    lua_newtable(L);
    for (int i = 0; (name = mw_engine_at((size_t)i)) != NULL; i++) {
        lua_pushstring(L, name);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* can(capability) -> boolean; can() -> { capability = boolean, ... }: of the engine in use. */
static int can(lua_State *L)
{
    const mw_runtime *rt = check(L)->rt;
    const char *name;
    if (!lua_isnoneornil(L, 1)) {
        name = luaL_checkstring(L, 1);
        int answer = mw_engine_can(rt, name);
        if (answer < 0)
            return luaL_error(L,
                              "bad argument #1 to 'can' (there is no capability \"%s\"; can() "
                              "lists them)",
                              name);
        lua_pushboolean(L, answer);
        return 1;
    }
    lua_newtable(L);
    for (size_t i = 0; (name = mw_capability_at(i)) != NULL; i++) {
        lua_pushboolean(L, mw_engine_can(rt, name));
        lua_setfield(L, -2, name);
    }
    return 1;
}

/* _live() -> { exchanges=, timers=, servers=, requests=, connections= }: counts of what is not
 * freed. */
static int live(lua_State *L)
{
    struct mw_census census = mw_census(check(L)->rt);
    lua_createtable(L, 0, 4);
    lua_pushinteger(L, census.exchanges);
    lua_setfield(L, -2, "exchanges");
    lua_pushinteger(L, census.timers);
    lua_setfield(L, -2, "timers");
    lua_pushinteger(L, census.servers);
    lua_setfield(L, -2, "servers");
    lua_pushinteger(L, census.connections);
    lua_setfield(L, -2, "connections");
    lua_pushinteger(L, census.requests);
    lua_setfield(L, -2, "requests");
    return 1;
}

/* _engine_uses() -> how many requests and servers were begun. */
static int engine_uses(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)check(L)->rt->engine_uses);
    return 1;
}

/* _drop_idle(): closes the connections that are kept alive for reuse. */
static int drop_idle(lua_State *L)
{
    mw_drop_idle(check(L)->rt);
    return 0;
}

/* report(message): tells the host of an error, as of one thrown in a handler. */
static int report(lua_State *L)
{
    l_report(check(L), luaL_checkstring(L, 1));
    return 0;
}

void l_open_loop(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"run", run},
        {"poll", poll},
        {"looping", looping},
        {"now", now},
        {"configure", configure},
        {"engine", engine},
        {"engines", engines},
        {"can", can},
        {"live", live},
        {"drop_idle", drop_idle},
        {"engine_uses", engine_uses},
        {"report", report},
        {NULL, NULL},
    };
    luaL_register(L, NULL, functions);
}
