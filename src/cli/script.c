/* Runs a script until nothing is pending.
 * SPDX-License-Identifier: MIT */
#include "cli/script.h"

#include "lua/context.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the signal handler needs; a process has one Ctrl-C, so this is the process's. */
static struct {
    lua_State *L;
    mw_runtime *rt;
    volatile sig_atomic_t interrupted;
} process;

static void interrupt_script(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    lua_sethook(L, NULL, 0, 0);
    luaL_error(L, "interrupted");
}

/* The loop stops by mw_stop; Lua code that is running is stopped by a hook, the one thing that may
 * be set from a signal handler. A second Ctrl-C ends the process the hard way, for code that the
 * hook does not reach (compiled loops, C functions). */
static void on_sigint(int signal_number)
{
    signal(signal_number, SIG_DFL);
    process.interrupted = 1;
    lua_sethook(process.L, interrupt_script, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
    mw_stop(process.rt);
}

static void catch_sigint(lua_State *L, mw_runtime *rt)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    process.L = L;
    process.rt = rt;
    action.sa_handler = on_sigint;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
}

int script_load(lua_State *L, const struct command *c)
{
    if (c->code != NULL)
        return luaL_loadbuffer(L, c->code, strlen(c->code), "=-e");
    return luaL_loadfile(L, c->file);
}

/* What became of the main chunk. */
struct outcome {
    bool ended, failed;
};

/* The end of the main chunk: done(ok, trace). An error there ends the script at once. */
static int on_main_done(lua_State *L)
{
    struct outcome *outcome = lua_touserdata(L, lua_upvalueindex(1));
    outcome->ended = true;
    if (lua_toboolean(L, 1))
        return 0;
    outcome->failed = true;
    if (!process.interrupted)
        fprintf(stderr, "moonwire: %s\n", lua_tostring(L, 2));
    mw_stop(process.rt);
    return 0;
}

/* http._main(chunk, done, args…), with the chunk at the top of the stack. Returns false if it could
 * not even be called. */
static bool start_main(lua_State *L, const struct command *c, struct outcome *outcome)
{
    int chunk = lua_gettop(L);
    lua_pushcfunction(L, l_traceback);
    lua_getglobal(L, "http");
    lua_getfield(L, -1, "_main");
    lua_remove(L, -2);
    lua_pushvalue(L, chunk);
    lua_pushlightuserdata(L, outcome);
    lua_pushcclosure(L, on_main_done, 1);
    luaL_checkstack(L, c->argc, "too many arguments");
    for (int i = c->first; i < c->argc; i++)
        lua_pushstring(L, c->argv[i]);
    if (lua_pcall(L, 2 + c->argc - c->first, 0, chunk + 1) == 0)
        return true;
    if (!process.interrupted)
        fprintf(stderr, "moonwire: %s\n", lua_tostring(L, -1));
    return false;
}

static int status_of(lua_State *L, bool failed)
{
    if (process.interrupted)
        return EXIT_INTERRUPTED;
    return failed || l_error_count(L) > 0 ? EXIT_SCRIPT : EXIT_SUCCESS;
}

int script_run(lua_State *L, mw_runtime *rt, const struct command *c)
{
    struct outcome outcome = {false, false};
    if (script_load(L, c) != 0) {
        fprintf(stderr, "moonwire: %s\n", lua_tostring(L, -1));
        return EXIT_SCRIPT;
    }
    catch_sigint(L, rt);
    if (!start_main(L, c, &outcome))
        outcome.failed = true;
    else if (!outcome.failed)
        mw_run(rt);
    if (!outcome.ended && !outcome.failed && !process.interrupted && mw_pending(rt) == 0) {
        fputs("moonwire: nothing is pending, so what the script waits for can never come\n",
              stderr);
        outcome.failed = true;
    }
    signal(SIGINT, SIG_DFL);
    lua_sethook(L, NULL, 0, 0);
    return status_of(L, outcome.failed);
}
