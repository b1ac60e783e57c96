/* The table of options: each checked, none of the script's tables touched.
 * SPDX-License-Identifier: MIT */
#include "lua/options.h"

#include "lua/cookie_jar.h"
#include "lua/server.h"

#include <math.h>
#include <string.h>

/* ---- readers of one kind ------------------------------------------------------------------- */

static void *field_of(struct l_draft *d, const struct l_option *option)
{
    return (char *)&d->options + option->offset;
}

int l_keep(lua_State *L, struct l_draft *d)
{
    if (lua_isnil(L, d->anchors)) {
        lua_newtable(L);
        lua_replace(L, d->anchors);
    }
    lua_rawseti(L, d->anchors, ++d->made);
    return d->made;
}

const char *l_anchor(lua_State *L, struct l_draft *d)
{
    const char *text = lua_tostring(L, -1);
    l_keep(L, d);
    return text;
}

int l_option_count(lua_State *L, const char *option, int index, int least, int most)
{
    double number = l_option_number(L, option, index, least, most);
    if (number != floor(number))
        l_bad_option(L, option, "whole number", index);
    return (int)number;
}

static void read_text(lua_State *L, struct l_draft *d, const struct l_option *option, int index)
{
    *(const char **)field_of(d, option) = l_option_string(L, option->name, index);
}

/* The core's flag says the opposite. */
static void read_not(lua_State *L, struct l_draft *d, const struct l_option *option, int index)
{
    *(int *)field_of(d, option) = !l_option_boolean(L, option->name, index);
}

static double size_of(lua_State *L, const char *option, int index, double least)
{
    double size = lua_tonumber(L, index);
    if (lua_type(L, index) != LUA_TNUMBER || size != floor(size) || size < least || size > 1e15)
        l_bad_option(L, option,
                     least > 0 ? "number of bytes above 0" : "number of bytes, 0 or more,", index);
    return size;
}

static void read_size(lua_State *L, struct l_draft *d, const struct l_option *option, int index)
{
    double least = option->offset == offsetof(mw_options, max_head_size) ? 1 : 0;
    *(size_t *)field_of(d, option) = (size_t)size_of(L, option->name, index, least);
}

/* ---- readers of their own ------------------------------------------------------------------ */

static void read_query(lua_State *L, struct l_draft *d, const struct l_option *option, int index)
{
    if (!lua_istable(L, index)) {
        d->options.query = l_option_string(L, option->name, index);
        return;
    }
    lua_getfield(L, LUA_REGISTRYINDEX, L_QUERY);
    lua_pushvalue(L, index);
    if (lua_pcall(L, 1, 1, 0) != 0)
        luaL_error(L, "bad option 'query' (%s)", lua_tostring(L, -1));
    d->options.query = l_anchor(L, d);
}

static void read_port(lua_State *L, struct l_draft *d, const struct l_option *option, int index)
{
    double port = lua_tonumber(L, index);
    if (lua_type(L, index) != LUA_TNUMBER || port != floor(port) || port < 1 || port > 65535)
        l_bad_option(L, option->name, "integer from 1 to 65535", index);
    d->options.port = (int)port;
}

static void read_max_body(lua_State *L, struct l_draft *d, const struct l_option *option, int index)
{
    if (lua_type(L, index) == LUA_TBOOLEAN && !lua_toboolean(L, index))
        d->options.max_body_size = UINT64_MAX;
    else if (lua_type(L, index) == LUA_TNUMBER)
        d->options.max_body_size = (uint64_t)size_of(L, option->name, index, 1);
    else
        l_bad_option(L, option->name, "number of bytes, or false for no limit", index);
}

static void read_length(lua_State *L, struct l_draft *d, const struct l_option *option, int index)
{
    d->length = (uint64_t)size_of(L, option->name, index, 0);
    d->has_length = true;
}

/* One pin, or a list of them, which the core takes as one text. */
static void read_pins(lua_State *L, struct l_draft *d, const struct l_option *option, int index)
{
    luaL_Buffer all;
    if (!lua_istable(L, index)) {
        d->options.pins = l_option_string(L, option->name, index);
        return;
    }
    luaL_buffinit(L, &all);
    for (size_t i = 1; i <= lua_objlen(L, index); i++) {
        if (i > 1)
            luaL_addchar(&all, ';');
        lua_rawgeti(L, index, (int)i);
        l_option_string(L, option->name, -1); /* throws if it is none */
        luaL_addvalue(&all);
    }
    luaL_pushresult(&all);
    d->options.pins = l_anchor(L, d);
}

