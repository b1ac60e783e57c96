/* The table of options that http.get and its kin take.
 * SPDX-License-Identifier: MIT */
#ifndef MW_LUA_OPTIONS_H
#define MW_LUA_OPTIONS_H

#include "lua/context.h"

/* What a request is put together from. Strings stay where they are in the script's tables, or in
 * the table at `anchors`, until the exchange has copied them. */
struct l_draft {
    mw_options options;
    mw_header *fields; /* a userdata's bytes */
    int anchors;       /* stack index of a table that keeps made things alive; nil until needed */
    int made;
    int source;      /* stack index of what gives the body piece by piece; 0: nothing */
    int file;        /* what body_fd points to */
    bool has_length; /* the option was given */
    uint64_t length;
};

/* Pushes a table that maps the names of options to the numbers that l_read_options knows them by.
 */
void l_push_option_names(lua_State *L);

/* Reads the table at `index`; that of the names is at `names_at`. Throws for what is wrong. */
void l_read_options(lua_State *L, struct l_draft *d, int index, int names_at);

#endif
