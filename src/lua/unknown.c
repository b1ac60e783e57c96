/* Names of options that are none: what was meant is suggested, here for all of them.
 * SPDX-License-Identifier: MIT */
#include "base/nearest.h"
#include "lua/context.h"

/* Pushes the words for the key at `key`, which the table at `names` has not got. */
static void push_words(lua_State *L, int key, int names, const char *prefix)
{
    struct mw_nearest nearest;
    lua_pushvalue(L, key); /* a copy: lua_tostring changes a number */
    const char *word = lua_tostring(L, -1);
    if (word == NULL) {
        lua_pushfstring(L, "unknown option (a %s as a key)", luaL_typename(L, -1));
        return;
    }
    mw_nearest_init(&nearest, word);
    lua_pushnil(L);
    for (; lua_next(L, names) != 0; lua_pop(L, 1)) {
        if (lua_type(L, -2) == LUA_TSTRING)
            mw_nearest_try(&nearest, lua_tostring(L, -2)); /* stays there, in the table */
    }
    if (nearest.name != NULL)
        lua_pushfstring(L, "unknown option '%s%s' (did you mean '%s%s'?)", prefix, word, prefix,
                        nearest.name);
    else
        lua_pushfstring(L, "unknown option '%s%s'", prefix, word);
}

int l_unknown_option(lua_State *L, int key, int names)
{
    push_words(L, key, names, "");
    return luaL_error(L, "%s", lua_tostring(L, -1));
}

/* unknown_option(name, known [, prefix]) -> words; `known` has the names as keys. The prefix, such
 * as "tls.", stands before both. */
static int unknown_option(lua_State *L)
{
    luaL_checkany(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    push_words(L, 1, 2, luaL_optstring(L, 3, ""));
    return 1;
}

void l_open_unknown(lua_State *L)
{
    lua_pushcfunction(L, unknown_option);
    lua_setfield(L, -2, "unknown_option");
}
