/* http.Agent: connections of one's own, for the option agent. It needs no pin: requests in flight
 * hold the core's agent, not the userdata.
 * SPDX-License-Identifier: MIT */
#include "lua/options.h"

#define L_AGENT "http.Agent"

typedef struct l_agent {
    l_object object;
    mw_agent *agent; /* NULL once the runtime is closed */
} l_agent;

static const struct {
    const char *name;
    size_t offset;
} rows[] = {
    {"max_connections_per_origin", offsetof(mw_agent_options, max_connections_per_origin)},
    {"max_idle_per_origin", offsetof(mw_agent_options, max_idle_per_origin)},
    {"max_idle_origins", offsetof(mw_agent_options, max_idle_origins)},
};
enum { COUNT = sizeof rows / sizeof rows[0] };

void l_option_agent(lua_State *L, struct l_draft *d, const struct l_option *option, int index)
{
    bool none = lua_type(L, index) == LUA_TBOOLEAN && !lua_toboolean(L, index);
    if (!none && !l_is_a(L, index, L_AGENT))
        l_bad_option(L, option->name, "http.Agent or false", index);
    d->options.agent = none ? NULL : ((l_agent *)lua_touserdata(L, index))->agent;
}

static void forget(l_object *object)
{
    ((l_agent *)object)->agent = NULL;
}

static void check_names(lua_State *L)
{
    lua_createtable(L, 0, COUNT);
    for (int i = 0; i < COUNT; i++) {
        lua_pushboolean(L, 1);
        lua_setfield(L, 2, rows[i].name);
    }
    for (lua_pushnil(L); lua_next(L, 1) != 0; lua_pop(L, 1)) {
        lua_pushvalue(L, 3);
        lua_rawget(L, 2);
        if (lua_isnil(L, -1))
            l_unknown_option(L, 3, 2);
        lua_pop(L, 1);
    }
}

/* Agent{ max_connections_per_origin=, max_idle_per_origin=, max_idle_origins= } */
static int agent(lua_State *L)
{
    mw_agent_options options = {0};
    l_context *ctx = l_context_get(L);
    if (!lua_isnoneornil(L, 1)) {
        luaL_checktype(L, 1, LUA_TTABLE);
        lua_settop(L, 1);
        check_names(L);
    }
    for (int i = 0; i < COUNT && lua_istable(L, 1); i++) {
        lua_getfield(L, 1, rows[i].name);
        if (!lua_isnil(L, -1))
            *(unsigned *)((char *)&options + rows[i].offset) =
                (unsigned)l_option_count(L, rows[i].name, -1, 1, 1000000);
        lua_pop(L, 1);
    }
    if (ctx->rt == NULL)
        return luaL_error(L, "the runtime is closed");
    l_agent *self = l_object_new(L, sizeof *self, L_AGENT, forget);
    self->agent = mw_agent_new(ctx->rt, &options);
    if (self->agent == NULL)
        return luaL_error(L, "%s", mw_message(ctx->rt));
    return 1;
}

/* agent:close_idle() */
static int close_idle(lua_State *L)
{
    const l_agent *self = luaL_checkudata(L, 1, L_AGENT);
    if (self->agent != NULL)
        mw_agent_close_idle(self->agent);
    return 0;
}

static int agent_tostring(lua_State *L)
{
    const l_agent *self = luaL_checkudata(L, 1, L_AGENT);
    lua_pushstring(L, self->agent != NULL ? L_AGENT : L_AGENT " (closed)");
    return 1;
}

static int agent_gc(lua_State *L)
{
    l_agent *self = lua_touserdata(L, 1);
    mw_agent_free(self->agent);
    self->agent = NULL;
    l_object_gc(&self->object);
    return 0;
}

void l_open_agent(lua_State *L)
{
    static const luaL_Reg methods[] = {{"close_idle", close_idle}, {NULL, NULL}};
    l_object_type(L, L_AGENT, L_AGENT, methods, agent_gc);
    luaL_getmetatable(L, L_AGENT);
    lua_pushcfunction(L, agent_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pop(L, 1);
    lua_pushcfunction(L, agent);
    lua_setfield(L, -2, "Agent");
}
