/* A request of a server, to read and to answer.
 * SPDX-License-Identifier: MIT */
#include "lua/server.h"

#include "lua/connection.h"

#include <string.h>

#define L_REQUEST "moonwire.Request"

enum { SLOT_WATCHER = 1 };

typedef struct l_request {
    l_object object;
    mw_request *r; /* NULL once answered */
} l_request;

static l_request *check_request(lua_State *L)
{
    return luaL_checkudata(L, 1, L_REQUEST);
}

/* The request, or an error at the script's line: what is over cannot be answered again. */
static mw_request *check_unanswered(lua_State *L)
{
    mw_request *r = check_request(L)->r;
    if (r == NULL)
        luaL_error(L, "the request has already been answered");
    return r;
}

mw_request *l_request_at(lua_State *L, int index)
{
    return l_is_a(L, index, L_REQUEST) ? ((l_request *)lua_touserdata(L, index))->r : NULL;
}

static void forget_request(l_object *object)
{
    ((l_request *)object)->r = NULL;
}

l_object *l_request_push(lua_State *L, mw_request *r)
{
    l_request *request = l_object_new(L, sizeof *request, L_REQUEST, forget_request);
    l_pin(L, -1, &request->object);
    request->r = r;
    return &request->object;
}

static mw_header field_at(const void *r, size_t index)
{
    return mw_request_header_at(r, index);
}

/* request:read([streams]) -> method, target, peer, headers, body, url; the body is nil where it is
 * read as it comes, the URL but for a server in the process. Lua makes a table of them in less
 * time.
 */
static int request_read(lua_State *L)
{
    const mw_request *r = check_unanswered(L);
    size_t length;
    bool streams = lua_toboolean(L, 2) != 0;
    lua_pushstring(L, mw_request_method(r));
    lua_pushstring(L, mw_request_target(r));
    lua_pushstring(L, mw_request_peer(r));
    l_push_headers(L, r, mw_request_header_count(r), field_at);
    if (streams) {
        lua_pushnil(L);
    } else {
        const char *body = mw_request_body(r, &length);
        lua_pushlstring(L, body != NULL ? body : "", length);
    }
    lua_pushstring(L, mw_request_url(r));
    return 6;
}

static const char *check_text(lua_State *L, int index, const char *what)
{
    size_t length;
    const char *text = lua_tolstring(L, index, &length);
    if (text == NULL || strlen(text) != length)
        luaL_error(L, "bad %s: byte 0x00 is not allowed there", what);
    return text;
}

enum { FEW_FIELDS = 32 };

/* Fields from a list { name, value, name, value … } of strings; in `few`, if that has the room. */
static mw_header *read_fields(lua_State *L, int index, mw_header *few, size_t *count)
{
    *count = lua_objlen(L, index) / 2;
    mw_header *fields = few;
    if (*count > FEW_FIELDS)
        fields = lua_newuserdata(L, *count * sizeof *fields);
    for (size_t i = 0; i < *count; i++) {
        lua_rawgeti(L, index, (int)(2 * i) + 1);
        lua_rawgeti(L, index, (int)(2 * i) + 2);
        fields[i].name = check_text(L, -2, "header name"); /* the list keeps the strings alive */
        fields[i].value = check_text(L, -1, "header value");
        lua_pop(L, 2);
    }
    return fields;
}

/* request:head(status, reason or nil, fields, length or nil) -> true | nil, message, code */
static int request_head(lua_State *L)
{
    mw_request *r = check_unanswered(L);
    size_t count;
    int status = (int)luaL_checkinteger(L, 2);
    const char *reason = lua_isnoneornil(L, 3) ? NULL : check_text(L, 3, "reason");
    luaL_checktype(L, 4, LUA_TTABLE);
    lua_Number length = lua_isnoneornil(L, 5) ? -1 : luaL_checknumber(L, 5);
    luaL_argcheck(L, length >= -1 && length <= 9007199254740992.0, 5, "bad Content-Length");
    mw_header few[FEW_FIELDS];
    mw_header *fields = read_fields(L, 4, few, &count);
    return l_server_answer(L, mw_reply_head(r, status, reason, fields, count, (int64_t)length));
}

