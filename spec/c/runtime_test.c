/* The runtime by itself: opened and closed, turned and stopped, and what it does to its process.
 * SPDX-License-Identifier: MIT */
#include "test.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <event2/event.h>

/* ---- opening ------------------------------------------------------------------------------- */

static void opens_with_defaults(void)
{
    mw_config zeroed;
    memset(&zeroed, 0, sizeof zeroed);
    const mw_config *const configs[] = {NULL, &zeroed};
    int before = test_descriptors();
    for (int i = 0; i < 2; i++) {
        mw_runtime *rt = test_need(mw_open(configs[i]));
        CHECK(mw_event_base(rt) != NULL);
        CHECK_INT(mw_pending(rt), 0);
        CHECK_TEXT(mw_message(rt), "");
        mw_close(rt);
    }
    CHECK_INT(test_descriptors(), before);
    mw_close(NULL);
}

static void knows_its_engines(void)
{
    mw_config config;
    memset(&config, 0, sizeof config);
    config.engine = "steam";
    CHECK(mw_open(&config) == NULL);
    config.engine = "";
    CHECK(mw_open(&config) == NULL);
    size_t count = 0;
    for (const char *name; (name = mw_engine_at(count)) != NULL; count++) {
        config.engine = name;
        mw_runtime *rt = test_need(mw_open(&config));
        CHECK_TEXT(mw_engine_name(rt), name);
        mw_close(rt);
    }
    CHECK(count > 0);
    CHECK(mw_engine_at((size_t)-1) == NULL);
    mw_runtime *rt = test_need(mw_open(NULL));
    CHECK_TEXT(mw_engine_name(rt), mw_engine_at(0)); /* the default */
    mw_close(rt);
}

static void knows_what_its_engine_can(void)
{
    mw_runtime *rt = test_need(test_open(NULL));
    size_t count = 0;
    for (const char *word; (word = mw_capability_at(count)) != NULL; count++) {
        int can = mw_engine_can(rt, word);
        CHECK(can == 0 || can == 1);
    }
    CHECK_INT((int)count, 11); /* as many as moonwire.h explains */
    CHECK(mw_capability_at((size_t)-1) == NULL);
    CHECK_INT(mw_engine_can(rt, "fly"), MW_EINVAL);
    CHECK_INT(mw_engine_can(rt, ""), MW_EINVAL);
    mw_close(rt);
}

static void copies_its_configuration(void)
{
    char engine[40], names[] = "/nonexistent/resolv.conf";
    mw_config config;
    memset(&config, 0, sizeof config);
    snprintf(engine, sizeof engine, "%s", mw_engine_at(0));
    config.engine = engine;
    config.resolv_conf = config.hosts_file = names;
    mw_runtime *rt = test_need(mw_open(&config));
    memset(engine, 'x', sizeof engine - 1);
    memset(names, 'x', sizeof names - 1);
    memset(&config, 0xff, sizeof config);
    CHECK_INT(mw_poll(rt, 0), 0);
    CHECK_TEXT(mw_engine_name(rt), mw_engine_at(0));
    mw_close(rt);
}

static void borrows_a_loop(void)
{
    mw_config config;
    memset(&config, 0, sizeof config);
    config.event_base = test_need(event_base_new());
    mw_runtime *rt = test_need(test_open(&config));
    CHECK(mw_event_base(rt) == config.event_base);
    mw_close(rt);
    CHECK_INT(event_base_loop(config.event_base, EVLOOP_NONBLOCK), 1); /* there, with no event */
    event_base_free(config.event_base);
}

static void names_the_errors(void)
{
    int error = -1, count = 0;
    CHECK_TEXT(mw_error_name(MW_NO_ERROR), "NO_ERROR");
    CHECK_TEXT(mw_error_name(MW_TIMEOUT_ERROR), "TIMEOUT_ERROR");
    CHECK_TEXT(mw_error_name(MW_CONTENT_GONE_ERROR), "CONTENT_GONE_ERROR");
    CHECK(mw_error_name(12345) == NULL);
    CHECK(mw_error_name(-1) == NULL);
    for (const char *name; (name = mw_error_at((size_t)count, &error)) != NULL; count++)
        CHECK_TEXT(mw_error_name(error), name);
    CHECK_INT(count, 33); /* as many as moonwire.h has */
    error = 77;
    CHECK(mw_error_at((size_t)-1, &error) == NULL);
    CHECK_INT(error, 77);
}

static void tells_a_time_that_only_grows(void)
{
    double last = mw_now();
    for (int i = 0; i < 1000; i++) {
        double now = mw_now();
        CHECK(now >= last);
        last = now;
    }
}

/* ---- turning the loop ---------------------------------------------------------------------- */

static void note(mw_timer *timer, void *ud)
{
    (void)timer;
    ++*(int *)ud;
}

