/* The Response userdata, shared by the files that give it its parts.
 * SPDX-License-Identifier: MIT */
#ifndef MW_LUA_RESPONSE_H
#define MW_LUA_RESPONSE_H

#include "lua/context.h"

#define L_RESPONSE "http.Response"

/* What of a Response is set, so that an event looks up only what is there. */
enum l_handler {
    L_ON_DOWNLOAD = 1 << 0,
    L_ON_UPLOAD = 1 << 1,
    L_ON_FINISHED = 1 << 2,
    L_ON_ERROR = 1 << 3,
    L_ON_READ = 1 << 4,
    L_ON_WRITTEN = 1 << 5,
    L_ON_CLOSE = 1 << 6,
    L_HAS_CALLBACK = 1 << 7, /* given to http.get */
    L_HAS_STATE = 1 << 8,    /* the Lua part waits for something */
    L_ON_INTERIM = 1 << 9,
    L_HAS_SLOTS = 1 << 10 /* some of L_SLOT_SOURCE, PIECE, REDIRECT and AUTH */
};

typedef struct l_response {
    l_object object;
    mw_exchange *x;
    unsigned set; /* l_handler bits */
    bool closing; /* about_to_close_handler has been called, or is being called */
    bool closed;
    const char *piece; /* of a body that is given as it goes out; kept in L_SLOT_PIECE */
    size_t piece_left;
    bool asking;              /* the Lua part is being asked for a piece */
    bool wants;               /* and may give one */
    bool upload_ended;        /* it has given the last */
    bool fed;                 /* there is a task that gives, for this turn */
    unsigned turn;            /* how often the body began again */
    const char *stream_error; /* words for a stream operation that is not possible, or NULL */
} l_response;

/* Slots of the environment table beside the script's own fields, whose keys are never these. */
enum {
    L_SLOT_CALLBACK = 1,
    L_SLOT_HEADERS,
    L_SLOT_STATE,
    L_SLOT_TRAILERS,
    L_SLOT_SOURCE, /* of a body */
    L_SLOT_PIECE,
    L_SLOT_AUTH,    /* a function that is asked for credentials */
    L_SLOT_REDIRECT /* a function that is asked before a redirect is followed */
};

/* The Response at that index of the stack; throws if it is none. */
l_response *l_response_check(lua_State *L, int index);

/* A new Response, left on the stack. */
l_response *l_response_new(lua_State *L);

/* The properties (response_properties.c): pushes a table of their numbers by name; pushes the value
 * of one; sets one to the value at index 3, or returns false where it is read only. */
void l_response_push_properties(lua_State *L);
void l_response_property(lua_State *L, l_response *r, int property);
bool l_response_set_property(lua_State *L, l_response *r, int property);

/* Pushes the handler in that slot of the environment table at index 2, and the Response at index 1,
 * for a call; does nothing and returns false if it is not set (response_events.c). */
bool l_response_push_handler(lua_State *L, const l_response *r, unsigned bit, const char *slot);

/* Lets the Lua part see what it waits for; the Response and its environment are at 1 and 2. */
void l_response_pump(lua_State *L, const l_response *r);

/* Callbacks for mw_options; ud is the l_response. */
void l_response_on_sent(mw_exchange *x, uint64_t sent, uint64_t total, void *ud);
void l_response_on_interim(mw_exchange *x, int status, void *ud);
int l_response_on_redirect(mw_exchange *x, const char *url, void *ud);
void l_response_on_head(mw_exchange *x, void *ud);
void l_response_on_body(mw_exchange *x, void *ud);
void l_response_on_done(mw_exchange *x, void *ud);

/* Adds the methods of the Stream to the table at the top (stream.c). */
void l_add_stream(lua_State *L);

/* Bytes as a table of numbers, and back. */
void l_push_bytes(lua_State *L, const char *bytes, size_t length);

/* Turns the table at `index` into a string that it pushes; throws with `what` in the message. */
void l_bytes_to_string(lua_State *L, int index, const char *what);

#endif
