/* http.get and its kin: from a table of options to an exchange.
 * SPDX-License-Identifier: MIT */
#include "lua/content.h"
#include "lua/response.h"
#include "lua/upload.h"

#include <string.h>

/* ---- body ---------------------------------------------------------------------------------- */

/* They are tables. */
static bool is_payload(lua_State *L, int index)
{
    if (!lua_istable(L, index) || !lua_getmetatable(L, index))
        return false;
    luaL_getmetatable(L, L_PAYLOAD);
    bool same = lua_rawequal(L, -1, -2) != 0;
    lua_pop(L, 2);
    return same;
}

/* Replaces a Payload at `index` by what it carries. */
static void unwrap_payload(lua_State *L, int index)
{
    lua_getfield(L, index, "type");
    if (lua_type(L, -1) != LUA_TNUMBER || (lua_tonumber(L, -1) != 0 && lua_tonumber(L, -1) != 1))
        luaL_error(L, "bad Payload (its type is neither Payload.STRING nor Payload.BYTE_TABLE)");
    bool bytes = lua_tonumber(L, -1) == 1;
    lua_pop(L, 1);
    lua_getfield(L, index, bytes ? "bytes" : "string");
    int expected = bytes ? LUA_TTABLE : LUA_TSTRING;
    if (lua_type(L, -1) != expected)
        luaL_error(L, "bad Payload (its type says that '%s' is a %s, got %s)",
                   bytes ? "bytes" : "string", lua_typename(L, expected), luaL_typename(L, -1));
    lua_replace(L, index);
}

static void read_body(lua_State *L, struct l_draft *d, int index, const char *function)
{
    if (lua_isnoneornil(L, index))
        return;
    if (is_payload(L, index))
        unwrap_payload(L, index);
    if (l_upload_read(L, d, index))
        return;
    if (lua_istable(L, index)) {
        l_bytes_to_string(L, index, "data");
        lua_replace(L, index);
    }
    if (lua_type(L, index) != LUA_TSTRING)
        luaL_error(L,
                   "bad argument #%d to '%s' (string, table of bytes, Payload, function, file, "
                   "Response, stream or nil expected, got %s)",
                   index, function, luaL_typename(L, index));
    size_t length;
    d->options.body = lua_tolstring(L, index, &length);
    d->options.body_length = length;
}

/* The option length, which says how much a function gives, or how much goes of a file. */
static void apply_length(lua_State *L, struct l_draft *d)
{
    mw_options *o = &d->options;
    if (!d->has_length)
        return;
    if (o->body != NULL && d->length != o->body_length)
        luaL_error(L, "bad option 'length' (%f, but the data has %f bytes)", (double)d->length,
                   (double)o->body_length);
    if (o->body == NULL && o->body_file == NULL && o->body_fd == NULL && d->source == 0)
        luaL_error(L, "bad option 'length' (there is no body whose length it could be)");
    o->body_length = d->length;
    if (d->length > 0)
        return;
    o->body = ""; /* nothing of it is nothing to read */
    o->body_file = NULL;
    o->body_fd = NULL;
    d->source = 0;
}

/* ---- the calls ----------------------------------------------------------------------------- */

static void check_callback(lua_State *L, int index, const char *function)
{
    if (lua_istable(L, 1) && lua_type(L, 2) == LUA_TSTRING) {
        lua_pushliteral(L, "Response");
        lua_rawget(L, 1); /* the module came first */
        if (!lua_isnil(L, -1))
            luaL_error(L, "call http.%s with a dot, not with a colon", function);
        lua_pop(L, 1);
    }
    if (!lua_isnoneornil(L, index) && !lua_isfunction(L, index))
        luaL_error(L, "bad argument #%d to '%s' (function or nil expected, got %s)", index,
                   function, luaL_typename(L, index));
}

/* Makes the Response and starts its exchange. */
static int start(lua_State *L, l_context *ctx, struct l_draft *d, int callback)
{
    l_response *r = l_response_new(L);
    int self = lua_gettop(L);
    if (lua_isfunction(L, callback)) {
        lua_getfenv(L, self);
        lua_pushvalue(L, callback);
        lua_rawseti(L, -2, L_SLOT_CALLBACK);
        r->set |= L_HAS_CALLBACK;
    }
    l_upload_attach(L, d, self);
    l_auth_attach(L, d, self);
    if (!lua_isnil(L, d->redirect)) {
        lua_getfenv(L, self);
        lua_pushvalue(L, d->redirect);
        lua_rawseti(L, -2, L_SLOT_REDIRECT);
        d->options.on_redirect = l_response_on_redirect;
    }
    if (d->source != 0 || !lua_isnil(L, d->redirect) || !lua_isnil(L, d->auth))
        r->set |= L_HAS_SLOTS;
    l_pin(L, self, &r->object); /* before there is anything that could call back */
    d->options.on_sent = l_response_on_sent;
    d->options.on_interim = l_response_on_interim;
    d->options.on_head = l_response_on_head;
    d->options.on_body = l_response_on_body;
    d->options.on_done = l_response_on_done;
    d->options.ud = r;
    if (mw_exchange_start(ctx->rt, &d->options, &r->x) != MW_OK) {
        l_unpin(&r->object);
        return luaL_error(L, "%s", mw_message(ctx->rt));
    }
    lua_settop(L, self);
    return 1;
}

