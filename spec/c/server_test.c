/* The server: how it listens, what it knows of a request, and what it lets itself be told to
 * answer. SPDX-License-Identifier: MIT */
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- a server, and a client that speaks bytes ----------------------------------------------- */

struct stage {
    mw_runtime *rt;
    mw_server *server;
    void (*answer)(struct stage *stage, mw_request *r);
    int count;
    mw_request *kept;
    mw_timer *timer;
    int result;
};

static void on_request(mw_server *server, mw_request *r, void *ud)
{
    struct stage *s = ud;
    CHECK(server == s->server);
    s->count++;
    s->answer(s, r);
}

static void open_stage(struct stage *s, void (*answer)(struct stage *, mw_request *))
{
    memset(s, 0, sizeof *s);
    s->rt = test_need(test_open(NULL));
    s->answer = answer;
    mw_listen how = {
        .on_request = on_request, .ud = s, .max_body_size = 1000, .max_head_size = 4096};
    CHECK_INT(mw_server_listen(s->rt, &how, &s->server), MW_OK);
    test_need(s->server);
}

static void close_stage(struct stage *s)
{
    mw_server_free(s->server);
    mw_close(s->rt);
}

static int dial(const struct stage *s)
{
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)mw_server_port(s->server));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    CHECK_INT(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

enum { REPLY = 4096 };

/* Hears until the server closes, or until `end` comes. Returns whether it closed. */
static int hear(struct stage *s, int fd, char *reply, const char *end)
{
    size_t length = strlen(reply);
    double deadline = mw_now() + 30;
    while (mw_now() < deadline && (end == NULL || strstr(reply, end) == NULL)) {
        mw_poll(s->rt, 0.001);
        ssize_t n = recv(fd, reply + length, REPLY - 1 - length, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            return 1;
        if (n > 0)
            reply[length += (size_t)n] = '\0';
    }
    return 0;
}

/* Says something on a connection of its own, and hears all of the reply. */
static const char *talk(struct stage *s, const char *text)
{
    static char reply[REPLY];
    int fd = dial(s);
    reply[0] = '\0';
    say(fd, text);
    CHECK(hear(s, fd, reply, NULL)); /* the server closes */
    close(fd);
    return reply;
}

static const char get[] = "GET /a?b HTTP/1.1\r\nHost: x\r\nX-Two: 1\r\nx-two: 2\r\n"
                          "Connection: close\r\n\r\n";
static const char head[] = "HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

static const char *body_of(const char *reply)
{
    const char *end = strstr(reply, "\r\n\r\n");
    return end != NULL ? end + 4 : NULL;
}

static void hello(struct stage *s, mw_request *r)
{
    (void)s;
    CHECK_INT(mw_reply_head(r, 200, NULL, NULL, 0, 5), MW_OK);
    CHECK_INT(mw_reply_body(r, "hello", 5), MW_OK);
    mw_reply_end(r);
}

/* ---- listening ------------------------------------------------------------------------------ */

static void picks_a_port(void)
{
    struct stage a, b;
    open_stage(&a, hello);
    open_stage(&b, hello);
    CHECK(mw_server_port(a.server) > 0);
    CHECK(mw_server_port(a.server) != mw_server_port(b.server));
    close_stage(&a);
    close_stage(&b);
    mw_server_free(NULL);
}

static int listen_again(const struct stage *s, mw_listen how)
{
    mw_server *server = NULL;
    how.on_request = on_request;
    int result = mw_server_listen(s->rt, &how, &server);
    CHECK((result == MW_OK) == (server != NULL));
    mw_server_free(server);
    return result;
}

static void says_why_it_cannot_listen(void)
{
    struct stage s;
    char words[200];
    mw_server *server = NULL;
    const mw_listen nobody = {.port = 0};
    open_stage(&s, hello);
    int descriptors = test_descriptors();
    CHECK_INT(listen_again(&s, (mw_listen){.port = mw_server_port(s.server)}), MW_ESYSTEM);
    snprintf(words, sizeof words, "%d", mw_server_port(s.server));
    CHECK_HAS(mw_message(s.rt), words);
    CHECK_HAS(mw_message(s.rt), strerror(EADDRINUSE));
    CHECK_INT(listen_again(&s, (mw_listen){.host = "192.0.2.1"}), MW_ESYSTEM);
    CHECK_HAS(mw_message(s.rt), "192.0.2.1");
    CHECK_INT(listen_again(&s, (mw_listen){.cert_file = "/nonexistent.pem"}), MW_ESYSTEM);
    CHECK_HAS(mw_message(s.rt), "/nonexistent.pem");
    CHECK_INT(listen_again(&s, (mw_listen){.cert_file = "/dev/null"}), MW_ESYSTEM);
    CHECK_HAS(mw_message(s.rt), "/dev/null");
    CHECK_INT(listen_again(&s, (mw_listen){.port = -1}), MW_EINVAL);
    CHECK_HAS(mw_message(s.rt), "port");
    CHECK_INT(listen_again(&s, (mw_listen){.port = 65536}), MW_EINVAL);
    CHECK_INT(mw_server_listen(s.rt, &nobody, &server), MW_EINVAL);
    CHECK_HAS(mw_message(s.rt), "on_request");
    CHECK_INT(mw_pending(s.rt), 1);
    CHECK_INT(test_descriptors(), descriptors);
    close_stage(&s);
}

static void listens_on_other_addresses(void)
{
    struct stage s;
    open_stage(&s, hello);
    CHECK_INT(listen_again(&s, (mw_listen){.host = "0.0.0.0"}), MW_OK);
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 address;
    memset(&address, 0, sizeof address);
    address.sin6_family = AF_INET6;
    address.sin6_addr = in6addr_loopback;
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0)
        CHECK_INT(listen_again(&s, (mw_listen){.host = "::1"}), MW_OK);
    if (fd >= 0)
        close(fd);
    close_stage(&s);
}

/* ---- the request ---------------------------------------------------------------------------- */

static void look(struct stage *s, mw_request *r)
{
    size_t length = 99;
    CHECK_TEXT(mw_request_method(r), "GET");
    CHECK_TEXT(mw_request_target(r), "/a?b");
    CHECK_TEXT(mw_request_peer(r), "127.0.0.1");
    CHECK_INT((long long)mw_request_header_count(r), 4);
    CHECK_TEXT(mw_request_header_at(r, 0).name, "Host");
    CHECK_TEXT(mw_request_header_at(r, 1).name, "X-Two");
    CHECK_TEXT(mw_request_header_at(r, 2).value, "2");
    CHECK(mw_request_header_at(r, 4).name == NULL);
    CHECK_TEXT(mw_request_header(r, "X-TWO"), "1");
    CHECK(mw_request_header(r, "none") == NULL);
    mw_request_body(r, &length);
    CHECK_INT((long long)length, 0);
    CHECK_INT(mw_request_gone(r), 0);
    hello(s, r);
}

static void knows_the_request(void)
{
    struct stage s;
    open_stage(&s, look);
    CHECK_TEXT(body_of(talk(&s, get)), "hello");
    CHECK_INT(s.count, 1);
    close_stage(&s);
}

static void echo(struct stage *s, mw_request *r)
{
    size_t length;
    const void *body = mw_request_body(r, &length);
    (void)s;
    CHECK_INT(mw_reply_head(r, 200, NULL, NULL, 0, (int64_t)length), MW_OK);
    CHECK_INT(mw_reply_body(r, body, length), MW_OK);
    mw_reply_end(r);
}

static void has_the_whole_body(void)
{
    struct stage s;
    open_stage(&s, echo);
    CHECK_TEXT(body_of(talk(&s, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n"
                                "Connection: close\r\n\r\na\r\nb\r\n\r\n")),
               "a\r\nb\r\n\r\n");
    CHECK_TEXT(body_of(talk(&s, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                                "Connection: close\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n")),
               "abcde");
    close_stage(&s);
}

static void takes_no_more_than_it_may(void)
{
    struct stage s;
    static char long_head[6000];
    open_stage(&s, hello);
    CHECK_HAS(talk(&s, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n"), " 413 ");
    int n = snprintf(long_head, sizeof long_head, "GET / HTTP/1.1\r\nHost: x\r\nX-Long: ");
    memset(long_head + n, 'x', 5000);
    strcpy(long_head + n + 5000, "\r\n\r\n");
    CHECK_HAS(talk(&s, long_head), "HTTP/1.1 4");
    CHECK_INT(s.count, 0);
    CHECK_TEXT(body_of(talk(&s, get)), "hello"); /* others are served */
    close_stage(&s);
}

/* ---- the answer ----------------------------------------------------------------------------- */

static void decorated(struct stage *s, mw_request *r)
{
    static const mw_header fields[] = {{"X-One", "1"},
                                       {"X-Two", "a"},
                                       {"X-Two", "b"},
                                       {"Content-Length", "77"},
                                       {"Transfer-Encoding", "gzip"}};
    (void)s;
    CHECK_INT(mw_reply_head(r, 299, "As you like", fields, 5, 2), MW_OK);
    CHECK_INT(mw_reply_body(r, "o", 1), MW_OK);
    CHECK_INT(mw_reply_body(r, "", 0), MW_OK);
    CHECK_INT(mw_reply_body(r, "k", 1), MW_OK);
    mw_reply_end(r);
}

static void sends_what_it_is_told(void)
{
    struct stage s;
    open_stage(&s, decorated);
    const char *reply = talk(&s, get);
    CHECK(strncmp(reply, "HTTP/1.1 299 As you like\r\n", 26) == 0);
    CHECK_HAS(reply, "\r\nX-One: 1\r\nX-Two: a\r\nX-Two: b\r\n");
    CHECK_HAS(reply, "\r\nContent-Length: 2\r\n"); /* how it is framed is ours to say */
    CHECK(strstr(reply, "77") == NULL && strstr(reply, "gzip") == NULL);
    CHECK_TEXT(body_of(reply), "ok");
    close_stage(&s);
}

static void chunks(struct stage *s, mw_request *r)
{
    (void)s;
    CHECK_INT(mw_reply_head(r, 200, NULL, NULL, 0, -1), MW_OK);
    CHECK_INT(mw_reply_body(r, "one", 3), MW_OK);
    CHECK_INT(mw_reply_body(r, "", 0), MW_OK); /* an empty chunk would be the last */
    CHECK_INT(mw_reply_body(r, "two", 3), MW_OK);
    mw_reply_end(r);
}

static void sends_chunks_where_the_length_is_not_known(void)
{
    struct stage s;
    open_stage(&s, chunks);
    const char *reply = talk(&s, get);
    CHECK_HAS(reply, "\r\nTransfer-Encoding: chunked\r\n");
    CHECK_TEXT(body_of(reply), "3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n");
    reply = talk(&s, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    CHECK(strstr(reply, "chunked") == NULL);
    CHECK(strstr(reply, "Content-Length") == NULL);
    CHECK_TEXT(body_of(reply), "onetwo");
    CHECK_TEXT(body_of(talk(&s, head)), "");
    close_stage(&s);
}

static int next_status;

static void with_status(struct stage *s, mw_request *r)
{
    (void)s;
    CHECK_INT(mw_reply_head(r, next_status, NULL, NULL, 0, 5), MW_OK);
    CHECK_INT(mw_reply_body(r, "hello", 5), MW_OK);
    mw_reply_end(r);
}

static void sends_no_body_where_there_is_none(void)
{
    struct stage s;
    open_stage(&s, with_status);
    next_status = 204;
    const char *reply = talk(&s, get);
    CHECK_HAS(reply, "HTTP/1.1 204 No Content\r\n");
    CHECK(strstr(reply, "Content-Length") == NULL && strstr(reply, "chunked") == NULL);
    CHECK_TEXT(body_of(reply), "");
    next_status = 304;
    reply = talk(&s, get);
    CHECK_HAS(reply, "HTTP/1.1 304 Not Modified\r\n");
    CHECK_HAS(reply, "Content-Length: 5\r\n");
    CHECK_TEXT(body_of(reply), "");
    next_status = 200;
    reply = talk(&s, head);
    CHECK_HAS(reply, "Content-Length: 5\r\n");
    CHECK_TEXT(body_of(reply), "");
    close_stage(&s);
}

static void keeps_the_connection(void)
{
    char reply[REPLY] = "";
    struct stage s;
    open_stage(&s, hello);
    int fd = dial(&s);
    for (int i = 0; i < 3; i++) {
        reply[0] = '\0';
        say(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        CHECK(!hear(&s, fd, reply, "hello"));
        CHECK_HAS(reply, "HTTP/1.1 200 OK\r\n");
    }
    CHECK_INT(s.count, 3);
    close(fd);
    close_stage(&s);
}

/* What is wrong is refused with words, and the request can still be answered. */
static void misuse(struct stage *s, mw_request *r)
{
    static const mw_header bad[] = {{"X Y", "1"},  {"", "1"},
                                    {"X:", "1"},   {"X", "a\r\nSet-Cookie: b"},
                                    {"X", "a\nb"}, {"X", "\x7f"}};
    static const int statuses[] = {-1, 0, 99, 100, 199, 1000};
    CHECK_INT(mw_reply_body(r, "early", 5), MW_EINVAL);
    CHECK_HAS(mw_message(s->rt), "head");
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        CHECK_INT(mw_reply_head(r, statuses[i], NULL, NULL, 0, 0), MW_EINVAL);
        CHECK_HAS(mw_message(s->rt), "status");
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_INT(mw_reply_head(r, 200, NULL, &bad[i], 1, 0), MW_EINVAL);
        CHECK_HAS(mw_message(s->rt), "header");
    }
    CHECK_INT(mw_reply_head(r, 200, "O\r\nK", NULL, 0, 0), MW_EINVAL);
    CHECK_HAS(mw_message(s->rt), "reason");
    CHECK_INT(mw_reply_head(r, 200, NULL, NULL, 0, 5), MW_OK);
    CHECK_INT(mw_reply_head(r, 200, NULL, NULL, 0, 5), MW_EINVAL);
    CHECK_HAS(mw_message(s->rt), "already");
    CHECK_INT(mw_reply_body(r, "longer", 6), MW_EINVAL);
    CHECK_HAS(mw_message(s->rt), "longer");
    CHECK_INT(mw_reply_body(r, "hello", 5), MW_OK);
    CHECK_INT(mw_reply_body(r, "!", 1), MW_EINVAL);
    mw_reply_end(r);
}

static void refuses_what_is_not_http(void)
{
    struct stage s;
    open_stage(&s, misuse);
    const char *reply = talk(&s, get);
    CHECK_TEXT(body_of(reply), "hello");
    CHECK(strstr(reply, "Set-Cookie") == NULL);
    close_stage(&s);
}

static void nothing(struct stage *s, mw_request *r)
{
    (void)s;
    mw_reply_end(r);
}

static void too_little(struct stage *s, mw_request *r)
{
    (void)s;
    CHECK_INT(mw_reply_head(r, 200, NULL, NULL, 0, 5), MW_OK);
    CHECK_INT(mw_reply_body(r, "hel", 3), MW_OK);
    mw_reply_end(r);
}

static void give_up(struct stage *s, mw_request *r)
{
    CHECK_INT(mw_reply_head(r, 200, NULL, NULL, 0, -1), MW_OK);
    CHECK_INT(mw_reply_body(r, "part", 4), MW_OK);
    mw_reply_abort(r);
    CHECK_INT(mw_pending(s->rt), 1);
}

static void give_up_at_once(struct stage *s, mw_request *r)
{
    mw_reply_abort(r);
    CHECK_INT(mw_pending(s->rt), 1);
}

static void keep(struct stage *s, mw_request *r)
{
    s->kept = r;
}

static void cuts_what_is_not_whole(void)
{
    struct stage s;
    open_stage(&s, nothing);
    CHECK_TEXT(talk(&s, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "");
    s.answer = too_little;
    const char *reply = talk(&s, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); /* or this would not end */
    CHECK(strlen(reply) == 0 || strncmp(body_of(reply), "hello", 5) != 0);
    s.answer = give_up;
    reply = talk(&s, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(strstr(reply, "\r\n0\r\n") == NULL); /* the last chunk */
    s.answer = give_up_at_once;
    CHECK_TEXT(talk(&s, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "");
    close_stage(&s);
}

static void answer_kept(mw_timer *timer, void *ud)
{
    struct stage *s = ud;
    mw_timer_free(timer);
    hello(s, s->kept);
}

static void later(struct stage *s, mw_request *r)
{
    s->kept = r;
    mw_timer_start(s->rt, 0.005, 0, answer_kept, s);
}

static void may_answer_later(void)
{
    struct stage s;
    open_stage(&s, later);
    CHECK_TEXT(body_of(talk(&s, get)), "hello");
    close_stage(&s);
}

/* ---- leaving -------------------------------------------------------------------------------- */

static int keep_one(struct stage *s)
{
    int fd = dial(s);
    say(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    for (double deadline = mw_now() + 30; s->kept == NULL && mw_now() < deadline;)
        mw_poll(s->rt, 0.05);
    test_need(s->kept);
    return fd;
}

static void notices_a_client_that_has_gone(void)
{
    struct stage s;
    open_stage(&s, keep);
    int fd = keep_one(&s);
    CHECK_INT(mw_request_gone(s.kept), 0);
    close(fd);
    for (double deadline = mw_now() + 5; !mw_request_gone(s.kept) && mw_now() < deadline;)
        mw_poll(s.rt, 0.01);
    CHECK_INT(mw_request_gone(s.kept), 1);
    CHECK_INT(mw_reply_head(s.kept, 200, NULL, NULL, 0, -1), MW_ECLOSED);
    CHECK_HAS(mw_message(s.rt), "gone");
    mw_reply_end(s.kept);
    CHECK_INT(mw_pending(s.rt), 1);
    close_stage(&s);
}

static void notices_it_while_it_writes(void)
{
    static char bytes[65536];
    struct stage s;
    open_stage(&s, keep);
    int fd = keep_one(&s);
    CHECK_INT(mw_reply_head(s.kept, 200, NULL, NULL, 0, -1), MW_OK);
    close(fd);
    int result = MW_OK;
    for (double deadline = mw_now() + 10; result == MW_OK && mw_now() < deadline;) {
        mw_poll(s.rt, 0.001);
        result = mw_reply_body(s.kept, bytes, sizeof bytes);
    }
    CHECK_INT(result, MW_ECLOSED);
    CHECK_INT(mw_request_gone(s.kept), 1);
    mw_reply_end(s.kept);
    close_stage(&s);
}

static void outlives_its_requests_and_they_it(void)
{
    char reply[REPLY] = "";
    struct stage s;
    open_stage(&s, keep);
    int fd = keep_one(&s), port = mw_server_port(s.server);
    mw_server_free(s.server);
    CHECK_INT(mw_pending(s.rt), 1); /* the request */
    CHECK(hear(&s, fd, reply, NULL));
    CHECK_TEXT(reply, ""); /* its connection was cut */
    CHECK_INT(mw_request_gone(s.kept), 1);
    CHECK_TEXT(mw_request_target(s.kept), "/");
    CHECK_INT(mw_reply_head(s.kept, 200, NULL, NULL, 0, 2), MW_ECLOSED);
    CHECK_INT(mw_reply_body(s.kept, "ok", 2), MW_ECLOSED);
    mw_reply_end(s.kept);
    CHECK_INT(mw_pending(s.rt), 0);
    mw_listen how = {.port = port, .on_request = on_request, .ud = &s};
    CHECK_INT(mw_server_listen(s.rt, &how, &s.server), MW_OK); /* the port is free again */
    close(fd);
    close_stage(&s);
}

static void close_it(struct stage *s, mw_request *r)
{
    mw_server_free(s->server);
    s->server = NULL;
    CHECK_INT(mw_request_gone(r), 1);
    CHECK_INT(mw_reply_head(r, 200, NULL, NULL, 0, 0), MW_ECLOSED);
    mw_reply_end(r);
}

static void may_be_freed_in_its_callback(void)
{
    char reply[REPLY] = "";
    struct stage s;
    open_stage(&s, close_it);
    int fds[4];
    for (int i = 0; i < 4; i++) { /* several arrive at once; the first one ends it */
        fds[i] = dial(&s);
        say(fds[i], "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    CHECK(hear(&s, fds[0], reply, NULL));
    CHECK_TEXT(reply, "");
    test_turn(s.rt);
    CHECK_INT(s.count, 1);
    CHECK_INT(mw_pending(s.rt), 0);
    for (int i = 0; i < 4; i++)
        close(fds[i]);
    close_stage(&s);
}

static void goes_with_requests_open(void)
{
    struct stage s;
    int descriptors = test_descriptors();
    open_stage(&s, keep);
    int fd = keep_one(&s), other = dial(&s);
    say(other, "GET / HT");
    mw_reply_head(s.kept, 200, NULL, NULL, 0, -1);
    mw_reply_body(s.kept, "a part", 6);
    mw_poll(s.rt, 0);
    mw_close(s.rt);
    close(fd);
    close(other);
    CHECK_INT(test_descriptors(), descriptors);
}

int main(void)
{
    TEST(picks_a_port);
    TEST(says_why_it_cannot_listen);
    TEST(listens_on_other_addresses);
    TEST(knows_the_request);
    TEST(has_the_whole_body);
    TEST(takes_no_more_than_it_may);
    TEST(sends_what_it_is_told);
    TEST(sends_chunks_where_the_length_is_not_known);
    TEST(sends_no_body_where_there_is_none);
    TEST(keeps_the_connection);
    TEST(refuses_what_is_not_http);
    TEST(cuts_what_is_not_whole);
    TEST(may_answer_later);
    TEST(notices_a_client_that_has_gone);
    TEST(notices_it_while_it_writes);
    TEST(outlives_its_requests_and_they_it);
    TEST(may_be_freed_in_its_callback);
    TEST(goes_with_requests_open);
    return test_end();
}
