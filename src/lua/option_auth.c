/* Options that are credentials: auth and netrc; and the function that gives them.
 * SPDX-License-Identifier: MIT */
#include "lua/options.h"
#include "lua/response.h"

#include <stdlib.h>
#include <string.h>

/* ---- auth ---------------------------------------------------------------------------------- */

static int scheme_of(lua_State *L, int index)
{
    static const char *const names[] = {"basic", "digest", "any"};
    static const mw_auth_scheme schemes[] = {MW_AUTH_BASIC, MW_AUTH_DIGEST, MW_AUTH_ANY};
    const char *name = l_option_string(L, "auth.scheme", index);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0)
            return schemes[i];
    }
    return luaL_error(L, "bad option 'auth' (its scheme is \"basic\", \"digest\" or \"any\")");
}

/* As l_option_string, but what is no string is not shown. */
static const char *secret_of(lua_State *L, const char *name, int index)
{
    if (lua_type(L, index) != LUA_TSTRING)
        luaL_error(L, "bad option '%s' (string expected, got a %s)", name, luaL_typename(L, index));
    return l_option_string(L, name, index);
}

/* Twice the same thing, by its place and by its name, would leave one of them unheard. */
static void set_once(lua_State *L, const char **text, const char *name, int index)
{
    if (*text != NULL)
        luaL_error(L, "bad option 'auth' (it has two of '%s')", name);
    *text = secret_of(L, name, index);
}

/* The value at the top, its key below it. No message shows a value. */
static void read_field(lua_State *L, mw_options *o)
{
    bool number = lua_type(L, -2) == LUA_TNUMBER;
    double place = number ? lua_tonumber(L, -2) : 0;
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
    if (place == 1 || strcmp(name, "user") == 0)
        set_once(L, &o->auth_user, "auth.user", -1);
    else if (place == 2 || strcmp(name, "password") == 0)
        set_once(L, &o->auth_password, "auth.password", -1);
    else if (strcmp(name, "bearer") == 0)
        o->auth_bearer = secret_of(L, "auth.bearer", -1);
    else if (strcmp(name, "scheme") == 0)
        o->auth_scheme = (mw_auth_scheme)scheme_of(L, -1);
    else
        luaL_error(L, "bad option 'auth' (user, password, scheme and bearer are its fields, or a "
                      "list of a user and a password)");
}

static void read_table(lua_State *L, mw_options *o, int index)
{
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1))
        read_field(L, o);
    bool scheme_alone = o->auth_scheme != MW_AUTH_DEFAULT && o->auth_user == NULL;
    if (o->auth_bearer != NULL &&
        (o->auth_user != NULL || o->auth_password != NULL || o->auth_scheme != MW_AUTH_DEFAULT))
        luaL_error(L, "bad option 'auth' (bearer stands alone)");
    if (o->auth_user == NULL && o->auth_bearer == NULL && !scheme_alone)
        luaL_error(L, "bad option 'auth' (it names no user)");
    if (o->auth_user == NULL && o->auth_password != NULL)
        luaL_error(L, "bad option 'auth' (it has a password, and no user)");
}

/* false, a table, or a function that is asked for the field's value. */
void l_option_auth(lua_State *L, struct l_draft *d, const struct l_option *option, int index)
{
    if (lua_isfunction(L, index)) {
        lua_pushvalue(L, index);
        lua_replace(L, d->auth);
    } else if (lua_istable(L, index)) {
        read_table(L, &d->options, index);
    } else if (lua_type(L, index) == LUA_TBOOLEAN && !lua_toboolean(L, index)) {
        d->options.no_auth = 1;
    } else {
        l_bad_option(L, option->name, "table, function or false", index);
    }
}

/* ---- netrc --------------------------------------------------------------------------------- */

/* true: the one in the home directory, if there is one. */
void l_option_netrc(lua_State *L, struct l_draft *d, const struct l_option *option, int index)
{
    const char *home = getenv("HOME");
    if (lua_type(L, index) != LUA_TBOOLEAN) {
        if (lua_type(L, index) != LUA_TSTRING)
            l_bad_option(L, option->name, "boolean or name of a file", index);
        d->options.netrc_file = l_option_string(L, option->name, index);
    } else if (lua_toboolean(L, index) && home != NULL) {
        lua_pushfstring(L, "%s/.netrc", home);
        d->options.netrc_file = l_anchor(L, d);
        d->options.netrc_optional = 1;
    }
}

/* ---- the function -------------------------------------------------------------------------- */

/* The Lua part runs it as a task, so that it may wait. */
static void put_question(lua_State *L, void *ud)
{
    l_response *r = ud;
    lua_rawgeti(L, LUA_REGISTRYINDEX, r->object.pin);
    lua_getfenv(L, 1);
    lua_getfield(L, LUA_REGISTRYINDEX, L_AUTH);
    lua_pushvalue(L, 1);
    lua_rawgeti(L, 2, L_SLOT_AUTH);
    lua_pushboolean(L, mw_exchange_status(r->x) != 0);
    l_call(r->object.ctx, 3);
}

static void on_auth(mw_exchange *x, void *ud)
{
    l_response *r = ud;
    (void)x;
    l_enter(r->object.ctx, put_question, r);
}

void l_auth_attach(lua_State *L, struct l_draft *d, int response)
{
    if (lua_isnil(L, d->auth))
        return;
    lua_getfenv(L, response);
    lua_pushvalue(L, d->auth);
    lua_rawseti(L, -2, L_SLOT_AUTH);
    lua_pop(L, 1);
    d->options.on_auth = on_auth;
}

/* authorize(response, value) -> nil, or words for why the value cannot be sent: then there is none.
 * Nothing is done where the exchange is over. */
static int authorize(lua_State *L)
{
    const l_response *r = l_response_check(L, 1);
    const char *words = NULL;
    size_t length = 0;
    const char *value = lua_isnil(L, 2) ? NULL : luaL_checklstring(L, 2, &length);
    lua_getfenv(L, 1);
    lua_pushnil(L); /* the headers that it may have looked at are not the last */
    lua_rawseti(L, -2, L_SLOT_HEADERS);
    if (r->x == NULL || mw_exchange_finished(r->x))
        return 0;
    if (value != NULL && strlen(value) != length)
        words = "bad value of Authorization: byte 0x00 is not allowed there";
    else if (mw_exchange_authorize(r->x, value) != MW_OK)
        words = mw_message(r->object.ctx->rt);
    if (words == NULL)
        return 0;
    lua_pushstring(L, words);
    mw_exchange_authorize(r->x, NULL);
    return 1;
}

void l_open_auth(lua_State *L)
{
    lua_pushcfunction(L, authorize);
    lua_setfield(L, -2, "authorize");
}
