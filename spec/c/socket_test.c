/* socket_test.c: plain sockets behind the table of transports: every answer of every step.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include "net.h"
#include "net/socket.h"

#include <sys/socket.h>

static struct mw_socket ours;
static int theirs;

static void open_sockets(void)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
        test_need(NULL);
    mw_socket_plain(&ours, fds[0]);
    theirs = fds[1];
    CHECK_INT(ours.via->handshake(&ours), MW_IO_DONE);
    CHECK(!mw_socket_buffered(&ours));
}

static void close_sockets(void)
{
    ours.via->close(&ours);
    CHECK(ours.via == NULL);
    CHECK_INT(ours.fd, -1);
    if (theirs >= 0)
        close(theirs);
}

/* Connected by TCP, which can be reset. */
static void open_tcp(void)
{
    unsigned short port = 0;
    struct mw_endpoint e;
    int listening = net_listen("127.0.0.1", &port, 1);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(mw_endpoint_address(&e, "127.0.0.1", port));
    CHECK_INT(connect(fd, &e.at.any, e.size), 0);
    theirs = accept(listening, NULL, NULL);
    close(listening);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    mw_socket_plain(&ours, fd);
}

static void reset_theirs(void)
{
    struct linger at_once = {1, 0};
    setsockopt(theirs, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(theirs);
    theirs = -1;
}

static void reads(void)
{
    char bytes[10];
    size_t n = 7;
    open_sockets();
    CHECK_INT(ours.via->read(&ours, bytes, sizeof bytes, &n), MW_IO_AGAIN_READ);
    CHECK_INT((long long)n, 0);
    CHECK(write(theirs, "hello", 5) == 5);
    CHECK_INT(ours.via->read(&ours, bytes, 0, &n), MW_IO_DONE); /* no room is no end */
    CHECK_INT(ours.via->read(&ours, bytes, 2, &n), MW_IO_DONE);
    CHECK(n == 2 && memcmp(bytes, "he", 2) == 0);
    CHECK_INT(ours.via->read(&ours, bytes, sizeof bytes, &n), MW_IO_DONE);
    CHECK(n == 3 && memcmp(bytes, "llo", 3) == 0);
    shutdown(theirs, SHUT_WR);
    CHECK_INT(ours.via->read(&ours, bytes, sizeof bytes, &n), MW_IO_END);
    CHECK_INT((long long)n, 0);
    close_sockets();
}

static void writes(void)
{
    char bytes[20];
    size_t n;
    struct iovec pieces[] = {{(char *)"head", 4}, {NULL, 0}, {(char *)"body", 4}};
    open_sockets();
    CHECK_INT(ours.via->write(&ours, pieces, 3, &n), MW_IO_DONE);
    CHECK_INT((long long)n, 8);
    CHECK(read(theirs, bytes, sizeof bytes) == 8 && memcmp(bytes, "headbody", 8) == 0);
    CHECK_INT(ours.via->write(&ours, pieces, 1, &n), MW_IO_DONE);
    CHECK(read(theirs, bytes, sizeof bytes) == 4);
    close_sockets();
}

static void writes_more_pieces_than_the_system_takes(void)
{
    static struct iovec pieces[2000];
    size_t n;
    open_sockets();
    for (int i = 0; i < 2000; i++)
        pieces[i] = (struct iovec){(char *)"x", 1};
    CHECK_INT(ours.via->write(&ours, pieces, 2000, &n), MW_IO_DONE);
    CHECK(n > 0 && n < 2000);
    close_sockets();
}

static void waits_where_there_is_no_room(void)
{
    static char bytes[1 << 20];
    size_t n, sent = 0;
    struct iovec piece = {bytes, sizeof bytes};
    enum mw_io io;
    open_sockets();
    while ((io = ours.via->write(&ours, &piece, 1, &n)) == MW_IO_DONE)
        sent += n;
    CHECK_INT(io, MW_IO_AGAIN_WRITE);
    CHECK_INT((long long)n, 0);
    CHECK(sent > 0);
    int file = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    CHECK_INT(ours.via->send_file(&ours, file, 0, 100, &n), MW_IO_AGAIN_WRITE);
    close(file);
    close_sockets();
}

static void tells_of_a_reset(void)
{
    char byte;
    size_t n;
    struct mw_failure f;
    struct iovec piece = {(char *)"x", 1};
    open_tcp();
    reset_theirs();
    CHECK_INT(ours.via->read(&ours, &byte, 1, &n), MW_IO_FAILED);
    CHECK_INT(ours.system_errno, ECONNRESET);
    mw_socket_explain(&ours, MW_PHASE_BODY, &f);
    CHECK_INT(f.code, MW_REMOTE_HOST_CLOSED_ERROR);
    CHECK_INT(f.phase, MW_PHASE_BODY);
    CHECK_INT(f.system_errno, ECONNRESET);
    CHECK_INT(f.tls_depth, -1);
    CHECK_HAS(f.text, "reset");
    CHECK_INT(ours.via->write(&ours, &piece, 1, &n), MW_IO_FAILED); /* and no SIGPIPE */
    CHECK_INT(ours.system_errno, EPIPE);
    close_sockets();
}

static void a_spoiled_end_is_a_reset(void)
{
    char byte;
    open_tcp();
    mw_socket_spoil(&ours);
    ours.via->close(&ours);
    CHECK(read(theirs, &byte, 1) < 0 && errno == ECONNRESET);
    close(theirs);
}

/* A regular file goes by sendfile; one of /proc has no size, and a terminal's no pages. */
static void sends_files_of_any_kind(void)
{
    static const char *const paths[] = {"CMakeLists.txt", "/proc/self/limits", "/dev/zero"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        char expected[300], found[300];
        size_t n, sent = 0;
        int file = open(paths[i], O_RDONLY | O_CLOEXEC);
        open_sockets();
        CHECK(pread(file, expected, sizeof expected, 5) == sizeof expected);
        while (sent < sizeof expected &&
               ours.via->send_file(&ours, file, 5 + (off_t)sent, sizeof expected - sent, &n) ==
                   MW_IO_DONE)
            sent += n;
        CHECK_INT((long long)sent, sizeof expected);
        CHECK(read(theirs, found, sizeof found) == sizeof found);
        CHECK(memcmp(found, expected, sizeof found) == 0);
        CHECK_INT(ours.via->send_file(&ours, file, 0, 0, &n), MW_IO_DONE);
        if (i < 2)
            CHECK_INT(ours.via->send_file(&ours, file, 1 << 20, 10, &n), MW_IO_END);
        close(file);
        close_sockets();
    }
}

static void tells_of_a_file_that_cannot_be_read(void)
{
    size_t n;
    int folder = open("/", O_RDONLY | O_CLOEXEC);
    int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC); /* there is nothing at 0: EIO */
    int file = open("CMakeLists.txt", O_RDONLY | O_CLOEXEC);
    open_sockets();
    CHECK_INT(ours.via->send_file(&ours, folder, 0, 10, &n), MW_IO_END);
    CHECK_INT(ours.system_errno, EISDIR);
    CHECK_INT(ours.via->send_file(&ours, -1, 0, 10, &n), MW_IO_END);
    CHECK_INT(ours.system_errno, EBADF);
    CHECK_INT(ours.via->send_file(&ours, memory, 0, 10, &n), MW_IO_END);
    CHECK_INT(ours.system_errno, EIO);
    CHECK_INT(ours.via->send_file(&ours, file, 1 << 20, 10, &n), MW_IO_END);
    CHECK_INT(ours.system_errno, 0); /* it is short, no more */
    close(file);
    close(memory);
    close(folder);
    close_sockets();
}

int main(void)
{
    int before = test_descriptors();
    TEST(reads);
    TEST(writes);
    TEST(writes_more_pieces_than_the_system_takes);
    TEST(waits_where_there_is_no_room);
    TEST(tells_of_a_reset);
    TEST(a_spoiled_end_is_a_reset);
    TEST(sends_files_of_any_kind);
    TEST(tells_of_a_file_that_cannot_be_read);
    CHECK_INT(test_descriptors(), before);
    return test_end();
}
