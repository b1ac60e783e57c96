/* raw_dns.c: a name server of the tests, over UDP and TCP, answering A and AAAA questions from a
 * table of the script, late, cut, or wrongly where that says so. SPDX-License-Identifier: MIT */
#include "raw.h"

#include "dns_wire.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#define DNS_TYPE "raw.dns"
#define NXDOMAIN 3
#define MAX_STREAMS 8

typedef struct raw_dns {
    raw_object object;
    struct event *udp, *tcp;
    int udp_fd, tcp_fd; /* -1 once closed */
    int port;
    int silent;
    int code; /* for names without an answer */
    struct event *streams[MAX_STREAMS];
    LIST_HEAD(late_replies, late_reply) late;
} raw_dns;

/* A reply that waits to be sent over UDP. */
struct late_reply {
    LIST_ENTRY(late_reply) link;
    raw_dns *dns;
    struct event *timer;
    struct sockaddr_storage to;
    socklen_t size;
    struct dns_reply reply;
};

/* One question, where it came from, and what becomes of it. */
struct asked {
    raw_dns *dns;
    struct dns_question question;
    int stream; /* its descriptor; -1: over UDP */
    struct sockaddr_storage from;
    socklen_t size;
    struct dns_reply reply;
    int silent, wrong_id;
    double delay;
};

static void late_free(struct late_reply *late)
{
    LIST_REMOVE(late, link);
    if (late->timer)
        event_free(late->timer);
    free(late);
}

static void close_event(struct event **event, int *fd)
{
    if (*event)
        event_free(*event);
    if (*fd >= 0)
        close(*fd);
    *event = NULL;
    *fd = -1;
}

static void dns_release(raw_object *object)
{
    raw_dns *dns = (raw_dns *)object;
    close_event(&dns->udp, &dns->udp_fd);
    close_event(&dns->tcp, &dns->tcp_fd);
    for (int i = 0; i < MAX_STREAMS; i++) {
        int fd = dns->streams[i] ? event_get_fd(dns->streams[i]) : -1;
        close_event(&dns->streams[i], &fd);
    }
    while (!LIST_EMPTY(&dns->late))
        late_free(LIST_FIRST(&dns->late));
}

/* ---- the table ----------------------------------------------------------------------------- */

static int is_for(lua_State *L, int entry, const char *field, int type)
{
    lua_getfield(L, entry, field);
    const char *which = lua_isstring(L, -1) ? lua_tostring(L, -1) : NULL;
    int yes = which ? strcmp(which, type == DNS_A ? "A" : "AAAA") == 0 : lua_toboolean(L, -1);
    lua_pop(L, 1);
    return yes;
}

static lua_Integer number(lua_State *L, int entry, const char *field, lua_Integer otherwise)
{
    lua_getfield(L, entry, field);
    lua_Integer value = luaL_optinteger(L, -1, otherwise);
    lua_pop(L, 1);
    return value;
}

static void fill(lua_State *L, int entry, struct asked *a)
{
    const char *owner = a->question.name;
    unsigned ttl = (unsigned)number(L, entry, "ttl", 60);
    if (a->stream < 0 && is_for(L, entry, "cut", a->question.type)) {
        dns_begin(&a->reply, &a->question, DNS_CUT, 0);
        return;
    }
    dns_begin(&a->reply, &a->question, 0, (unsigned)number(L, entry, "code", 0));
    lua_getfield(L, entry, "alias");
    for (int i = 1; lua_istable(L, -1) && i <= (int)lua_objlen(L, -1); i++) {
        lua_rawgeti(L, -1, i);
        dns_add_alias(&a->reply, owner, (unsigned)number(L, entry, "alias_ttl", ttl),
                      luaL_checkstring(L, -1));
        owner = lua_tostring(L, -1); /* the list keeps it */
        lua_pop(L, 1);
    }
    for (int i = 1; i <= (int)lua_objlen(L, entry); i++) {
        lua_rawgeti(L, entry, i);
        dns_add_address(&a->reply, owner, a->question.type, ttl, luaL_checkstring(L, -1));
        lua_pop(L, 1);
    }
}

static void append(lua_State *L, const char *list, const char *text)
{
    lua_getfield(L, 2, list);
    lua_pushstring(L, text);
    lua_rawseti(L, -2, (int)lua_objlen(L, -2) + 1);
    lua_pop(L, 1);
}