static void polls_without_anything_to_do(void)
{
    mw_runtime *rt = test_need(test_open(NULL));
    double start = mw_now();
    CHECK_INT(mw_poll(rt, 0), 0);
    CHECK_INT(mw_poll(rt, -1), 0); /* as long as anything is pending, which is not at all */
    CHECK_INT(mw_poll(rt, 0.01), 0);
    CHECK_INT(mw_run(rt), MW_OK);
    CHECK(mw_now() - start < 5);
    mw_close(rt);
}

static void polls_no_longer_than_it_is_told(void)
{
    int fired = 0;
    mw_runtime *rt = test_need(test_open(NULL));
    mw_timer *timer = mw_timer_start(rt, 3600, 0, note, &fired);
    double start = mw_now();
    CHECK_INT(mw_poll(rt, 0), 1);
    CHECK_INT(mw_poll(rt, 0.02), 1);
    double taken = mw_now() - start;
    CHECK(taken >= 0.01 && taken < 5);
    CHECK_INT(fired, 0);
    mw_timer_free(timer);
    mw_close(rt);
}

static void runs_until_nothing_is_pending(void)
{
    int fired = 0;
    mw_runtime *rt = test_need(test_open(NULL));
    mw_timer *one = mw_timer_start(rt, 0.01, 0, note, &fired);
    mw_timer *two = mw_timer_start(rt, 0, 0, note, &fired);
    CHECK_INT(mw_pending(rt), 2);
    CHECK_INT(mw_run(rt), MW_OK);
    CHECK_INT(fired, 2);
    CHECK_INT(mw_pending(rt), 0);
    mw_timer_free(one);
    mw_timer_free(two);
    mw_close(rt);
}

/* ---- stopping ------------------------------------------------------------------------------ */

static void stop(mw_timer *timer, void *ud)
{
    (void)timer;
    mw_stop(ud);
}

/* A runtime with one timer that is far away, so that it would run for ever. */
static mw_runtime *endless(mw_timer **timer)
{
    static int never;
    mw_runtime *rt = test_need(test_open(NULL));
    *timer = test_need(mw_timer_start(rt, 3600, 0, note, &never));
    return rt;
}

static void stops_from_a_callback(void)
{
    mw_timer *far;
    mw_runtime *rt = endless(&far);
    for (int i = 0; i < 3; i++) { /* it can be run again */
        mw_timer *soon = mw_timer_start(rt, 0, 0, stop, rt);
        CHECK_INT(mw_run(rt), MW_OK);
        CHECK_INT(mw_pending(rt), 1);
        mw_timer_free(soon);
    }
    mw_timer_free(far);
    mw_close(rt);
}

static void *stop_from_thread(void *rt)
{
    mw_stop(rt);
    return NULL;
}

static void stops_from_another_thread(void)
{
    mw_timer *far;
    mw_runtime *rt = endless(&far);
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        CHECK_INT(pthread_create(&thread, NULL, stop_from_thread, rt), 0);
        if (i % 2 == 0)
            CHECK_INT(mw_run(rt), MW_OK);
        else
            CHECK_INT(mw_poll(rt, -1), 1);
        CHECK_INT(pthread_join(thread, NULL), 0);
    }
    mw_timer_free(far);
    mw_close(rt);
}

static mw_runtime *interrupted;
static int errno_kept;

static void on_alarm(int number)
{
    (void)number;
    errno = ENOTTY;
    mw_stop(interrupted);
    errno_kept = errno == ENOTTY;
}

static void stops_from_a_signal_handler(void)
{
    mw_timer *far;
    struct itimerval soon = {{0, 0}, {0, 20000}};
    struct sigaction action, old;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_alarm;
    sigaction(SIGALRM, &action, &old);
    interrupted = endless(&far);
    setitimer(ITIMER_REAL, &soon, NULL);
    CHECK_INT(mw_run(interrupted), MW_OK);
    CHECK_INT(mw_pending(interrupted), 1);
    CHECK(errno_kept);
    sigaction(SIGALRM, &old, NULL);
    mw_timer_free(far);
    mw_close(interrupted);
}

static void is_not_lost_before_the_run(void)
{
    mw_timer *far;
    mw_runtime *rt = endless(&far);
    mw_stop(rt);
    CHECK_INT(mw_run(rt), MW_OK);
    mw_stop(rt);
    CHECK_INT(mw_poll(rt, -1), 1);
    mw_timer_free(far);
    mw_close(rt);
}

static void may_be_called_very_often(void)
{
    mw_timer *far;
    mw_runtime *rt = endless(&far);
    for (int i = 0; i < 100000; i++) /* more than a pipe takes */
        mw_stop(rt);
    CHECK_INT(mw_run(rt), MW_OK);
    mw_timer_free(far);
    mw_close(rt);
}

