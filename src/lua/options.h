/* The table of options that http.get and its kin take.
 * SPDX-License-Identifier: MIT */
#ifndef MW_LUA_OPTIONS_H
#define MW_LUA_OPTIONS_H

#include "lua/context.h"

#include <stddef.h>

/* What a request is put together from. Strings stay where they are in the script's tables, or in
 * the table at `anchors`, until the exchange has copied them. */
struct l_draft {
    mw_options options;
    mw_header *fields; /* a userdata's bytes */
    int anchors;       /* stack index of a table that keeps made things alive; nil until needed */
    int made;
    int redirect;    /* stack index of the function that is asked before a redirect; nil: none */
    int auth;        /* likewise of the one that is asked for credentials */
    int source;      /* stack index of what gives the body piece by piece; 0: nothing */
    bool rewinds;    /* and can do so again from the beginning */
    int file;        /* what body_fd points to */
    bool has_length; /* the option was given */
    bool no_type;    /* the header Content-Type is false: none is to be added */
    const char *content; /* the option that gives the body as a value: json, …; NULL: none */
    int content_at;      /* its value, in the table at `anchors` */
    uint64_t length;
};

/* One option: its name, and who reads the value at `index` of the stack into the draft. It may push
 * as it likes, and throws for what is wrong. */
struct l_option {
    const char *name;
    void (*read)(lua_State *L, struct l_draft *d, const struct l_option *option, int index);
    size_t offset; /* of its field in mw_options, for readers that serve several */
};

/* Readers with files of their own. */
void l_option_headers(lua_State *L, struct l_draft *d, const struct l_option *option, int index);
void l_option_timeout(lua_State *L, struct l_draft *d, const struct l_option *option, int index);
void l_option_names(lua_State *L, struct l_draft *d, const struct l_option *option, int index);
void l_option_expect(lua_State *L, struct l_draft *d, const struct l_option *option, int index);
void l_option_retries(lua_State *L, struct l_draft *d, const struct l_option *option, int index);
void l_option_content(lua_State *L, struct l_draft *d, const struct l_option *option, int index);
void l_option_resolve(lua_State *L, struct l_draft *d, const struct l_option *option, int index);
void l_option_auth(lua_State *L, struct l_draft *d, const struct l_option *option, int index);
void l_option_agent(lua_State *L, struct l_draft *d, const struct l_option *option, int index);
void l_option_netrc(lua_State *L, struct l_draft *d, const struct l_option *option, int index);

/* Lets the Response at `response` ask the function of the option auth, if there is one. */
void l_auth_attach(lua_State *L, struct l_draft *d, int response);
void l_option_proxy(lua_State *L, struct l_draft *d, const struct l_option *option, int index);
void l_option_no_proxy(lua_State *L, struct l_draft *d, const struct l_option *option, int index);

/* The fields of the table at `index`, as of the option headers; *count of them. */
mw_header *l_read_fields(lua_State *L, struct l_draft *d, const char *option, int index,
                         size_t *count);

/* A whole number. */
int l_option_count(lua_State *L, const char *option, int index, int least, int most);

/* Seconds above 0; false is MW_NEVER. */
double l_option_seconds(lua_State *L, const char *option, int index);

/* Keeps what is at the top of the stack until the exchange has started, and takes it from there;
 * l_anchor does so with a string, which it returns. l_keep returns its index in `anchors`. */
int l_keep(lua_State *L, struct l_draft *d);
const char *l_anchor(lua_State *L, struct l_draft *d);

/* Pushes a table that maps the names of options to the numbers that l_read_options knows them by.
 */
void l_push_option_names(lua_State *L);

/* Reads the table at `index`; that of the names is at `names_at`. Throws for what is wrong. */
void l_read_options(lua_State *L, struct l_draft *d, int index, int names_at);

#endif
