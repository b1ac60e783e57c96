/* How much garbage a script may leave before it is collected.
 * SPDX-License-Identifier: MIT */
#include "cli/collector.h"

#include <lauxlib.h>

/* Every cycle marks what is alive, so a small heap that doubles all the time is marked all the
 * time: for a server that is a seventh of its work. But what is native behind a client's garbage is
 * ten times as much, and had better stay in the caches; and a large heap may not grow to three
 * times its size. */
enum { SMALL_KIB = 32 << 10, PAUSE_SMALL = 300, PAUSE_LARGE = 200 };

#define SENTINEL "moonwire.Sentinel"

/* Returns what it was before. */
static int tune(lua_State *L)
{
    int pause = lua_gc(L, LUA_GCCOUNT, 0) < SMALL_KIB ? PAUSE_SMALL : PAUSE_LARGE;
    return lua_gc(L, LUA_GCSETPAUSE, pause);
}

static void new_sentinel(lua_State *L)
{
    lua_newuserdata(L, 0);
    luaL_getmetatable(L, SENTINEL);
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
}

/* Nothing holds it, so each cycle ends in this. */
static int on_cycle(lua_State *L)
{
    int before = tune(L);
    if (before == PAUSE_SMALL || before == PAUSE_LARGE)
        new_sentinel(L);
    else
        lua_gc(L, LUA_GCSETPAUSE, before); /* the script's own wish */
    return 0;
}

void collector_tune(lua_State *L)
{
    luaL_newmetatable(L, SENTINEL);
    lua_pushcfunction(L, on_cycle);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
    tune(L);
    new_sentinel(L);
}