/* ---- the loop within the loop -------------------------------------------------------------- */

struct nested {
    mw_runtime *rt;
    int calls;
};

static void try_to_nest(struct nested *n, const char *from)
{
    n->calls++;
    if (!CHECK_INT(mw_poll(n->rt, 0), MW_ELOOP))
        printf("    from %s\n", from);
    CHECK_HAS(mw_message(n->rt), "mw_poll");
    if (!CHECK_INT(mw_run(n->rt), MW_ELOOP))
        printf("    from %s\n", from);
    CHECK_HAS(mw_message(n->rt), "mw_run");
}

static void nest_in_timer(mw_timer *timer, void *ud)
{
    (void)timer;
    try_to_nest(ud, "a timer");
}

static void nest_in_exchange(mw_exchange *x, void *ud)
{
    (void)x;
    try_to_nest(ud, "a callback of an exchange");
}

static void nest_in_sent(mw_exchange *x, uint64_t sent, uint64_t total, void *ud)
{
    (void)sent;
    (void)total;
    nest_in_exchange(x, ud);
}

static void nest_in_server(mw_server *server, mw_request *r, void *ud)
{
    (void)server;
    try_to_nest(ud, "a server's callback");
    mw_reply_head(r, 200, NULL, NULL, 0, 2);
    mw_reply_body(r, "ok", 2);
    mw_reply_end(r);
}

static void refuses_to_be_run_from_a_callback(void)
{
    mw_server *server = NULL;
    mw_exchange *x = NULL;
    struct nested n = {test_need(test_open(NULL)), 0};
    mw_listen how = {.on_request = nest_in_server, .ud = &n};
    if (!CHECK_INT(mw_server_listen(n.rt, &how, &server), MW_OK))
        return;
    mw_options options = {.url = test_url(mw_server_port(server), "/"),
                          .method = "POST",
                          .body = "x",
                          .body_length = 1,
                          .on_sent = nest_in_sent,
                          .on_head = nest_in_exchange,
                          .on_body = nest_in_exchange,
                          .on_done = nest_in_exchange,
                          .ud = &n};
    CHECK_INT(mw_exchange_start(n.rt, &options, &x), MW_OK);
    mw_timer *timer = mw_timer_start(n.rt, 0, 0, nest_in_timer, &n);
    double deadline = mw_now() + 30;
    while (n.calls < 6 && mw_now() < deadline)
        mw_poll(n.rt, 0.05);
    CHECK_INT(n.calls, 6);
    CHECK_INT(mw_poll(n.rt, 0), 1); /* and from outside it goes on */
    mw_timer_free(timer);
    mw_exchange_free(x);
    mw_server_free(server);
    mw_close(n.rt);
}

/* ---- what is pending ----------------------------------------------------------------------- */

struct pending {
    mw_runtime *rt;
    mw_request *request;
    int in_request, in_done, in_timer, over;
};

static void keep_request(mw_server *server, mw_request *r, void *ud)
{
    struct pending *p = ud;
    (void)server;
    p->request = r;
    p->in_request = mw_pending(p->rt);
}

static void count_in_done(mw_exchange *x, void *ud)
{
    struct pending *p = ud;
    (void)x;
    p->in_done = mw_pending(p->rt);
    p->over = 1;
}

static void count_in_timer(mw_timer *timer, void *ud)
{
    struct pending *p = ud;
    (void)timer;
    p->in_timer = mw_pending(p->rt);
}

static void counts_what_is_pending(void)
{
    mw_server *server = NULL;
    mw_exchange *x = NULL;
    struct pending p;
    memset(&p, 0, sizeof p);
    p.rt = test_need(test_open(NULL));
    mw_listen how = {.on_request = keep_request, .ud = &p};
    CHECK_INT(mw_server_listen(p.rt, &how, &server), MW_OK);
    CHECK_INT(mw_pending(p.rt), 1);
    mw_timer *timer = mw_timer_start(p.rt, 0, 0, count_in_timer, &p);
    CHECK_INT(mw_pending(p.rt), 2);
    mw_options options = {
        .url = test_url(mw_server_port(server), "/"), .on_done = count_in_done, .ud = &p};
    CHECK_INT(mw_exchange_start(p.rt, &options, &x), MW_OK);
    CHECK_INT(mw_pending(p.rt), 3);
    WAIT(p.rt, p.in_request);
    CHECK_INT(p.in_timer, 2);   /* not itself: server, exchange */
    CHECK_INT(p.in_request, 3); /* server, exchange, request */
    test_need(p.request);
    mw_reply_head(p.request, 204, NULL, NULL, 0, 0);
    mw_reply_end(p.request);
    CHECK_INT(mw_pending(p.rt), 2);
    WAIT(p.rt, p.over);
    CHECK_INT(p.in_done, 1);
    mw_server_free(server);
    CHECK_INT(mw_pending(p.rt), 0);
    mw_exchange_free(x);
    mw_timer_free(timer);
    CHECK_INT(mw_pending(p.rt), 0);
    mw_close(p.rt);
}

