/* http.Response: handlers, constants and methods of a request under way.
 * SPDX-License-Identifier: MIT */
#include "lua/response.h"

#include "base/error.h"

#include <string.h>

static const struct {
    const char *name;
    const char *slot; /* the key under which it is kept */
    unsigned bit;
} handlers[] = {
    {"download_progress_handler", "download_progress_handler", L_ON_DOWNLOAD},
    {"upload_progresss_handler", "upload_progresss_handler", L_ON_UPLOAD}, /* as documented */
    {"upload_progress_handler", "upload_progresss_handler", L_ON_UPLOAD},
    {"interim_handler", "interim_handler", L_ON_INTERIM},
    {"finished_handler", "finished_handler", L_ON_FINISHED},
    {"error_handler", "error_handler", L_ON_ERROR},
    {"ready_read_handler", "ready_read_handler", L_ON_READ},
    {"bytes_written_handler", "bytes_written_handler", L_ON_WRITTEN},
    {"about_to_close_handler", "about_to_close_handler", L_ON_CLOSE},
};

static const struct {
    const char *name;
    int value;
} modes[] = {
    {"NOT_OPEN_MODE", 0}, {"READ_ONLY_MODE", 1}, {"WRITE_ONLY_MODE", 2}, {"READ_WRITE_MODE", 3},
    {"APPEND_MODE", 4},   {"TRUNCATE_MODE", 8},  {"READ_MODE", 1},       {"WRITE_MODE", 2},
};

/* Upvalues of __index and __newindex. */
enum { UP_CLASS = 1, UP_PROPERTIES, UP_HANDLERS };

l_response *l_response_check(lua_State *L, int index)
{
    return luaL_checkudata(L, index, L_RESPONSE);
}

static void forget(l_object *object)
{
    ((l_response *)object)->x = NULL;
}

l_response *l_response_new(lua_State *L)
{
    l_response *r = l_object_new(L, sizeof *r, L_RESPONSE, forget);
    l_object_slots(L);
    return r;
}

/* ---- fields ------------------------------------------------------------------------------- */

/* For metamethods, of which there are several with each request: but by the debug library scripts
 * cannot get at the metatable, so a look at the type would say nothing new of a userdata. */
static l_response *self_of(lua_State *L)
{
    l_response *r = lua_touserdata(L, 1);
    return r != NULL ? r : l_response_check(L, 1);
}

static int response_index(lua_State *L)
{
    l_response *r = self_of(L);
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(UP_CLASS)); /* methods and constants */
    if (!lua_isnil(L, -1))
        return 1;
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(UP_PROPERTIES));
    if (!lua_isnil(L, -1)) {
        l_response_property(L, r, (int)lua_tointeger(L, -1));
        return 1;
    }
    lua_getfenv(L, 1);
    if (lua_type(L, 2) == LUA_TNUMBER) { /* the slots are not the script's */
        lua_pushnil(L);
        return 1;
    }
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(UP_HANDLERS));
    if (lua_isnil(L, -1)) {
        lua_pushvalue(L, 2);
    } else {
        lua_pushstring(L, handlers[lua_tointeger(L, -1)].slot);
    }
    lua_rawget(L, -3);
    return 1;
}

static void set_handler(lua_State *L, l_response *r, size_t which)
{
    if (!lua_isnil(L, 3) && !lua_isfunction(L, 3))
        luaL_error(L, "bad value for '%s' (function or nil expected, got %s)", handlers[which].name,
                   luaL_typename(L, 3));
    if (lua_isnil(L, 3))
        r->set &= ~handlers[which].bit;
    else
        r->set |= handlers[which].bit;
    lua_getfenv(L, 1);
    lua_pushvalue(L, 3);
    lua_setfield(L, -2, handlers[which].slot);
}

static bool present(lua_State *L, int upvalue)
{
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(upvalue));
    return !lua_isnil(L, -1);
}

/* A field of the script's own that looks like a handler is a handler misspelled. */
static void refuse_handler(lua_State *L)
{
    static const char ending[] = "_handler";
    size_t length, least = sizeof ending - 1;
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tolstring(L, 2, &length) : NULL;
    if (name != NULL && length >= least && strcmp(name + length - least, ending) == 0)
        luaL_error(L, "unknown handler '%s'", name);
}

static int response_newindex(lua_State *L)
{
    l_response *r = self_of(L);
    if (present(L, UP_HANDLERS)) {
        set_handler(L, r, (size_t)lua_tointeger(L, -1));
        return 0;
    }
    if (present(L, UP_PROPERTIES) && l_response_set_property(L, r, (int)lua_tointeger(L, -1)))
        return 0;
    if (!lua_isnil(L, -1) || present(L, UP_CLASS))
        return luaL_error(L, "'%s' of a Response is read only", lua_tostring(L, 2));
    if (lua_type(L, 2) == LUA_TNUMBER)
        return luaL_error(L, "a Response takes fields of the script's own by name, not by number");
    refuse_handler(L);
    lua_getfenv(L, 1);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 3);
    lua_rawset(L, -3);
    return 0;
}

/* It broke, which is another thing than a status that says so. */
static bool transfer_failed(const l_response *r)
{
    return mw_exchange_error(r->x) != mw_error_of_status(mw_exchange_status(r->x));
}

