/* http.CookieJar: cookies by hand, and for the option cookies. A jar has nothing to do with the
 * runtime, and needs no pin: exchanges in flight hold what is in the userdata, not that itself.
 * SPDX-License-Identifier: MIT */
#include "lua/cookie_jar.h"

#include <string.h>

#define L_COOKIE_JAR "http.CookieJar"

typedef struct l_cookie_jar {
    mw_cookie_jar *jar; /* NULL without memory */
} l_cookie_jar;

mw_cookie_jar *l_to_cookie_jar(lua_State *L, int index)
{
    return l_is_a(L, index, L_COOKIE_JAR) ? ((l_cookie_jar *)lua_touserdata(L, index))->jar : NULL;
}

static mw_cookie_jar *check(lua_State *L)
{
    mw_cookie_jar *jar = l_to_cookie_jar(L, 1);
    if (jar == NULL)
        luaL_error(L, "bad self (http.CookieJar expected, got %s); call it with a colon",
                   luaL_typename(L, 1));
    return jar;
}

/* A string without bytes 0. */
static const char *check_text(lua_State *L, int index)
{
    size_t length;
    luaL_checktype(L, index, LUA_TSTRING); /* a number is a slip */
    const char *text = lua_tolstring(L, index, &length);
    luaL_argcheck(L, strlen(text) == length, index, "a byte 0 is not allowed there");
    return text;
}

static int cookie_jar(lua_State *L)
{
    l_cookie_jar *self = lua_newuserdata(L, sizeof *self);
    self->jar = NULL;
    luaL_getmetatable(L, L_COOKIE_JAR);
    lua_setmetatable(L, -2);
    self->jar = mw_cookie_jar_new(NULL, NULL);
    if (self->jar == NULL)
        return luaL_error(L, "no memory for a jar of cookies");
    return 1;
}

/* nil, words and a code, of what has failed outside. */
static int fail(lua_State *L, const mw_cookie_jar *jar, int result)
{
    lua_pushnil(L);
    lua_pushstring(L, mw_cookie_jar_message(jar));
    lua_pushstring(L, result == MW_ENOMEM ? "memory" : "system");
    return 3;
}

/* For what a URL was given: one that is none is misuse. */
static int fail_url(lua_State *L, const mw_cookie_jar *jar, int result)
{
    if (result == MW_EINVAL)
        return luaL_error(L, "%s", mw_cookie_jar_message(jar));
    return fail(L, jar, result);
}

