/* Options that are times: timeout, expect, retries.
 * SPDX-License-Identifier: MIT */
#include "lua/options.h"

#include <math.h>
#include <string.h>

double l_option_seconds(lua_State *L, const char *option, int index)
{
    if (lua_type(L, index) == LUA_TBOOLEAN && !lua_toboolean(L, index))
        return MW_NEVER;
    if (lua_type(L, index) != LUA_TNUMBER || !(lua_tonumber(L, index) > 0))
        l_bad_option(L, option, "number of seconds above 0, or false for never", index);
    double number = lua_tonumber(L, index);
    return isinf(number) ? MW_NEVER : number;
}

/* ---- timeout ------------------------------------------------------------------------------- */

static const struct clock_row {
    const char *name, *full;
    size_t offset;
} clocks[] = {
    {"queue", "timeout.queue", offsetof(mw_options, queue_timeout)},
    {"resolve", "timeout.resolve", offsetof(mw_options, resolve_timeout)},
    {"connect", "timeout.connect", offsetof(mw_options, connect_timeout)},
    {"tls", "timeout.tls", offsetof(mw_options, tls_timeout)},
    {"first_byte", "timeout.first_byte", offsetof(mw_options, first_byte_timeout)},
    {"idle", "timeout.idle", offsetof(mw_options, idle_timeout)},
    {"total", "timeout.total", offsetof(mw_options, total_timeout)},
};

static void read_clock(lua_State *L, mw_options *o, const char *name)
{
    for (size_t i = 0; i < sizeof clocks / sizeof clocks[0]; i++) {
        if (strcmp(name, clocks[i].name) == 0) {
            *(double *)((char *)o + clocks[i].offset) = l_option_seconds(L, clocks[i].full, -1);
            return;
        }
    }
    luaL_error(L,
               "bad option 'timeout' (queue, resolve, connect, tls, first_byte, idle and total are "
               "its fields; '%s' is not)",
               name);
}

void l_option_timeout(lua_State *L, struct l_draft *d, const struct l_option *option, int index)
{
    if (!lua_istable(L, index)) {
        d->options.total_timeout = l_option_seconds(L, option->name, index);
        return;
    }
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1))
        read_clock(L, &d->options, lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "");
}

/* true, or the seconds after which the body goes without the server's word. */
void l_option_expect(lua_State *L, struct l_draft *d, const struct l_option *option, int index)
{
    d->options.expect_continue = lua_type(L, index) != LUA_TBOOLEAN || lua_toboolean(L, index);
    if (lua_type(L, index) != LUA_TBOOLEAN)
        d->options.expect_timeout = l_option_seconds(L, option->name, index);
}

/* ---- retries ------------------------------------------------------------------------------- */

static int times(lua_State *L, const char *option, int index)
{
    return l_option_count(L, option, index, 0, 1000);
}

/* 0 means the default to the core, and no wait to the script. */
static double wait_of(lua_State *L, const char *option, int index)
{
    double seconds = l_option_number(L, option, index, 0, 1e9);
    return seconds > 0 ? seconds : 1e-9;
}

/* A list of names, which the core takes as one text; a list of none is NULL. */
void l_option_names(lua_State *L, struct l_draft *d, const struct l_option *option, int index)
{
    luaL_Buffer all;
    size_t count = lua_istable(L, index) ? lua_objlen(L, index) : 0;
    if (!lua_istable(L, index))
        l_bad_option(L, option->name, "list of names", index);
    luaL_buffinit(L, &all);
    for (size_t i = 1; i <= count; i++) {
        luaL_addstring(&all, i > 1 ? "," : "");
        lua_rawgeti(L, index, (int)i);
        l_option_string(L, option->name, -1); /* throws if it is none */
        luaL_addvalue(&all);
    }
    luaL_pushresult(&all);
    *(const char **)((char *)&d->options + option->offset) = l_anchor(L, d);
}

