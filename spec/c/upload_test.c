/* upload_test.c: requests whose replies come in the very turn in which their last bytes go.
 * SPDX-License-Identifier: MIT */
#include "test.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIECE = 32 << 10, MOST = 40 };

/* ---- a server in a thread, so that it answers while the client's loop stands ---------------- */

static int open_listener(int *port)
{
    struct sockaddr_in at;
    socklen_t size = sizeof at;
    int room = 4 << 20, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memset(&at, 0, sizeof at);
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    CHECK_INT(bind(fd, (struct sockaddr *)&at, size), 0);
    CHECK_INT(listen(fd, 4), 0);
    CHECK_INT(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

/* Answers whenever what has come ends as a body in chunks does; the bodies hold no line's end. */
static void *serve(void *arg)
{
    static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    static char bytes[256 << 10];
    char last[5] = "";
    int fd = accept(*(int *)arg, NULL, NULL);
    for (ssize_t n; (n = read(fd, bytes, sizeof bytes)) > 0;) {
        for (ssize_t i = n > 5 ? n - 5 : 0; i < n; i++) {
            memmove(last, last + 1, 4);
            last[4] = bytes[i];
        }
        if (memcmp(last, "0\r\n\r\n", 5) == 0 &&
            send(fd, reply, sizeof reply - 1, MSG_NOSIGNAL) < 0)
            break;
    }
    close(fd);
    return NULL;
}

static void done(mw_exchange *x, void *ud)
{
    CHECK_INT(mw_exchange_status(x), 200);
    ++*(int *)ud;
}

/* Of a body of many pieces the last may go while work is left for the turn to come. */
static void leaves_no_work_behind(void)
{
    static const mw_header chunked = {"Transfer-Encoding", "chunked"};
    static char body[MOST * PIECE];
    pthread_t thread;
    int port, listening = open_listener(&port);
    mw_runtime *rt = test_need(test_open(NULL));
    memset(body, 'x', sizeof body);
    CHECK_INT(pthread_create(&thread, NULL, serve, &listening), 0);
    for (size_t size = 1; mw_engine_can(rt, "stream_upload") == 1 && size <= MOST; size++) {
        int over = 0;
        mw_exchange *x = NULL;
        double deadline = mw_now() + 30;
        mw_options options = {.url = test_url(port, "/"),
                              .method = "POST",
                              .headers = &chunked,
                              .header_count = 1,
                              .body = body,
                              .body_length = size * PIECE,
                              .on_done = done,
                              .ud = &over};
        CHECK_INT(mw_exchange_start(rt, &options, &x), MW_OK);
        while (!over && mw_now() < deadline) {
            mw_poll(rt, 0);
            usleep(500); /* for the server, between two turns */
        }
        CHECK_INT(over, 1);
        mw_exchange_free(x);
    }
    mw_close(rt);
    shutdown(listening, SHUT_RDWR);
    CHECK_INT(pthread_join(thread, NULL), 0);
    close(listening);
}

int main(void)
{
    TEST(leaves_no_work_behind);
    return test_end();
}
