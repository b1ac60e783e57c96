/* The Stream that a Response is: reads of what has arrived. Waiting for more is the Lua part's.
 * SPDX-License-Identifier: MIT */
#include "lua/response.h"

#include <string.h>

/* Up to here bytes go through the C stack, beyond it through a userdata of their own. */
enum { SMALL = 16384 };

typedef size_t (*take_fn)(mw_exchange *x, void *bytes, size_t size);
typedef void (*push_fn)(lua_State *L, const char *bytes, size_t length);

static size_t take_read(mw_exchange *x, void *bytes, size_t size)
{
    return mw_exchange_read(x, bytes, size);
}

static size_t take_peek(mw_exchange *x, void *bytes, size_t size)
{
    return mw_exchange_peek(x, bytes, size);
}

static void push_string(lua_State *L, const char *bytes, size_t length)
{
    lua_pushlstring(L, bytes, length);
}

void l_push_bytes(lua_State *L, const char *bytes, size_t length)
{
    lua_createtable(L, (int)length, 0);
    for (size_t i = 0; i < length; i++) {
        lua_pushinteger(L, (unsigned char)bytes[i]);
        lua_rawseti(L, -2, (int)i + 1);
    }
}

/* The number of items of a list; throws for a table with other keys, which was meant otherwise. */
static size_t check_list(lua_State *L, int index, const char *what)
{
    size_t count = 0, length = lua_objlen(L, index);
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        count++;
        lua_pop(L, 1);
    }
    if (count != length)
        luaL_error(L, "bad %s: the table is not a list of bytes (encode it to a string first)",
                   what);
    return length;
}

void l_bytes_to_string(lua_State *L, int index, const char *what)
{
    size_t length = check_list(L, index, what);
    unsigned char *bytes = lua_newuserdata(L, length + 1); /* the collector's, should it throw */
    for (size_t i = 0; i < length; i++) {
        lua_rawgeti(L, index, (int)i + 1);
        lua_Number number = lua_tonumber(L, -1);
        if (lua_type(L, -1) != LUA_TNUMBER || !(number >= 0 && number <= 255) ||
            number != (lua_Number)(int)number)
            luaL_error(L, "bad %s: item %d is not a byte (an integer from 0 to 255 expected)", what,
                       (int)i + 1);
        bytes[i] = (unsigned char)(int)number;
        lua_pop(L, 1);
    }
    lua_pushlstring(L, (const char *)bytes, length);
    lua_remove(L, -2);
}

static l_response *check_open(lua_State *L)
{
    l_response *r = l_response_check(L, 1);
    return r->closed || r->x == NULL ? NULL : r;
}

static int push_closed(lua_State *L)
{
    lua_pushnil(L);
    lua_pushliteral(L, "closed");
    return 2;
}

/* `max` of the argument, at most what is there. */
static size_t wanted(lua_State *L, const l_response *r, bool required)
{
    size_t there = mw_exchange_available(r->x);
    if (lua_isnoneornil(L, 2) && !required)
        return there;
    lua_Number max = luaL_checknumber(L, 2);
    luaL_argcheck(L, max >= 0 && max == max, 2, "a number of bytes expected, 0 or more");
    return max < (lua_Number)there ? (size_t)max : there;
}

static int take(lua_State *L, l_response *r, size_t length, take_fn fn, push_fn push)
{
    char small[SMALL];
    size_t whole;
    const char *front = mw_exchange_front(r->x, &whole);
    if (whole >= length && length > 0) { /* in one piece: no need for a copy */
        push(L, front, length);
        if (fn == take_read)
            mw_exchange_skip(r->x, length);
        return 1;
    }
    char *bytes = length <= SMALL ? small : lua_newuserdata(L, length);
    push(L, bytes, fn(r->x, bytes, length));
    return 1;
}

static int read_with(lua_State *L, take_fn fn, push_fn push, bool required)
{
    l_response *r = check_open(L);
    if (r == NULL)
        return push_closed(L);
    return take(L, r, wanted(L, r, required), fn, push);
}

static int read_string(lua_State *L)
{
    return read_with(L, take_read, push_string, false);
}

static int read_bytes(lua_State *L)
{
    return read_with(L, take_read, l_push_bytes, false);
}

static int peek_string(lua_State *L)
{
    return read_with(L, take_peek, push_string, true);
}

static int peek_bytes(lua_State *L)
{
    return read_with(L, take_peek, l_push_bytes, true);
}

/* Without a whole line: nothing while more may come, what is left at the end. */
static int read_line_with(lua_State *L, push_fn push)
{
    l_response *r = check_open(L);
    if (r == NULL)
        return push_closed(L);
    size_t max = wanted(L, r, false);
    size_t line = mw_exchange_line(r->x);
    if (line == 0 && mw_exchange_finished(r->x))
        line = mw_exchange_available(r->x);
    return take(L, r, line < max ? line : max, take_read, push);
}

static int read_line_string(lua_State *L)
{
    return read_line_with(L, push_string);
}

static int read_line_bytes(lua_State *L)
{
    return read_line_with(L, l_push_bytes);
}

static int read_all_string(lua_State *L)
{
    lua_settop(L, 1);
    return read_string(L);
}

static int read_all_bytes(lua_State *L)
{
    lua_settop(L, 1);
    return read_bytes(L);
}

/* ---- what a stream for reading cannot do --------------------------------------------------- */

static int refuse(lua_State *L, const char *why)
{
    l_response_check(L, 1)->stream_error = why;
    return 1;
}

static int write_string(lua_State *L)
{
    luaL_checkstring(L, 2);
    lua_pushinteger(L, 0);
    return refuse(L, "a Response can be read only");
}

static int write_bytes(lua_State *L)
{
    luaL_checktype(L, 2, LUA_TTABLE);
    l_bytes_to_string(L, 2, "argument #1 to 'write_bytes'");
    lua_pushinteger(L, 0);
    return refuse(L, "a Response can be read only");
}

static int seek(lua_State *L)
{
    luaL_checknumber(L, 2);
    lua_pushboolean(L, 0);
    return refuse(L, "a Response is sequential: it cannot seek");
}

static int reset(lua_State *L)
{
    lua_pushboolean(L, 0);
    return refuse(L, "a Response is sequential: it cannot start again");
}

static int open_stream(lua_State *L)
{
    luaL_checknumber(L, 2);
    lua_pushboolean(L, 0);
    return refuse(L, "a Response is opened by its request");
}

void l_add_stream(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"read_string", read_string},
        {"read_bytes", read_bytes},
        {"read_line_string", read_line_string},
        {"read_line_bytes", read_line_bytes},
        {"read_all_string", read_all_string},
        {"read_all_bytes", read_all_bytes},
        {"peek_string", peek_string},
        {"peek_bytes", peek_bytes},
        {"write_string", write_string},
        {"write_bytes", write_bytes},
        {"seek", seek},
        {"reset", reset},
        {"open", open_stream},
        {"read", read_string}, /* ours: the _string forms */
        {"read_line", read_line_string},
        {"read_all", read_all_string},
        {"peek", peek_string},
        {NULL, NULL},
    };
    luaL_register(L, NULL, methods);
}
