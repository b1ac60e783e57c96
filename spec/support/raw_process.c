/* raw_process.c: programs that the tests run. They die with this process, inherit none of its
 * descriptors, and never what is preloaded into it (a sanitizer's library).
 * SPDX-License-Identifier: MIT */
#include "raw.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGV_MAX 64
#define ENV_MAX 512
#define PRELOAD "LD_PRELOAD"
#define STDOUT_MODE 0600

extern char **environ;

struct program {
    const char *argv[ARGV_MAX + 1];
    const char *env[ENV_MAX + 1];
    const char *output; /* file for stdout and stderr */
    const char *tty;    /* or a terminal, for all three, which it is to control */
    int status_fd;      /* takes errno when exec fails; closed by it when it does not */
};

/* ---- in the child ---- */

static int inherit_nothing(int keep)
{
    if (keep != 3 && (dup2(keep, 3) < 0 || fcntl(3, F_SETFD, FD_CLOEXEC) < 0))
        return -1;
#ifdef CLOSE_RANGE_CLOEXEC
    if (close_range(4, ~0U, 0) == 0)
        return 0;
#endif
    for (int fd = 4, end = (int)sysconf(_SC_OPEN_MAX); fd < end; fd++)
        close(fd);
    return 0;
}

/* The three standard streams. */
static int open_streams(const struct program *program)
{
    int in, out;
    if (program->tty && setsid() < 0)
        return -1;
    if (program->tty) { /* the first that a leader of a session opens is its own */
        in = out = open(program->tty, O_RDWR | O_CLOEXEC);
    } else {
        in = open("/dev/null", O_RDONLY | O_CLOEXEC);
        out = open(program->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, STDOUT_MODE);
    }
    if (in < 0 || out < 0 || dup2(in, 0) != 0 || dup2(out, 1) != 1 || dup2(out, 2) != 2)
        return -1;
    return 0;
}

static void run_child(struct program *program, pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    int status_fd = program->status_fd;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it died before the line above */
        _exit(127);
    signal(SIGPIPE, SIG_DFL); /* exec keeps what is ignored */
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (open_streams(program) == 0 && inherit_nothing(status_fd) == 0) {
        status_fd = 3;
        environ = (char **)(uintptr_t)program->env; /* its PATH is the one that is searched */
        execvp(program->argv[0], (char *const *)(uintptr_t)program->argv);
    }
    int error = errno;
    ssize_t ignored = write(status_fd, &error, sizeof error);
    (void)ignored;
    _exit(127);
}

/* ---- in the parent ---- */

/* Fills in argv from the list at `index`; its strings stay alive in that table. */
static void read_argv(lua_State *L, int index, struct program *program)
{
    int count = (int)lua_objlen(L, index);
    if (count < 1 || count > ARGV_MAX)
        luaL_error(L, "spawn: 1 to %d arguments expected, got %d", ARGV_MAX, count);
    for (int i = 0; i < count; i++) {
        lua_rawgeti(L, index, i + 1);
        if (lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "spawn: argument %d: string expected, got %s", i + 1,
                       luaL_typename(L, -1));
        program->argv[i] = lua_tostring(L, -1);
        lua_pop(L, 1);
    }
    program->argv[count] = NULL;
}

static int same_name(const char *entry, const char *name)
{
    size_t length = strlen(name);
    return strncmp(entry, name, length) == 0 && entry[length] == '=';
}

static void add_env(lua_State *L, struct program *program, int *count, const char *entry)
{
    if (*count == ENV_MAX)
        luaL_error(L, "spawn: more than %d environment variables", ENV_MAX);
    program->env[(*count)++] = entry;
    program->env[*count] = NULL;
}

static int overridden(lua_State *L, int env, const char *entry)
{
    const char *equals = strchr(entry, '=');
    if (!env || !equals)
        return 0;
    lua_pushlstring(L, entry, (size_t)(equals - entry));
    lua_rawget(L, env);
    int found = !lua_isnil(L, -1);
    lua_pop(L, 1);
    return found;
}

/* The environment of this process, and over it the table at `env` (0: none). Pushes a table that
 * keeps the strings made here alive. */
