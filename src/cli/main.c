/* The command: runs a script, until nothing is pending.
 * SPDX-License-Identifier: MIT */
#include "cli/collector.h"
#include "lua/context.h"

#include "core/runtime.h"

#include <lualib.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_SCRIPT = 1, EXIT_USAGE = 2, EXIT_INTERRUPTED = 128 + SIGINT };

static const char help[] =
    "usage: moonwire FILE [ARGS]     run a script\n"
    "       moonwire -e CODE [ARGS]  run code given here\n"
    "       moonwire - [ARGS]        run a script from standard input\n"
    "       moonwire --version       print the version\n"
    "       moonwire --help          print this\n"
    "\n"
    "A script finds the module http in the global of that name, and its arguments in arg. The "
    "command\n"
    "ends when the script has ended and nothing is pending any more: no request, timer or server.\n"
    "\n"
    "exit status: 0, 1 after an error in the script or a handler, 2 for wrong usage, 130 after "
    "Ctrl-C\n";

/* What to run, from the command line. */
struct command {
    const char *code; /* -e CODE */
    const char *file; /* FILE; NULL with "-" */
    const char *name; /* arg[0] */
    int first;        /* index in argv of the script's first argument */
};

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

static int usage(const char *wrong, const char *what)
{
    fprintf(stderr, "moonwire: %s%s\n%s", wrong, what, help);
    return EXIT_USAGE;
}

/* Returns -1 to go on, or the status to exit with. */
static int parse(int argc, char **argv, struct command *c)
{
    memset(c, 0, sizeof *c);
    if (argc < 2)
        return usage("nothing to run", "");
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        fputs(help, stdout);
        return EXIT_SUCCESS;
    }
    if (strcmp(word, "--version") == 0) {
        puts("moonwire " MW_VERSION);
        return EXIT_SUCCESS;
    }
    c->first = 2;
    if (strcmp(word, "-e") == 0) {
        if (argc < 3)
            return usage("-e needs CODE", "");
        c->code = argv[2];
        c->name = "-e";
        c->first = 3;
    } else if (strcmp(word, "-") == 0) {
        c->name = "-";
    } else if (word[0] == '-') {
        return usage("unknown option ", word);
    } else {
        c->file = c->name = word;
    }
    return -1;
}

static void set_arg(lua_State *L, char **argv, int argc, const struct command *c)
{
    lua_newtable(L);
    lua_pushstring(L, argv[0]);
    lua_rawseti(L, -2, -1);
    lua_pushstring(L, c->name);
    lua_rawseti(L, -2, 0);
    for (int i = c->first; i < argc; i++) {
        lua_pushstring(L, argv[i]);
        lua_rawseti(L, -2, i - c->first + 1);
    }
    lua_setglobal(L, "arg");
}

static int load(lua_State *L, const struct command *c)
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
static bool start_main(lua_State *L, int argc, const struct command *c, char **argv,
                       struct outcome *outcome)
{
    int chunk = lua_gettop(L);
    lua_pushcfunction(L, l_traceback);
    lua_getglobal(L, "http");
    lua_getfield(L, -1, "_main");
    lua_remove(L, -2);
    lua_pushvalue(L, chunk);
    lua_pushlightuserdata(L, outcome);
    lua_pushcclosure(L, on_main_done, 1);
    luaL_checkstack(L, argc, "too many arguments");
    for (int i = c->first; i < argc; i++)
        lua_pushstring(L, argv[i]);
    if (lua_pcall(L, 2 + argc - c->first, 0, chunk + 1) == 0)
        return true;
    if (!process.interrupted)
        fprintf(stderr, "moonwire: %s\n", lua_tostring(L, -1));
    return false;
}

struct job {
    int argc;
    char **argv;
    const struct command *command;
    int status;
};

static int status_of(lua_State *L, bool failed)
{
    if (process.interrupted)
        return EXIT_INTERRUPTED;
    return failed || l_error_count(L) > 0 ? EXIT_SCRIPT : EXIT_SUCCESS;
}

static int run(lua_State *L)
{
    struct job *job = lua_touserdata(L, 1);
    struct outcome outcome = {false, false};
    lua_settop(L, 0);
    luaL_openlibs(L);
    collector_tune(L);
    lua_pushcfunction(L, luaopen_http);
    lua_call(L, 0, 1);
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "loaded");
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "http");
    lua_pop(L, 2);
    lua_setglobal(L, "http");
    set_arg(L, job->argv, job->argc, job->command);
    if (load(L, job->command) != 0) {
        fprintf(stderr, "moonwire: %s\n", lua_tostring(L, -1));
        job->status = EXIT_SCRIPT;
        return 0;
    }
    mw_runtime *rt = l_context_get(L)->rt;
    catch_sigint(L, rt);
    if (!start_main(L, job->argc, job->command, job->argv, &outcome))
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
    job->status = status_of(L, outcome.failed);
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
    int status = parse(argc, argv, &command);
    if (status >= 0)
        return checked(status);
    lua_State *L = luaL_newstate();
    if (L == NULL) {
        fputs("moonwire: no memory for a Lua state\n", stderr);
        return EXIT_SCRIPT;
    }
    struct job job = {argc, argv, &command, EXIT_SCRIPT};
    if (lua_cpcall(L, run, &job) != 0) {
        const char *message = lua_tostring(L, -1);
        fprintf(stderr, "moonwire: %s\n", message != NULL ? message : "error");
    }
    signal(SIGINT, SIG_DFL); /* its handler hooks a state that is about to go */
    lua_close(L);
    return checked(job.status);
}
