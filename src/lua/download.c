/* Downloads: what http.download is made of. The Lua part has checked the options.
 * SPDX-License-Identifier: MIT */
#include "lua/options.h"
#include "lua/response.h"

#include <string.h>

#define L_DOWNLOAD "http.Download"

enum { SLOT_DONE = 1, SLOT_PROGRESS };

typedef struct l_download {
    l_object object;
    mw_download *d; /* NULL once it is over */
} l_download;

static l_download *check(lua_State *L)
{
    return luaL_checkudata(L, 1, L_DOWNLOAD);
}

static void forget(l_object *object)
{
    ((l_download *)object)->d = NULL;
}

/* Pushes what the script gave for it; false if it gave nothing. */
static bool push_slot(lua_State *L, const l_download *l, int slot)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, l->object.pin);
    lua_getfenv(L, -1);
    lua_rawgeti(L, -1, slot);
    return lua_isfunction(L, -1) != 0;
}

/* ---- what it tells ------------------------------------------------------------------------- */

struct progress {
    const l_download *l;
    const mw_progress *now;
};

static void tell_progress(lua_State *L, void *ud)
{
    const struct progress *p = ud;
    const mw_progress *now = p->now;
    if (!push_slot(L, p->l, SLOT_PROGRESS))
        return;
    lua_pushnumber(L, (lua_Number)now->received);
    if (now->total != MW_UNKNOWN)
        lua_pushnumber(L, (lua_Number)now->total);
    else
        lua_pushnil(L);
    lua_pushnumber(L, now->rate);
    if (now->eta >= 0)
        lua_pushnumber(L, now->eta);
    else
        lua_pushnil(L);
    l_call(p->l->object.ctx, 4);
}

static void on_progress(mw_download *d, const mw_progress *now, void *ud)
{
    struct progress p = {ud, now};
    (void)d;
    l_enter(p.l->object.ctx, tell_progress, &p);
}

/* { path=, size=, resumed_from=, status_code=, sha256=, response= } */
static void push_file(lua_State *L, mw_download *d)
{
    lua_createtable(L, 0, 6);
    int file = lua_gettop(L);
    lua_pushstring(L, mw_download_path(d));
    lua_setfield(L, file, "path");
    lua_pushnumber(L, (lua_Number)mw_download_size(d));
    lua_setfield(L, file, "size");
    lua_pushnumber(L, (lua_Number)mw_download_resumed_from(d));
    lua_setfield(L, file, "resumed_from");
    lua_pushinteger(L, mw_exchange_status(mw_download_exchange(d)));
    lua_setfield(L, file, "status_code");
    if (mw_download_sha256(d)[0] != '\0') {
        lua_pushstring(L, mw_download_sha256(d));
        lua_setfield(L, file, "sha256");
    }
    l_response *r = l_response_new(L); /* before the exchange is ours: this may throw */
    r->x = mw_download_take_exchange(d);
    lua_setfield(L, file, "response");
}

static void tell_done(lua_State *L, void *ud)
{
    l_download *l = ud;
    if (!push_slot(L, l, SLOT_DONE))
        return;
    if (mw_download_code(l->d)[0] == '\0') {
        push_file(L, l->d);
        l_call(l->object.ctx, 1);
        return;
    }
    lua_pushnil(L);
    lua_pushstring(L, mw_download_message(l->d));
    lua_pushstring(L, mw_download_code(l->d));
    l_call(l->object.ctx, 3);
}

static void on_done(mw_download *d, void *ud)
{
    l_download *l = ud;
    l_enter(l->object.ctx, tell_done, l);
    l->d = NULL;
    mw_download_free(d);
    l_unpin(&l->object);
}

/* ---- the calls ----------------------------------------------------------------------------- */

static bool flag(lua_State *L, int options, const char *name)
{
    lua_getfield(L, options, name);
    bool set = lua_toboolean(L, -1) != 0;
    lua_pop(L, 1);
    return set;
}