static void read_env(lua_State *L, int env, struct program *program)
{
    int count = 0;
    program->env[0] = NULL;
    lua_newtable(L);
    int made = lua_gettop(L);
    for (char **entry = environ; *entry; entry++) {
        if (!same_name(*entry, PRELOAD) && !overridden(L, env, *entry))
            add_env(L, program, &count, *entry);
    }
    if (!env)
        return;
    for (lua_pushnil(L); lua_next(L, env); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "spawn: env: names and values must be strings");
        if (strcmp(lua_tostring(L, -2), PRELOAD) == 0)
            continue;
        const char *entry = lua_pushfstring(L, "%s=%s", lua_tostring(L, -2), lua_tostring(L, -1));
        add_env(L, program, &count, entry);
        lua_rawseti(L, made, count);
    }
}

/* Returns the pid, or -1 with errno set, also when the program could not be run. */
static pid_t start(struct program *program)
{
    int fds[2], error = 0;
    if (pipe2(fds, O_CLOEXEC) != 0)
        return -1;
    program->status_fd = fds[1];
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        run_child(program, parent);
    error = pid < 0 ? errno : 0;
    close(fds[1]);
    if (pid > 0 && read(fds[0], &error, sizeof error) > 0) {
        waitpid(pid, NULL, 0);
        pid = -1;
    }
    close(fds[0]);
    errno = error;
    return pid;
}

/* Pushes nothing; returns the pid, or -1 after pushing nil and why. */
static pid_t spawn(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    struct program *program = lua_newuserdata(L, sizeof *program);
    read_argv(L, 1, program);
    lua_getfield(L, 1, "stdout");
    program->output = luaL_optstring(L, -1, "/dev/null");
    lua_getfield(L, 1, "tty");
    program->tty = luaL_optstring(L, -1, NULL);
    lua_getfield(L, 1, "env");
    read_env(L, lua_istable(L, -1) ? lua_gettop(L) : 0, program);
    pid_t pid = start(program);
    if (pid < 0) {
        int error = errno;
        lua_pushnil(L);
        lua_pushfstring(L, "%s: %s", program->argv[0], strerror(error));
    }
    return pid;
}

/* raw.spawn{ program, argument…, stdout = "/path", env = { NAME = "value" } } -> pid, or nil and
 * why. Its standard error goes where its standard output goes. tty = pty.path instead of stdout
 * gives it that terminal. */
static int l_spawn(lua_State *L)
{
    pid_t pid = spawn(L);
    if (pid < 0)
        return 2;
    lua_pushinteger(L, pid);
    return 1;
}

static int exit_number(int status)
{
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* raw.run{…}: the same, and waits until it has ended -> its status (-signal), or nil and why. For
 * programs that take milliseconds: the loop stands still. */
static int l_run(lua_State *L)
{
    int status = 0;
    pid_t pid = spawn(L);
    if (pid < 0)
        return 2;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    lua_pushinteger(L, exit_number(status));
    return 1;
}

static pid_t check_pid(lua_State *L)
{
    lua_Integer pid = luaL_checkinteger(L, 1);
    luaL_argcheck(L, pid > 1, 1, "a pid expected"); /* 0, 1 and below reach far more than one */
    return (pid_t)pid;
}

/* raw.kill(pid, "TERM") -> true, or nil and why */
static int l_kill(lua_State *L)
{
    static const char *const names[] = {"TERM", "KILL", "INT", "HUP", "STOP", "CONT", NULL};
    static const int numbers[] = {SIGTERM, SIGKILL, SIGINT, SIGHUP, SIGSTOP, SIGCONT};
    pid_t pid = check_pid(L);
    int number = numbers[luaL_checkoption(L, 2, "TERM", names)];
    if (kill(pid, number) == 0) {
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_pushnil(L);
    lua_pushstring(L, strerror(errno));
    return 2;
}

/* raw.alive(pid): whether a program of ours still runs. */
static int l_alive(lua_State *L)
{
    siginfo_t info;
    memset(&info, 0, sizeof info);
    int result = waitid(P_PID, (id_t)check_pid(L), &info, WEXITED | WNOHANG | WNOWAIT);
    lua_pushboolean(L, result == 0 && info.si_pid == 0);
    return 1;
}

/* raw.reap(pid): nil while it runs, then its status (-signal). */
static int l_reap(lua_State *L)
{
    int status = 0;
    pid_t pid = check_pid(L);
    pid_t done = waitpid(pid, &status, WNOHANG);
    if (done < 0)
        return luaL_error(L, "reap: %s", strerror(errno));
    if (done == 0)
        lua_pushnil(L);
    else
        lua_pushinteger(L, exit_number(status));
    return 1;
}

void raw_open_process(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"spawn", l_spawn}, {"run", l_run},   {"kill", l_kill},
        {"alive", l_alive}, {"reap", l_reap}, {NULL, NULL},
    };
    raw_register(L, functions);
}
