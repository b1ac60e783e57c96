/* raw_files.c: what the tests ask the system about this process, and their temporary directories.
 * SPDX-License-Identifier: MIT */
#include "raw.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TEMPLATE "/moonwire-XXXXXX"
#define WALK_FDS 16

/* raw.open_fds(): descriptors in use, but for the one that looks. */
static int l_open_fds(lua_State *L)
{
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return luaL_error(L, "open_fds: %s", strerror(errno));
    int count = -1;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] != '.')
            count++;
    }
    closedir(dir);
    lua_pushinteger(L, count);
    return 1;
}

/* raw.rss(): resident bytes of this process. */
static int l_rss(lua_State *L)
{
    long pages = -1;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file) {
        if (fscanf(file, "%*s %ld", &pages) != 1)
            pages = -1;
        fclose(file);
    }
    if (pages < 0)
        return luaL_error(L, "rss: /proc/self/statm cannot be read");
    lua_pushnumber(L, (lua_Number)pages * (lua_Number)sysconf(_SC_PAGESIZE));
    return 1;
}

/* raw.now(): seconds of a clock that never jumps. */
static int l_now(lua_State *L)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    lua_pushnumber(L, (lua_Number)now.tv_sec + (lua_Number)now.tv_nsec / 1e9);
    return 1;
}

/* ---- temporary directories ---- */

struct raw_tree {
    LIST_ENTRY(raw_tree) link;
    char path[];
};

/* raw.mkdtemp(): the path of a new directory, for this user only. What raw.remove_tree() has not
 * removed goes with the state. */
static int l_mkdtemp(lua_State *L)
{
    const char *parent = getenv("TMPDIR");
    const char *path = lua_pushfstring(L, "%s" TEMPLATE, parent && *parent ? parent : "/tmp");
    struct raw_tree *tree = malloc(sizeof *tree + strlen(path) + 1);
    if (!tree)
        return luaL_error(L, "mkdtemp: out of memory");
    strcpy(tree->path, path);
    if (!mkdtemp(tree->path)) {
        free(tree);
        return luaL_error(L, "mkdtemp: %s: %s", path, strerror(errno));
    }
    LIST_INSERT_HEAD(&raw_context_of(L)->trees, tree, link);
    lua_pushstring(L, tree->path);
    return 1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int remove_tree(struct raw_tree *tree)
{
    int result = nftw(tree->path, remove_one, WALK_FDS, FTW_DEPTH | FTW_PHYS);
    LIST_REMOVE(tree, link);
    free(tree);
    return result;
}

void raw_remove_trees(raw_context *ctx)
{
    while (!LIST_EMPTY(&ctx->trees))
        remove_tree(LIST_FIRST(&ctx->trees));
}

/* raw.remove_tree(path): true, or nil and why. Takes only what raw.mkdtemp() has returned. */
static int l_remove_tree(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    struct raw_tree *tree;
    LIST_FOREACH(tree, &raw_context_of(L)->trees, link)
    {
        if (strcmp(tree->path, path) == 0)
            break;
    }
    if (!tree)
        return luaL_error(L, "remove_tree: %s was not made by mkdtemp", path);
    if (remove_tree(tree) == 0) {
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_pushnil(L);
    lua_pushstring(L, strerror(errno));
    return 2;
}

void raw_open_files(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"open_fds", l_open_fds},       {"now", l_now}, {"rss", l_rss}, {"mkdtemp", l_mkdtemp},
        {"remove_tree", l_remove_tree}, {NULL, NULL},
    };
    raw_register(L, functions);
#ifdef __SANITIZE_ADDRESS__ /* it holds freed memory back, so that raw.rss() says nothing */
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "sanitized");
#endif
}
