/* http.get and its kin: from a table of options to an exchange.
 * SPDX-License-Identifier: MIT */
#include "lua/response.h"

#include "core/runtime.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What a request is put together from. Strings stay where they are in the script's tables, or in
 * the table at `anchors`, until the exchange has copied them. */
struct draft {
    mw_options options;
    mw_header *fields; /* a userdata's bytes */
    int anchors;       /* stack index of a table that keeps made things alive; nil until needed */
    int made;
};

/* Keeps what is at the top of the stack, and takes it from there. */
static void keep(lua_State *L, struct draft *d)
{
    if (lua_isnil(L, d->anchors)) {
        lua_newtable(L);
        lua_replace(L, d->anchors);
    }
    lua_rawseti(L, d->anchors, ++d->made);
}

static const char *anchor(lua_State *L, struct draft *d)
{
    const char *text = lua_tostring(L, -1);
    keep(L, d);
    return text;
}

/* ---- options ------------------------------------------------------------------------------- */

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

static void add_field(lua_State *L, struct draft *d, const char *name)
{
    check_value(L, name, -1);
    push_value(L, name);
    d->fields[d->options.header_count++] = (mw_header){name, anchor(L, d)};
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

static void option_headers(lua_State *L, struct draft *d, int index)
{
    if (!lua_istable(L, index))
        l_bad_option(L, "headers", "table", index);
    d->fields = lua_newuserdata(L, (count_fields(L, index) + 1) * sizeof *d->fields);
    keep(L, d);
    d->options.headers = d->fields;
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "bad option 'headers' (names as keys expected, got a %s as a key)",
                       luaL_typename(L, -2));
        const char *name = l_option_string(L, "headers", -2);
        if (lua_istable(L, -1)) {
            int list = lua_gettop(L);
            for (size_t i = 1; i <= lua_objlen(L, list); i++) {
                lua_rawgeti(L, list, (int)i);
                add_field(L, d, name);
                lua_pop(L, 1);
            }
        } else {
            add_field(L, d, name);
        }
        lua_pop(L, 1);
    }
}

static double seconds(lua_State *L, const char *option, int index)
{
    if (lua_type(L, index) == LUA_TBOOLEAN && !lua_toboolean(L, index))
        return MW_NEVER;
    if (lua_type(L, index) != LUA_TNUMBER || !(lua_tonumber(L, index) > 0))
        l_bad_option(L, option, "number of seconds above 0, or false for never", index);
    double number = lua_tonumber(L, index);
    return isinf(number) ? MW_NEVER : number;
}

static void option_timeout(lua_State *L, struct draft *d, int index)
{
    if (!lua_istable(L, index)) {
        d->options.total_timeout = seconds(L, "timeout", index);
        return;
    }
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
        if (strcmp(name, "connect") == 0)
            d->options.connect_timeout = seconds(L, "timeout.connect", -1);
        else if (strcmp(name, "idle") == 0)
            d->options.idle_timeout = seconds(L, "timeout.idle", -1);
        else if (strcmp(name, "total") == 0)
            d->options.total_timeout = seconds(L, "timeout.total", -1);
        else
            luaL_error(L,
                       "bad option 'timeout' (connect, idle and total are its fields; '%s' is "
                       "not)",
                       name);
        lua_pop(L, 1);
    }
}

static void option_query(lua_State *L, struct draft *d, int index)
{
    if (!lua_istable(L, index)) {
        d->options.query = l_option_string(L, "query", index);
        return;
    }
    lua_getfield(L, LUA_REGISTRYINDEX, L_QUERY);
    lua_pushvalue(L, index);
    if (lua_pcall(L, 1, 1, 0) != 0)
        luaL_error(L, "bad option 'query' (%s)", lua_tostring(L, -1));
    d->options.query = anchor(L, d);
}

static void option_port(lua_State *L, struct draft *d, int index)
{
    double port = lua_tonumber(L, index);
    if (lua_type(L, index) != LUA_TNUMBER || port != floor(port) || port < 1 || port > 65535)
        l_bad_option(L, "port", "integer from 1 to 65535", index);
    d->options.port = (int)port;
}