/* request:answer(status, reason or nil, fields, body) -> true | nil, message, code: head, body and
 * finish in one. */
static int request_answer(lua_State *L)
{
    mw_request *r = check_unanswered(L);
    l_request *request = lua_touserdata(L, 1);
    size_t count, length;
    int status = (int)luaL_checkinteger(L, 2);
    const char *reason = lua_isnoneornil(L, 3) ? NULL : check_text(L, 3, "reason");
    luaL_checktype(L, 4, LUA_TTABLE);
    const char *body = luaL_checklstring(L, 5, &length);
    mw_header few[FEW_FIELDS];
    mw_header *fields = read_fields(L, 4, few, &count);
    int result = mw_reply_head(r, status, reason, fields, count, (int64_t)length);
    if (result == MW_EINVAL)
        return l_server_answer(L, result); /* nothing has been sent: another answer may be given */
    if (result == MW_OK && length > 0)
        result = mw_reply_body(r, body, length);
    int values = l_server_answer(L, result);
    request->r = NULL;
    mw_reply_end(r);
    l_unpin(&request->object);
    return values;
}

/* request:interim(status, fields) -> true | nil, message, code */
static int request_interim(lua_State *L)
{
    mw_request *r = check_unanswered(L);
    size_t count;
    int status = (int)luaL_checkinteger(L, 2);
    luaL_checktype(L, 3, LUA_TTABLE);
    mw_header few[FEW_FIELDS];
    mw_header *fields = read_fields(L, 3, few, &count);
    return l_server_answer(L, mw_reply_interim(r, status, fields, count));
}

/* request:upgrade(fields) -> connection | nil, message, code */
static int request_upgrade(lua_State *L)
{
    l_request *request = check_request(L);
    mw_request *r = check_unanswered(L);
    size_t count;
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    mw_connection **c = l_connection_push(L);
    mw_header few[FEW_FIELDS];
    mw_header *fields = read_fields(L, 2, few, &count);
    int result = mw_request_upgrade(r, fields, count, c);
    if (result != MW_OK)
        return l_server_answer(L, result);
    request->r = NULL;
    l_unpin(&request->object);
    lua_settop(L, 3);
    return 1;
}

enum { PIECE = 16 << 10 };

/* request:take() -> what has come of the body, or a part of it; "" for nothing */
static int request_take(lua_State *L)
{
    const l_request *request = check_request(L);
    char bytes[PIECE];
    size_t n = request->r != NULL ? mw_request_read(request->r, bytes, sizeof bytes) : 0;
    lua_pushlstring(L, bytes, n);
    return 1;
}

/* request:ended() -> whether no more of the body will come */
static int request_ended(lua_State *L)
{
    const mw_request *r = check_request(L)->r;
    lua_pushboolean(L, r == NULL || mw_request_whole(r) || mw_request_gone(r));
    return 1;
}

/* request:failure() -> message, code; nothing where the body is whole */
static int request_failure(lua_State *L)
{
    const mw_request *r = check_request(L)->r;
    if (r != NULL && mw_request_whole(r))
        return 0;
    lua_pushstring(L, r == NULL ? "the request has already been answered"
                                : "the client has gone before its request was whole");
    lua_pushliteral(L, "closed");
    return 2;
}

/* request:write(bytes) -> true | nil, message, code */
static int request_write(lua_State *L)
{
    mw_request *r = check_unanswered(L);
    size_t length;
    const char *bytes = luaL_checklstring(L, 2, &length);
    return l_server_answer(L, mw_reply_body(r, bytes, length));
}

