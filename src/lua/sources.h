/* sources.h: the Lua files of lua/http/ as they are built into http.so and the command.
 * SPDX-License-Identifier: MIT
 */
#ifndef MW_LUA_SOURCES_H
#define MW_LUA_SOURCES_H

struct lua_source {
    const char *module; /* what require() is given: "http", "http.task"; NULL ends the list */
    const char *file;   /* its path under lua/: "http/init.lua", "http/task.lua" */
    const unsigned char *bytes;
    unsigned long size;
};

/* Sorted by file. The C file that defines it is made by cmake/embed.cmake. */
extern const struct lua_source mw_lua_sources[];

#endif