static double size_of(lua_State *L, const char *option, int index, double least)
{
    double size = lua_tonumber(L, index);
    if (lua_type(L, index) != LUA_TNUMBER || size != floor(size) || size < least || size > 1e15)
        l_bad_option(L, option,
                     least > 0 ? "number of bytes above 0" : "number of bytes, 0 or more,", index);
    return size;
}

static void option_max_body_size(lua_State *L, struct draft *d, int index)
{
    if (lua_type(L, index) == LUA_TBOOLEAN && !lua_toboolean(L, index))
        d->options.max_body_size = UINT64_MAX;
    else if (lua_type(L, index) == LUA_TNUMBER)
        d->options.max_body_size = (uint64_t)size_of(L, "max_body_size", index, 1);
    else
        l_bad_option(L, "max_body_size", "number of bytes, or false for no limit", index);
}

enum option {
    METHOD = 1,
    URL,
    PROTOCOL,
    HOSTNAME,
    PATH,
    QUERY,
    PORT,
    HEADERS,
    TIMEOUT,
    VERIFY,
    CA_FILE,
    MAX_HEAD_SIZE,
    MAX_BODY_SIZE,
    READ_BUFFER_SIZE
};

static const char *const names[] = {
    [METHOD] = "method",
    [URL] = "url",
    [PROTOCOL] = "protocol",
    [HOSTNAME] = "hostname",
    [PATH] = "path",
    [QUERY] = "query",
    [PORT] = "port",
    [HEADERS] = "headers",
    [TIMEOUT] = "timeout",
    [VERIFY] = "verify",
    [CA_FILE] = "ca_file",
    [MAX_HEAD_SIZE] = "max_head_size",
    [MAX_BODY_SIZE] = "max_body_size",
    [READ_BUFFER_SIZE] = "read_buffer_size",
};

enum { COUNT = sizeof names / sizeof names[0] };

static void set_option(lua_State *L, struct draft *d, enum option option, int index)
{
    mw_options *o = &d->options;
    const char *name = names[option];
    switch (option) {
    case METHOD:
        o->method = l_option_string(L, name, index);
        break;
    case URL:
        o->url = l_option_string(L, name, index);
        break;
    case PROTOCOL:
        o->protocol = l_option_string(L, name, index);
        break;
    case HOSTNAME:
        o->hostname = l_option_string(L, name, index);
        break;
    case PATH:
        o->path = l_option_string(L, name, index);
        break;
    case QUERY:
        option_query(L, d, index);
        break;
    case PORT:
        option_port(L, d, index);
        break;
    case HEADERS:
        option_headers(L, d, index);
        break;
    case TIMEOUT:
        option_timeout(L, d, index);
        break;
    case VERIFY:
        o->insecure = !l_option_boolean(L, name, index);
        break;
    case CA_FILE:
        o->ca_file = l_option_string(L, name, index);
        break;
    case MAX_HEAD_SIZE:
        o->max_head_size = (size_t)size_of(L, name, index, 1);
        break;
    case MAX_BODY_SIZE:
        option_max_body_size(L, d, index);
        break;
    case READ_BUFFER_SIZE:
        o->read_buffer_size = (size_t)size_of(L, name, index, 0);
        break;
    }
}

/* Upvalue 2 maps names to numbers. The table is walked and not asked for each name: that costs
 * less, and finds the names that are none. */
static void read_options(lua_State *L, struct draft *d, int index)
{
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        int value = lua_gettop(L);
        lua_pushvalue(L, -2);
        lua_rawget(L, lua_upvalueindex(2));
        int option = (int)lua_tointeger(L, -1);
        if (option == 0) {
            lua_pushvalue(L, value - 1); /* a copy: lua_tostring changes a number */
            const char *name = lua_tostring(L, -1);
            luaL_error(L, name != NULL ? "unknown option '%s'" : "unknown option (a %s as a key)",
                       name != NULL ? name : luaL_typename(L, -1));
        }
        set_option(L, d, (enum option)option, value);
        lua_settop(L, value - 1);
    }
}

