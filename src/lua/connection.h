/* Connections beyond HTTP.
 * SPDX-License-Identifier: MIT */
#ifndef MW_LUA_CONNECTION_H
#define MW_LUA_CONNECTION_H

#include "lua/context.h"

/* Pushes a userdata for a connection, which is to be put where the result points to. */
mw_connection **l_connection_push(lua_State *L);

#endif
