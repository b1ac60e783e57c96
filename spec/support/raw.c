/* raw.c: the test module "raw": its context, its objects' lifetimes and the one door into Lua.
 * SPDX-License-Identifier: MIT */
#include "raw.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define CONTEXT_TYPE "raw.context"
#define MODULES_KEY "raw.modules"
#define BASE_KEY "moonwire.event_base"

/* ---- the door ---- */

/* Message handler: strings get a traceback, other values (a failed assertion) stay what they are.
 */
static int traceback(lua_State *L)
{
    if (lua_isstring(L, 1))
        luaL_traceback(L, L, lua_tostring(L, 1), 1);
    return 1;
}

void raw_pcall(lua_State *L, raw_context *ctx, int count)
{
    int function = lua_gettop(L) - count;
    lua_pushcfunction(L, traceback);
    lua_insert(L, function);
    if (lua_pcall(L, count, 0, function) != 0) {
        raw_push(L, ctx);
        lua_getfenv(L, -1); /* stack: error, context, errors */
        lua_pushvalue(L, -3);
        lua_rawseti(L, -2, (int)lua_objlen(L, -2) + 1);
        lua_pop(L, 3);
    }
    lua_remove(L, function);
}

void raw_protect(raw_context *ctx, lua_CFunction fn, void *ud)
{
    lua_State *L = ctx->L;
    if (lua_cpcall(L, fn, ud) != 0) {
        const char *message = lua_tostring(L, -1);
        snprintf(ctx->failure, sizeof ctx->failure, "%s", message ? message : "unknown error");
        lua_pop(L, 1);
    }
}

struct call {
    raw_object *object;
    const char *name, *bytes, *extra;
    size_t length;
};

static int call_field(lua_State *L)
{
    const struct call *c = lua_touserdata(L, 1);
    raw_push(L, c->object);
    lua_getfenv(L, -1);
    lua_getfield(L, -1, c->name);
    if (lua_isnil(L, -1))
        return 0;
    lua_pushvalue(L, -3);
    int count = 1;
    if (c->bytes) {
        lua_pushlstring(L, c->bytes, c->length);
        count++;
    }
    if (c->extra) {
        lua_pushstring(L, c->extra);
        count++;
    }
    raw_pcall(L, c->object->ctx, count);
    return 0;
}

void raw_call(raw_object *object, const char *name, const char *bytes, size_t length,
              const char *extra)
{
    struct call c = {object, name, bytes, extra, length};
    raw_protect(object->ctx, call_field, &c);
}

/* ---- objects ---- */

raw_context *raw_context_of(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

void *raw_new(lua_State *L, raw_context *ctx, const char *type, size_t size,
              void (*release)(raw_object *))
{
    raw_object *object = lua_newuserdata(L, size);
    memset(object, 0, size);
    object->ctx = ctx;
    object->release = release;
    luaL_getmetatable(L, type);
    lua_setmetatable(L, -2);
    lua_newtable(L);
    lua_setfenv(L, -2);
    return object;
}

void raw_pin(lua_State *L, int index)
{
    raw_object *object = lua_touserdata(L, index);
    lua_pushvalue(L, index);
    lua_pushlightuserdata(L, object);
    lua_insert(L, -2);
    lua_rawset(L, LUA_REGISTRYINDEX);
    object->pinned = 1;
    LIST_INSERT_HEAD(&object->ctx->objects, object, link);
}

static int forget(lua_State *L)
{
    lua_pushnil(L); /* stack: object as light userdata, nil */
    lua_rawset(L, LUA_REGISTRYINDEX);
    return 0;
}

void raw_unpin(raw_object *object)
{
    if (!object->pinned)
        return;
    object->pinned = 0;
    LIST_REMOVE(object, link);
    raw_protect(object->ctx, forget, object);
}

void raw_push(lua_State *L, void *pinned)
{
    lua_pushlightuserdata(L, pinned);
    lua_rawget(L, LUA_REGISTRYINDEX);
}

void raw_copy_field(lua_State *L, int index, const char *name)
{
    lua_getfield(L, index, name);
    lua_setfield(L, -2, name); /* through __newindex, which checks it */
}

static int object_gc(lua_State *L)
{
    raw_object *object = lua_touserdata(L, 1);
    if (object->pinned) /* the state is being closed */
        LIST_REMOVE(object, link);
    object->pinned = 0;
    object->release(object);
    return 0;
}

/* upvalues: context, methods, property */
static int object_index(lua_State *L)
{
    const char *name = luaL_checkstring(L, 2);
    int (*property)(lua_State *, const char *) = NULL;
    memcpy(&property, lua_touserdata(L, lua_upvalueindex(3)), sizeof property);
    if (property(L, name))
        return 1;
    lua_settop(L, 2);
    lua_getfield(L, lua_upvalueindex(2), name);
    if (!lua_isnil(L, -1))
        return 1;
    lua_getfenv(L, 1);
    lua_getfield(L, -1, name);
    return 1;
}

static int object_newindex(lua_State *L)
{
    const char *name = luaL_checkstring(L, 2);
    if (strncmp(name, "on_", 3) == 0 && !lua_isnil(L, 3) && !lua_isfunction(L, 3))
        return luaL_error(L, "%s: function expected, got %s", name, luaL_typename(L, 3));
    lua_getfenv(L, 1);
    lua_replace(L, 1);
    lua_rawset(L, 1);
    return 0;
}

void raw_register(lua_State *L, const luaL_Reg *functions)
{
    raw_context *ctx = raw_context_of(L);
    for (; functions->name; functions++) {
        lua_pushlightuserdata(L, ctx);
        lua_pushcclosure(L, functions->func, 1);
        lua_setfield(L, -2, functions->name);
    }
}

void raw_type(lua_State *L, const char *name, const luaL_Reg *methods,
              int (*property)(lua_State *L, const char *name))
{
    luaL_newmetatable(L, name);
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__name");
    lua_pushcfunction(L, object_gc);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, object_newindex);
    lua_setfield(L, -2, "__newindex");
    lua_pushlightuserdata(L, raw_context_of(L));
    lua_newtable(L);
    raw_register(L, methods);
    /* ISO C has no light userdata for functions: the pointer is boxed. */
    memcpy(lua_newuserdata(L, sizeof property), &property, sizeof property);
    lua_pushcclosure(L, object_index, 3);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}