/* ---- body ---------------------------------------------------------------------------------- */

static bool is_payload(lua_State *L, int index)
{
    if (!lua_getmetatable(L, index))
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

static void read_body(lua_State *L, struct draft *d, int index, const char *function)
{
    if (lua_isnoneornil(L, index))
        return;
    if (lua_istable(L, index) && is_payload(L, index))
        unwrap_payload(L, index);
    if (lua_istable(L, index)) {
        l_bytes_to_string(L, index, "data");
        lua_replace(L, index);
    }
    if (lua_type(L, index) != LUA_TSTRING)
        luaL_error(L,
                   "bad argument #%d to '%s' (string, table of bytes, Payload or nil expected, "
                   "got %s)",
                   index, function, luaL_typename(L, index));
    d->options.body = lua_tolstring(L, index, &d->options.body_length);
}

/* ---- the calls ----------------------------------------------------------------------------- */

static void check_callback(lua_State *L, int index, const char *function)
{
    if (!lua_isnoneornil(L, index) && !lua_isfunction(L, index))
        luaL_error(L, "bad argument #%d to '%s' (function or nil expected, got %s)", index,
                   function, luaL_typename(L, index));
}

/* Makes the Response and starts its exchange. */
static int start(lua_State *L, l_context *ctx, struct draft *d, int callback)
{
    l_response *r = l_response_new(L);
    int self = lua_gettop(L);
    if (lua_isfunction(L, callback)) {
        lua_getfenv(L, self);
        lua_pushvalue(L, callback);
        lua_rawseti(L, -2, L_SLOT_CALLBACK);
        r->set |= L_HAS_CALLBACK;
    }
    l_pin(L, self, &r->object); /* before there is anything that could call back */
    d->options.on_sent = l_response_on_sent;
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

static void set_method(lua_State *L, struct draft *d, const char *function)
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

/* Upvalues: the context; names of options; the function's name; its method, or nil; whether it
 * takes data. */
static int request(lua_State *L)
{
    struct draft d;
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
    lua_settop(L, callback + 1);
    d.anchors = callback + 1;
    if (lua_istable(L, 1))
        read_options(L, &d, 1);
    else
        d.options.url = l_option_string(L, "url", 1);
    if (takes_data)
        read_body(L, &d, 2, function);
    set_method(L, &d, function);
    if (d.options.url != NULL &&
        (d.options.hostname != NULL || d.options.path != NULL || d.options.query != NULL ||
         d.options.protocol != NULL || d.options.port != 0))
        return luaL_error(L, "bad option 'url' (it stands instead of protocol, hostname, port, "
                             "path and query, not beside them)");
    return start(L, ctx, &d, callback);
}

static void add_call(lua_State *L, int options, const char *name, const char *method, bool data)
{
    lua_pushlightuserdata(L, l_context_get(L));
    lua_pushvalue(L, options);
    lua_pushstring(L, name);
    lua_pushstring(L, method);
    lua_pushboolean(L, data);
    lua_pushcclosure(L, request, 5);
    lua_setfield(L, options - 1, name);
}

void l_open_request(lua_State *L)
{
    lua_newtable(L);
    int options = lua_gettop(L);
    for (int i = 1; i < COUNT; i++) {
        lua_pushinteger(L, i);
        lua_setfield(L, options, names[i]);
    }
    add_call(L, options, "request", NULL, true);
    add_call(L, options, "get", "GET", false);
    add_call(L, options, "head", "HEAD", false);
    add_call(L, options, "delete", "DELETE", false);
    add_call(L, options, "options", "OPTIONS", false);
    add_call(L, options, "put", "PUT", true);
    add_call(L, options, "post", "POST", true);
    add_call(L, options, "patch", "PATCH", true);
    lua_pop(L, 1);
}