/* Without the fragment, in which there may be secrets: what is printed goes into logs. */
static int response_tostring(lua_State *L)
{
    const l_response *r = self_of(L);
    if (r->x == NULL) {
        lua_pushliteral(L, "http.Response (closed)");
        return 1;
    }
    const char *whole = mw_exchange_url(r->x);
    lua_pushlstring(L, whole, strcspn(whole, "#"));
    const char *url = lua_tostring(L, -1);
    if (!mw_exchange_finished(r->x))
        lua_pushfstring(L, "http.Response (%s, under way)", url);
    else if (mw_exchange_status(r->x) != 0 && !transfer_failed(r))
        lua_pushfstring(L, "http.Response (%s, %d %s%s)", url, mw_exchange_status(r->x),
                        mw_exchange_reason(r->x), r->closed ? ", closed" : "");
    else
        lua_pushfstring(L, "http.Response (%s, %s)", url, mw_exchange_error_string(r->x));
    return 1;
}

static int response_gc(lua_State *L)
{
    l_response *r = self_of(L);
    mw_exchange_free(r->x);
    r->x = NULL;
    l_object_gc(&r->object);
    return 0;
}

/* ---- methods ------------------------------------------------------------------------------- */

static int response_abort(lua_State *L)
{
    l_response *r = l_response_check(L, 1);
    if (r->x != NULL)
        mw_exchange_cancel(r->x);
    return 0;
}

/* The one handler that runs from inside a call: what it is told of is that call. */
static void tell_close(lua_State *L, const l_response *r)
{
    lua_settop(L, 1);
    lua_getfenv(L, 1);
    lua_pushcfunction(L, l_traceback);
    if (l_response_push_handler(L, r, L_ON_CLOSE, "about_to_close_handler") &&
        lua_pcall(L, 1, 0, 3) != 0)
        l_report(r->object.ctx, lua_tostring(L, -1));
}

static int response_close(lua_State *L)
{
    l_response *r = l_response_check(L, 1);
    if (r->closed || r->x == NULL || r->closing)
        return 0;
    r->closing = true;
    tell_close(L, r);
    if (r->x == NULL)
        return 0;
    mw_exchange_cancel(r->x);
    mw_exchange_drop(r->x);
    r->closed = true;
    return 0;
}

static int response_header_values(lua_State *L)
{
    const l_response *r = l_response_check(L, 1);
    const char *name = luaL_checkstring(L, 2);
    int n = 0;
    lua_newtable(L);
    for (size_t i = 0; r->x != NULL && i < mw_exchange_header_count(r->x); i++) {
        mw_header field = mw_exchange_header_at(r->x, i);
        if (strcasecmp(field.name, name) == 0) {
            lua_pushstring(L, field.value);
            lua_rawseti(L, -2, ++n);
        }
    }
    return 1;
}

/* state(response[, table]): what the Lua part keeps with a Response; nil takes it away. */
static int response_state(lua_State *L)
{
    l_response *r = l_response_check(L, 1);
    bool set = lua_gettop(L) > 1;
    lua_settop(L, 2);
    lua_getfenv(L, 1);
    if (!set) {
        if (r->x == NULL)
            lua_pushnil(L); /* the runtime is closed: nothing will happen any more */
        else
            lua_rawgeti(L, -1, L_SLOT_STATE);
        return 1;
    }
    if (lua_isnil(L, 2))
        r->set &= ~(unsigned)L_HAS_STATE;
    else
        r->set |= L_HAS_STATE;
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, L_SLOT_STATE);
    return 0;
}

/* transfer_error(response) -> words, or nil: a failure of the transfer, not an error status. */
static int response_transfer_error(lua_State *L)
{
    const l_response *r = l_response_check(L, 1);
    if (r->x == NULL)
        lua_pushliteral(L, "the runtime is closed");
    else if (transfer_failed(r))
        lua_pushstring(L, mw_exchange_error_string(r->x));
    else
        lua_pushnil(L);
    return 1;
}

/* The class: methods and constants. Left on the stack. */
static void push_class(lua_State *L)
{
    static const luaL_Reg methods[] = {{"abort", response_abort},
                                       {"close", response_close},
                                       {"header_values", response_header_values},
                                       {NULL, NULL}};
    const char *name;
    int error;
    lua_newtable(L);
    luaL_register(L, NULL, methods);
    l_add_stream(L);
    for (size_t i = 0; (name = mw_error_at(i, &error)) != NULL; i++) {
        lua_pushinteger(L, error);
        lua_setfield(L, -2, name);
    }
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        lua_pushinteger(L, modes[i].value);
        lua_setfield(L, -2, modes[i].name);
    }
}

static void push_accessor(lua_State *L, int class, lua_CFunction fn)
{
    lua_pushvalue(L, class);
    l_response_push_properties(L);
    lua_newtable(L);
    for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++) {
        lua_pushinteger(L, (lua_Integer)i);
        lua_setfield(L, -2, handlers[i].name);
    }
    lua_pushcclosure(L, fn, 3);
}

void l_open_response(lua_State *L)
{
    luaL_newmetatable(L, L_RESPONSE);
    push_class(L);
    int class = lua_gettop(L);
    push_accessor(L, class, response_index);
    lua_setfield(L, class - 1, "__index");
    push_accessor(L, class, response_newindex);
    lua_setfield(L, class - 1, "__newindex");
    lua_pushcfunction(L, response_gc);
    lua_setfield(L, class - 1, "__gc");
    lua_pushcfunction(L, response_tostring);
    lua_setfield(L, class - 1, "__tostring");
    lua_pushliteral(L, L_RESPONSE);
    lua_setfield(L, class - 1, "__name");
    lua_pushliteral(L, L_RESPONSE);
    lua_setfield(L, class - 1, "__metatable"); /* its __gc must not be called by hand */
    lua_setfield(L, class - 2, "Response");
    lua_pop(L, 1);
    lua_pushcfunction(L, response_state);
    lua_setfield(L, -2, "state");
    lua_pushcfunction(L, response_transfer_error);
    lua_setfield(L, -2, "transfer_error");
}
