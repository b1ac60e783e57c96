/* One runtime for each Lua state, and the one door from C into Lua.
 * SPDX-License-Identifier: MIT */
#include "lua/context.h"

#include "core/engine.h"
#include "core/runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Beyond this much memory that Lua cannot see, its collector is given some work. Small Responses do
 * not count: what Lua itself spends on them brings the collector soon enough. */
static const size_t nudge_bytes = 4u << 20;

static void forget_all(l_context *ctx)
{
    while (!mw_list_empty(&ctx->objects)) {
        l_object *object = MW_ITEM(ctx->objects.next, l_object, link);
        mw_unlink(&object->link);
        object->ctx = NULL;
        object->pin = LUA_NOREF; /* the registry goes with the state */
        if (object->forget != NULL)
            object->forget(object);
    }
}

/* The state is closing. Userdata are collected in any order, so each is emptied here first. */
static int context_gc(lua_State *L)
{
    l_context *ctx = lua_touserdata(L, 1);
    forget_all(ctx);
    mw_close(ctx->rt);
    ctx->rt = NULL;
    return 0;
}

/* LuaJIT cannot tell the main state later; a require from a coroutine gets one of its own. */
static lua_State *callback_state(lua_State *L)
{
    if (lua_pushthread(L) == 1) {
        lua_pop(L, 1);
        return L;
    }
    lua_pop(L, 1);
    lua_State *thread = lua_newthread(L);
    lua_setfield(L, LUA_REGISTRYINDEX, L_THREAD);
    return thread;
}

l_context *l_context_get(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, L_CONTEXT);
    l_context *ctx = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return ctx != NULL ? ctx : l_context_open(L, NULL);
}

/* The engine that is asked for. A variable that is set to nothing asks for none. */
static const char *wanted_engine(lua_State *L, const char *name)
{
    char words[200];
    const char *variable = getenv("MOONWIRE_ENGINE");
    if (name == NULL && variable != NULL && *variable != '\0')
        name = variable;
    if (!mw_engine_known(name, words, sizeof words))
        luaL_error(L, "%s%s", name == variable ? "MOONWIRE_ENGINE: " : "", words);
    return name;
}

l_context *l_context_open(lua_State *L, const char *engine)
{
    const mw_config config = {.engine = wanted_engine(L, engine)};
    l_context *ctx = lua_newuserdata(L, sizeof *ctx);
    memset(ctx, 0, sizeof *ctx);
    mw_list_init(&ctx->objects);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, context_gc);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    ctx->L = callback_state(L);
    ctx->rt = mw_open(&config);
    if (ctx->rt == NULL)
        luaL_error(L, "no memory for a runtime");
    lua_pushlightuserdata(L, mw_event_base(ctx->rt));
    lua_setfield(L, LUA_REGISTRYINDEX, L_BASE); /* for C modules that join the loop */
    lua_setfield(L, LUA_REGISTRYINDEX, L_CONTEXT);
    return ctx;
}

/* ---- objects ------------------------------------------------------------------------------- */

void *l_object_new(lua_State *L, size_t size, const char *metatable, void (*forget)(l_object *))
{
    l_context *ctx = l_context_get(L);
    l_object *object = lua_newuserdata(L, size);
    memset(object, 0, size);
    object->pin = LUA_NOREF;
    object->forget = forget;
    object->ctx = ctx;
    luaL_getmetatable(L, metatable);
    lua_setmetatable(L, -2);
    mw_list_append(&ctx->objects, &object->link);
    return object;
}

void l_object_type(lua_State *L, const char *type, const char *name, const luaL_Reg *methods,
                   lua_CFunction gc)
{
    luaL_newmetatable(L, type);
    lua_newtable(L);
    luaL_register(L, NULL, methods);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, gc);
    lua_setfield(L, -2, "__gc");
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__name");
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}

