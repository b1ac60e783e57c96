/* The prompt: reads lines, runs each as a task, and waits until it has ended. What a line means and
 * how results look is told in lua/http/repl.lua. SPDX-License-Identifier: MIT */
#include "cli/repl.h"

#include "cli/editor.h"
#include "cli/history.h"
#include "cli/script.h"
#include "cli/terminal.h"
#include "lua/context.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One terminal, one prompt. */
static struct {
    lua_State *L;
    mw_runtime *rt;
    int module;                    /* the place of http.repl on the stack */
    volatile sig_atomic_t presses; /* of Ctrl-C that nothing has come of yet */
    volatile sig_atomic_t typing;  /* the editor has the terminal */
    volatile sig_atomic_t in_loop; /* the loop turns while a line waits, or is typed */
    char *typed;                   /* the lines of a chunk that is not whole yet */
} repl;

/* ---- Ctrl-C -------------------------------------------------------------------------------- */

static void interrupt_line(lua_State *L, lua_Debug *ar)
{
    lua_sethook(L, NULL, 0, 0);
    if (lua_getinfo(L, "Sl", ar) != 0 && ar->currentline > 0)
        lua_pushfstring(L, "%s:%d: interrupted", ar->short_src, ar->currentline);
    else
        lua_pushliteral(L, "interrupted");
    lua_error(L);
}

/* Lua code that a line runs is stopped at its next instruction. In the loop it may be a handler of
 * another request's that happens to run: it gets the time to end by itself, and the line is told
 * when the loop has stopped. A line that is deaf to both, because it is in C or in compiled code,
 * ends with the process at the third. */
static void on_sigint(int signal_number)
{
    static const int all = LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT;
    static const int patience = 1000000; /* instructions: some milliseconds */
    int presses = ++repl.presses;
    if (!repl.typing)
        terminal_write("\n", 1); /* behind the ^C that the terminal has shown */
    if (presses > 2) {
        terminal_restore();
        signal(signal_number, SIG_DFL);
        raise(signal_number);
        return;
    }
    if (presses == 1 && repl.in_loop)
        lua_sethook(repl.L, interrupt_line, LUA_MASKCOUNT, patience);
    else
        lua_sethook(repl.L, interrupt_line, all, 1);
    mw_stop(repl.rt);
}

static void catch_sigint(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_sigint;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
}

/* Whatever Ctrl-C was to end has ended. */
static void calm(void)
{
    repl.presses = 0;
    lua_sethook(repl.L, NULL, 0, 0);
}

/* ---- the Lua part -------------------------------------------------------------------------- */

/* Calls a function of http.repl with the arguments that lie on top of the stack, and leaves its one
 * result; nil if it failed. */
static void call(const char *name, int arguments)
{
    lua_State *L = repl.L;
    lua_getfield(L, repl.module, name);
    lua_insert(L, -1 - arguments);
    if (lua_pcall(L, arguments, 1, 0) == 0)
        return;
    if (repl.presses == 0)
        fprintf(stderr, "moonwire: %s\n", lua_tostring(L, -1));
    lua_pop(L, 1);
    lua_pushnil(L);
}

static bool ask(const char *name, const char *text)
{
    lua_pushstring(repl.L, text);
    call(name, 1);
    bool answer = lua_toboolean(repl.L, -1) != 0;
    lua_pop(repl.L, 1);
    return answer;
}

struct completion {
    const char *text;
    char rest[256];
};

/* Behind a door of its own: libedit, which calls this, must not be jumped over. */
static int complete_protected(lua_State *L)
{
    struct completion *completion = lua_touserdata(L, 1);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "http.repl.complete");
    lua_call(L, 1, 1);
    lua_pushstring(L, completion->text);
    lua_call(L, 1, 1);
    const char *rest = lua_tostring(L, -1);
    if (rest != NULL && strlen(rest) < sizeof completion->rest)
        memcpy(completion->rest, rest, strlen(rest) + 1);
    return 0;
}