/* jar:set(set_cookie, url) -> true | nil, why */
static int jar_set(lua_State *L)
{
    mw_cookie_jar *jar = check(L);
    luaL_checktype(L, 2, LUA_TSTRING);
    const char *url = check_text(L, 3);
    if (strlen(lua_tostring(L, 2)) != lua_objlen(L, 2)) {
        lua_pushnil(L);
        lua_pushliteral(L, "it holds a control character");
        return 2;
    }
    int result = mw_cookie_jar_set(jar, lua_tostring(L, 2), url);
    if (result < 0)
        return fail_url(L, jar, result);
    if (result == 1) {
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_pushnil(L);
    lua_pushstring(L, mw_cookie_jar_message(jar));
    return 2;
}

static void set_text(lua_State *L, const char *name, const char *text)
{
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

static void set_flag(lua_State *L, const char *name, int flag)
{
    lua_pushboolean(L, flag);
    lua_setfield(L, -2, name);
}

static void push_cookie(lua_State *L, const mw_cookie *c)
{
    lua_createtable(L, 0, 10);
    set_text(L, "name", c->name);
    set_text(L, "value", c->value);
    set_text(L, "domain", c->domain);
    set_text(L, "path", c->path);
    if (*c->same_site != '\0')
        set_text(L, "same_site", c->same_site);
    set_flag(L, "host_only", c->host_only);
    set_flag(L, "secure", c->secure);
    set_flag(L, "http_only", c->http_only);
    lua_pushnumber(L, (lua_Number)c->created);
    lua_setfield(L, -2, "creation");
    if (c->expires != 0) {
        lua_pushnumber(L, (lua_Number)c->expires);
        lua_setfield(L, -2, "expires");
    }
}

/* jar:get(url) -> list of cookies; jar:get(url, name) -> value | nil */
static int jar_get(lua_State *L)
{
    mw_cookie_jar *jar = check(L);
    const char *url = check_text(L, 2);
    const char *name = lua_isnoneornil(L, 3) ? NULL : check_text(L, 3);
    int count = mw_cookie_jar_select(jar, url);
    if (count < 0)
        return fail_url(L, jar, count);
    if (name == NULL)
        lua_createtable(L, count, 0);
    for (int i = 0; i < count; i++) {
        const mw_cookie *c = mw_cookie_jar_selected(jar, (size_t)i);
        if (name == NULL) {
            push_cookie(L, c);
            lua_rawseti(L, -2, i + 1);
        } else if (strcmp(c->name, name) == 0) {
            lua_pushstring(L, c->value);
            return 1;
        }
    }
    if (name != NULL)
        lua_pushnil(L);
    return 1;
}

/* jar:header(url) -> what a request takes along */
static int jar_header(lua_State *L)
{
    mw_cookie_jar *jar = check(L);
    int count = mw_cookie_jar_select(jar, check_text(L, 2));
    if (count < 0)
        return fail_url(L, jar, count);
    const char *text = mw_cookie_jar_header(jar, lua_tostring(L, 2));
    if (text == NULL)
        return fail(L, jar, MW_ENOMEM);
    lua_pushstring(L, text);
    return 1;
}

/* jar:cookies() -> list of all, as they were created */
static int jar_cookies(lua_State *L)
{
    mw_cookie_jar *jar = check(L);
    size_t count = mw_cookie_jar_count(jar);
    int i = 0;
    lua_createtable(L, (int)count, 0);
    for (const mw_cookie *c = NULL; (c = mw_cookie_jar_next(jar, c)) != NULL;) {
        push_cookie(L, c);
        lua_rawseti(L, -2, ++i);
    }
    return 1;
}

/* jar:remove{ domain=, path=, name= } -> how many */
static int jar_remove(lua_State *L)
{
    static const char *const keys[] = {"domain", "path", "name"};
    const char *of[3] = {NULL, NULL, NULL};
    mw_cookie_jar *jar = check(L);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    for (lua_pushnil(L); lua_next(L, 2) != 0; lua_pop(L, 1)) {
        int which = 0;
        while (which < 3 &&
               !(lua_type(L, -2) == LUA_TSTRING && strcmp(lua_tostring(L, -2), keys[which]) == 0))
            which++;
        if (which == 3)
            return luaL_error(L, "unknown key '%s' (there are domain, path and name)",
                              lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2)
                                                             : luaL_typename(L, -2));
        of[which] = l_option_string(L, keys[which], lua_gettop(L));
    }
    if (of[0] == NULL && of[1] == NULL && of[2] == NULL)
        return luaL_error(L, "neither a domain nor a path nor a name was given (jar:clear() "
                             "removes all)");
    lua_pushinteger(L, (lua_Integer)mw_cookie_jar_remove(jar, of[0], of[1], of[2]));
    return 1;
}

static int jar_clear(lua_State *L)
{
    mw_cookie_jar_clear(check(L));
    return 0;
}

/* jar:save(path, { session = true }) -> true | nil, message, code */
static int jar_save(lua_State *L)
{
    mw_cookie_jar *jar = check(L);
    const char *path = check_text(L, 2);
    bool session = false;
    lua_settop(L, 3);
    if (!lua_isnil(L, 3)) {
        luaL_checktype(L, 3, LUA_TTABLE);
        for (lua_pushnil(L); lua_next(L, 3) != 0; lua_pop(L, 1)) {
            if (lua_type(L, -2) != LUA_TSTRING || strcmp(lua_tostring(L, -2), "session") != 0)
                return luaL_error(L, "unknown option '%s' (there is session)",
                                  lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2)
                                                                 : luaL_typename(L, -2));
            session = l_option_boolean(L, "session", lua_gettop(L));
        }
    }
    int result = mw_cookie_jar_save(jar, path, session);
    if (result != MW_OK)
        return fail(L, jar, result);
    lua_pushboolean(L, 1);
    return 1;
}

/* jar:load(path) -> loaded, refused | nil, message, code */
static int jar_load(lua_State *L)
{
    size_t loaded, refused;
    mw_cookie_jar *jar = check(L);
    int result = mw_cookie_jar_load(jar, check_text(L, 2), &loaded, &refused);
    if (result != MW_OK)
        return fail(L, jar, result);
    lua_pushinteger(L, (lua_Integer)loaded);
    lua_pushinteger(L, (lua_Integer)refused);
    return 2;
}

static int jar_length(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)mw_cookie_jar_count(check(L)));
    return 1;
}

static int jar_tostring(lua_State *L)
{
    lua_pushfstring(L, "http.CookieJar (%d)", (int)mw_cookie_jar_count(check(L)));
    return 1;
}

static int jar_gc(lua_State *L)
{
    l_cookie_jar *self = lua_touserdata(L, 1);
    mw_cookie_jar_free(self->jar);
    self->jar = NULL;
    return 0;
}

void l_open_cookie_jar(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"set", jar_set},         {"get", jar_get},       {"header", jar_header},
        {"cookies", jar_cookies}, {"remove", jar_remove}, {"clear", jar_clear},
        {"save", jar_save},       {"load", jar_load},     {NULL, NULL}};
    l_object_type(L, L_COOKIE_JAR, L_COOKIE_JAR, methods, jar_gc);
    luaL_getmetatable(L, L_COOKIE_JAR);
    lua_pushcfunction(L, jar_length);
    lua_setfield(L, -2, "__len");
    lua_pushcfunction(L, jar_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pop(L, 1);
    lua_pushcfunction(L, cookie_jar);
    lua_setfield(L, -2, "CookieJar");
}