static int answer(lua_State *L)
{
    struct asked *a = lua_touserdata(L, 1);
    char name[256], words[300];
    snprintf(name, sizeof name, "%s", a->question.name);
    for (char *c = name; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    snprintf(words, sizeof words, "%s %s%s", a->question.type == DNS_A ? "A" : "AAAA", name,
             a->stream >= 0 ? " over TCP" : "");

    lua_settop(L, 1);
    raw_push(L, a->dns);
    append(L, "queries", name);
    append(L, "questions", words);
    lua_getfield(L, 2, "answers");
    lua_getfield(L, 3, name);
    if (!lua_istable(L, 4))
        return 0;
    fill(L, 4, a);
    a->silent = a->silent || is_for(L, 4, "silent", a->question.type);
    a->wrong_id = is_for(L, 4, "wrong_id", a->question.type);
    lua_getfield(L, 4, a->question.type == DNS_A ? "delay_a" : "delay_aaaa");
    a->delay = luaL_optnumber(L, -1, 0);
    return 0;
}

/* ---- the sockets --------------------------------------------------------------------------- */

static void send_datagram(const raw_dns *dns, const struct dns_reply *reply,
                          const struct sockaddr_storage *to, socklen_t size)
{
    ssize_t n = sendto(dns->udp_fd, reply->bytes, reply->length, MSG_NOSIGNAL,
                       (const struct sockaddr *)to, size);
    (void)n; /* one that is lost is asked for again */
}

static void on_late(evutil_socket_t fd, short what, void *arg)
{
    struct late_reply *late = arg;
    (void)fd;
    (void)what;
    send_datagram(late->dns, &late->reply, &late->to, late->size);
    late_free(late);
}

static void send_later(const struct asked *a)
{
    struct timeval wait = {(time_t)a->delay, 0};
    struct late_reply *late = calloc(1, sizeof *late);
    if (!late)
        return;
    wait.tv_usec = (suseconds_t)((a->delay - (double)wait.tv_sec) * 1e6);
    late->dns = a->dns;
    late->to = a->from;
    late->size = a->size;
    late->reply = a->reply;
    LIST_INSERT_HEAD(&a->dns->late, late, link);
    late->timer = evtimer_new(a->dns->object.ctx->base, on_late, late);
    if (late->timer)
        evtimer_add(late->timer, &wait);
}

static void send_stream(const struct asked *a)
{
    struct dns_reply framed = {.length = 0};
    dns_put16(&framed, (unsigned)a->reply.length);
    dns_put(&framed, a->reply.bytes, a->reply.length);
    ssize_t n = send(a->stream, framed.bytes, framed.length, MSG_NOSIGNAL);
    (void)n;
}

/* Somebody else's reply, with an address of his. */
static void send_forged(const struct asked *a)
{
    struct asked forged = *a;
    forged.question.id ^= 0x5a5a;
    dns_begin(&forged.reply, &forged.question, 0, 0);
    dns_add_address(&forged.reply, forged.question.name, forged.question.type, 60, "127.0.0.66");
    dns_add_address(&forged.reply, forged.question.name, forged.question.type, 60, "::66");
    send_datagram(a->dns, &forged.reply, &a->from, a->size);
}

static void serve(struct asked *a, const unsigned char *bytes, size_t length)
{
    if (!dns_read(&a->question, bytes, length))
        return;
    dns_begin(&a->reply, &a->question, 0, (unsigned)a->dns->code);
    a->silent = a->dns->silent;
    raw_protect(a->dns->object.ctx, answer, a);
    if (a->wrong_id)
        send_forged(a);
    if (a->silent)
        return;
    if (a->stream >= 0)
        send_stream(a);
    else if (a->delay > 0)
        send_later(a);
    else
        send_datagram(a->dns, &a->reply, &a->from, a->size);
}

static void on_datagram(evutil_socket_t fd, short what, void *arg)
{
    unsigned char bytes[600];
    struct asked a;
    (void)what;
    memset(&a, 0, sizeof a);
    a.dns = arg;
    a.stream = -1;
    a.size = sizeof a.from;
    ssize_t n = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&a.from, &a.size);
    if (n > 0)
        serve(&a, bytes, (size_t)n);
}

