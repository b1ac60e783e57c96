/* What the two halves of a server share: listening, and the requests to answer.
 * SPDX-License-Identifier: MIT */
#ifndef MW_LUA_SERVER_H
#define MW_LUA_SERVER_H

#include "lua/context.h"

/* Pushes a userdata for a request that has arrived; it is pinned until it is answered. */
l_object *l_request_push(lua_State *L, mw_request *r);
void l_open_server_request(lua_State *L);

/* What a call that returned `result` gives a script: true, or nil, message and code; misuse throws.
 */
int l_server_answer(lua_State *L, int result);

/* The request at `index`, where it is one that has not been answered; NULL otherwise. */
mw_request *l_request_at(lua_State *L, int index);

#endif