bool l_is_a(lua_State *L, int index, const char *metatable)
{
    if (lua_type(L, index) != LUA_TUSERDATA || !lua_getmetatable(L, index))
        return false;
    luaL_getmetatable(L, metatable);
    bool same = lua_rawequal(L, -1, -2) != 0;
    lua_pop(L, 2);
    return same;
}

void l_object_slots(lua_State *L)
{
    lua_createtable(L, 3, 0); /* the script's own fields are rare */
    lua_setfenv(L, -2);
}

void l_object_gc(l_object *object)
{
    mw_unlink(&object->link);
    object->ctx = NULL;
}

void l_pin(lua_State *L, int index, l_object *object)
{
    lua_pushvalue(L, index);
    object->pin = luaL_ref(L, LUA_REGISTRYINDEX);
}

void l_unpin(l_object *object)
{
    if (object->ctx != NULL)
        luaL_unref(object->ctx->L, LUA_REGISTRYINDEX, object->pin);
    object->pin = LUA_NOREF;
}

/* ---- the door ------------------------------------------------------------------------------ */

void l_report(l_context *ctx, const char *message)
{
    ctx->errors++;
    if (ctx->rt != NULL)
        mw_report(ctx->rt, message);
    else
        fprintf(stderr, "moonwire: %s\n", message); /* in a finalizer, as the state closes */
}

/* __tostring of what was thrown; it may throw in its turn. */
static bool push_words(lua_State *L)
{
    if (!luaL_getmetafield(L, 1, "__tostring"))
        return false;
    lua_pushvalue(L, 1);
    return lua_pcall(L, 1, 1, 0) == 0 && lua_isstring(L, -1);
}

int l_words(lua_State *L)
{
    if (lua_isstring(L, 1))
        lua_pushvalue(L, 1);
    else if (!push_words(L))
        lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
    return 1;
}

int l_traceback(lua_State *L)
{
    l_words(L);
    luaL_traceback(L, L, lua_tostring(L, -1), 1);
    return 1;
}

void l_call(l_context *ctx, int nargs)
{
    lua_State *L = ctx->L;
    int handler = lua_gettop(L) - nargs;
    lua_pushcfunction(L, l_traceback);
    lua_insert(L, handler);
    if (lua_pcall(L, nargs, 0, handler) != 0) {
        const char *message = lua_tostring(L, -1);
        l_report(ctx, message != NULL ? message : "error in error handling");
        lua_pop(L, 1);
    }
    lua_remove(L, handler);
}

struct entry {
    l_body body;
    void *ud;
};

static int enter(lua_State *L)
{
    struct entry *entry = lua_touserdata(L, 1);
    lua_settop(L, 0);
    luaL_checkstack(L, 20, "callback");
    entry->body(L, entry->ud);
    return 0;
}

void l_enter(l_context *ctx, l_body body, void *ud)
{
    struct entry entry = {body, ud};
    if (lua_cpcall(ctx->L, enter, &entry) != 0) {
        const char *message = lua_tostring(ctx->L, -1);
        l_report(ctx, message != NULL ? message : "error in a callback");
        lua_pop(ctx->L, 1);
    }
}

/* Behind the door: a finalizer may throw out of it. */
static void collect(lua_State *L, void *ud)
{
    l_context *ctx = ud;
    size_t kilobytes = ctx->foreign >> 10;
    ctx->foreign = 0;
    lua_gc(L, LUA_GCSTEP, kilobytes < 1u << 16 ? (int)kilobytes : 1 << 16);
}

void l_foreign_memory(l_context *ctx, size_t bytes)
{
    ctx->foreign += bytes;
    if (ctx->foreign >= nudge_bytes)
        l_enter(ctx, collect, ctx);
}

int l_error_count(lua_State *L)
{
    return l_context_get(L)->errors;
}

/* ---- arguments ----------------------------------------------------------------------------- */

