/* The prompt: reads lines, runs each as a task, and waits until it has ended.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CLI_REPL_H
#define MW_CLI_REPL_H

#include "cli/command.h"
#include "moonwire.h"

#include <lua.h>

/* Returns the status to exit with. What is pending then goes with the state. */
int repl_run(lua_State *L, mw_runtime *rt, const struct command *c);

#endif
