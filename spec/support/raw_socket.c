/* raw_socket.c: addresses and sockets, and the addresses at which a connect fails or hangs.
 * SPDX-License-Identifier: MIT */
#include "raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define FULL_TYPE "raw.full_listener"
#define FULL_MAX 8       /* connections after which a backlog of none must be full */
#define FULL_WAIT_MS 100 /* a connect on loopback that takes longer hangs */

/* The file of a unix socket, if the options name one. */
static socklen_t file_address(lua_State *L, int index, struct sockaddr_storage *address)
{
    struct sockaddr_un *file = (struct sockaddr_un *)address;
    lua_getfield(L, index, "unix");
    const char *path = lua_tostring(L, -1);
    lua_pop(L, 1); /* the options keep it */
    if (path == NULL)
        return 0;
    memset(address, 0, sizeof *address);
    file->sun_family = AF_UNIX;
    snprintf(file->sun_path, sizeof file->sun_path, "%s", path);
    return sizeof *file;
}

socklen_t raw_address(lua_State *L, int index, struct sockaddr_storage *address)
{
    socklen_t file = file_address(L, index, address);
    if (file > 0)
        return file;
    lua_getfield(L, index, "host");
    lua_getfield(L, index, "port");
    const char *host = luaL_optstring(L, -2, "127.0.0.1");
    lua_Integer port = luaL_optinteger(L, -1, 0);
    if (port < 0 || port > 65535)
        luaL_error(L, "port: 0 to 65535 expected, got %d", (int)port);

    memset(address, 0, sizeof *address);
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
    socklen_t length = 0;
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        length = sizeof *v4;
    } else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        length = sizeof *v6;
    } else {
        luaL_error(L, "host: numeric address expected, got \"%s\"", host);
    }
    lua_pop(L, 2);
    return length;
}

int raw_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &length) != 0)
        return 0;
    if (address.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

int raw_listen_socket(const struct sockaddr_storage *address, socklen_t length, int backlog)
{
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)address, length) == 0 && listen(fd, backlog) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

/* raw.refused_port(): a port of 127.0.0.1 on which nobody listens. */
static int l_refused_port(lua_State *L)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int port = 0;
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0)
        port = raw_port(fd);
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (!port)
        return luaL_error(L, "refused_port: %s", strerror(error));
    lua_pushinteger(L, port);
    return 1;
}

/* ---- a listener whose backlog is full: the kernel drops every further SYN ---- */

typedef struct full_listener {
    raw_object object;
    int port;
    int count; /* descriptors in use: the listener, then the connections that fill it */
    int fds[FULL_MAX + 2];
} full_listener;

static void full_release(raw_object *object)
{
    full_listener *full = (full_listener *)object;
    while (full->count > 0)
        close(full->fds[--full->count]);
}

static int full_close(lua_State *L)
{
    full_listener *full = luaL_checkudata(L, 1, FULL_TYPE);
    full_release(&full->object);
    raw_unpin(&full->object);
    return 0;
}

static int full_property(lua_State *L, const char *name)
{
    const full_listener *full = lua_touserdata(L, 1);
    if (strcmp(name, "port") == 0)
        lua_pushinteger(L, full->port);
    else if (strcmp(name, "open") == 0)
        lua_pushboolean(L, full->count > 0);
    else
        return 0;
    return 1;
}

/* raw.full_listener(): connecting to its port hangs. Returns nil and why where the kernel completes
 * every connection. */
static int l_full_listener(lua_State *L)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    full_listener *full = raw_new(L, raw_context_of(L), FULL_TYPE, sizeof *full, full_release);
    raw_pin(L, lua_gettop(L));
    struct sockaddr_storage any;
    memset(&any, 0, sizeof any);
    memcpy(&any, &address, sizeof address);
    int fd = raw_listen_socket(&any, sizeof address, 0);
    if (fd < 0)
        goto fail;
    full->fds[full->count++] = fd;
    full->port = raw_port(fd);
    address.sin_port = htons((uint16_t)full->port);

    for (int i = 0; i < FULL_MAX; i++) {
        fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
            goto fail;
        full->fds[full->count++] = fd;
        if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
            continue;
        if (errno != EINPROGRESS)
            goto fail;
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        if (poll(&wait, 1, FULL_WAIT_MS) == 0)
            return 1; /* this one hangs, and so will those after it */
    }
    errno = 0;
fail:
    lua_pushnil(L);
    lua_pushstring(L, errno ? strerror(errno) : "a full backlog does not stop connections here");
    full_release(&full->object);
    raw_unpin(&full->object);
    return 2;
}

void raw_open_socket(lua_State *L)
{
    static const luaL_Reg methods[] = {{"close", full_close}, {NULL, NULL}};
    static const luaL_Reg functions[] = {
        {"refused_port", l_refused_port},
        {"full_listener", l_full_listener},
        {NULL, NULL},
    };
    raw_type(L, FULL_TYPE, methods, full_property);
    raw_register(L, functions);
}