/* Questions are small: each comes in one piece, behind its length; several may come at once. */
static void on_stream(evutil_socket_t fd, short what, void *arg)
{
    unsigned char bytes[4096];
    raw_dns *dns = arg;
    (void)what;
    ssize_t n = recv(fd, bytes, sizeof bytes, 0);
    for (ssize_t at = 0, length; at + 2 < n; at += 2 + length) {
        struct asked a;
        memset(&a, 0, sizeof a);
        a.dns = dns;
        a.stream = fd;
        length = bytes[at] << 8 | bytes[at + 1];
        if (at + 2 + length <= n)
            serve(&a, bytes + at + 2, (size_t)length);
    }
    if (n > 0)
        return;
    for (int i = 0; i < MAX_STREAMS; i++) {
        int own = dns->streams[i] ? event_get_fd(dns->streams[i]) : -1;
        if (own == fd)
            close_event(&dns->streams[i], &own);
    }
}

static void on_connection(evutil_socket_t listener, short what, void *arg)
{
    raw_dns *dns = arg;
    (void)what;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    for (int i = 0; fd >= 0 && i < MAX_STREAMS; i++) {
        if (dns->streams[i])
            continue;
        dns->streams[i] =
            event_new(dns->object.ctx->base, fd, EV_READ | EV_PERSIST, on_stream, dns);
        if (dns->streams[i])
            event_add(dns->streams[i], NULL);
        return;
    }
    if (fd >= 0)
        close(fd);
}

/* A socket of each kind on one port of 127.0.0.1; 0, or -1 with errno set. */
static int open_sockets(raw_dns *dns)
{
    struct sockaddr_storage any;
    struct sockaddr_in *address = (struct sockaddr_in *)&any;
    for (int tries = 0; tries < 50; tries++) {
        memset(&any, 0, sizeof any);
        address->sin_family = AF_INET;
        address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        dns->tcp_fd = raw_listen_socket(&any, sizeof *address, 8);
        dns->udp_fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (dns->tcp_fd < 0 || dns->udp_fd < 0)
            return -1;
        dns->port = raw_port(dns->tcp_fd);
        address->sin_port = htons((uint16_t)dns->port);
        if (bind(dns->udp_fd, (struct sockaddr *)address, sizeof *address) == 0)
            return 0;
        int saved = errno; /* somebody else has it */
        close(dns->tcp_fd);
        close(dns->udp_fd);
        dns->tcp_fd = dns->udp_fd = -1;
        errno = saved;
    }
    return -1;
}

/* ---- the script's side --------------------------------------------------------------------- */

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
        lua_pushboolean(L, dns->udp_fd >= 0);
    else
        return 0;
    return 1;
}

/* raw.dns{ answers = { ["name.test"] = { "127.0.0.1", "::1", … } }, silent = bool, code = 3 } -> a
 * server. Its `queries` lists the names asked for, in lower case, one entry a question; `questions`
 * has "AAAA name" or "A name over TCP". Names without an entry get `code` (3 is NXDOMAIN, 2
 * SERVFAIL); a silent one never answers. Fields of an entry: ttl (60); code; alias, a list of names
 * on the way to the addresses, and alias_ttl; delay_a and delay_aaaa, seconds; and, each true or
 * "A" or "AAAA": silent; cut, an answer over UDP that says to ask over TCP; wrong_id, a forged
 * answer first. */
static int l_dns(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    raw_dns *dns = raw_new(L, raw_context_of(L), DNS_TYPE, sizeof *dns, dns_release);
    int index = lua_gettop(L);
    LIST_INIT(&dns->late);
    dns->udp_fd = dns->tcp_fd = -1;
    lua_newtable(L);
    lua_setfield(L, index, "queries");
    lua_newtable(L);
    lua_setfield(L, index, "questions");
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

    if (open_sockets(dns) < 0)
        return luaL_error(L, "dns: %s", strerror(errno));
    struct event_base *base = dns->object.ctx->base;
    dns->udp = event_new(base, dns->udp_fd, EV_READ | EV_PERSIST, on_datagram, dns);
    dns->tcp = event_new(base, dns->tcp_fd, EV_READ | EV_PERSIST, on_connection, dns);
    if (!dns->udp || !dns->tcp)
        return luaL_error(L, "dns: out of memory");
    event_add(dns->udp, NULL);
    event_add(dns->tcp, NULL);
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
