/* What can be read of a Response, one row a property.
 * SPDX-License-Identifier: MIT */
#include "lua/response.h"

static mw_header field_at(const void *x, size_t index)
{
    return mw_exchange_header_at(x, index);
}

static mw_header trailer_at(const void *x, size_t index)
{
    return mw_exchange_trailer_at(x, index);
}

/* The table is made when a script asks for it, and again only if it asked before the fields were
 * in. */
static void push_fields(lua_State *L, l_response *r, int slot, size_t count, l_field_fn at)
{
    lua_getfenv(L, 1);
    lua_rawgeti(L, -1, slot);
    if (!lua_isnil(L, -1))
        return;
    lua_pop(L, 1);
    l_push_headers(L, r->x, count, at);
    if (count > 0) {
        lua_pushvalue(L, -1);
        lua_rawseti(L, -3, slot);
    }
}

static void push_headers(lua_State *L, l_response *r)
{
    size_t count = r->x != NULL ? mw_exchange_header_count(r->x) : 0;
    push_fields(L, r, L_SLOT_HEADERS, count, field_at);
}

static void push_trailers(lua_State *L, l_response *r)
{
    size_t count = r->x != NULL ? mw_exchange_trailer_count(r->x) : 0;
    push_fields(L, r, L_SLOT_TRAILERS, count, trailer_at);
}

static void set_string(lua_State *L, const char *key, const char *value)
{
    if (value[0] == '\0')
        return;
    lua_pushstring(L, value);
    lua_setfield(L, -2, key);
}

static void push_detail(lua_State *L, l_response *r)
{
    if (r->x == NULL || mw_exchange_error(r->x) == MW_NO_ERROR) {
        lua_pushnil(L);
        return;
    }
    mw_detail d = mw_exchange_detail(r->x);
    lua_createtable(L, 0, 5);
    set_string(L, "phase", d.phase);
    set_string(L, "address", d.address);
    set_string(L, "clock", d.clock);
    lua_pushinteger(L, d.attempt);
    lua_setfield(L, -2, "attempt");
    if (d.system_errno != 0) {
        lua_pushinteger(L, d.system_errno);
        lua_setfield(L, -2, "errno");
    }
    if (d.tls[0] == '\0')
        return;
    lua_createtable(L, 0, 3);
    set_string(L, "reason", d.tls);
    set_string(L, "subject", d.tls_subject);
    if (d.tls_depth >= 0) {
        lua_pushinteger(L, d.tls_depth);
        lua_setfield(L, -2, "depth");
    }
    lua_setfield(L, -2, "tls");
}

static const char *error_string(const l_response *r)
{
    if (r->stream_error != NULL)
        return r->stream_error;
    return r->x != NULL ? mw_exchange_error_string(r->x) : "the runtime is closed";
}

static bool at_end(const l_response *r)
{
    return r->closed || r->x == NULL ||
           (mw_exchange_finished(r->x) && mw_exchange_available(r->x) == 0);
}

static bool finished(const l_response *r)
{
    return r->x == NULL || mw_exchange_finished(r->x);
}

static bool open(const l_response *r)
{
    return !r->closed && r->x != NULL;
}

static int error_of(const l_response *r)
{
    return r->x != NULL ? mw_exchange_error(r->x) : MW_OPERATION_CANCELLED_ERROR;
}

static size_t available(const l_response *r)
{
    return open(r) ? mw_exchange_available(r->x) : 0;
}

static void set_seconds(lua_State *L, const char *key, double value)
{
    lua_pushnumber(L, value);
    lua_setfield(L, -2, key);
}

void l_push_timings(lua_State *L, mw_timings t)
{
    lua_createtable(L, 0, 11);
    set_seconds(L, "queue", t.queue);
    set_seconds(L, "resolve", t.resolve);
    set_seconds(L, "connect", t.connect);
    set_seconds(L, "proxy", t.proxy);
    set_seconds(L, "tls", t.tls);
    set_seconds(L, "send", t.send);
    set_seconds(L, "first_byte", t.first_byte);
    set_seconds(L, "body", t.body);
    set_seconds(L, "total", t.total);
    set_seconds(L, "attempts", t.attempts);
    lua_pushboolean(L, t.reused);
    lua_setfield(L, -2, "reused");
}

static void push_timings(lua_State *L, l_response *r)
{
    if (r->x == NULL)
        lua_pushnil(L);
    else
        l_push_timings(L, mw_exchange_timings(r->x));
}

static mw_header past_at(const void *past, size_t index)
{
    return ((const mw_past *)past)->headers[index];
}

