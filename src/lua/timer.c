/* http.after and http.every: timers.
 * SPDX-License-Identifier: MIT */
#include "lua/context.h"

#define L_TIMER "http.Timer"

enum { SLOT_FUNCTION = 1 };

typedef struct l_timer {
    l_object object;
    mw_timer *timer; /* NULL once it is over */
    bool repeat;
} l_timer;

static l_timer *check(lua_State *L)
{
    return luaL_checkudata(L, 1, L_TIMER);
}

static void forget(l_object *object)
{
    ((l_timer *)object)->timer = NULL;
}

static void tell(lua_State *L, void *ud)
{
    const l_timer *t = ud;
    lua_rawgeti(L, LUA_REGISTRYINDEX, t->object.pin);
    lua_getfenv(L, -1);
    lua_rawgeti(L, -1, SLOT_FUNCTION);
    lua_pushvalue(L, 1);
    l_call(t->object.ctx, 1);
}

static void stop(l_timer *t)
{
    mw_timer_free(t->timer);
    t->timer = NULL;
    l_unpin(&t->object);
}

static void on_timer(mw_timer *timer, void *ud)
{
    l_timer *t = ud;
    l_context *ctx = t->object.ctx;
    if (!t->repeat) { /* it is over when its function runs; the pin still holds the userdata */
        mw_timer_free(timer);
        t->timer = NULL;
    }
    l_enter(ctx, tell, t);
    if (!t->repeat)
        l_unpin(&t->object);
}

static int start(lua_State *L, bool repeat)
{
    lua_Number seconds = luaL_checknumber(L, 1);
    luaL_argcheck(L, repeat ? seconds > 0 : seconds >= 0, 1,
                  repeat ? "a number of seconds expected, above 0"
                         : "a number of seconds expected, 0 or more");
    luaL_checktype(L, 2, LUA_TFUNCTION);
    l_context *ctx = l_context_get(L);
    if (ctx->rt == NULL)
        return luaL_error(L, "the runtime is closed");
    l_timer *t = l_object_new(L, sizeof *t, L_TIMER, forget);
    l_object_slots(L);
    lua_getfenv(L, -1);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, SLOT_FUNCTION);
    lua_pop(L, 1);
    t->repeat = repeat;
    l_pin(L, -1, &t->object);
    t->timer = mw_timer_start(ctx->rt, seconds, repeat, on_timer, t);
    if (t->timer == NULL) {
        l_unpin(&t->object);
        return luaL_error(L, "no memory for a timer");
    }
    return 1;
}

static int after(lua_State *L)
{
    return start(L, false);
}

static int every(lua_State *L)
{
    return start(L, true);
}

static int timer_cancel(lua_State *L)
{
    l_timer *t = check(L);
    if (t->timer != NULL)
        stop(t);
    return 0;
}

static int timer_active(lua_State *L)
{
    lua_pushboolean(L, check(L)->timer != NULL);
    return 1;
}

static int timer_tostring(lua_State *L)
{
    lua_pushfstring(L, "http.Timer (%s)", check(L)->timer != NULL ? "active" : "over");
    return 1;
}

static int timer_gc(lua_State *L)
{
    l_timer *t = check(L);
    mw_timer_free(t->timer);
    t->timer = NULL;
    l_object_gc(&t->object);
    return 0;
}

void l_open_timer(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"cancel", timer_cancel}, {"active", timer_active}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"after", after}, {"every", every}, {NULL, NULL}};
    l_object_type(L, L_TIMER, "http.Timer", methods, timer_gc);
    luaL_getmetatable(L, L_TIMER);
    lua_pushcfunction(L, timer_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pop(L, 1);
    luaL_register(L, NULL, functions);
}
