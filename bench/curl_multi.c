// SPDX-License-Identifier: MIT
// The peer that moonwire is compared with: N GETs over 64 kept-alive connections by libcurl's multi
// interface.
//
// Two ways to drive it. "perform" lets curl_multi_poll wait and libcurl look after all its handles;
// "socket" gives its sockets to epoll and calls curl_multi_socket_action. Which is faster depends
// on the day, so bench/run measures both and compares with the better.

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define CONNECTIONS 64
#define BODY_LENGTH 13
#define EVENTS 64
#define WATCHES 1024 // more than a process with so few connections ever numbers

// What epoll knows of a file descriptor, and what libcurl wants it to know.
struct watch {
    uint32_t have;
    uint32_t want;
    bool queued;
};

static struct watch watches[WATCHES];
static int queue[WATCHES];
static int queue_length;

static CURLM *multi;
static int epoll_fd = -1;
static long timeout_ms = -1; // what libcurl asked for last; -1: nothing
static long wanted, started, finished, failed, connects;

static void die(const char *what, const char *why)
{
    fprintf(stderr, "curl_multi: %s: %s\n", what, why);
    exit(1);
}

static void check_multi(CURLMcode code, const char *what)
{
    if (code != CURLM_OK)
        die(what, curl_multi_strerror(code));
}

static size_t on_body(char *data, size_t size, size_t count, void *ud)
{
    size_t *length = ud;
    (void)data;
    *length += size * count;
    return size * count;
}

static struct watch *watch_of(int fd)
{
    if (fd < 0 || fd >= WATCHES)
        die("watch", "a file descriptor beyond the table");
    return &watches[fd];
}

// libcurl takes its socket out at the end of each transfer and puts it back for the next one. As
// libuv does, and libevent with a changelist, only what is left of that when the loop is about to
// wait goes to the kernel: nothing, most times.
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ud, void *known)
{
    struct watch *w = watch_of(fd);
    (void)easy;
    (void)ud;
    (void)known;

    w->want = 0;
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
        w->want |= EPOLLIN;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
        w->want |= EPOLLOUT;
    if (!w->queued) {
        w->queued = true;
        queue[queue_length++] = fd;
    }
    return 0;
}

// The kernel forgets a closed descriptor by itself, and its number may come back in the same turn.
static int on_close(void *ud, curl_socket_t fd)
{
    (void)ud;
    watch_of(fd)->have = 0;
    return close(fd);
}

static void apply_watches(void)
{
    for (int i = 0; i < queue_length; i++) {
        int fd = queue[i];
        struct watch *w = &watches[fd];
        struct epoll_event ev = {.events = w->want, .data.fd = fd};
        int operation = !w->want ? EPOLL_CTL_DEL : w->have ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

        w->queued = false;
        if (w->want == w->have)
            continue;
        if (epoll_ctl(epoll_fd, operation, fd, &ev) != 0)
            die("epoll_ctl", strerror(errno));
        w->have = w->want;
    }
    queue_length = 0;
}

static int on_timer(CURLM *m, long ms, void *ud)
{
    (void)m;
    (void)ud;
    timeout_ms = ms;
    return 0;
}

static void start(CURL *easy)
{
    size_t *length;

    started++;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &length);
    *length = 0;
    check_multi(curl_multi_add_handle(multi, easy), "curl_multi_add_handle");
}

static void finish(CURL *easy, CURLcode result)
{
    size_t *length;
    long status = 0, fresh = 0;

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &length);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &fresh);
    finished++;
    connects += fresh;
    if (result != CURLE_OK || status != 200 || *length != BODY_LENGTH) {
        if (failed++ == 0)
            fprintf(stderr, "curl_multi: %s, status %ld, %zu bytes\n", curl_easy_strerror(result),
                    status, *length);
    }
    check_multi(curl_multi_remove_handle(multi, easy), "curl_multi_remove_handle");
    if (started < wanted)
        start(easy);
}

static void drain_messages(void)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE)
            finish(message->easy_handle, message->data.result);
    }
}

static void run_socket_action(void)
{
    struct epoll_event events[EVENTS];
    int running;

    while (finished < wanted) {
        int n = 0;

        if (timeout_ms != 0) {
            apply_watches();
            n = epoll_wait(epoll_fd, events, EVENTS, (int)timeout_ms);
        }
        if (n < 0 && errno != EINTR)
            die("epoll_wait", strerror(errno));
        if (n <= 0) {
            timeout_ms = -1; // the call below sets it anew where there is a next one
            check_multi(curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running),
                        "curl_multi_socket_action");
        }
        for (int i = 0; i < n; i++) {
            int what = 0;
            if (events[i].events & EPOLLIN)
                what |= CURL_CSELECT_IN;
            if (events[i].events & EPOLLOUT)
                what |= CURL_CSELECT_OUT;
            if (events[i].events & (EPOLLERR | EPOLLHUP))
                what |= CURL_CSELECT_ERR;
            check_multi(curl_multi_socket_action(multi, events[i].data.fd, what, &running),
                        "curl_multi_socket_action");
        }
        drain_messages();
    }
}

static void run_perform(void)
{
    int running;

    for (;;) {
        check_multi(curl_multi_perform(multi, &running), "curl_multi_perform");
        drain_messages();
        if (finished == wanted)
            return;
        // A transfer begun just now has yet to be sent: libcurl then waits 0 ms here.
        check_multi(curl_multi_poll(multi, NULL, 0, 1000, NULL), "curl_multi_poll");
    }
}

static CURL *new_easy(const char *url, size_t *length)
{
    CURL *easy = curl_easy_init();
    if (!easy)
        die("curl_easy_init", "failed");
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_PROXY, ""); // the environment must not send us elsewhere
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, length);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, length);
    return easy;
}

int main(int argc, char **argv)
{
    CURL *easies[CONNECTIONS];
    size_t lengths[CONNECTIONS] = {0};
    bool perform = argc == 4 && strcmp(argv[3], "perform") == 0;
    int port = argc > 2 ? atoi(argv[1]) : 0;
    char url[64];

    wanted = argc > 2 ? atol(argv[2]) : 0;
    if (argc != 4 || port < 1 || wanted < 1 || (!perform && strcmp(argv[3], "socket") != 0)) {
        fputs("usage: curl_multi PORT REQUESTS perform|socket\n", stderr);
        return 2;
    }
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", port);

    curl_global_init(CURL_GLOBAL_DEFAULT);
    multi = curl_multi_init();
    if (!multi)
        die("curl_multi_init", "failed");
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS);
    if (!perform) {
        epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (epoll_fd < 0)
            die("epoll_create1", strerror(errno));
        curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
        curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    }
    for (int i = 0; i < CONNECTIONS; i++)
        easies[i] = new_easy(url, &lengths[i]);
    for (int i = 0; i < CONNECTIONS && started < wanted; i++)
        start(easies[i]);

    if (perform)
        run_perform();
    else
        run_socket_action();

    for (int i = 0; i < CONNECTIONS; i++)
        curl_easy_cleanup(easies[i]);
    curl_multi_cleanup(multi);
    curl_global_cleanup();
    printf("requests=%ld failed=%ld connects=%ld\n", finished, failed, connects);
    return failed ? 1 : 0;
}
