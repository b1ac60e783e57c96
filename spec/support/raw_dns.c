/* raw_dns.c: a name server of the tests, answering A and AAAA questions from a table of the script.
 * SPDX-License-Identifier: MIT */
#include "raw.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <event2/dns.h>
#include <event2/dns_struct.h>
#include <event2/event.h>

#define DNS_TYPE "raw.dns"
#define TTL 60
#define NAME_MAX_LENGTH 255
#define NXDOMAIN DNS_ERR_NOTEXIST

typedef struct raw_dns {
    raw_object object;
    struct evdns_server_port *server; /* NULL once closed; owns the socket */
    int port;
    int silent;
    int code; /* for names without an answer */
} raw_dns;

static void dns_release(raw_object *object)
{
    raw_dns *dns = (raw_dns *)object;
    if (dns->server)
        evdns_close_server_port(dns->server);
    dns->server = NULL;
}

struct question {
    raw_dns *dns;
    struct evdns_server_request *request;
    const char *name; /* as it was asked: the answer repeats its case, which resolvers randomise */
    int type;
    int code; /* the answer */
};

/* Adds one address if it is of the family that was asked for. */
static void add_address(const struct question *q, const char *text)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (q->type == EVDNS_TYPE_A && inet_pton(AF_INET, text, &v4) == 1)
        evdns_server_request_add_a_reply(q->request, q->name, 1, &v4, TTL);
    else if (q->type == EVDNS_TYPE_AAAA && inet_pton(AF_INET6, text, &v6) == 1)
        evdns_server_request_add_aaaa_reply(q->request, q->name, 1, &v6, TTL);
}

static int answer(lua_State *L)
{
    struct question *q = lua_touserdata(L, 1);
    char name[NAME_MAX_LENGTH + 1];
    snprintf(name, sizeof name, "%s", q->name);
    for (char *c = name; *c; c++)
        *c = (char)tolower((unsigned char)*c);

    raw_push(L, q->dns);
    lua_getfield(L, -1, "queries");
    lua_pushstring(L, name);
    lua_rawseti(L, -2, (int)lua_objlen(L, -2) + 1);
    lua_getfield(L, -2, "answers");
    lua_getfield(L, -1, name);
    if (!lua_istable(L, -1))
        return 0;
    q->code = DNS_ERR_NONE;
    for (int i = 1; i <= (int)lua_objlen(L, -1); i++) {
        lua_rawgeti(L, -1, i);
        add_address(q, luaL_checkstring(L, -1));
        lua_pop(L, 1);
    }
    return 0;
}

static void on_request(struct evdns_server_request *request, void *ud)
{
    raw_dns *dns = ud;
    int code = dns->code;
    for (int i = 0; i < request->nquestions; i++) {
        const struct evdns_server_question *asked = request->questions[i];
        struct question q = {dns, request, asked->name, asked->type, dns->code};
        raw_protect(dns->object.ctx, answer, &q);
        if (q.code == DNS_ERR_NONE)
            code = q.code;
    }
    if (dns->silent || evdns_server_request_respond(request, code) < 0)
        evdns_server_request_drop(request);
}

static int dns_close(lua_State *L)
{
    raw_dns *dns = luaL_checkudata(L, 1, DNS_TYPE);
    dns_release(&dns->object);
    raw_unpin(&dns->object);
    return 0;
}

static int dns_property(lua_State *L, const char *name)
{
    const raw_dns *dns = lua_touserdata(L, 1);
    if (strcmp(name, "port") == 0)
        lua_pushinteger(L, dns->port);
    else if (strcmp(name, "open") == 0)
        lua_pushboolean(L, dns->server != NULL);
    else
        return 0;
    return 1;
}

static int dns_socket(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

/* raw.dns{ answers = { ["name.test"] = { "127.0.0.1", "::1" } }, silent = bool, code = 3 } -> a
 * server whose `queries` lists the names asked for, in lower case, one entry a question. Names
 * without an entry get `code` (3 is NXDOMAIN, 2 SERVFAIL); a silent one never answers. */
static int l_dns(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    raw_dns *dns = raw_new(L, raw_context_of(L), DNS_TYPE, sizeof *dns, dns_release);
    int index = lua_gettop(L);
    lua_newtable(L);
    lua_setfield(L, index, "queries");
    lua_getfield(L, 1, "answers");
    if (lua_isnil(L, -1))
        lua_newtable(L);
    luaL_checktype(L, -1, LUA_TTABLE);
    lua_setfield(L, index, "answers");
    lua_getfield(L, 1, "silent");
    dns->silent = lua_toboolean(L, -1);
    lua_getfield(L, 1, "code");
    dns->code = (int)luaL_optinteger(L, -1, NXDOMAIN);
    lua_settop(L, index);

    int fd = dns_socket();
    if (fd < 0)
        return luaL_error(L, "dns: %s", strerror(errno));
    dns->port = raw_port(fd);
    dns->server = evdns_add_server_port_with_base(dns->object.ctx->base, fd, 0, on_request, dns);
    if (!dns->server) {
        close(fd);
        return luaL_error(L, "dns: out of memory");
    }
    raw_pin(L, index);
    return 1;
}

void raw_open_dns(lua_State *L)
{
    static const luaL_Reg methods[] = {{"close", dns_close}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"dns", l_dns}, {NULL, NULL}};
    raw_type(L, DNS_TYPE, methods, dns_property);
    raw_register(L, functions);
}