/* request:pending() -> bytes of the answer that wait for the client to read */
static int request_pending(lua_State *L)
{
    const l_request *request = check_request(L);
    lua_pushnumber(L, request->r != NULL ? (lua_Number)mw_reply_pending(request->r) : 0);
    return 1;
}

static void tell_change(lua_State *L, void *ud)
{
    l_request *request = ud;
    lua_rawgeti(L, LUA_REGISTRYINDEX, request->object.pin);
    lua_getfenv(L, -1);
    lua_rawgeti(L, -1, SLOT_WATCHER);
    l_call(request->object.ctx, 0);
}

static void on_change(mw_request *r, void *ud)
{
    l_request *request = ud;
    (void)r;
    l_enter(request->object.ctx, tell_change, request);
}

/* request:watch(fn): fn() is called when the client has gone, or has read all that was written. */
static int request_watch(lua_State *L)
{
    l_request *request = check_request(L);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    if (request->r == NULL)
        return 0;
    lua_settop(L, 2);
    lua_pushvalue(L, 1);
    l_object_slots(L); /* most requests need none */
    lua_getfenv(L, 1);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, SLOT_WATCHER);
    mw_request_watch(request->r, on_change, request);
    return 0;
}

/* request:finish(): ends the answer; what was not begun, or is not whole, closes the connection. */
static int request_finish(lua_State *L)
{
    l_request *request = check_request(L);
    if (request->r == NULL)
        return 0;
    mw_reply_end(request->r);
    request->r = NULL;
    l_unpin(&request->object);
    return 0;
}

/* request:abort(): closes the connection. */
static int request_abort(lua_State *L)
{
    l_request *request = check_request(L);
    if (request->r == NULL)
        return 0;
    mw_reply_abort(request->r);
    request->r = NULL;
    l_unpin(&request->object);
    return 0;
}

/* request:fail(error, words or nil) -> true | nil, message, code: in a server in the process, the
 * client's exchange ends with that number. */
static int request_fail(lua_State *L)
{
    l_request *request = check_request(L);
    mw_request *r = check_unanswered(L);
    int error = (int)luaL_checkinteger(L, 2);
    const char *words = lua_isnoneornil(L, 3) ? NULL : luaL_checkstring(L, 3);
    int result = mw_reply_fail(r, error, words);
    if (result == MW_OK) {
        request->r = NULL;
        l_unpin(&request->object);
    }
    return l_server_answer(L, result);
}

/* request:pass_on() -> true | nil, message, code: in a server in the process, the request goes
 * where it would have gone without it. */
static int request_pass_on(lua_State *L)
{
    l_request *request = check_request(L);
    int result = mw_request_pass_on(check_unanswered(L));
    if (result == MW_OK) {
        request->r = NULL;
        l_unpin(&request->object);
    }
    return l_server_answer(L, result);
}

static int request_gone(lua_State *L)
{
    const l_request *request = check_request(L);
    lua_pushboolean(L, request->r == NULL || mw_request_gone(request->r));
    return 1;
}

static int request_gc(lua_State *L)
{
    l_request *request = check_request(L);
    if (request->r != NULL)
        mw_reply_end(request->r);
    request->r = NULL;
    l_object_gc(&request->object);
    return 0;
}

void l_open_server_request(lua_State *L)
{
    static const luaL_Reg methods[] = {{"read", request_read},
                                       {"head", request_head},
                                       {"answer", request_answer},
                                       {"write", request_write},
                                       {"pending", request_pending},
                                       {"watch", request_watch},
                                       {"finish", request_finish},
                                       {"abort", request_abort},
                                       {"interim", request_interim},
                                       {"upgrade", request_upgrade},
                                       {"take", request_take},
                                       {"ended", request_ended},
                                       {"failure", request_failure},
                                       {"gone", request_gone},
                                       {"fail", request_fail},
                                       {"pass_on", request_pass_on},
                                       {NULL, NULL}};
    l_object_type(L, L_REQUEST, L_REQUEST, methods, request_gc);
}