static void set_method(lua_State *L, struct l_draft *d, const char *function)
{
    const char *own = lua_tostring(L, lua_upvalueindex(4));
    if (d->options.method == NULL && own == NULL)
        luaL_error(L, "bad argument #1 to 'request' (the option 'method' is missing)");
    if (d->options.method != NULL && own != NULL && strcmp(d->options.method, own) != 0)
        luaL_error(L, "bad option 'method' ('%s' sends %s; http.request sends any method)",
                   function, own);
    if (own != NULL)
        d->options.method = own;
}

/* Puts the options with the defaults of http.client in their place. */
static void add_defaults(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, L_DEFAULTS);
    lua_pushvalue(L, 1);
    if (lua_pcall(L, 1, 1, 0) != 0)
        luaL_error(L, "%s", lua_tostring(L, -1));
    lua_replace(L, 1);
}

/* Upvalues: the context; names of options; the function's name; its method, or nil; whether it
 * takes data; whether it takes the defaults of http.client. */
static int request(lua_State *L)
{
    struct l_draft d;
    l_context *ctx = lua_touserdata(L, lua_upvalueindex(1));
    const char *function = lua_tostring(L, lua_upvalueindex(3));
    bool takes_data = lua_toboolean(L, lua_upvalueindex(5)) != 0;
    int callback = takes_data ? 3 : 2;
    memset(&d, 0, sizeof d);
    if (ctx->rt == NULL)
        return luaL_error(L, "the runtime is closed");
    if (lua_type(L, 1) != LUA_TSTRING && !lua_istable(L, 1))
        return luaL_error(L, "bad argument #1 to '%s' (table of options or URL expected, got %s)",
                          function, luaL_typename(L, 1));
    check_callback(L, callback, function);
    lua_settop(L, callback + 3);
    d.anchors = callback + 1;
    d.redirect = callback + 2;
    d.auth = callback + 3;
    if (ctx->defaults && lua_toboolean(L, lua_upvalueindex(6)))
        add_defaults(L);
    if (lua_istable(L, 1))
        l_read_options(L, &d, 1, lua_upvalueindex(2));
    else
        d.options.url = l_option_string(L, "url", 1);
    if (d.options.body_file != NULL && !takes_data)
        return luaL_error(L, "bad option 'file' (http.%s sends no body)", function);
    if (d.options.body_file != NULL && !lua_isnoneornil(L, 2))
        return luaL_error(L, "bad option 'file' (it stands in place of data, not beside it)");
    l_content_apply(L, &d, takes_data ? 2 : 0, function);
    if (takes_data)
        read_body(L, &d, 2, function);
    apply_length(L, &d);
    set_method(L, &d, function);
    if (d.options.url != NULL &&
        (d.options.hostname != NULL || d.options.path != NULL || d.options.query != NULL ||
         d.options.protocol != NULL || d.options.port != 0))
        return luaL_error(L, "bad option 'url' (it stands instead of protocol, hostname, port, "
                             "path and query, not beside them)");
    return start(L, ctx, &d, callback);
}

/* check_options(table): throws for what is wrong with the options, without a request. */
static int check_options(lua_State *L)
{
    struct l_draft d;
    memset(&d, 0, sizeof d);
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 4);
    d.anchors = 2;
    d.redirect = 3;
    d.auth = 4;
    l_read_options(L, &d, 1, lua_upvalueindex(1));
    return 0;
}

/* option_names() -> a table that has them as keys. */
static int option_names(lua_State *L)
{
    l_push_option_names(L);
    return 1;
}

/* use_defaults(function or nil): what makes the options of http.get and its kin. */
static int use_defaults(lua_State *L)
{
    lua_settop(L, 1);
    l_context_get(L)->defaults = lua_isfunction(L, 1) != 0;
    lua_setfield(L, LUA_REGISTRYINDEX, L_DEFAULTS);
    return 0;
}

/* In core, for the Lua part, and in core.with_defaults, for scripts, both of which are at the top,
 * behind the names of the options. */
static void add_call(lua_State *L, const char *name, const char *method, bool data)
{
    int names = lua_gettop(L) - 1;
    for (int defaults = 0; defaults <= 1; defaults++) {
        lua_pushlightuserdata(L, l_context_get(L));
        lua_pushvalue(L, names);
        lua_pushstring(L, name);
        lua_pushstring(L, method);
        lua_pushboolean(L, data);
        lua_pushboolean(L, defaults);
        lua_pushcclosure(L, request, 6);
        lua_setfield(L, defaults ? names + 1 : names - 1, name);
    }
}

void l_open_request(lua_State *L)
{
    lua_pushcfunction(L, option_names);
    lua_setfield(L, -2, "option_names");
    lua_pushcfunction(L, use_defaults);
    lua_setfield(L, -2, "use_defaults");
    l_push_option_names(L);
    lua_pushvalue(L, -1);
    lua_pushcclosure(L, check_options, 1);
    lua_setfield(L, -3, "check_options");
    lua_newtable(L);
    add_call(L, "request", NULL, true);
    add_call(L, "get", "GET", false);
    add_call(L, "head", "HEAD", false);
    add_call(L, "delete", "DELETE", false);
    add_call(L, "options", "OPTIONS", false);
    add_call(L, "put", "PUT", true);
    add_call(L, "post", "POST", true);
    add_call(L, "patch", "PATCH", true);
    lua_setfield(L, -3, "with_defaults");
    lua_pop(L, 1);
}
