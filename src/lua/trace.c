/* What happens to requests, for the Lua part (http.trace, http.har, to_curl): the hook, what was
 * asked for, texts without secrets.
 * SPDX-License-Identifier: MIT */
#include "lua/response.h"

#include "base/redact.h"

#include <time.h>

/* ---- an event as a table ------------------------------------------------------------------- */

static void set_text(lua_State *L, const char *key, const char *text)
{
    if (text == NULL || text[0] == '\0')
        return;
    lua_pushstring(L, text);
    lua_setfield(L, -2, key);
}

static void set_number(lua_State *L, const char *key, double number)
{
    lua_pushnumber(L, number);
    lua_setfield(L, -2, key);
}

/* { { name=, value= }, … } */
static void set_fields(lua_State *L, const mw_header *fields, size_t count)
{
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        lua_createtable(L, 0, 2);
        lua_pushstring(L, fields[i].name);
        lua_setfield(L, -2, "name");
        lua_pushstring(L, fields[i].value);
        lua_setfield(L, -2, "value");
        lua_rawseti(L, -2, (int)i + 1);
    }
    lua_setfield(L, -2, "fields");
}

static void set_body(lua_State *L, const void *bytes, size_t length, uint64_t total)
{
    if (bytes != NULL) {
        lua_pushlstring(L, bytes, length);
        lua_setfield(L, -2, "body");
    }
    if (total != 0 && total != MW_UNKNOWN)
        set_number(L, "body_length", (double)total);
}

static mw_header field_at(const void *event, size_t index)
{
    return ((const mw_trace_event *)event)->headers[index];
}

/* How a request ended. */
static void set_end(lua_State *L, const mw_trace_event *e)
{
    set_text(L, "next_method", e->next_method);
    set_text(L, "next_url", e->next_url);
    if (e->next_url[0] != '\0')
        set_number(L, "wait", e->wait);
    set_number(L, "error", e->error);
    set_text(L, "error_string", e->error_string);
    set_number(L, "sent", (double)e->sent);
    set_number(L, "received", (double)e->received);
    l_push_timings(L, e->timings);
    lua_setfield(L, -2, "timings");
}

static void push_event(lua_State *L, const mw_trace_event *e)
{
    lua_createtable(L, 0, 16);
    set_text(L, "what", e->what);
    set_number(L, "id", (double)e->id);
    set_number(L, "leg", e->leg);
    set_number(L, "at", e->at);
    set_text(L, "method", e->method);
    set_text(L, "url", e->url);
    set_text(L, "address", e->address);
    if (e->status != 0)
        set_number(L, "status_code", e->status);
    set_text(L, "status_message", e->reason);
    if (e->total >= 0)
        set_number(L, "total", (double)e->total);
    if (e->header_count > 0) {
        l_push_headers(L, e, e->header_count, field_at);
        lua_setfield(L, -2, "headers");
        set_fields(L, e->headers, e->header_count);
    }
    set_body(L, e->body, e->body_length, e->body_total);
    if (e->timings.attempts > 0)
        set_end(L, e);
}

/* ---- the hook ------------------------------------------------------------------------------ */

struct telling {
    l_context *ctx;
    const mw_trace_event *event;
};

static void tell(lua_State *L, void *ud)
{
    const struct telling *telling = ud;
    lua_getfield(L, LUA_REGISTRYINDEX, L_TRACE);
    push_event(L, telling->event);
    l_call(telling->ctx, 1);
}

static void on_event(mw_runtime *rt, const mw_trace_event *event, void *ud)
{
    struct telling telling = {ud, event};
    (void)rt;
    l_enter(telling.ctx, tell, &telling);
}

/* trace(fn | nil, body_limit): fn(event) is called with secrets and all; the Lua part takes them
 * out, since each of those that listen may want others of them. */
static int trace(lua_State *L)
{
    l_context *ctx = l_context_get(L);
    mw_trace how = {.fn = on_event, .ud = ctx, .secrets = 1};
    bool on = !lua_isnoneornil(L, 1);
    how.body_limit = (size_t)luaL_optnumber(L, 2, 0);
    lua_settop(L, 1);
    if (ctx->rt == NULL)
        return 0;
    lua_setfield(L, LUA_REGISTRYINDEX, L_TRACE);
    mw_trace_set(ctx->rt, on ? &how : NULL);
    return 0;
}