/* ---- module ---- */

/* raw.check(): throws the first error that a callback has thrown since the last call. */
static int l_check(lua_State *L)
{
    raw_context *ctx = raw_context_of(L);
    raw_push(L, ctx);
    lua_getfenv(L, -1);
    lua_rawgeti(L, -1, 1); /* stack: context, errors, first */
    lua_newtable(L);
    lua_setfenv(L, -4);
    if (!lua_isnil(L, -1))
        return lua_error(L);
    if (ctx->failure[0]) {
        lua_pushstring(L, ctx->failure);
        ctx->failure[0] = '\0';
        return lua_error(L);
    }
    return 0;
}

static void release_all(raw_context *ctx)
{
    raw_object *object, *next;
    for (object = LIST_FIRST(&ctx->objects); object; object = next) {
        next = LIST_NEXT(object, link);
        object->release(object);
        raw_unpin(object);
    }
}

/* raw.close_all(): closes every server and connection at once, without calling anything. */
static int l_close_all(lua_State *L)
{
    release_all(raw_context_of(L));
    return 0;
}

/* raw.live(): how many objects have something in flight. */
static int l_live(lua_State *L)
{
    raw_object *object;
    int count = 0;
    LIST_FOREACH(object, &raw_context_of(L)->objects, link)
    count++;
    lua_pushinteger(L, count);
    return 1;
}

static int context_gc(lua_State *L)
{
    raw_context *ctx = lua_touserdata(L, 1);
    release_all(ctx);
    raw_remove_trees(ctx);
    return 0;
}

static const luaL_Reg functions[] = {
    {"check", l_check},
    {"close_all", l_close_all},
    {"live", l_live},
    {NULL, NULL},
};

/* upvalue: context; returns the module. Its table `cache` is for what a spec's support makes once
 * for the whole process. */
static int open_module(lua_State *L)
{
    lua_newtable(L);
    lua_newtable(L);
    lua_setfield(L, -2, "cache");
    raw_register(L, functions);
    raw_open_socket(L);
    raw_open_conn(L);
    raw_open_server(L);
    raw_open_dns(L);
    raw_open_files(L);
    raw_open_hash(L);
    raw_open_process(L);
    raw_open_pty(L);
    raw_open_parse(L);
    return 1;
}

__attribute__((visibility("default"))) int luaopen_raw(lua_State *L);

/* Pushes a new context, which is in the registry from then on. */
static raw_context *new_context(lua_State *L, struct event_base *base)
{
    raw_context *ctx = lua_newuserdata(L, sizeof *ctx);
    memset(ctx, 0, sizeof *ctx);
    ctx->L = L;
    ctx->base = base;
    LIST_INIT(&ctx->objects);
    LIST_INIT(&ctx->trees);
    luaL_newmetatable(L, CONTEXT_TYPE);
    lua_pushcfunction(L, context_gc);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    lua_newtable(L);
    lua_setfenv(L, -2);
    lua_pushlightuserdata(L, ctx);
    lua_pushvalue(L, -2);
    lua_rawset(L, LUA_REGISTRYINDEX);
    return ctx;
}

/* The runtime's loop must be there already. Lua finalizes in reverse order of creation, so that at
 * lua_close everything of ours is off the loop before the runtime frees it.
 *
 * busted forgets, after each file, which modules were loaded: one is made for each loop, not for
 * each require. */
int luaopen_raw(lua_State *L)
{
    if (!lua_pushthread(L))
        return luaL_error(L, "raw must be loaded by the main state, not by a coroutine");
    lua_getfield(L, LUA_REGISTRYINDEX, BASE_KEY);
    struct event_base *base = lua_touserdata(L, -1);
    if (!base)
        return luaL_error(L, "raw has no loop to live on: require \"http\" first");

    luaL_findtable(L, LUA_REGISTRYINDEX, MODULES_KEY, 1);
    lua_pushlightuserdata(L, base);
    lua_rawget(L, -2);
    if (!lua_isnil(L, -1))
        return 1;
    lua_pop(L, 1);

    signal(SIGPIPE, SIG_IGN);
    lua_pushlightuserdata(L, new_context(L, base));
    lua_pushcclosure(L, open_module, 1);
    lua_call(L, 0, 1);
    lua_pushlightuserdata(L, base);
    lua_pushvalue(L, -2);
    lua_rawset(L, -5); /* stack: modules, context, module, base, module */
    return 1;
}
