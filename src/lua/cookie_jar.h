/* http.CookieJar, as the options of requests see it.
 * SPDX-License-Identifier: MIT */
#ifndef MW_LUA_COOKIE_JAR_H
#define MW_LUA_COOKIE_JAR_H

#include "lua/context.h"

/* The jar at that index, NULL if it is none. It lives as long as the userdata. */
mw_cookie_jar *l_to_cookie_jar(lua_State *L, int index);

#endif