static void says_what_was_wrong(void)
{
    mw_exchange *x = NULL;
    mw_server *server = NULL;
    mw_runtime *rt = test_need(test_open(NULL)), *other = test_need(test_open(NULL));
    mw_options options = {.url = "nowhere"};
    CHECK_INT(mw_exchange_start(rt, &options, &x), MW_EINVAL);
    CHECK_HAS(mw_message(rt), "bad url");
    CHECK(x == NULL);
    mw_listen how = {.port = 70000};
    CHECK_INT(mw_server_listen(rt, &how, &server), MW_EINVAL);
    CHECK_HAS(mw_message(rt), "on_request");
    CHECK_TEXT(mw_message(other), ""); /* each runtime has its own */
    mw_close(rt);
    mw_close(other);
}

/* ---- closing ------------------------------------------------------------------------------- */

/* A socket that listens on 127.0.0.1, and never blocks. */
static int listening_socket(int *port)
{
    struct sockaddr_in at;
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    memset(&at, 0, sizeof at);
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_INT(bind(fd, (struct sockaddr *)&at, size), 0);
    CHECK_INT(listen(fd, 16), 0);
    CHECK_INT(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

/* The place of one that goes is nobody's. */
static void opens_no_connection_as_it_closes(void)
{
    enum { ALL = 5 };
    int port, accepted = 0, listening = listening_socket(&port);
    mw_config config;
    memset(&config, 0, sizeof config);
    config.max_connections = 1;
    mw_runtime *rt = test_need(test_open(&config));
    mw_options options = {.url = test_url(port, "/")};
    for (int i = 0; i < ALL; i++)
        CHECK_INT(mw_exchange_start(rt, &options, NULL), MW_OK);
    test_turn(rt);
    int expected = mw_engine_can(rt, "connect_anyhow") == 1 ? 1 : ALL; /* who has no pool has all */
    mw_close(rt);
    for (int fd; (fd = accept(listening, NULL, NULL)) >= 0; accepted++)
        close(fd);
    CHECK_INT(accepted, expected);
    close(listening);
}

/* ---- SIGPIPE ------------------------------------------------------------------------------- */

typedef void (*handler_fn)(int);

static void ignore(int number)
{
    (void)number;
}

/* What becomes of an action of SIGPIPE when a runtime is opened. */
static handler_fn sigpipe_after_open(handler_fn before, unsigned flags)
{
    struct sigaction action, after;
    mw_config config;
    memset(&action, 0, sizeof action);
    memset(&config, 0, sizeof config);
    action.sa_handler = before;
    sigaction(SIGPIPE, &action, NULL);
    config.flags = flags;
    mw_runtime *rt = test_need(test_open(&config));
    sigaction(SIGPIPE, NULL, &after);
    mw_close(rt);
    return after.sa_handler;
}

static void ignores_sigpipe_only_where_nobody_cares(void)
{
    struct sigaction old;
    sigaction(SIGPIPE, NULL, &old);
    CHECK(sigpipe_after_open(SIG_DFL, 0) == SIG_IGN);
    CHECK(sigpipe_after_open(SIG_IGN, 0) == SIG_IGN);
    CHECK(sigpipe_after_open(ignore, 0) == ignore);
    CHECK(sigpipe_after_open(SIG_DFL, MW_KEEP_SIGPIPE) == SIG_DFL);
    CHECK(sigpipe_after_open(ignore, MW_KEEP_SIGPIPE) == ignore);
    sigaction(SIGPIPE, &old, NULL);
}

int main(void)
{
    TEST(opens_with_defaults);
    TEST(knows_its_engines);
    TEST(knows_what_its_engine_can);
    TEST(copies_its_configuration);
    TEST(borrows_a_loop);
    TEST(names_the_errors);
    TEST(tells_a_time_that_only_grows);
    TEST(polls_without_anything_to_do);
    TEST(polls_no_longer_than_it_is_told);
    TEST(runs_until_nothing_is_pending);
    TEST(stops_from_a_callback);
    TEST(stops_from_another_thread);
    TEST(stops_from_a_signal_handler);
    TEST(is_not_lost_before_the_run);
    TEST(may_be_called_very_often);
    TEST(refuses_to_be_run_from_a_callback);
    TEST(counts_what_is_pending);
    TEST(says_what_was_wrong);
    TEST(opens_no_connection_as_it_closes);
    TEST(ignores_sigpipe_only_where_nobody_cares);
    return test_end();
}