static void read_request(lua_State *L, struct l_draft *d)
{
    if (lua_istable(L, 1))
        l_read_options(L, d, 1, lua_upvalueindex(1));
    else
        d->options.url = l_option_string(L, "url", 1);
    if (!lua_isnil(L, d->redirect))
        luaL_error(L, "bad option 'redirect' (true, false or a number expected for a download, got "
                      "a function)");
    if (!lua_isnil(L, d->auth))
        luaL_error(L, "bad option 'auth' (table or false expected for a download, got a function)");
    const char *body = d->options.body_file != NULL ? "file" : d->content;
    if (body != NULL || d->has_length)
        luaL_error(L, "bad option '%s' (a download sends no body)", body != NULL ? body : "length");
    const mw_options *o = &d->options;
    if (o->url != NULL && (o->hostname != NULL || o->path != NULL || o->query != NULL ||
                           o->protocol != NULL || o->port != 0))
        luaL_error(L, "bad option 'url' (it stands instead of protocol, hostname, port, path and "
                      "query, not beside them)");
}

static void keep_function(lua_State *L, int self, int slot, int function)
{
    lua_getfenv(L, self);
    lua_pushvalue(L, function);
    lua_rawseti(L, -2, slot);
    lua_pop(L, 1);
}

/* download(request, path, { resume=, overwrite=, mode=, sha256=, hash=, coded= }, done[, progress])
 * -> Download */
static int download(lua_State *L)
{
    struct l_draft draft;
    l_context *ctx = l_context_get(L);
    if (ctx->rt == NULL)
        return luaL_error(L, "the runtime is closed");
    memset(&draft, 0, sizeof draft);
    lua_settop(L, 8);
    draft.anchors = 6;
    draft.redirect = 7;
    draft.auth = 8;
    read_request(L, &draft);
    mw_download_options o = {.request = &draft.options, .path = l_option_string(L, "path", 2)};
    o.no_resume = !flag(L, 3, "resume");
    o.no_overwrite = !flag(L, 3, "overwrite");
    o.hash = flag(L, 3, "hash");
    o.keep_coding = flag(L, 3, "coded");
    lua_getfield(L, 3, "mode");
    o.mode = (int)lua_tointeger(L, -1);
    lua_getfield(L, 3, "sha256");
    o.sha256 = lua_tostring(L, -1); /* the table holds it */
    o.on_progress = lua_isfunction(L, 5) ? on_progress : NULL;
    o.on_done = on_done;
    l_download *l = l_object_new(L, sizeof *l, L_DOWNLOAD, forget);
    int self = lua_gettop(L);
    l_object_slots(L);
    keep_function(L, self, SLOT_DONE, 4);
    keep_function(L, self, SLOT_PROGRESS, 5);
    l_pin(L, self, &l->object);
    o.ud = l;
    if (mw_download_start(ctx->rt, &o, &l->d) != MW_OK) {
        l_unpin(&l->object);
        return luaL_error(L, "%s", mw_message(ctx->rt));
    }
    lua_settop(L, self);
    return 1;
}

static int download_abort(lua_State *L)
{
    const l_download *l = check(L);
    if (l->d != NULL)
        mw_download_cancel(l->d);
    return 0;
}

static int download_active(lua_State *L)
{
    const l_download *l = check(L);
    lua_pushboolean(L, l->d != NULL && !mw_download_finished(l->d));
    return 1;
}

static int download_tostring(lua_State *L)
{
    const l_download *l = check(L);
    if (l->d != NULL)
        lua_pushfstring(L, "http.Download (%s, under way)", mw_download_path(l->d));
    else
        lua_pushliteral(L, "http.Download (over)");
    return 1;
}

static int download_gc(lua_State *L)
{
    l_download *l = check(L);
    mw_download_free(l->d);
    l->d = NULL;
    l_object_gc(&l->object);
    return 0;
}

void l_open_download(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"abort", download_abort}, {"active", download_active}, {NULL, NULL}};
    l_object_type(L, L_DOWNLOAD, L_DOWNLOAD, methods, download_gc);
    luaL_getmetatable(L, L_DOWNLOAD);
    lua_pushcfunction(L, download_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pop(L, 1);
    l_push_option_names(L);
    lua_pushcclosure(L, download, 1);
    lua_setfield(L, -2, "download");
}