static const char *complete(const char *text, void *ud)
{
    struct completion *completion = ud;
    completion->text = text;
    completion->rest[0] = '\0';
    if (lua_cpcall(repl.L, complete_protected, completion) != 0)
        lua_pop(repl.L, 1); /* nothing to complete then */
    return completion->rest;
}

/* ---- running ------------------------------------------------------------------------------- */

/* Turns the loop until the line's task has ended. */
static void wait_for_line(void)
{
    static const double long_time = 3600;
    static const char never[] = "nothing is pending, so what is waited for can never come";
    while (ask("busy", NULL)) {
        if (repl.presses > 0) {
            calm();
            ask("interrupt", "interrupted");
        } else if (mw_pending(repl.rt) == 0) {
            ask("interrupt", never);
        } else {
            repl.in_loop = 1;
            mw_poll(repl.rt, long_time);
            repl.in_loop = 0;
        }
    }
    calm();
}

static void run_file(const struct command *c)
{
    lua_State *L = repl.L;
    if (script_load(L, c) != 0) {
        fprintf(stderr, "moonwire: %s\n", lua_tostring(L, -1));
        lua_pop(L, 1);
        return;
    }
    luaL_checkstack(L, c->argc + 2, "too many arguments");
    for (int i = c->first; i < c->argc; i++)
        lua_pushstring(L, c->argv[i]);
    call("run_file", 1 + c->argc - c->first);
    lua_pop(L, 1);
    wait_for_line();
}

static void forget_typed(void)
{
    free(repl.typed);
    repl.typed = NULL;
}

/* Adds a line to the chunk. */
static bool add_typed(const char *line)
{
    size_t before = repl.typed != NULL ? strlen(repl.typed) + 1 : 0;
    char *grown = realloc(repl.typed, before + strlen(line) + 1);
    if (grown == NULL)
        return false;
    if (before > 0)
        grown[before - 1] = '\n';
    memcpy(grown + before, line, strlen(line) + 1);
    repl.typed = grown;
    return true;
}

/* What was typed is whole: it runs. */
static void run_typed(void)
{
    if (strspn(repl.typed, " \t\n") != strlen(repl.typed))
        history_remember(repl.typed);
    ask("run", repl.typed);
    forget_typed();
    wait_for_line();
}

static enum editor_result read_line(const char **line)
{
    repl.in_loop = repl.typing = 1;
    enum editor_result result = editor_read(repl.typed != NULL ? ">> " : "> ", line);
    repl.in_loop = repl.typing = 0;
    calm();
    return result;
}

static void read_and_run(void)
{
    for (;;) {
        const char *line;
        switch (read_line(&line)) {
        case EDITOR_LINE:
            if (add_typed(line) && !ask("incomplete", repl.typed))
                run_typed();
            break;
        case EDITOR_INTERRUPTED:
            forget_typed();
            break;
        case EDITOR_END:
        default:
            if (repl.typed == NULL)
                return;
            run_typed(); /* which tells what it lacks */
        }
    }
}

static int settle(lua_State *L)
{
    (void)L;
    terminal_settle();
    return 0;
}

static void open_module(lua_State *L)
{
    lua_getglobal(L, "require");
    lua_pushliteral(L, "http.repl");
    lua_call(L, 1, 1);
    repl.module = lua_gettop(L);
    lua_pushcfunction(L, settle);
    lua_setfield(L, repl.module, "settle");
}

int repl_run(lua_State *L, mw_runtime *rt, const struct command *c)
{
    static struct completion completion;
    repl.L = L;
    repl.rt = rt;
    open_module(L);
    if (!editor_open(rt, &repl.presses, complete, &completion)) {
        fputs("moonwire: the terminal cannot be used for a prompt\n", stderr);
        return EXIT_SCRIPT;
    }
    catch_sigint();
    ask("greet", NULL);
    if (c->file != NULL)
        run_file(c);
    read_and_run();
    signal(SIGINT, SIG_DFL);
    forget_typed();
    editor_close();
    return EXIT_SUCCESS;
}
