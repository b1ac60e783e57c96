/* raw_pty.c: terminals for programs that the tests run: what a program shows is read here, what is
 * written here it takes for keys.
 * SPDX-License-Identifier: MIT */
#include "raw.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define PTY_TYPE "raw.pty"

typedef struct raw_pty {
    raw_object object;
    int fd; /* our side */
    int open;
    char path[64]; /* the program's side */
} raw_pty;

static void pty_release(raw_object *object)
{
    raw_pty *pty = (raw_pty *)object;
    if (pty->open)
        close(pty->fd);
    pty->open = 0;
}

static raw_pty *check_pty(lua_State *L)
{
    raw_pty *pty = luaL_checkudata(L, 1, PTY_TYPE);
    if (!pty->open)
        luaL_error(L, "pty: it is closed");
    return pty;
}

static int set_size(lua_State *L, int fd, int index)
{
    struct winsize size;
    memset(&size, 0, sizeof size);
    size.ws_row = (unsigned short)luaL_checkinteger(L, index);
    size.ws_col = (unsigned short)luaL_checkinteger(L, index + 1);
    return ioctl(fd, TIOCSWINSZ, &size);
}

/* pty:read() -> what has come since, "" if nothing; nil once no program has it open any more */
static int pty_read(lua_State *L)
{
    char bytes[4096];
    const raw_pty *pty = check_pty(L);
    ssize_t length = read(pty->fd, bytes, sizeof bytes);
    if (length >= 0 || errno == EAGAIN || errno == EINTR)
        lua_pushlstring(L, bytes, length > 0 ? (size_t)length : 0);
    else
        lua_pushnil(L); /* EIO */
    return 1;
}

/* pty:write(keys): all of them; a terminal takes some thousand bytes at once */
static int pty_write(lua_State *L)
{
    size_t length;
    const raw_pty *pty = check_pty(L);
    const char *bytes = luaL_checklstring(L, 2, &length);
    ssize_t written = write(pty->fd, bytes, length);
    if (written != (ssize_t)length)
        return luaL_error(L, "pty: %s", written < 0 ? strerror(errno) : "it is full");
    return 0;
}

/* pty:resize(rows, columns): the program gets a SIGWINCH */
static int pty_resize(lua_State *L)
{
    const raw_pty *pty = check_pty(L);
    if (set_size(L, pty->fd, 2) != 0)
        return luaL_error(L, "pty: %s", strerror(errno));
    return 0;
}

/* pty:modes() -> whether it echoes, and whether it gives out whole lines */
static int pty_modes(lua_State *L)
{
    struct termios modes;
    const raw_pty *pty = check_pty(L);
    if (tcgetattr(pty->fd, &modes) != 0)
        return luaL_error(L, "pty: %s", strerror(errno));
    lua_pushboolean(L, (modes.c_lflag & ECHO) != 0);
    lua_pushboolean(L, (modes.c_lflag & ICANON) != 0);
    return 2;
}

static int pty_close(lua_State *L)
{
    raw_pty *pty = luaL_checkudata(L, 1, PTY_TYPE);
    pty_release(&pty->object);
    raw_unpin(&pty->object);
    return 0;
}

static int pty_property(lua_State *L, const char *name)
{
    const raw_pty *pty = lua_touserdata(L, 1);
    if (strcmp(name, "path") != 0)
        return 0;
    lua_pushstring(L, pty->path);
    return 1;
}

/* raw.pty(rows, columns) -> a terminal, for raw.spawn{ tty = pty.path } */
static int l_pty(lua_State *L)
{
    raw_pty *pty = raw_new(L, raw_context_of(L), PTY_TYPE, sizeof *pty, pty_release);
    pty->fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    pty->open = pty->fd >= 0;
    if (!pty->open || grantpt(pty->fd) != 0 || unlockpt(pty->fd) != 0 ||
        ptsname_r(pty->fd, pty->path, sizeof pty->path) != 0 || set_size(L, pty->fd, 1) != 0 ||
        fcntl(pty->fd, F_SETFL, O_NONBLOCK) != 0)
        return luaL_error(L, "pty: %s", strerror(errno));
    raw_pin(L, lua_gettop(L));
    return 1;
}

void raw_open_pty(lua_State *L)
{
    static const luaL_Reg methods[] = {{"read", pty_read},     {"write", pty_write},
                                       {"resize", pty_resize}, {"modes", pty_modes},
                                       {"close", pty_close},   {NULL, NULL}};
    static const luaL_Reg functions[] = {{"pty", l_pty}, {NULL, NULL}};
    raw_type(L, PTY_TYPE, methods, pty_property);
    raw_register(L, functions);
}