/* false, how many, or a function that is asked before each. */
static void read_redirect(lua_State *L, struct l_draft *d, const struct l_option *option, int index)
{
    if (lua_isfunction(L, index)) {
        lua_pushvalue(L, index);
        lua_replace(L, d->redirect);
    } else if (lua_type(L, index) == LUA_TBOOLEAN) {
        d->options.max_redirects = lua_toboolean(L, index) ? 0 : MW_NO_REDIRECTS;
    } else if (lua_type(L, index) == LUA_TNUMBER) {
        int most = l_option_count(L, option->name, index, 0, 1000);
        d->options.max_redirects = most > 0 ? most : MW_NO_REDIRECTS;
    } else {
        l_bad_option(L, option->name, "boolean, number or function", index);
    }
}

/* A jar; false is none. The exchange holds on to it by itself. */
static void read_cookies(lua_State *L, struct l_draft *d, const struct l_option *option, int index)
{
    bool none = lua_type(L, index) == LUA_TBOOLEAN && !lua_toboolean(L, index);
    d->options.cookies = none ? NULL : l_to_cookie_jar(L, index);
    if (d->options.cookies == NULL && !none)
        l_bad_option(L, option->name, "http.CookieJar or false", index);
}

/* ---- the rows ------------------------------------------------------------------------------ */

#define AT(field) offsetof(mw_options, field)

/* What a handler of http.serve answers with, which holds the core's request; or that itself. */
static void read_forward(lua_State *L, struct l_draft *d, const struct l_option *option, int index)
{
    lua_pushvalue(L, index);
    if (lua_istable(L, -1)) {
        lua_pushliteral(L, "_request");
        lua_rawget(L, -2);
    }
    d->options.forward = l_request_at(L, lua_gettop(L));
    if (d->options.forward == NULL)
        l_bad_option(L, option->name, "response of a handler, not answered yet,", index);
}

static const struct l_option rows[] = {
    {"method", read_text, AT(method)},
    {"url", read_text, AT(url)},
    {"protocol", read_text, AT(protocol)},
    {"hostname", read_text, AT(hostname)},
    {"path", read_text, AT(path)},
    {"query", read_query, 0},
    {"port", read_port, 0},
    {"headers", l_option_headers, 0},
    {"json", l_option_content, 0},
    {"form", l_option_content, 0},
    {"multipart", l_option_content, 0},
    {"file", read_text, AT(body_file)},
    {"length", read_length, 0},
    {"expect", l_option_expect, 0},
    {"timeout", l_option_timeout, 0},
    {"redirect", read_redirect, 0},
    {"secret_headers", l_option_names, AT(secret_headers)},
    {"cookies", read_cookies, 0},
    {"agent", l_option_agent, 0},
    {"retries", l_option_retries, 0},
    {"auth", l_option_auth, 0},
    {"netrc", l_option_netrc, 0},
    {"verify", read_not, AT(insecure)},
    {"ca_file", read_text, AT(ca_file)},
    {"ca_path", read_text, AT(ca_path)},
    {"ca_data", read_text, AT(ca_data)},
    {"cert_file", read_text, AT(cert_file)},
    {"key_file", read_text, AT(key_file)},
    {"pins", read_pins, 0},
    {"resolve", l_option_resolve, 0},
    {"proxy", l_option_proxy, 0},
    {"no_proxy", l_option_no_proxy, 0},
    {"local_address", read_text, AT(local_address)},
    {"unix", read_text, AT(unix_path)},
    {"max_head_size", read_size, AT(max_head_size)},
    {"max_body_size", read_max_body, 0},
    {"read_buffer_size", read_size, AT(read_buffer_size)},
    {"decode", read_not, AT(keep_encoded)},
    {"forward", read_forward, 0},
};

enum { COUNT = sizeof rows / sizeof rows[0] };

/* The table is walked and not asked for each name: that costs less, and finds the names that are
 * none. */
void l_read_options(lua_State *L, struct l_draft *d, int index, int names_at)
{
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        int value = lua_gettop(L);
        lua_pushvalue(L, -2);
        lua_rawget(L, names_at);
        int number = (int)lua_tointeger(L, -1);
        if (number == 0)
            l_unknown_option(L, value - 1, names_at);
        const struct l_option *option = &rows[number - 1];
        option->read(L, d, option, value);
        lua_settop(L, value - 1);
    }
}

void l_push_option_names(lua_State *L)
{
    lua_createtable(L, 0, COUNT);
    for (int i = 0; i < COUNT; i++) {
        lua_pushinteger(L, i + 1);
        lua_setfield(L, -2, rows[i].name);
    }
}
