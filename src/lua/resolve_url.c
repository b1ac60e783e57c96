/* A URL resolved against another, for what the Lua part puts together before a request is made.
 * SPDX-License-Identifier: MIT */
#include "base/url_parse.h"
#include "core/runtime.h"
#include "lua/context.h"

#include <string.h>

static struct mw_span argument(lua_State *L, int index)
{
    size_t length;
    const char *text = luaL_checklstring(L, index, &length);
    return (struct mw_span){text, length};
}

/* Browsers drop line ends; in a request they are a mistake, or somebody's attempt at another one.
 */
static bool has_control(struct mw_span text)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.at[i];
        if (byte < ' ' || byte == 127)
            return true;
    }
    return false;
}

static void add_encoded(luaL_Buffer *all, struct mw_span text)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.at[i];
        if (byte != '\0' && strchr(plain, byte) != NULL) {
            luaL_addchar(all, (char)byte);
            continue;
        }
        luaL_addchar(all, '%');
        luaL_addchar(all, digits[byte >> 4]);
        luaL_addchar(all, digits[byte & 15]);
    }
}

/* The whole URL: user and password, which were taken out of it, stand where they stood. */
static void push_url(lua_State *L, const struct mw_parsed_url *url)
{
    luaL_Buffer all;
    size_t head = url->scheme.length + strlen("://");
    luaL_buffinit(L, &all);
    if (url->has_user && strlen(url->href) >= head) {
        luaL_addlstring(&all, url->href, head);
        add_encoded(&all, url->user);
        if (url->has_password)
            luaL_addchar(&all, ':');
        add_encoded(&all, url->password);
        luaL_addchar(&all, '@');
        luaL_addstring(&all, url->href + head);
    } else {
        luaL_addstring(&all, url->href);
    }
    luaL_pushresult(&all);
}

/* resolve_url(base, reference) -> URL, its origin; or nil and words. The base may be empty. */
static int resolve_url(lua_State *L)
{
    const struct mw_allocator *a = &l_context_get(L)->rt->allocator;
    struct mw_span base = argument(L, 1), reference = argument(L, 2);
    struct mw_parsed_url url;
    const char *wrong = has_control(reference) ? "a control character is not allowed there"
                                               : mw_url_resolve(a, base, reference, &url);
    if (wrong != NULL) {
        lua_pushnil(L);
        lua_pushstring(L, wrong);
        return 2;
    }
    push_url(L, &url);
    lua_pushlstring(L, url.origin.at, url.origin.length);
    mw_parsed_url_free(&url, a);
    return 2;
}

void l_open_resolve_url(lua_State *L)
{
    lua_pushcfunction(L, resolve_url);
    lua_setfield(L, -2, "resolve_url");
}
