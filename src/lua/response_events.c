/* What happens to a Response, told to its handlers in the order: progress, error, callback,
 * finished.
 * SPDX-License-Identifier: MIT */
#include "lua/response.h"
#include "lua/upload.h"

static int error_of(const l_response *r)
{
    return mw_exchange_error(r->x);
}

/* Pushes the userdata and its environment; they stay at 1 and 2 while handlers are called. */
static void push_self(lua_State *L, const l_response *r)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, r->object.pin);
    lua_getfenv(L, -1);
}

bool l_response_push_handler(lua_State *L, const l_response *r, unsigned bit, const char *slot)
{
    if (!(r->set & bit))
        return false;
    lua_getfield(L, 2, slot);
    lua_pushvalue(L, 1);
    return true;
}

void l_response_pump(lua_State *L, const l_response *r)
{
    if (!(r->set & L_HAS_STATE))
        return;
    lua_getfield(L, LUA_REGISTRYINDEX, L_PUMP);
    lua_pushvalue(L, 1);
    lua_rawgeti(L, 2, L_SLOT_STATE);
    l_call(r->object.ctx, 2);
}

static void download_progress(lua_State *L, const l_response *r)
{
    if (!l_response_push_handler(L, r, L_ON_DOWNLOAD, "download_progress_handler"))
        return;
    bool none = mw_exchange_received(r->x) == 0;
    lua_pushnumber(L, (lua_Number)mw_exchange_received(r->x));
    lua_pushnumber(L, none ? 0 : (lua_Number)mw_exchange_total(r->x));
    l_call(r->object.ctx, 3);
}

struct sent {
    l_response *r;
    uint64_t sent, total;
};

static void tell_sent(lua_State *L, void *ud)
{
    struct sent *s = ud;
    push_self(L, s->r);
    if (!l_response_push_handler(L, s->r, L_ON_UPLOAD, "upload_progresss_handler"))
        return;
    lua_pushnumber(L, (lua_Number)s->sent);
    lua_pushnumber(L, s->total == MW_UNKNOWN ? -1 : (lua_Number)s->total);
    l_call(s->r->object.ctx, 3);
}

void l_response_on_sent(mw_exchange *x, uint64_t sent, uint64_t total, void *ud)
{
    struct sent s = {ud, sent, total};
    (void)x;
    if (s.r->set & L_ON_UPLOAD)
        l_enter(s.r->object.ctx, tell_sent, &s);
}

struct interim {
    l_response *r;
    int status;
};

static mw_header interim_at(const void *x, size_t index)
{
    return mw_exchange_interim_header_at(x, index);
}

static void tell_interim(lua_State *L, void *ud)
{
    const struct interim *i = ud;
    l_response *r = i->r;
    push_self(L, r);
    if (!l_response_push_handler(L, r, L_ON_INTERIM, "interim_handler"))
        return;
    lua_pushinteger(L, i->status);
    l_push_headers(L, r->x, mw_exchange_interim_header_count(r->x), interim_at);
    l_call(r->object.ctx, 3);
}

void l_response_on_interim(mw_exchange *x, int status, void *ud)
{
    struct interim i = {ud, status};
    (void)x;
    if (i.r->set & L_ON_INTERIM)
        l_enter(i.r->object.ctx, tell_interim, &i);
}

struct redirect {
    l_response *r;
    const char *url;
    int follow;
};

/* Only what is true follows: a function that throws has not agreed. */
static void ask_redirect(lua_State *L, void *ud)
{
    struct redirect *ask = ud;
    lua_pushcfunction(L, l_traceback);
    push_self(L, ask->r);
    lua_rawgeti(L, 3, L_SLOT_REDIRECT);
    lua_pushvalue(L, 2);
    lua_pushstring(L, ask->url);
    if (lua_pcall(L, 2, 1, 1) == 0)
        ask->follow = lua_toboolean(L, -1);
    else
        l_report(ask->r->object.ctx, lua_tostring(L, -1));
    lua_pushnil(L); /* the headers that it may have looked at are not the last */
    lua_rawseti(L, 3, L_SLOT_HEADERS);
}

int l_response_on_redirect(mw_exchange *x, const char *url, void *ud)
{
    struct redirect ask = {ud, url, 0};
    (void)x;
    l_enter(ask.r->object.ctx, ask_redirect, &ask);
    return ask.follow;
}

/* No handler is called for a head; a task may wait for it. */
static void tell_head(lua_State *L, void *ud)
{
    l_response *r = ud;
    push_self(L, r);
    l_response_pump(L, r);
}

void l_response_on_head(mw_exchange *x, void *ud)
{
    l_response *r = ud;
    (void)x;
    if (r->set & L_HAS_STATE)
        l_enter(r->object.ctx, tell_head, r);
}

static void tell_body(lua_State *L, void *ud)
{
    l_response *r = ud;
    push_self(L, r);
    bool some = mw_exchange_available(r->x) > 0; /* coded bytes may bring progress alone */
    if (some && l_response_push_handler(L, r, L_ON_READ, "ready_read_handler"))
        l_call(r->object.ctx, 1);
    download_progress(L, r);
    l_response_pump(L, r);
}

void l_response_on_body(mw_exchange *x, void *ud)
{
    l_response *r = ud;
    (void)x;
    if (r->set & (L_ON_READ | L_ON_DOWNLOAD | L_HAS_STATE))
        l_enter(r->object.ctx, tell_body, r);
}

/* What they hold need not live as long as the Response. */
static void forget_slots(lua_State *L, l_response *r)
{
    static const int slots[] = {L_SLOT_CALLBACK, L_SLOT_SOURCE, L_SLOT_PIECE, L_SLOT_REDIRECT,
                                L_SLOT_AUTH};
    size_t count = r->set & L_HAS_SLOTS ? sizeof slots / sizeof slots[0] : 1;
    for (size_t i = r->set & L_HAS_CALLBACK ? 0 : 1; i < count; i++) {
        lua_pushnil(L);
        lua_rawseti(L, 2, slots[i]);
    }
}

static void tell_done(lua_State *L, void *ud)
{
    l_response *r = ud;
    l_context *ctx = r->object.ctx;
    push_self(L, r);
    if (error_of(r) != MW_NO_ERROR)
        r->stream_error = NULL; /* the last error is told of, and that is this one */
    if (mw_exchange_received(r->x) == 0)
        download_progress(L, r); /* once, with 0 and 0 */
    if (error_of(r) != MW_NO_ERROR && l_response_push_handler(L, r, L_ON_ERROR, "error_handler")) {
        lua_pushinteger(L, error_of(r));
        l_call(ctx, 2);
    }
    if (r->set & L_HAS_CALLBACK) {
        lua_rawgeti(L, 2, L_SLOT_CALLBACK);
        lua_pushvalue(L, 1);
        l_call(ctx, 1);
    }
    if (l_response_push_handler(L, r, L_ON_FINISHED, "finished_handler"))
        l_call(ctx, 1);
    l_response_pump(L, r);
    l_upload_over(L, r);
    forget_slots(L, r);
    r->piece = NULL;
}

void l_response_on_done(mw_exchange *x, void *ud)
{
    l_response *r = ud;
    l_context *ctx = r->object.ctx;
    l_enter(ctx, tell_done, r);
    l_foreign_memory(ctx, mw_exchange_available(x));
    l_unpin(&r->object);
}