static void read_statuses(lua_State *L, struct l_draft *d, int index)
{
    if (!lua_istable(L, index))
        l_bad_option(L, "retries.statuses", "list of statuses", index);
    size_t count = lua_objlen(L, index);
    int *statuses = lua_newuserdata(L, (count + 1) * sizeof *statuses);
    l_keep(L, d);
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, index, (int)i + 1);
        statuses[i] = l_option_count(L, "retries.statuses", -1, 100, 999);
        lua_pop(L, 1);
    }
    d->options.retry_statuses = statuses;
    d->options.retry_status_count = count;
}

static void set_flag(mw_options *o, unsigned flag, bool on)
{
    o->retry_flags = on ? o->retry_flags | flag : o->retry_flags & ~flag;
}

/* What has no list and no wait in it: how many of one kind, and switches. */
static const struct {
    const char *name, *full;
    size_t limit;  /* the field that it is; 0: none */
    unsigned flag; /* or the flag */
    bool off;      /* which false sets */
} kinds[] = {
    {"connect", "retries.connect", offsetof(mw_options, retry_connects), 0, false},
    {"read", "retries.read", offsetof(mw_options, retry_reads), 0, false},
    {"status", "retries.status", offsetof(mw_options, retry_replies), 0, false},
    {"redirects", "retries.redirects", 0, MW_RETRY_REDIRECTS, false},
    {"at_once", "retries.at_once", 0, MW_RETRY_AT_ONCE, false},
    {"jitter", "retries.jitter", 0, MW_RETRY_NO_JITTER, true},
    {"retry_after", "retries.retry_after", 0, MW_RETRY_OWN_PACE, true},
    {"where_asked", "retries.where_asked", 0, MW_RETRY_WHERE_ASKED, false},
};

static bool read_kind(lua_State *L, mw_options *o, const char *name, int index)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(name, kinds[i].name) != 0)
            continue;
        if (kinds[i].flag != 0) {
            bool on = l_option_boolean(L, kinds[i].full, index);
            set_flag(o, kinds[i].flag, on != kinds[i].off);
        } else {
            int count = times(L, kinds[i].full, index);
            *(int *)((char *)o + kinds[i].limit) = count > 0 ? count : MW_NO_RETRIES;
        }
        return true;
    }
    return false;
}

static void read_retry(lua_State *L, struct l_draft *d, const char *name, int index)
{
    static const struct l_option methods = {"retries.methods", NULL,
                                            offsetof(mw_options, retry_methods)};
    mw_options *o = &d->options;
    if (strcmp(name, "total") == 0)
        o->retries = times(L, "retries.total", index);
    else if (strcmp(name, "backoff") == 0)
        o->retry_backoff = wait_of(L, "retries.backoff", index);
    else if (strcmp(name, "most_wait") == 0)
        o->retry_most_wait = wait_of(L, "retries.most_wait", index);
    else if (strcmp(name, "most_after") == 0)
        o->retry_most_after = wait_of(L, "retries.most_after", index);
    else if (strcmp(name, "statuses") == 0)
        read_statuses(L, d, index);
    else if (strcmp(name, "methods") == 0)
        l_option_names(L, d, &methods, index);
    else if (strcmp(name, "any_method") == 0)
        o->retry_any_method = l_option_boolean(L, "retries.any_method", index);
    else if (!read_kind(L, o, name, index))
        luaL_error(L,
                   "bad option 'retries' (total, connect, read, status, redirects, backoff, "
                   "most_wait, most_after, at_once, jitter, retry_after, where_asked, statuses, "
                   "methods and any_method are its fields; '%s' is not)",
                   name);
}

/* A number of times, false, or a table that says more. */
void l_option_retries(lua_State *L, struct l_draft *d, const struct l_option *option, int index)
{
    if (lua_type(L, index) == LUA_TBOOLEAN && !lua_toboolean(L, index)) {
        d->options.retries = 0;
        return;
    }
    if (!lua_istable(L, index)) {
        d->options.retries = times(L, option->name, index);
        return;
    }
    d->options.retries = 3;
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1))
        read_retry(L, d, lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "", lua_gettop(L));
}
