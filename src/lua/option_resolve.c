/* The option resolve: addresses to connect to in the place of a look-up.
 * SPDX-License-Identifier: MIT */
#include "lua/options.h"

#include <stdlib.h>
#include <string.h>

/* "host:port", "[::1]:80" or a host alone, whose port is then any: 0. Pushes the host. */
static int split_host(lua_State *L, const char *key)
{
    size_t length = strlen(key);
    const char *colon = strrchr(key, ':'), *host = key;
    if (key[0] == '[') {
        const char *end = strchr(key, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':'))
            return luaL_error(L, "bad option 'resolve' (\"%s\" is not a host and port)", key);
        host++;
        length = (size_t)(end - host);
        colon = end[1] == ':' ? end + 1 : NULL;
    } else if (colon != NULL && strchr(key, ':') != colon) {
        colon = NULL; /* an address of IPv6 */
    } else if (colon != NULL) {
        length = (size_t)(colon - key);
    }
    lua_pushlstring(L, host, length);
    if (colon == NULL)
        return 0;
    size_t digits = strspn(colon + 1, "0123456789");
    int port = digits <= 5 ? atoi(colon + 1) : 0;
    if (colon[1 + digits] != '\0' || port < 1 || port > 65535)
        luaL_error(L, "bad option 'resolve' (the port of \"%s\" is not between 1 and 65535)", key);
    return port;
}

/* One address or a list of them, which the core takes as one text. */
static void push_addresses(lua_State *L, int index)
{
    luaL_Buffer all;
    if (!lua_istable(L, index)) {
        l_option_string(L, "resolve", index);
        lua_pushvalue(L, index);
        return;
    }
    luaL_buffinit(L, &all);
    for (size_t i = 1; i <= lua_objlen(L, index); i++) {
        if (i > 1)
            luaL_addchar(&all, ',');
        lua_rawgeti(L, index, (int)i);
        l_option_string(L, "resolve", -1);
        luaL_addvalue(&all);
    }
    luaL_pushresult(&all);
}

/* { ["example.com:443"] = "127.0.0.1", ["[::1]"] = { "127.0.0.1", "127.0.0.2" } } */
void l_option_resolve(lua_State *L, struct l_draft *d, const struct l_option *option, int index)
{
    size_t count = 0, room = 0;
    (void)option;
    if (!lua_istable(L, index))
        l_bad_option(L, "resolve", "table", index);
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1))
        room++;
    mw_resolve *list = lua_newuserdata(L, (room + 1) * sizeof *list);
    l_keep(L, d);
    /* those with a port come first: they say more than those without */
    for (int with_port = 1; with_port >= 0; with_port--) {
        for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
            int value = lua_gettop(L);
            if (lua_type(L, value - 1) != LUA_TSTRING)
                luaL_error(L, "bad option 'resolve' (hosts as keys expected, got a %s as a key)",
                           luaL_typename(L, value - 1));
            int port = split_host(L, l_option_string(L, "resolve", value - 1));
            const char *host = l_anchor(L, d);
            if ((port != 0) != (with_port != 0))
                continue;
            push_addresses(L, value);
            list[count++] = (mw_resolve){host, port, l_anchor(L, d)};
        }
    }
    d->options.resolve = list;
    d->options.resolve_count = count;
}
