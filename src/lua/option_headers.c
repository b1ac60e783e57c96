/* The option headers: names and values, in one table.
 * SPDX-License-Identifier: MIT */
#include "lua/options.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static void check_value(lua_State *L, const char *name, int index)
{
    size_t length;
    int type = lua_type(L, index);
    if (type != LUA_TSTRING && type != LUA_TNUMBER)
        luaL_error(L, "bad header '%s' (string, number or list of strings expected, got %s)", name,
                   luaL_typename(L, index));
    if (type == LUA_TSTRING) {
        const char *text = lua_tolstring(L, index, &length);
        if (strlen(text) != length)
            luaL_error(L, "bad value of the header %s: byte 0x00 at byte %d is not allowed there",
                       name, (int)strlen(text) + 1);
    }
}

/* Pushes the value as a string: a copy, so that a number stays one in the script's table. */
static void push_value(lua_State *L, const char *name)
{
    lua_Number number = lua_tonumber(L, -1);
    if (lua_type(L, -1) != LUA_TNUMBER) {
        lua_pushvalue(L, -1);
    } else if (isnan(number) || isinf(number)) {
        luaL_error(L, "bad header '%s' (the number is not finite)", name);
    } else {
        char text[400];
        snprintf(text, sizeof text, number == floor(number) ? "%.0f" : LUA_NUMBER_FMT, number);
        lua_pushstring(L, text);
    }
}

/* false: not this field, though it were the default of a client. */
static bool is_left_out(lua_State *L, struct l_draft *d, const char *name)
{
    if (lua_type(L, -1) != LUA_TBOOLEAN || lua_toboolean(L, -1))
        return false;
    d->no_type = d->no_type || strcasecmp(name, "Content-Type") == 0;
    return true;
}

static void add_field(lua_State *L, struct l_draft *d, mw_header *field, const char *name)
{
    check_value(L, name, -1);
    push_value(L, name);
    *field = (mw_header){name, l_anchor(L, d)};
}

static size_t count_fields(lua_State *L, int index)
{
    size_t count = 0;
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        count += lua_istable(L, -1) ? lua_objlen(L, -1) : 1;
        lua_pop(L, 1);
    }
    return count;
}

mw_header *l_read_fields(lua_State *L, struct l_draft *d, const char *option, int index,
                         size_t *count)
{
    if (!lua_istable(L, index))
        l_bad_option(L, option, "table", index);
    mw_header *fields = lua_newuserdata(L, (count_fields(L, index) + 1) * sizeof *fields);
    l_keep(L, d);
    *count = 0;
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "bad option '%s' (names as keys expected, got a %s as a key)", option,
                       luaL_typename(L, -2));
        const char *name = l_option_string(L, option, -2);
        if (lua_istable(L, -1)) {
            int list = lua_gettop(L);
            for (size_t i = 1; i <= lua_objlen(L, list); i++) {
                lua_rawgeti(L, list, (int)i);
                add_field(L, d, &fields[(*count)++], name);
                lua_pop(L, 1);
            }
        } else if (!is_left_out(L, d, name)) {
            add_field(L, d, &fields[(*count)++], name);
        }
        lua_pop(L, 1);
    }
    return fields;
}

void l_option_headers(lua_State *L, struct l_draft *d, const struct l_option *option, int index)
{
    d->fields = l_read_fields(L, d, option->name, index, &d->options.header_count);
    d->options.headers = d->fields;
}
