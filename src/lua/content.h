/* Bodies that are given as values: json, form and multipart.
 * SPDX-License-Identifier: MIT */
#ifndef MW_LUA_CONTENT_H
#define MW_LUA_CONTENT_H

#include "lua/options.h"

/* Once all options are read: puts the body that such an option gives at `data`, the index of what
 * else would be the body, and adds its Content-Type unless there is one. `function` without data
 * (http.get) is misuse, as is what else gives a body. */
void l_content_apply(lua_State *L, struct l_draft *d, int data, const char *function);

#endif
