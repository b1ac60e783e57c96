/* Request bodies that a script gives as they go out: by a function, another Response, a file. What
 * the core asks for is asked of a task of the Lua part, which gives it piece by piece.
 * SPDX-License-Identifier: MIT */
#include "lua/upload.h"

#include "lua/response.h"

#include <lualib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- what the script gave ------------------------------------------------------------------ */

static bool has_metatable(lua_State *L, int index, const char *name)
{
    if (!lua_getmetatable(L, index))
        return false;
    lua_getfield(L, LUA_REGISTRYINDEX, name);
    bool same = lua_rawequal(L, -1, -2) != 0;
    lua_pop(L, 2);
    return same;
}

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

bool l_upload_read(lua_State *L, struct l_draft *d, int index)
{
    if (lua_isfunction(L, index) || has_metatable(L, index, L_RESPONSE) || has_chunks(L, index)) {
        d->source = index;
        return true;
    }
    if (!has_metatable(L, index, LUA_FILEHANDLE))
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

/* The first time the task is started; then it waits, as others may, for this Response to change. */
static void ask(lua_State *L, void *ud)
{
    l_response *r = ud;
    lua_rawgeti(L, LUA_REGISTRYINDEX, r->object.pin);
    lua_getfenv(L, 1);
    drop_piece(L, r);
    lua_rawgeti(L, 2, L_SLOT_SOURCE);
    if (lua_isnil(L, 3)) {
        l_response_pump(L, r);
        return;
    }
    lua_pushnil(L);
    lua_rawseti(L, 2, L_SLOT_SOURCE);
    lua_getfield(L, LUA_REGISTRYINDEX, L_UPLOAD);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 3);
    l_call(r->object.ctx, 2);
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

void l_upload_attach(lua_State *L, struct l_draft *d, int response)
{
    if (d->source == 0)
        return;
    lua_getfenv(L, response);
    lua_pushvalue(L, d->source);
    lua_rawseti(L, -2, L_SLOT_SOURCE);
    lua_pop(L, 1);
    d->options.read_body = read_piece;
}

/* ---- for the Lua part ---------------------------------------------------------------------- */

/* give(response, piece) -> whether more is wanted later; give(response) at the end;
 * give(response, nil, words) where it has failed. A piece is given when one is wanted. */
static int upload_give(lua_State *L)
{
    l_response *r = l_response_check(L, 1);
    size_t length;
    lua_settop(L, 3);
    if (r->x == NULL || mw_exchange_finished(r->x)) {
        lua_pushboolean(L, 0);
        return 1;
    }
    if (!lua_isnil(L, 3)) {
        mw_exchange_fail_body(r->x, luaL_checkstring(L, 3));
    } else if (lua_isnil(L, 2)) {
        r->upload_ended = true;
    } else {
        const char *piece = luaL_checklstring(L, 2, &length);
        lua_getfenv(L, 1);
        lua_pushvalue(L, 2);
        lua_rawseti(L, -2, L_SLOT_PIECE);
        r->piece = length > 0 ? piece : NULL;
        r->piece_left = length;
        r->wants = false;
    }
    if (!r->asking)
        mw_exchange_resume(r->x);
    lua_pushboolean(L, !lua_isnil(L, 2));
    return 1;
}

/* wants(response) -> true once a piece is wanted, or never will be. */
static int upload_wants(lua_State *L)
{
    const l_response *r = l_response_check(L, 1);
    lua_pushboolean(L, r->wants || r->x == NULL || mw_exchange_finished(r->x));
    return 1;
}

void l_open_upload(lua_State *L)
{
    lua_pushcfunction(L, upload_give);
    lua_setfield(L, -2, "give");
    lua_pushcfunction(L, upload_wants);
    lua_setfield(L, -2, "wants");
}
