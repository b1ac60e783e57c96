/* json, form and multipart: the Lua part encodes them, here they become body and Content-Type.
 * SPDX-License-Identifier: MIT */
#include "lua/content.h"

#include <string.h>
#include <strings.h>

static int refuse_both(lua_State *L, const char *a, const char *b)
{
    bool in_order = strcmp(a, b) < 0; /* the table of options has none */
    return luaL_error(L, "bad option '%s' (it stands in place of '%s', not beside it)",
                      in_order ? a : b, in_order ? b : a);
}

void l_option_content(lua_State *L, struct l_draft *d, const struct l_option *option, int index)
{
    if (d->content != NULL)
        refuse_both(L, d->content, option->name);
    d->content = option->name;
    lua_pushvalue(L, index);
    d->content_at = l_keep(L, d);
}

static void check(lua_State *L, const struct l_draft *d, int data, const char *function)
{
    if (d->options.body_file != NULL)
        refuse_both(L, d->content, "file");
    if (data == 0)
        luaL_error(L, "bad option '%s' (http.%s sends no body)", d->content, function);
    if (!lua_isnoneornil(L, data))
        luaL_error(L, "bad option '%s' (it stands in place of data, not beside it)", d->content);
    if (d->has_length)
        luaL_error(L, "bad option 'length' (it is not for '%s', whose length is its own)",
                   d->content);
}

static const char *stated_type(const struct l_draft *d)
{
    for (size_t i = 0; i < d->options.header_count; i++) {
        if (strcasecmp(d->fields[i].name, "Content-Type") == 0)
            return d->fields[i].value;
    }
    return NULL;
}

/* Where there are headers, there is room for one more. */
static void add_type(lua_State *L, struct l_draft *d, const char *type)
{
    if (d->fields == NULL) {
        d->fields = lua_newuserdata(L, sizeof *d->fields);
        l_keep(L, d);
        d->options.headers = d->fields;
    }
    d->fields[d->options.header_count++] = (mw_header){"Content-Type", type};
}

void l_content_apply(lua_State *L, struct l_draft *d, int data, const char *function)
{
    if (d->content == NULL)
        return;
    check(L, d, data, function);
    const char *stated = stated_type(d);
    lua_getfield(L, LUA_REGISTRYINDEX, L_CONTENT);
    lua_pushstring(L, d->content);
    lua_rawgeti(L, d->anchors, d->content_at);
    lua_pushstring(L, stated);
    if (lua_pcall(L, 3, 2, 0) != 0)
        luaL_error(L, "bad option '%s' (%s)", d->content, lua_tostring(L, -1));
    const char *type = lua_tostring(L, -1);
    l_keep(L, d);
    lua_replace(L, data);
    if (stated == NULL && !d->no_type)
        add_type(L, d, type);
}