/* trace_flush(): tells what waits. */
static int trace_flush(lua_State *L)
{
    l_context *ctx = l_context_get(L);
    if (ctx->rt != NULL)
        mw_trace_flush(ctx->rt);
    return 0;
}

/* redact(name, value) -> the value of that header field without secrets; name nil: of any text. */
static int redact(lua_State *L)
{
    const char *name = luaL_optstring(L, 1, NULL), *value = luaL_checkstring(L, 2);
    size_t length = name != NULL ? mw_redact_field(NULL, name, value) : mw_redact_text(NULL, value);
    char *out = lua_newuserdata(L, length + 1);
    if (name != NULL)
        mw_redact_field(out, name, value);
    else
        mw_redact_text(out, value);
    lua_pushlstring(L, out, length);
    return 1;
}

/* ---- what was asked for -------------------------------------------------------------------- */

static void set_resolve(lua_State *L, const mw_asked *asked)
{
    lua_createtable(L, (int)asked->resolve_count, 0);
    for (size_t i = 0; i < asked->resolve_count; i++) {
        lua_createtable(L, 0, 3);
        set_text(L, "host", asked->resolve[i].host);
        set_number(L, "port", asked->resolve[i].port);
        set_text(L, "addresses", asked->resolve[i].addresses);
        lua_rawseti(L, -2, (int)i + 1);
    }
    lua_setfield(L, -2, "resolve");
}

static void set_seconds(lua_State *L, const char *key, double seconds)
{
    if (seconds >= 0)
        set_number(L, key, seconds);
}

static void set_options(lua_State *L, const mw_asked *asked)
{
    set_text(L, "ca_file", asked->ca_file);
    set_text(L, "ca_path", asked->ca_path);
    set_text(L, "ca_data", asked->ca_data);
    set_text(L, "cert_file", asked->cert_file);
    set_text(L, "key_file", asked->key_file);
    set_text(L, "pins", asked->pins);
    set_text(L, "local_address", asked->local_address);
    set_text(L, "unix", asked->unix_path);
    set_seconds(L, "connect_timeout", asked->connect_timeout);
    set_seconds(L, "total_timeout", asked->total_timeout);
    set_number(L, "max_redirects", asked->max_redirects);
    lua_pushboolean(L, asked->insecure);
    lua_setfield(L, -2, "insecure");
    lua_pushboolean(L, asked->decode);
    lua_setfield(L, -2, "decode");
    lua_pushboolean(L, asked->credentials);
    lua_setfield(L, -2, "credentials");
    if (asked->proxy != NULL) { /* "" says that there is none */
        lua_pushstring(L, asked->proxy);
        lua_setfield(L, -2, "proxy");
    }
    if (asked->no_proxy != NULL) {
        lua_pushstring(L, asked->no_proxy);
        lua_setfield(L, -2, "no_proxy");
    }
    set_text(L, "proxy_ca_file", asked->proxy_ca_file);
    lua_pushboolean(L, asked->proxy_insecure);
    lua_setfield(L, -2, "proxy_insecure");
    set_resolve(L, asked);
}

/* asked(response) -> table; nil once the runtime is closed. */
static int asked(lua_State *L)
{
    const l_response *r = l_response_check(L, 1);
    if (r->x == NULL)
        return 0;
    mw_asked a = mw_exchange_asked(r->x);
    lua_createtable(L, 0, 16);
    set_text(L, "method", a.method);
    set_text(L, "url", a.url);
    set_fields(L, a.headers, a.header_count);
    set_body(L, a.body, (size_t)a.body_length, a.body_length);
    lua_pushboolean(L, a.has_body);
    lua_setfield(L, -2, "has_body");
    set_text(L, "body_file", a.body_file);
    set_number(L, "body_offset", (double)a.body_offset);
    set_options(L, &a);
    return 1;
}

/* wall_clock() -> seconds since 1970. */
static int wall_clock(lua_State *L)
{
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_REALTIME, &now);
    lua_pushnumber(L, (double)now.tv_sec + (double)now.tv_nsec / 1e9);
    return 1;
}

void l_open_trace(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"trace", trace}, {"trace_flush", trace_flush}, {"redact", redact},
        {"asked", asked}, {"wall_clock", wall_clock},   {NULL, NULL},
    };
    luaL_register(L, NULL, functions);
}
