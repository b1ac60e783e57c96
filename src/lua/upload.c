/* Request bodies that a script gives as they go out: by a function, another Response, a file. What
 * the core asks for is asked of a task of the Lua part, which gives it piece by piece.
 * SPDX-License-Identifier: MIT */
#include "lua/upload.h"

#include "lua/response.h"

#include <lualib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- what the script gave ------------------------------------------------------------------ */

/* A table of bytes has no methods. */
static bool has_chunks(lua_State *L, int index)
{
    if (!lua_istable(L, index) || !lua_getmetatable(L, index))
        return false;
    lua_getfield(L, index, "chunks");
    bool method = lua_isfunction(L, -1) != 0;
    lua_pop(L, 2);
    return method;
}

/* A file that can be sent from by its descriptor: from where it stands to its end. */
static bool read_regular(FILE *file, struct l_draft *d)
{
    struct stat st;
    off_t at = ftello(file);
    d->file = fileno(file);
    if (at < 0 || d->file < 0 || fstat(d->file, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    fflush(file); /* what was written through it counts */
    d->options.body_fd = &d->file;
    d->options.body_offset = (uint64_t)at;
    return true;
}

/* What a table that gives pieces says of itself: body_length, whether it can begin again, and, of
 * one that cannot be read at all, the file for which that is so. */
static void read_stream(lua_State *L, struct l_draft *d, int index)
{
    d->source = index;
    lua_getfield(L, index, "unreadable_file");
    lua_getfield(L, index, "body_length");
    lua_getfield(L, index, "rewind");
    if (lua_type(L, -3) == LUA_TSTRING) {
        d->source = 0;
        d->options.body_file = lua_tostring(L, -3); /* the table keeps it */
        d->options.body_offset = UINT64_MAX; /* so that it fails even if it is there by now */
    }
    if (lua_type(L, -2) == LUA_TNUMBER)
        d->options.body_length = (uint64_t)lua_tonumber(L, -2);
    d->rewinds = lua_isfunction(L, -1) != 0;
    lua_pop(L, 3);
}

bool l_upload_read(lua_State *L, struct l_draft *d, int index)
{
    if (has_chunks(L, index)) {
        read_stream(L, d, index);
        return true;
    }
    if (lua_isfunction(L, index) || l_is_a(L, index, L_RESPONSE)) {
        d->source = index;
        return true;
    }
    if (!l_is_a(L, index, LUA_FILEHANDLE))
        return false;
    FILE **file = lua_touserdata(L, index); /* LuaJIT's begins with it as well */
    if (*file == NULL)
        luaL_error(L, "bad argument #%d (the file is closed)", index);
    if (!read_regular(*file, d))
        d->source = index;
    return true;
}

/* ---- as the core asks for it --------------------------------------------------------------- */

static void drop_piece(lua_State *L, l_response *r)
{
    r->piece = NULL;
    lua_pushnil(L);
    lua_rawseti(L, 2, L_SLOT_PIECE);
}

/* The first time of a turn a task is started; then it waits, as others may, for this Response to
 * change. */
static void ask(lua_State *L, void *ud)
{
    l_response *r = ud;
    lua_rawgeti(L, LUA_REGISTRYINDEX, r->object.pin);
    lua_getfenv(L, 1);
    drop_piece(L, r);
    if (r->fed) {
        l_response_pump(L, r);
        return;
    }
    r->fed = true;
    lua_getfield(L, LUA_REGISTRYINDEX, L_UPLOAD);
    lua_pushvalue(L, 1);
    lua_rawgeti(L, 2, L_SLOT_SOURCE);
    lua_pushinteger(L, (lua_Integer)r->turn);
    l_call(r->object.ctx, 3);
}

static ptrdiff_t read_piece(mw_exchange *x, void *bytes, size_t size, void *ud)
{
    l_response *r = ud;
    (void)x;
    if (r->piece == NULL && !r->upload_ended) {
        r->asking = r->wants = true;
        l_enter(r->object.ctx, ask, r);
        r->asking = false;
    }
    if (r->piece == NULL)
        return r->upload_ended ? 0 : MW_READ_AGAIN;
    size_t length = r->piece_left < size ? r->piece_left : size;
    memcpy(bytes, r->piece, length);
    r->piece += length;
    r->piece_left -= length;
    if (r->piece_left == 0)
        r->piece = NULL;
    return (ptrdiff_t)length;
}

/* The task of the turn before finds that it is not its turn any more. */
static void end_turn(lua_State *L, void *ud)
{
    l_response *r = ud;
    lua_rawgeti(L, LUA_REGISTRYINDEX, r->object.pin);
    lua_getfenv(L, 1);
    drop_piece(L, r);
    l_response_pump(L, r);
}

static int rewind_body(mw_exchange *x, void *ud)
{
    l_response *r = ud;
    (void)x;
    r->turn++;
    r->fed = r->upload_ended = r->wants = false;
    l_enter(r->object.ctx, end_turn, r);
    return MW_OK;
}

void l_upload_over(lua_State *L, const l_response *r)
{
    lua_rawgeti(L, 2, L_SLOT_SOURCE);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        return;
    }
    lua_getfield(L, LUA_REGISTRYINDEX, L_UPLOAD);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, -3);
    l_call(r->object.ctx, 2);
    lua_pop(L, 1);
}

