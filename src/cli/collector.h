/* How much garbage a script may leave before it is collected.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CLI_COLLECTOR_H
#define MW_CLI_COLLECTOR_H

#include <lua.h>

/* Lets a small heap grow further than LuaJIT does by default, and a large one as far. */
void collector_tune(lua_State *L);

#endif
