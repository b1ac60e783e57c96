/* A file that is a part of a body: opened and measured when the request is made, read at any place.
 * SPDX-License-Identifier: MIT */
#include "lua/context.h"

#include <errno.h>
#include <fcntl.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PART "moonwire.part"

enum { MOST = 1 << 20 }; /* of one read */

struct part {
    int file;    /* -1: closed */
    off_t begin; /* where what goes of it begins */
};

static int give_up(lua_State *L, const char *words, int number)
{
    lua_pushnil(L);
    lua_pushstring(L, words);
    lua_pushinteger(L, number);
    return 3;
}

/* The descriptor of an open file of Lua's, a second one, and where that file stands; or -1. */
static int duplicate(lua_State *L, off_t *at)
{
    FILE **file = luaL_checkudata(L, 1, LUA_FILEHANDLE);
    if (*file == NULL)
        return luaL_error(L, "the file is closed");
    *at = ftello(*file);
    fflush(*file); /* what was written through it counts */
    return *at < 0 ? -1 : fcntl(fileno(*file), F_DUPFD_CLOEXEC, 0);
}

/* open_part(path or file) -> part, bytes; or nil, words, errno. Of an open file it is what lies
 * behind where that stands. Only regular files have a length that can be told. */
static int open_part(lua_State *L)
{
    struct stat st;
    const char *path = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : NULL;
    if (path != NULL && strlen(path) != lua_objlen(L, 1))
        return luaL_error(L, "the path of a file has a NUL byte in it");
    struct part *p = lua_newuserdata(L, sizeof *p);
    *p = (struct part){.file = -1};
    luaL_getmetatable(L, PART);
    lua_setmetatable(L, -2);
    /* Without O_NONBLOCK a FIFO would hold us up, only to be refused. */
    p->file = path != NULL ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
                           : duplicate(L, &p->begin);
    if (p->file < 0 || fstat(p->file, &st) != 0)
        return give_up(L, strerror(errno), errno);
    if (!S_ISREG(st.st_mode))
        return give_up(L, "it is not a regular file", 0);
    lua_pushnumber(L, (lua_Number)(st.st_size > p->begin ? st.st_size - p->begin : 0));
    return 2;
}

static struct part *check(lua_State *L)
{
    return luaL_checkudata(L, 1, PART);
}

/* part:read(at, count) -> bytes, at least one; or nil and words. */
static int part_read(lua_State *L)
{
    const struct part *p = check(L);
    off_t at = (off_t)luaL_checknumber(L, 2);
    lua_Number count = luaL_checknumber(L, 3);
    luaL_argcheck(L, count >= 1 && count <= MOST, 3, "bytes of a piece expected");
    void *bytes = lua_newuserdata(L, (size_t)count);
    ssize_t got = p->file < 0 ? 0 : pread(p->file, bytes, (size_t)count, p->begin + at);
    if (p->file < 0)
        return give_up(L, "it is closed", 0);
    if (got < 0)
        return give_up(L, strerror(errno), errno);
    if (got == 0)
        return give_up(L, "the file has become shorter while it was being sent", 0);
    lua_pushlstring(L, bytes, (size_t)got);
    return 1;
}

static int part_close(lua_State *L)
{
    struct part *p = check(L);
    if (p->file >= 0)
        close(p->file);
    p->file = -1;
    return 0;
}

void l_open_part(lua_State *L)
{
    static const luaL_Reg methods[] = {{"read", part_read}, {"close", part_close}, {NULL, NULL}};
    luaL_newmetatable(L, PART);
    lua_newtable(L);
    luaL_register(L, NULL, methods);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, part_close);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
    lua_pushcfunction(L, open_part);
    lua_setfield(L, -2, "open_part");
}
