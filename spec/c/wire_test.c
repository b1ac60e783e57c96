/* wire_test.c: the bytes of a connection of http1's where the system, or memory, is short.
 * SPDX-License-Identifier: MIT */
#include "net.h"

#include "http1/wire.h"

#include <sys/socket.h>

static int no_memory; /* for libevent, from which a wire has its events and buffers */

static void *allocate(size_t size)
{
    return no_memory ? NULL : malloc(size);
}

static void *reallocate(void *block, size_t size)
{
    return no_memory ? NULL : realloc(block, size);
}

static struct http1_wire wire;
static mw_runtime *rt;
static int theirs, broken, drained;

static void on_broken(struct http1_wire *w)
{
    CHECK(w == &wire);
    broken++;
}

static void on_drained(struct http1_wire *w)
{
    CHECK(w == &wire);
    drained++;
}

static void on_nothing(struct http1_wire *w)
{
    (void)w;
    CHECK(0);
}

static const struct http1_wire_events events = {on_nothing, on_nothing, on_drained, on_broken};

/* A wire whose socket takes nothing more. */
static void open_full(void)
{
    static const char bytes[4096];
    int fds[2];
    mw_config config;
    memset(&config, 0, sizeof config);
    config.engine = "http1";
    rt = test_need(mw_open(&config));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
        test_need(NULL);
    theirs = fds[1];
    memset(&wire, 0, sizeof wire);
    mw_socket_plain(&wire.socket, fds[0]);
    broken = drained = 0;
    CHECK(wire_open(&wire, rt->engine_state, &events));
    while (send(fds[0], bytes, sizeof bytes, MSG_NOSIGNAL) > 0)
        ;
    while (send(fds[0], bytes, 1, MSG_NOSIGNAL) > 0)
        ;
}

static void close_full(void)
{
    wire_close(&wire);
    close(theirs);
    mw_close(rt);
}

/* Whoever sends a file and is told to wait does so: `broken` must follow, not nothing. */
static void tells_that_it_cannot_wait(void)
{
    size_t n;
    int file = open("CMakeLists.txt", O_RDONLY | O_CLOEXEC);
    open_full();
    no_memory = 1;
    CHECK_INT(wire_send_file(&wire, file, 0, 100, &n), MW_IO_AGAIN_WRITE);
    no_memory = 0;
    CHECK_INT(broken, 0); /* not from inside the call */
    test_turn(rt);
    CHECK_INT(broken, 1);
    CHECK_INT(drained, 0);
    close_full();
    close(file);
}

static void goes_on_once_there_is_room(void)
{
    char bytes[4096];
    size_t n;
    int file = open("CMakeLists.txt", O_RDONLY | O_CLOEXEC);
    open_full();
    CHECK_INT(wire_send_file(&wire, file, 0, 100, &n), MW_IO_AGAIN_WRITE);
    test_turn(rt);
    CHECK_INT(drained, 0);
    while (read(theirs, bytes, sizeof bytes) > 0)
        ;
    test_turn(rt);
    CHECK_INT(drained, 1);
    CHECK_INT(broken, 0);
    close_full();
    close(file);
}

int main(void)
{
    event_set_mem_functions(allocate, reallocate, free);
    TEST(tells_that_it_cannot_wait);
    TEST(goes_on_once_there_is_room);
    return test_end();
}
