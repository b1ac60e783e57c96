/* Request bodies that are read as they go out.
 * SPDX-License-Identifier: MIT */
#ifndef MW_LUA_UPLOAD_H
#define MW_LUA_UPLOAD_H

#include "lua/options.h"
#include "lua/response.h"

/* Takes what lies at `index` for the source of a body: a function, a Response, a file, a stream.
 * False if it is none of them. */
bool l_upload_read(lua_State *L, struct l_draft *d, int index);

/* Lets the Response at `response` read from that source, if there is one. */
void l_upload_attach(lua_State *L, struct l_draft *d, int response);

/* Its exchange is over: the source is let go. The Response and its environment are at 1 and 2. */
void l_upload_over(lua_State *L, const l_response *r);

#endif
