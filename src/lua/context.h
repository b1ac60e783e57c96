/* The binding's ground: one runtime for each Lua state, and the one door from C into Lua.
 *
 * Patterns that hold in this folder: a userdata is made zeroed, with its metatable, before what it
 * owns, so that an error thrown in between leaves something that __gc can free. While something is
 * in flight its userdata is pinned in the registry, and let go after the last callback. Callbacks
 * run on the main state. Whatever can allocate or throw in a callback runs behind l_enter.
 * SPDX-License-Identifier: MIT */
#ifndef MW_LUA_CONTEXT_H
#define MW_LUA_CONTEXT_H

#include "base/list.h"
#include "moonwire.h"

#include <lauxlib.h>
#include <lua.h>

#include <stdbool.h>

typedef struct l_context {
    mw_runtime *rt; /* NULL once closed */
    lua_State *L;   /* the state that callbacks run on */
    struct mw_link objects;
    int errors;     /* reported so far */
    size_t foreign; /* bytes that Lua's collector does not know of, since it was last nudged */
    bool loaded;    /* the Lua part is in */
    bool defaults;  /* http.client is set: L_DEFAULTS has a say in the options of http.get */
} l_context;

/* The head of every userdata that has native state. Its context's end empties it. */
typedef struct l_object {
    struct mw_link link;
    l_context *ctx;                        /* NULL once closed */
    int pin;                               /* registry reference, LUA_NOREF while not pinned */
    void (*forget)(struct l_object *self); /* the runtime is closing and frees the native part */
} l_object;

/* Opens it the first time, as l_context_open without a name does; throws what that throws. */
l_context *l_context_get(lua_State *L);

/* Opens it, once for each state, with the engine of that name; NULL: the one that the environment
 * names in MOONWIRE_ENGINE, else the default. Throws without memory, and for an unknown name. */
l_context *l_context_open(lua_State *L, const char *engine);

/* A zeroed userdata of `size` bytes, which begin with an l_object, with the metatable of that
 * name. Leaves it on the stack. */
void *l_object_new(lua_State *L, size_t size, const char *metatable, void (*forget)(l_object *));

/* Makes the metatable `type` of such objects: methods, finalizer, and the name that scripts see.
 * Leaves nothing on the stack. */
void l_object_type(lua_State *L, const char *type, const char *name, const luaL_Reg *methods,
                   lua_CFunction gc);

/* Whether the value at `index` is a userdata with the metatable of that name. */
bool l_is_a(lua_State *L, int index, const char *metatable);

/* Gives the userdata on top of the stack an environment table of its own, for what it holds. */
void l_object_slots(lua_State *L);
void l_object_gc(l_object *object); /* takes it out of its context */
void l_pin(lua_State *L, int index, l_object *object);
void l_unpin(l_object *object);

/* The door. `body` runs protected, on the main state; what it throws is reported. Inside it, l_call
 * calls a function with its arguments, already pushed, and reports what it throws, so that one
 * failing handler does not keep the next from running. It leaves nothing on the stack. */
typedef void (*l_body)(lua_State *L, void *ud);
void l_enter(l_context *ctx, l_body body, void *ud);
void l_call(l_context *ctx, int nargs);
void l_report(l_context *ctx, const char *message);

/* A message handler for lua_pcall: adds a traceback, whatever was thrown. */
int l_traceback(lua_State *L);

/* words(thrown) -> string: the same without the traceback. */
int l_words(lua_State *L);

/* Tells the collector of memory outside its sight, and lets it work once that is much. */
void l_foreign_memory(l_context *ctx, size_t bytes);

/* Reads of arguments, with errors that name the option and what was expected. */
void l_bad_option(lua_State *L, const char *option, const char *expected, int index);
const char *l_option_string(lua_State *L, const char *option, int index); /* no NUL bytes */
double l_option_number(lua_State *L, const char *option, int index, double least, double most);
bool l_option_boolean(lua_State *L, const char *option, int index);

/* Throws for the key at `key`, which is none of those of the table at `names`; suggests one. */
int l_unknown_option(lua_State *L, int key, int names);

/* Pushes the table of the fields: names as they came, indexed whatever their case. `at` gives the
 * field of that index. */
typedef mw_header (*l_field_fn)(const void *object, size_t index);
void l_push_headers(lua_State *L, const void *object, size_t count, l_field_fn at);

/* Pushes a table of timings. */
void l_push_timings(lua_State *L, mw_timings t);

/* Registered by module.c. */
void l_open_response(lua_State *L); /* each leaves nothing and adds to the table at the top */
void l_open_request(lua_State *L);
void l_open_upload(lua_State *L);
void l_open_download(lua_State *L);
void l_open_auth(lua_State *L);
void l_open_connection(lua_State *L);
void l_open_part(lua_State *L);
void l_open_unknown(lua_State *L);
void l_open_timer(lua_State *L);
void l_open_cookie_jar(lua_State *L);
void l_open_agent(lua_State *L);
void l_open_server(lua_State *L);
void l_open_loop(lua_State *L);
void l_open_policy(lua_State *L);
void l_open_url(lua_State *L);
void l_open_trace(lua_State *L);

/* Metatables and helpers that the Lua part sets, kept in the registry under these names. */
#define L_CONTEXT "moonwire.context"
#define L_HEADERS "moonwire.headers"
#define L_PAYLOAD "moonwire.payload"
#define L_QUERY "moonwire.query"       /* function(table) -> string */
#define L_PUMP "moonwire.pump"         /* function(response, state) */
#define L_UPLOAD "moonwire.upload"     /* function(response, source) */
#define L_AUTH "moonwire.auth"         /* function(response, fn, challenged) */
#define L_UPLOAD "moonwire.upload"     /* function(response, source [, turn]) */
#define L_CONTENT "moonwire.content"   /* function(option, value, type) -> body, type */
#define L_DEFAULTS "moonwire.defaults" /* function(options or URL) -> options */
#define L_TRACE "moonwire.trace"       /* function(event) */
#define L_THREAD "moonwire.thread"
#define L_BASE "moonwire.event_base"

/* The number of errors reported in this state so far, for the command's exit status. */
int l_error_count(lua_State *L);

#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
int luaopen_http(lua_State *L);

#endif
