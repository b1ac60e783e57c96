/* The options proxy and no_proxy.
 * SPDX-License-Identifier: MIT */
#include "lua/options.h"

#include <string.h>

/* A field of the table of a proxy. */
static void proxy_field(lua_State *L, struct l_draft *d, const char *name, int index)
{
    if (strcmp(name, "url") == 0)
        d->options.proxy = l_option_string(L, "proxy.url", index);
    else if (strcmp(name, "ca_file") == 0)
        d->options.proxy_ca_file = l_option_string(L, "proxy.ca_file", index);
    else if (strcmp(name, "verify") == 0)
        d->options.proxy_insecure = !l_option_boolean(L, "proxy.verify", index);
    else if (strcmp(name, "headers") == 0)
        d->options.proxy_headers =
            l_read_fields(L, d, "proxy.headers", index, &d->options.proxy_header_count);
    else
        luaL_error(L,
                   "bad option 'proxy' (url, headers, ca_file and verify are its fields; '%s' is "
                   "not)",
                   name);
}

/* false; "http://127.0.0.1:3128"; or { url = "https://proxy.test", ca_file = "ca.pem" } */
void l_option_proxy(lua_State *L, struct l_draft *d, const struct l_option *option, int index)
{
    (void)option;
    if (lua_type(L, index) == LUA_TBOOLEAN && !lua_toboolean(L, index)) {
        d->options.proxy = "";
        return;
    }
    if (!lua_istable(L, index)) {
        if (lua_type(L, index) != LUA_TSTRING)
            l_bad_option(L, "proxy", "URL, table, or false for none", index);
        d->options.proxy = l_option_string(L, "proxy", index);
    } else {
        for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
            int value = lua_gettop(L);
            proxy_field(L, d,
                        lua_type(L, value - 1) == LUA_TSTRING ? lua_tostring(L, value - 1) : "",
                        value);
        }
        if (d->options.proxy == NULL)
            luaL_error(L, "bad option 'proxy' (it has no url)");
    }
    if (d->options.proxy != NULL && d->options.proxy[0] == '\0')
        luaL_error(L, "bad option 'proxy' (its URL is empty; false stands for no proxy)");
}

/* "a.test,.b.test", a list of such texts, or false for no host at all. */
void l_option_no_proxy(lua_State *L, struct l_draft *d, const struct l_option *option, int index)
{
    luaL_Buffer all;
    (void)option;
    if (lua_type(L, index) == LUA_TBOOLEAN && !lua_toboolean(L, index)) {
        d->options.no_proxy = "";
        return;
    }
    if (!lua_istable(L, index)) {
        d->options.no_proxy = l_option_string(L, "no_proxy", index);
        return;
    }
    luaL_buffinit(L, &all);
    for (size_t i = 1; i <= lua_objlen(L, index); i++) {
        if (i > 1)
            luaL_addchar(&all, ',');
        lua_rawgeti(L, index, (int)i);
        l_option_string(L, "no_proxy", -1);
        luaL_addvalue(&all);
    }
    luaL_pushresult(&all);
    d->options.no_proxy = l_anchor(L, d);
}
