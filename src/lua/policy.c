/* http.policy: what the requests of scripts may do.
 * SPDX-License-Identifier: MIT */
#include "lua/context.h"

#include <string.h>

/* One value or a list of them, joined into the text that the core takes; left on the stack. */
static const char *join(lua_State *L, const char *option, int index)
{
    luaL_Buffer all;
    size_t count = lua_istable(L, index) ? lua_objlen(L, index) : 1;
    if (count == 0)
        luaL_error(L, "bad option '%s' (an empty list allows nothing; leave it out to allow all)",
                   option);
    luaL_buffinit(L, &all);
    for (size_t i = 1; i <= count; i++) {
        if (i > 1)
            luaL_addchar(&all, ',');
        if (lua_istable(L, index))
            lua_rawgeti(L, index, (int)i);
        else
            lua_pushvalue(L, index);
        if (lua_type(L, -1) == LUA_TNUMBER)
            lua_tostring(L, -1); /* a copy of the script's: it may become a string */
        if (lua_type(L, -1) != LUA_TSTRING)
            l_bad_option(L, option, "string, number or list of them", -1);
        luaL_addvalue(&all);
    }
    luaL_pushresult(&all);
    return lua_tostring(L, -1);
}

static const struct {
    const char *name;
    char kind; /* 'l'ist, 'f'lag, its opposite 'n', 'c'ount, 'u'nsigned */
    size_t offset;
} rows[] = {
    {"schemes", 'l', offsetof(mw_policy, schemes)},
    {"hosts", 'l', offsetof(mw_policy, hosts)},
    {"ports", 'l', offsetof(mw_policy, ports)},
    {"networks", 'l', offsetof(mw_policy, networks)},
    {"public_only", 'f', offsetof(mw_policy, public_only)},
    {"servers", 'n', offsetof(mw_policy, no_servers)},
    {"max_requests", 'c', offsetof(mw_policy, max_requests)},
    {"max_sent", 'c', offsetof(mw_policy, max_sent)},
    {"max_received", 'c', offsetof(mw_policy, max_received)},
    {"max_concurrent", 'u', offsetof(mw_policy, max_concurrent)},
};

static void read_row(lua_State *L, mw_policy *policy, size_t i, int index)
{
    void *field = (char *)policy + rows[i].offset;
    const char *name = rows[i].name;
    if (rows[i].kind == 'l')
        *(const char **)field = join(L, name, index);
    else if (rows[i].kind == 'f')
        *(int *)field = l_option_boolean(L, name, index);
    else if (rows[i].kind == 'n')
        *(int *)field = !l_option_boolean(L, name, index);
    else if (rows[i].kind == 'c')
        *(uint64_t *)field = (uint64_t)l_option_number(L, name, index, 1, 1e15);
    else
        *(unsigned *)field = (unsigned)l_option_number(L, name, index, 1, 1e9);
}

static void set(lua_State *L, l_context *ctx)
{
    mw_policy policy = {0};
    enum { COUNT = sizeof rows / sizeof rows[0] };
    luaL_checkstack(L, COUNT + 4, "policy");
    for (lua_pushnil(L); lua_next(L, 1) != 0; lua_pop(L, 1)) {
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
        size_t i = 0;
        while (i < COUNT && strcmp(rows[i].name, name) != 0)
            i++;
        if (i == COUNT)
            luaL_error(L, "unknown option '%s' of http.policy", name);
    }
    for (size_t i = 0; i < COUNT; i++) { /* not while walking: what is joined stays on the stack */
        lua_getfield(L, 1, rows[i].name);
        if (!lua_isnil(L, -1))
            read_row(L, &policy, i, lua_gettop(L));
    }
    if (mw_policy_set(ctx->rt, &policy) != MW_OK)
        luaL_error(L, "%s", mw_message(ctx->rt));
}

/* policy{ … } sets it; policy() -> what was used of its quotas. */
static int policy(lua_State *L)
{
    l_context *ctx = l_context_get(L);
    if (ctx->rt == NULL)
        return luaL_error(L, "the runtime is closed");
    if (!lua_isnoneornil(L, 1)) {
        luaL_checktype(L, 1, LUA_TTABLE);
        lua_settop(L, 1);
        set(L, ctx);
        return 0;
    }
    mw_usage used = mw_policy_usage(ctx->rt);
    lua_createtable(L, 0, 4);
    lua_pushnumber(L, (lua_Number)used.requests);
    lua_setfield(L, -2, "requests");
    lua_pushnumber(L, (lua_Number)used.sent);
    lua_setfield(L, -2, "sent");
    lua_pushnumber(L, (lua_Number)used.received);
    lua_setfield(L, -2, "received");
    lua_pushnumber(L, used.concurrent);
    lua_setfield(L, -2, "concurrent");
    return 1;
}

void l_open_policy(lua_State *L)
{
    lua_pushcfunction(L, policy);
    lua_setfield(L, -2, "policy");
}
