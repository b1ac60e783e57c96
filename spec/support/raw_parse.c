/* raw_parse.c: the parser of http1 without a loop or a socket.
 * SPDX-License-Identifier: MIT */
#include "raw.h"

#include "message.h"

#include <string.h>

static void set_span(lua_State *L, const struct message *m, struct http1_span span,
                     const char *name)
{
    lua_pushlstring(L, m->first + span.at, span.length);
    lua_setfield(L, -2, name);
}

static void set_number(lua_State *L, int number, const char *name)
{
    lua_pushinteger(L, number);
    lua_setfield(L, -2, name);
}

/* Into the table on top of the stack. */
static void set_head(lua_State *L, const struct message *m)
{
    if (m->head.kind == HTTP1_REQUEST) {
        set_span(L, m, m->head.method, "method");
        set_span(L, m, m->head.target, "target");
    } else {
        set_number(L, m->head.status, "status");
        set_span(L, m, m->head.reason, "reason");
    }
}

static void set_result(lua_State *L, const struct message *m)
{
    static const char *const verdicts[] = {
        [MESSAGE_DONE] = "accept", [MESSAGE_UNTIL_CLOSE] = "close", [MESSAGE_BAD] = "refuse"};
    int known = m->state == MESSAGE_DONE || m->state >= MESSAGE_UNTIL_CLOSE;
    lua_newtable(L);
    lua_pushstring(L, known ? verdicts[m->state] : "more");
    lua_setfield(L, -2, "verdict");
    if (m->first)
        set_head(L, m);
    if (m->state == MESSAGE_BAD) {
        set_number(L, m->refusal, "refusal");
        lua_pushstring(L, m->wrong);
        lua_setfield(L, -2, "wrong");
    }
    lua_pushlstring(L, m->body ? m->body : "", m->body_length);
    lua_setfield(L, -2, "body");
    lua_pushlstring(L, m->bytes ? m->bytes : "", m->length);
    lua_setfield(L, -2, "rest");
}

/* raw.parse(kind, pieces, bodiless) -> { verdict = "accept", "refuse", "more" or "close" (the body
 * goes on until the connection ends), refusal, wrong, method, target, status, reason, body, rest }.
 */
static int l_parse(lua_State *L)
{
    static const char *const kinds[] = {"request", "response", NULL};
    static const enum http1_kind values[] = {HTTP1_REQUEST, HTTP1_RESPONSE};
    enum http1_kind kind = values[luaL_checkoption(L, 1, NULL, kinds)];
    luaL_checktype(L, 2, LUA_TTABLE);
    int count = (int)lua_objlen(L, 2);
    for (int i = 1; i <= count; i++) { /* before there is anything to free */
        lua_rawgeti(L, 2, i);
        luaL_checkstring(L, -1);
        lua_pop(L, 1);
    }
    struct message m;
    message_init(&m, kind);
    m.bodiless = lua_toboolean(L, 3);
    for (int i = 1; i <= count; i++) {
        size_t length;
        lua_rawgeti(L, 2, i);
        const char *bytes = lua_tolstring(L, -1, &length);
        message_feed(&m, bytes, length);
        lua_pop(L, 1);
    }
    set_result(L, &m);
    message_free(&m);
    return 1;
}

void raw_open_parse(lua_State *L)
{
    static const luaL_Reg functions[] = {{"parse", l_parse}, {NULL, NULL}};
    raw_register(L, functions);
}