void l_bad_option(lua_State *L, const char *option, const char *expected, int index)
{
    if (lua_type(L, index) == LUA_TNUMBER)
        luaL_error(L, "bad option '%s' (%s expected, got %f)", option, expected,
                   lua_tonumber(L, index));
    luaL_error(L, "bad option '%s' (%s expected, got %s)", option, expected,
               luaL_typename(L, index));
}

const char *l_option_string(lua_State *L, const char *option, int index)
{
    size_t length;
    if (lua_type(L, index) != LUA_TSTRING)
        l_bad_option(L, option, "string", index);
    const char *text = lua_tolstring(L, index, &length);
    size_t first = strlen(text);
    if (first != length)
        luaL_error(L, "bad option '%s': byte 0x00 at byte %d is not allowed there", option,
                   (int)first + 1);
    return text;
}

double l_option_number(lua_State *L, const char *option, int index, double least, double most)
{
    double number = lua_tonumber(L, index);
    if (lua_type(L, index) != LUA_TNUMBER)
        l_bad_option(L, option, "number", index);
    if (!(number >= least && number <= most)) {
        lua_pushfstring(L, "number from %f to %f", least, most);
        l_bad_option(L, option, lua_tostring(L, -1), index < 0 ? index - 1 : index);
    }
    return number;
}

bool l_option_boolean(lua_State *L, const char *option, int index)
{
    if (lua_type(L, index) != LUA_TBOOLEAN)
        l_bad_option(L, option, "boolean", index);
    return lua_toboolean(L, index) != 0;
}

/* ---- headers ------------------------------------------------------------------------------- */

static bool is_set_cookie(const char *name)
{
    return strcasecmp(name, "Set-Cookie") == 0; /* RFC 9110, 5.3: cannot be joined */
}

static const char *separator_of(const char *name)
{
    return strcasecmp(name, "Cookie") == 0 ? "; " : ", "; /* RFC 9113, 8.2.3 */
}

/* The first field of the same name; i if it is that itself. */
static size_t first_of_name(const void *object, size_t i, l_field_fn at)
{
    const char *name = at(object, i).name;
    for (size_t j = 0; j < i; j++) {
        if (strcasecmp(at(object, j).name, name) == 0)
            return j;
    }
    return i;
}

/* Pushes the name in lower case, which stands for all its spellings. */
static void push_lower(lua_State *L, const char *name)
{
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    for (; *name != '\0'; name++)
        luaL_addchar(&buffer, *name >= 'A' && *name <= 'Z' ? (char)(*name | 0x20) : *name);
    luaL_pushresult(&buffer);
}

/* The same by a table at `seen`, of lower case and index: of many fields each would be compared
 * with each. */
static size_t first_by_table(lua_State *L, int seen, const char *name, size_t i)
{
    push_lower(L, name);
    lua_pushvalue(L, -1);
    lua_rawget(L, seen);
    size_t first = lua_isnil(L, -1) ? i : (size_t)lua_tointeger(L, -1);
    lua_pop(L, 1);
    lua_pushinteger(L, (lua_Integer)first);
    lua_rawset(L, seen);
    return first;
}

void l_push_headers(lua_State *L, const void *object, size_t count, l_field_fn at)
{
    const bool many = count > 32;
    lua_createtable(L, 0, (int)count);
    int fields = lua_gettop(L);
    if (many)
        lua_newtable(L);
    for (size_t i = 0; i < count; i++) {
        mw_header field = at(object, i);
        size_t first =
            many ? first_by_table(L, fields + 1, field.name, i) : first_of_name(object, i, at);
        const char *name = at(object, first).name;
        if (first == i) {
            lua_pushstring(L, field.value);
        } else if (!is_set_cookie(name)) {
            lua_getfield(L, fields, name);
            lua_pushfstring(L, "%s%s%s", lua_tostring(L, -1), separator_of(name), field.value);
            lua_remove(L, -2);
        } else {
            continue;
        }
        lua_setfield(L, fields, name);
    }
    lua_settop(L, fields);
    luaL_getmetatable(L, L_HEADERS);
    lua_setmetatable(L, -2);
}
