/* The command: a script, or a prompt.
 * SPDX-License-Identifier: MIT */
#include "cli/collector.h"
#include "cli/command.h"
#include "cli/repl.h"
#include "cli/script.h"
#include "cli/terminal.h"
#include "lua/context.h"

#include <lualib.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void set_arg(lua_State *L, const struct command *c)
{
    lua_newtable(L);
    lua_pushstring(L, c->argv[0]);
    lua_rawseti(L, -2, -1);
    lua_pushstring(L, c->name);
    lua_rawseti(L, -2, 0);
    for (int i = c->first; i < c->argc; i++) {
        lua_pushstring(L, c->argv[i]);
        lua_rawseti(L, -2, i - c->first + 1);
    }
    lua_setglobal(L, "arg");
}

/* http.trace(true), and http.har._command(file), which gives the function that writes the file: it
 * is left on the stack. False if the file cannot be written. */
static bool begin_records(lua_State *L, const struct command *c)
{
    lua_getglobal(L, "http");
    if (c->trace) {
        lua_getfield(L, -1, "trace");
        lua_pushboolean(L, 1);
        lua_call(L, 1, 0);
    }
    if (c->har == NULL)
        return true;
    lua_getfield(L, -1, "har");
    lua_getfield(L, -1, "_command");
    lua_pushstring(L, c->har);
    lua_call(L, 1, 2);
    if (!lua_isnil(L, -2)) {
        lua_pop(L, 1);
        return true;
    }
    fprintf(stderr, "moonwire: --har: %s\n", lua_tostring(L, -1));
    return false;
}

/* Calls that function, whatever has become of the script. Returns the status. */
static int end_records(lua_State *L, const struct command *c, int status)
{
    if (c->har == NULL)
        return status;
    if (lua_pcall(L, 0, 2, 0) == 0 && lua_toboolean(L, -2))
        return status;
    fprintf(stderr, "moonwire: --har: %s\n", lua_tostring(L, -1));
    return status == EXIT_SUCCESS ? EXIT_SCRIPT : status;
}

struct job {
    const struct command *command;
    int status;
};

static int run(lua_State *L)
{
    struct job *job = lua_touserdata(L, 1);
    lua_settop(L, 0);
    luaL_openlibs(L);
    collector_tune(L);
    l_context_open(L, job->command->engine);
    lua_pushcfunction(L, luaopen_http);
    lua_call(L, 0, 1);
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "loaded");
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "http");
    lua_pop(L, 2);
    lua_setglobal(L, "http");
    set_arg(L, job->command);
    mw_runtime *rt = l_context_get(L)->rt;
    if (!begin_records(L, job->command))
        return 0;
    int record = lua_gettop(L);
    if (job->command->prompt)
        job->status = repl_run(L, rt, job->command);
    else
        job->status = script_run(L, rt, job->command);
    lua_settop(L, record);
    job->status = end_records(L, job->command, job->status);
    return 0;
}

/* The status, unless output was lost. */
static int checked(int status)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    fprintf(stderr, "moonwire: cannot write to standard output%s%s\n", errno ? ": " : "",
            errno ? strerror(errno) : "");
    return EXIT_SCRIPT;
}

/* A standard stream that is closed must not become a socket of the script's; what is written to it
 * must fail, and so be noticed. */
static void fill_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            _exit(EXIT_SCRIPT);
    }
}

int main(int argc, char **argv)
{
    fill_standard_streams();
    struct command command;
    int status = command_parse(argc, argv, &command);
    if (status >= 0)
        return checked(status);
    if (command.prompt && !terminal_open()) { /* before Lua takes the streams for its own */
        fprintf(stderr, "moonwire: no use can be made of the terminal: %s\n", strerror(errno));
        return EXIT_SCRIPT;
    }
    lua_State *L = luaL_newstate();
    if (L == NULL) {
        fputs("moonwire: no memory for a Lua state\n", stderr);
        return EXIT_SCRIPT;
    }
    struct job job = {&command, EXIT_SCRIPT};
    if (lua_cpcall(L, run, &job) != 0) {
        const char *message = lua_tostring(L, -1);
        fprintf(stderr, "moonwire: %s\n", message != NULL ? message : "error");
    }
    signal(SIGINT, SIG_DFL); /* its handler hooks a state that is about to go */
    lua_close(L);
    return checked(job.status);
}
