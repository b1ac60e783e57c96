/* Runs a script until nothing is pending.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CLI_SCRIPT_H
#define MW_CLI_SCRIPT_H

#include "cli/command.h"
#include "moonwire.h"

#include <lua.h>

/* Compiles what is to be run; the result is lua_load's, with a function or a message pushed. */
int script_load(lua_State *L, const struct command *c);

/* Returns the status to exit with. */
int script_run(lua_State *L, mw_runtime *rt, const struct command *c);

#endif