void l_upload_attach(lua_State *L, struct l_draft *d, int response)
{
    if (d->source == 0)
        return;
    lua_getfenv(L, response);
    lua_pushvalue(L, d->source);
    lua_rawseti(L, -2, L_SLOT_SOURCE);
    lua_pop(L, 1);
    d->options.read_body = read_piece;
    if (d->rewinds)
        d->options.rewind_body = rewind_body;
}

/* ---- for the Lua part ---------------------------------------------------------------------- */

static bool is_over(lua_State *L, const l_response *r)
{
    return (unsigned)luaL_checkinteger(L, 2) != r->turn || r->x == NULL ||
           mw_exchange_finished(r->x);
}

/* give(response, turn, piece) -> whether more is wanted later; give(response, turn) at the end;
 * give(response, turn, nil, words) where it has failed. A piece is given when one is wanted. */
static int upload_give(lua_State *L)
{
    l_response *r = l_response_check(L, 1);
    size_t length;
    lua_settop(L, 4);
    if (is_over(L, r)) {
        lua_pushboolean(L, 0);
        return 1;
    }
    if (!lua_isnil(L, 4)) {
        mw_exchange_fail_body(r->x, luaL_checkstring(L, 4));
    } else if (lua_isnil(L, 3)) {
        r->upload_ended = true;
    } else {
        const char *piece = luaL_checklstring(L, 3, &length);
        lua_getfenv(L, 1);
        lua_pushvalue(L, 3);
        lua_rawseti(L, -2, L_SLOT_PIECE);
        r->piece = length > 0 ? piece : NULL;
        r->piece_left = length;
        r->wants = false;
    }
    if (!r->asking)
        mw_exchange_resume(r->x);
    lua_pushboolean(L, !lua_isnil(L, 3));
    return 1;
}

/* wants(response, turn) -> true once a piece is wanted, or never will be. */
static int upload_wants(lua_State *L)
{
    const l_response *r = l_response_check(L, 1);
    lua_pushboolean(L, r->wants || is_over(L, r));
    return 1;
}

/* upload_turn(response) -> the number of the turn that is on: of how often the body began again. */
static int upload_turn(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)l_response_check(L, 1)->turn);
    return 1;
}

void l_open_upload(lua_State *L)
{
    lua_pushcfunction(L, upload_give);
    lua_setfield(L, -2, "give");
    lua_pushcfunction(L, upload_wants);
    lua_setfield(L, -2, "wants");
    lua_pushcfunction(L, upload_turn);
    lua_setfield(L, -2, "upload_turn");
}
