/* net.h: what the tests of src/net share: a network of their own, sockets that listen, refuse or
 * drop, and waiting on a loop without a runtime.
 * SPDX-License-Identifier: MIT */
#ifndef MOONWIRE_SPEC_C_NET_H
#define MOONWIRE_SPEC_C_NET_H

#include "net/address.h"
#include "test.h"

#include <event2/event.h>

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Moves the process into a network of its own, where lo is all there is. False if it may not. */
static inline int net_unshare(void)
{
    if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
        return 0;
    struct ifreq lo;
    memset(&lo, 0, sizeof lo);
    snprintf(lo.ifr_name, sizeof lo.ifr_name, "lo");
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    int up = ioctl(fd, SIOCGIFFLAGS, &lo) == 0;
    lo.ifr_flags = (short)(lo.ifr_flags | IFF_UP | IFF_RUNNING);
    up = up && ioctl(fd, SIOCSIFFLAGS, &lo) == 0;
    close(fd);
    return up;
}

static inline void net_on_slice(evutil_socket_t fd, short what, void *ud)
{
    (void)fd;
    (void)what;
    (void)ud;
}

/* Turns the loop until *flag is not 0, for at most so many seconds. Leaves no event of its own. */
static inline int net_wait(struct event_base *base, const int *flag, double seconds)
{
    static const struct timeval slice = {0, 10000};
    double deadline = mw_now() + seconds;
    struct event *timer = (struct event *)test_need(evtimer_new(base, net_on_slice, NULL));
    while (*flag == 0 && mw_now() < deadline) {
        evtimer_add(timer, &slice);
        event_base_loop(base, EVLOOP_ONCE);
    }
    event_free(timer);
    return *flag;
}

/* Turns the loop for so long, for what should not happen, or not yet. */
static inline void net_pass(struct event_base *base, double seconds)
{
    int never = 0;
    net_wait(base, &never, seconds);
}

/* A listening socket on an address; *port 0 is filled in. -1 where that cannot be. */
static inline int net_listen(const char *address, unsigned short *port, int backlog)
{
    struct mw_endpoint e;
    int on = 1, fd;
    if (!mw_endpoint_address(&e, address, *port))
        return -1;
    fd = socket(e.at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, &e.at.any, e.size) != 0 || listen(fd, backlog) != 0) {
        close(fd);
        return -1;
    }
    getsockname(fd, &e.at.any, &e.size);
    *port = ntohs(e.at.any.sa_family == AF_INET6 ? e.at.v6.sin6_port : e.at.v4.sin_port);
    return fd;
}

/* A port on which nobody listens. */
static inline unsigned short net_refused(void)
{
    unsigned short port = 0;
    int fd = net_listen("127.0.0.1", &port, 1);
    close(fd);
    return port;
}

/* One whose backlog is full: further connections hang, as if packets were dropped. */
struct net_full {
    int fds[10];
    int count;
    unsigned short port;
};

static inline void net_full_close(struct net_full *full)
{
    while (full->count > 0)
        close(full->fds[--full->count]);
}

static inline int net_full_open(struct net_full *full, const char *address, unsigned short port)
{
    struct mw_endpoint e;
    memset(full, 0, sizeof *full);
    full->port = port;
    full->fds[0] = net_listen(address, &full->port, 0);
    if (full->fds[0] < 0 || !mw_endpoint_address(&e, address, full->port))
        return 0;
    for (full->count = 1; full->count < 10;) {
        int fd = socket(e.at.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        full->fds[full->count++] = fd;
        connect(fd, &e.at.any, e.size);
        struct pollfd hangs = {.fd = fd, .events = POLLOUT};
        if (poll(&hangs, 1, 100) == 0)
            return 1;
    }
    net_full_close(full);
    return 0;
}

/* Makes room for one that hangs: its next SYN, a second after the first, is taken. */
static inline void net_full_drain(struct net_full *full)
{
    int fd;
    while (full->count > 1)
        close(full->fds[--full->count]);
    fcntl(full->fds[0], F_SETFL, O_NONBLOCK);
    while ((fd = accept(full->fds[0], NULL, NULL)) >= 0)
        close(fd);
}

/* Memory that runs out: after `left` more blocks, none is given. */
struct net_memory {
    long left, blocks;
};

static inline void *net_alloc(void *ud, void *block, size_t size)
{
    struct net_memory *memory = (struct net_memory *)ud;
    if (size == 0) {
        memory->blocks -= block != NULL;
        free(block);
        return NULL;
    }
    if (memory->left == 0)
        return NULL;
    memory->left--;
    memory->blocks += block == NULL;
    return realloc(block, size);
}

#endif