/* The requests before the one that counts, the oldest first, as tables that look like Responses. */
static void push_history(lua_State *L, l_response *r)
{
    mw_past past;
    size_t count = r->x != NULL ? mw_exchange_history_count(r->x) : 0;
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count && mw_exchange_history_at(r->x, i, &past); i++) {
        lua_createtable(L, 0, 7);
        lua_pushinteger(L, past.status);
        lua_setfield(L, -2, "status_code");
        lua_pushinteger(L, past.error);
        lua_setfield(L, -2, "error");
        set_string(L, "status_message", past.reason);
        set_string(L, "why", past.why);
        set_string(L, "method", past.method);
        set_string(L, "url", past.url);
        l_push_headers(L, &past, past.header_count, past_at);
        lua_setfield(L, -2, "headers");
        lua_rawseti(L, -2, (int)i + 1);
    }
}

static void push_status(lua_State *L, l_response *r)
{
    lua_pushinteger(L, r->x != NULL ? mw_exchange_status(r->x) : 0);
}

static void push_reason(lua_State *L, l_response *r)
{
    lua_pushstring(L, r->x != NULL ? mw_exchange_reason(r->x) : "");
}

static void push_error(lua_State *L, l_response *r)
{
    lua_pushinteger(L, error_of(r));
}

static void push_error_string(lua_State *L, l_response *r)
{
    lua_pushstring(L, error_string(r));
}

static void push_url(lua_State *L, l_response *r)
{
    lua_pushstring(L, r->x != NULL ? mw_exchange_url(r->x) : "");
}

static void push_ok(lua_State *L, l_response *r)
{
    lua_pushboolean(L, r->x != NULL && finished(r) && error_of(r) == MW_NO_ERROR);
}

static void push_finished(lua_State *L, l_response *r)
{
    lua_pushboolean(L, finished(r));
}

static void push_open(lua_State *L, l_response *r)
{
    lua_pushboolean(L, open(r));
}

static void push_open_mode(lua_State *L, l_response *r)
{
    lua_pushinteger(L, open(r) ? 1 : 0);
}

static void push_true(lua_State *L, l_response *r)
{
    (void)r;
    lua_pushboolean(L, 1);
}

static void push_available(lua_State *L, l_response *r)
{
    lua_pushinteger(L, (lua_Integer)available(r));
}

static void push_can_read_line(lua_State *L, l_response *r)
{
    lua_pushboolean(L, open(r) && mw_exchange_line(r->x) > 0);
}

static void push_zero(lua_State *L, l_response *r)
{
    (void)r;
    lua_pushinteger(L, 0);
}

static void push_at_end(lua_State *L, l_response *r)
{
    lua_pushboolean(L, at_end(r));
}

static void push_decoded(lua_State *L, l_response *r)
{
    lua_pushboolean(L, r->x != NULL && mw_exchange_decoded(r->x));
}

static void push_read_buffer_size(lua_State *L, l_response *r)
{
    lua_pushnumber(L, r->x != NULL ? (lua_Number)mw_exchange_read_buffer_size(r->x) : 0);
}

static void push_false(lua_State *L, l_response *r)
{
    (void)r;
    lua_pushboolean(L, 0);
}

static void set_read_buffer_size(lua_State *L, l_response *r)
{
    double size = l_option_number(L, "read_buffer_size", 3, 0, 1e15);
    if (r->x != NULL)
        mw_exchange_set_read_buffer_size(r->x, (size_t)size);
}

static const struct {
    const char *name;
    void (*push)(lua_State *L, l_response *r);
    void (*set)(lua_State *L, l_response *r); /* to the value at 3; NULL: it is read only */
} properties[] = {
    {"status_code", push_status, NULL},
    {"status_message", push_reason, NULL},
    {"error", push_error, NULL},
    {"error_string", push_error_string, NULL},
    {"error_detail", push_detail, NULL},
    {"headers", push_headers, NULL},
    {"trailers", push_trailers, NULL},
    {"url", push_url, NULL},
    {"history", push_history, NULL},
    {"timings", push_timings, NULL},
    {"ok", push_ok, NULL},
    {"finished", push_finished, NULL},
    {"is_open", push_open, NULL},
    {"open_mode", push_open_mode, NULL},
    {"readable", push_open, NULL},
    {"writeable", push_false, NULL},
    {"sequential", push_true, NULL},
    {"bytes_available", push_available, NULL},
    {"can_read_line", push_can_read_line, NULL},
    {"bytes_to_write", push_zero, NULL},
    {"pos", push_zero, NULL},
    {"at_end", push_at_end, NULL},
    {"read_buffer_size", push_read_buffer_size, set_read_buffer_size},
    {"decoded", push_decoded, NULL},
};

void l_response_property(lua_State *L, l_response *r, int property)
{
    properties[property].push(L, r);
}

bool l_response_set_property(lua_State *L, l_response *r, int property)
{
    if (properties[property].set == NULL)
        return false;
    properties[property].set(L, r);
    return true;
}

void l_response_push_properties(lua_State *L)
{
    lua_newtable(L);
    for (size_t i = 0; i < sizeof properties / sizeof properties[0]; i++) {
        lua_pushinteger(L, (lua_Integer)i);
        lua_setfield(L, -2, properties[i].name);
    }
}
