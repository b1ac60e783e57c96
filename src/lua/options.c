/* The table of options: each checked, none of the script's tables touched.
 * SPDX-License-Identifier: MIT */
#include "lua/options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Keeps what is at the top of the stack, and takes it from there. */
static void keep(lua_State *L, struct l_draft *d)
{
    if (lua_isnil(L, d->anchors)) {
        lua_newtable(L);
        lua_replace(L, d->anchors);
    }
    lua_rawseti(L, d->anchors, ++d->made);
}

static const char *anchor(lua_State *L, struct l_draft *d)
{
    const char *text = lua_tostring(L, -1);
    keep(L, d);
    return text;
}

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

static void add_field(lua_State *L, struct l_draft *d, const char *name)
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

static void option_headers(lua_State *L, struct l_draft *d, int index)
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

static void option_timeout(lua_State *L, struct l_draft *d, int index)
{
    if (!lua_istable(L, index)) {
        d->options.total_timeout = seconds(L, "timeout", index);
        return;
    }
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
        if (strcmp(name, "queue") == 0)
            d->options.queue_timeout = seconds(L, "timeout.queue", -1);
        else if (strcmp(name, "connect") == 0)
            d->options.connect_timeout = seconds(L, "timeout.connect", -1);
        else if (strcmp(name, "idle") == 0)
            d->options.idle_timeout = seconds(L, "timeout.idle", -1);
        else if (strcmp(name, "total") == 0)
            d->options.total_timeout = seconds(L, "timeout.total", -1);
        else
            luaL_error(L,
                       "bad option 'timeout' (queue, connect, idle and total are its fields; '%s' "
                       "is not)",
                       name);
        lua_pop(L, 1);
    }
}

static void option_query(lua_State *L, struct l_draft *d, int index)
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

static void option_port(lua_State *L, struct l_draft *d, int index)
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

static void option_max_body_size(lua_State *L, struct l_draft *d, int index)
{
    if (lua_type(L, index) == LUA_TBOOLEAN && !lua_toboolean(L, index))
        d->options.max_body_size = UINT64_MAX;
    else if (lua_type(L, index) == LUA_TNUMBER)
        d->options.max_body_size = (uint64_t)size_of(L, "max_body_size", index, 1);
    else
        l_bad_option(L, "max_body_size", "number of bytes, or false for no limit", index);
}

/* One pin, or a list of them, which the core takes as one text. */
static void option_pins(lua_State *L, struct l_draft *d, int index)
{
    luaL_Buffer all;
    if (!lua_istable(L, index)) {
        d->options.pins = l_option_string(L, "pins", index);
        return;
    }
    luaL_buffinit(L, &all);
    for (size_t i = 1; i <= lua_objlen(L, index); i++) {
        if (i > 1)
            luaL_addchar(&all, ';');
        lua_rawgeti(L, index, (int)i);
        l_option_string(L, "pins", -1); /* throws if it is none */
        luaL_addvalue(&all);
    }
    luaL_pushresult(&all);
    d->options.pins = anchor(L, d);
}

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
static void option_resolve(lua_State *L, struct l_draft *d, int index)
{
    size_t count = 0, room = 0;
    if (!lua_istable(L, index))
        l_bad_option(L, "resolve", "table", index);
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1))
        room++;
    mw_resolve *list = lua_newuserdata(L, (room + 1) * sizeof *list);
    keep(L, d);
    /* those with a port come first: they say more than those without */
    for (int with_port = 1; with_port >= 0; with_port--) {
        for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
            int value = lua_gettop(L);
            if (lua_type(L, value - 1) != LUA_TSTRING)
                luaL_error(L, "bad option 'resolve' (hosts as keys expected, got a %s as a key)",
                           luaL_typename(L, value - 1));
            int port = split_host(L, l_option_string(L, "resolve", value - 1));
            const char *host = anchor(L, d);
            if ((port != 0) != (with_port != 0))
                continue;
            push_addresses(L, value);
            list[count++] = (mw_resolve){host, port, anchor(L, d)};
        }
    }
    d->options.resolve = list;
    d->options.resolve_count = count;
}

/* true, or the seconds after which the body goes without the server's word. */
static void option_expect(lua_State *L, struct l_draft *d, int index)
{
    d->options.expect_continue = lua_type(L, index) != LUA_TBOOLEAN || lua_toboolean(L, index);
    if (lua_type(L, index) != LUA_TBOOLEAN)
        d->options.expect_timeout = seconds(L, "expect", index);
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
    CA_PATH,
    CA_DATA,
    CERT_FILE,
    KEY_FILE,
    PINS,
    RESOLVE,
    LOCAL_ADDRESS,
    UNIX,
    MAX_HEAD_SIZE,
    MAX_BODY_SIZE,
    READ_BUFFER_SIZE,
    BODY_FILE,
    BODY_LENGTH,
    EXPECT
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
    [CA_PATH] = "ca_path",
    [CA_DATA] = "ca_data",
    [CERT_FILE] = "cert_file",
    [KEY_FILE] = "key_file",
    [PINS] = "pins",
    [RESOLVE] = "resolve",
    [LOCAL_ADDRESS] = "local_address",
    [UNIX] = "unix",
    [MAX_HEAD_SIZE] = "max_head_size",
    [MAX_BODY_SIZE] = "max_body_size",
    [READ_BUFFER_SIZE] = "read_buffer_size",
    [BODY_FILE] = "file",
    [BODY_LENGTH] = "length",
    [EXPECT] = "expect",
};

enum { COUNT = sizeof names / sizeof names[0] };

/* Where an option goes that is one string; NULL for the others. */
static const char **text_of(mw_options *o, enum option option)
{
    switch (option) {
    case METHOD:
        return &o->method;
    case URL:
        return &o->url;
    case PROTOCOL:
        return &o->protocol;
    case HOSTNAME:
        return &o->hostname;
    case PATH:
        return &o->path;
    case CA_FILE:
        return &o->ca_file;
    case CA_PATH:
        return &o->ca_path;
    case CA_DATA:
        return &o->ca_data;
    case CERT_FILE:
        return &o->cert_file;
    case KEY_FILE:
        return &o->key_file;
    case LOCAL_ADDRESS:
        return &o->local_address;
    case UNIX:
        return &o->unix_path;
    default:
        return NULL;
    }
}

static void set_option(lua_State *L, struct l_draft *d, enum option option, int index)
{
    mw_options *o = &d->options;
    const char *name = names[option];
    const char **text = text_of(o, option);
    if (text != NULL) {
        *text = l_option_string(L, name, index);
        return;
    }
    switch (option) {
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
    case PINS:
        option_pins(L, d, index);
        break;
    case RESOLVE:
        option_resolve(L, d, index);
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
    case BODY_FILE:
        o->body_file = l_option_string(L, name, index);
        break;
    case BODY_LENGTH:
        d->length = (uint64_t)size_of(L, name, index, 0);
        d->has_length = true;
        break;
    case EXPECT:
        option_expect(L, d, index);
        break;
    default:
        break;
    }
}

/* The table is walked and not asked for each name: that costs less, and finds the names that are
 * none. */
void l_read_options(lua_State *L, struct l_draft *d, int index, int names_at)
{
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        int value = lua_gettop(L);
        lua_pushvalue(L, -2);
        lua_rawget(L, names_at);
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

void l_push_option_names(lua_State *L)
{
    lua_createtable(L, 0, COUNT);
    for (int i = 1; i < COUNT; i++) {
        lua_pushinteger(L, i);
        lua_setfield(L, -2, names[i]);
    }
}
