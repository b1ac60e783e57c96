/* A listening socket.
 * SPDX-License-Identifier: MIT */
#include "net/listen.h"

#include "net/resolve.h"

#include <event2/util.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un file;
};

struct words {
    char *at;
    size_t size;
};

static int file_address(const char *path, union address *a, struct words wrong)
{
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof a->file.sun_path) {
        snprintf(wrong.at, wrong.size, "bad unix_path: its length is not between 1 and %zu bytes",
                 sizeof a->file.sun_path - 1);
        return MW_EINVAL;
    }
    a->file.sun_family = AF_UNIX;
    memcpy(a->file.sun_path, path, length);
    return MW_OK;
}

static int address_of(const struct mw_listen *how, union address *a, socklen_t *size,
                      struct words wrong)
{
    struct mw_addresses found;
    int length = (int)sizeof *a;
    memset(a, 0, sizeof *a);
    *size = sizeof a->file;
    if (how->unix_path != NULL)
        return file_address(how->unix_path, a, wrong);
    if (!mw_resolve_literal(how->host, &found) || /* libevent would ask a name server, and wait */
        evutil_parse_sockaddr_port(found.text[0], &a->any, &length) != 0) {
        snprintf(wrong.at, wrong.size, "cannot listen on %.80s: it is not an address", how->host);
        return MW_ESYSTEM;
    }
    *size = (socklen_t)length;
    if (a->any.sa_family == AF_INET6)
        a->v6.sin6_port = htons((uint16_t)how->port);
    else
        a->v4.sin_port = htons((uint16_t)how->port);
    return MW_OK;
}

static int cannot_listen(const struct mw_listen *how, struct words wrong)
{
    const char *why = strerror(errno);
    if (how->unix_path != NULL)
        snprintf(wrong.at, wrong.size, "cannot listen on %.120s: %s", how->unix_path, why);
    else
        snprintf(wrong.at, wrong.size, "cannot listen on %.80s port %d: %s", how->host, how->port,
                 why);
    return MW_ESYSTEM;
}

/* A port that was ours a moment ago may be taken again at once. */
static bool set_options(int fd, const struct mw_listen *how)
{
    int on = 1;
    if (how->unix_path != NULL)
        return true;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
        return false;
    return !how->reuse_port || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0;
}

static bool note_file(struct mw_listening *l, const struct mw_allocator *a, const char *path)
{
    struct stat file;
    l->unix_path = mw_strdup(a, path);
    if (l->unix_path == NULL) {
        unlink(path);
        return false;
    }
    if (stat(path, &file) == 0) {
        l->unix_device = file.st_dev;
        l->unix_inode = file.st_ino;
    }
    return true;
}

static bool note_port(struct mw_listening *l)
{
    union address a = {.any = {0}};
    socklen_t size = sizeof a;
    if (getsockname(l->fd, &a.any, &size) != 0)
        return false;
    l->port = ntohs(a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
    return true;
}

static int open_socket(struct mw_listening *l, const struct mw_allocator *a,
                       const struct mw_listen *how, struct words wrong)
{
    union address address;
    socklen_t size;
    int result = address_of(how, &address, &size, wrong);
    if (result != MW_OK)
        return result;
    l->fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd < 0 || !set_options(l->fd, how) || bind(l->fd, &address.any, size) != 0)
        return cannot_listen(how, wrong);
    if (how->unix_path != NULL && !note_file(l, a, how->unix_path)) {
        snprintf(wrong.at, wrong.size, "no memory for a server");
        return MW_ENOMEM;
    }
    if (listen(l->fd, how->backlog) != 0 || (how->unix_path == NULL && !note_port(l)))
        return cannot_listen(how, wrong);
    return MW_OK;
}

int mw_listening_open(struct mw_listening *l, const struct mw_allocator *a,
                      const struct mw_listen *how, char *wrong, size_t size)
{
    memset(l, 0, sizeof *l);
    l->fd = -1;
    int result = open_socket(l, a, how, (struct words){wrong, size});
    if (result != MW_OK)
        mw_listening_close(l, a);
    return result;
}

/* Another server may have taken the file's place. */
static bool is_ours(const struct mw_listening *l)
{
    struct stat now;
    return stat(l->unix_path, &now) == 0 && now.st_dev == l->unix_device &&
           now.st_ino == l->unix_inode;
}

void mw_listening_close(struct mw_listening *l, const struct mw_allocator *a)
{
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
    if (l->unix_path != NULL && is_ours(l))
        unlink(l->unix_path);
    mw_dealloc(a, l->unix_path);
    l->unix_path = NULL;
}
