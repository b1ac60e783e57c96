/* A host that brings its own loop: it dispatches, and closes the runtime whenever it likes, with
 * requests in whatever phase; its loop then goes on with nothing of ours left on it. All of it
 * twice: with libevent as it starts, and with locks, as a host with threads sets it up.
 * SPDX-License-Identifier: MIT */
#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/thread.h>

/* ---- the host ------------------------------------------------------------------------------ */

static int with_locks; /* the second time */

/* What a test of this file has: the host's loop and what it counts. */
struct host {
    struct event_base *base;
    mw_runtime *rt;
    int descriptors; /* at the start */
    int blocks;      /* of memory that the runtime has */
    int closed;      /* no callback may come any more */
    int heads, dones, error;
    int ticks, ticks_wanted;
};

static void *allocate(void *ud, void *block, size_t size)
{
    struct host *h = ud;
    if (size == 0) {
        h->blocks -= block != NULL;
        free(block);
        return NULL;
    }
    h->blocks += block == NULL;
    return realloc(block, size);
}

static struct event_base *new_base(void)
{
    return test_need(event_base_new()); /* has locks of its own where there are any */
}

static mw_runtime *open_runtime(struct host *h, const char *resolv_conf)
{
    mw_config config;
    memset(&config, 0, sizeof config);
    config.event_base = h->base;
    config.alloc = allocate;
    config.ud = h;
    config.resolv_conf = resolv_conf;
    config.hosts_file = "/dev/null";
    return test_need(test_open(&config));
}

static void start(struct host *h, const char *resolv_conf)
{
    memset(h, 0, sizeof *h);
    h->descriptors = test_descriptors();
    h->base = new_base();
    h->rt = open_runtime(h, resolv_conf);
}

static void close_runtime(struct host *h)
{
    mw_close(h->rt);
    h->rt = NULL;
    h->closed = 1;
}

static int events(const struct host *h)
{
    return event_base_get_num_events(h->base, EVENT_BASE_COUNT_ADDED | EVENT_BASE_COUNT_ACTIVE);
}

/* Closes what is still open, and looks for what is left. */
static void finish(struct host *h)
{
    if (h->rt != NULL)
        close_runtime(h);
    double deadline = mw_now() + 10;
    while (events(h) > 0 && mw_now() < deadline)
        event_base_loop(h->base, EVLOOP_NONBLOCK);
    CHECK_INT(events(h), 0);
    event_base_free(h->base);
    CHECK_INT(h->blocks, 0);
    CHECK_INT(test_descriptors(), h->descriptors);
}

static void on_late(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    event_base_loopbreak(arg);
}

/* Dispatches the host's loop until somebody breaks it; false if nobody does for very long. */
static int dispatch(struct event_base *base)
{
    static const struct timeval long_time = {30, 0};
    struct event *late = test_need(evtimer_new(base, on_late, base));
    evtimer_add(late, &long_time);
    event_base_dispatch(base);
    int in_time = evtimer_pending(late, NULL);
    event_free(late);
    return in_time;
}

/* Calls fn once from the host's loop, and dispatches until that breaks the loop. */
static int call_in_loop(struct host *h, event_callback_fn fn)
{
    static const struct timeval soon = {0, 1000};
    CHECK_INT(event_base_once(h->base, -1, EV_TIMEOUT, fn, h, &soon), 0);
    return dispatch(h->base);
}

/* ---- a request that the host's loop moves -------------------------------------------------- */

static void on_request(mw_server *server, mw_request *r, void *ud)
{
    struct host *h = ud;
    (void)server;
    CHECK(!h->closed);
    mw_reply_head(r, 200, NULL, NULL, 0, 5);
    mw_reply_body(r, "hello", 5);
    mw_reply_end(r);
}

static void on_head(mw_exchange *x, void *ud)
{
    struct host *h = ud;
    (void)x;
    CHECK(!h->closed);
    h->heads++;
}

static void on_done(mw_exchange *x, void *ud)
{
    struct host *h = ud;
    CHECK(!h->closed);
    h->dones++;
    h->error = mw_exchange_error(x);
    event_base_loopbreak(h->base);
}

static mw_server *serve(struct host *h, mw_runtime *rt)
{
    mw_server *server = NULL;
    mw_listen how = {.on_request = on_request, .ud = h};
    CHECK_INT(mw_server_listen(rt, &how, &server), MW_OK);
    return test_need(server);
}

static mw_exchange *get(struct host *h, mw_runtime *rt, const char *url)
{
    mw_exchange *x = NULL;
    mw_options options = {.url = url, .on_head = on_head, .on_done = on_done, .ud = h};
    CHECK_INT(mw_exchange_start(rt, &options, &x), MW_OK);
    return test_need(x);
}

static void moves_with_the_hosts_loop(void)
{
    char body[8] = "";
    struct host h;
    start(&h, NULL);
    mw_server *server = serve(&h, h.rt);
    for (int i = 1; i <= 3; i++) {
        mw_exchange *x = get(&h, h.rt, test_url(mw_server_port(server), "/"));
        CHECK(dispatch(h.base));
        CHECK_INT(h.dones, i);
        CHECK_INT(h.error, MW_NO_ERROR);
        mw_exchange_read(x, body, sizeof body - 1);
        CHECK_TEXT(body, "hello");
        mw_exchange_free(x);
    }
    mw_server_free(server);
    finish(&h);
}

static void tick(evutil_socket_t fd, short what, void *arg)
{
    struct host *h = arg;
    (void)fd;
    (void)what;
    if (++h->ticks == h->ticks_wanted)
        event_base_loopbreak(h->base);
}

static void runs_the_hosts_events_in_a_poll(void)
{
    static const struct timeval soon = {0, 1000};
    struct host h;
    start(&h, NULL);
    event_base_once(h.base, -1, EV_TIMEOUT, tick, &h, &soon);
    CHECK_INT(mw_poll(h.rt, 10), 0);
    CHECK_INT(h.ticks, 1);
    finish(&h);
}

static void shares_a_loop_between_runtimes(void)
{
    struct host h;
    start(&h, NULL);
    mw_runtime *other = open_runtime(&h, NULL);
    mw_server *server = serve(&h, other);
    mw_exchange *x = get(&h, h.rt, test_url(mw_server_port(server), "/"));
    CHECK(dispatch(h.base));
    CHECK_INT(h.error, MW_NO_ERROR);
    mw_exchange_free(x);

    x = get(&h, h.rt, test_url(mw_server_port(server), "/"));
    mw_close(other); /* one goes, its server with it; the other is told so */
    CHECK(dispatch(h.base));
    CHECK_INT(h.dones, 2);
    CHECK(h.error != MW_NO_ERROR);
    mw_exchange_free(x);
    finish(&h);
}

static void stop_soon(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    mw_stop(((struct host *)arg)->rt);
}

static void stops_only_its_own_run(void)
{
    static const struct timeval soon = {0, 1000};
    struct host h;
    start(&h, NULL);
    mw_server *server = serve(&h, h.rt); /* pending for ever */
    event_base_once(h.base, -1, EV_TIMEOUT, stop_soon, &h, &soon);
    CHECK_INT(mw_run(h.rt), MW_OK);

    h.ticks_wanted = 3; /* a host that dispatches is not stopped by it */
    struct event *ticking = test_need(event_new(h.base, -1, EV_PERSIST, tick, &h));
    event_add(ticking, &soon);
    mw_stop(h.rt);
    CHECK(dispatch(h.base));
    CHECK_INT(h.ticks, 3);
    event_free(ticking);
    mw_server_free(server);
    finish(&h);
}

/* ---- the runtime's loop within the host's -------------------------------------------------- */

static int warnings;

static void count_warning(int severity, const char *message)
{
    (void)severity;
    (void)message;
    warnings++;
}

/* As count_warning; and ends a run that would go on for ever. */
static mw_runtime *running;

static void stop_run(int severity, const char *message)
{
    count_warning(severity, message);
    if (warnings > 100)
        mw_stop(running);
}

static void poll_in_loop(evutil_socket_t fd, short what, void *arg)
{
    struct host *h = arg;
    (void)fd;
    (void)what;
    CHECK_INT(mw_poll(h->rt, 0), MW_ELOOP);
    CHECK_HAS(mw_message(h->rt), "mw_poll");
    event_base_loopbreak(h->base);
}

static void run_in_loop(evutil_socket_t fd, short what, void *arg)
{
    struct host *h = arg;
    (void)fd;
    (void)what;
    CHECK_INT(mw_run(h->rt), MW_ELOOP);
    CHECK_HAS(mw_message(h->rt), "mw_run");
    event_base_loopbreak(h->base);
}

static void refuses_to_run_the_loop_that_runs_it(void)
{
    struct host h;
    start(&h, NULL);
    mw_server *server = serve(&h, h.rt);
    event_set_log_callback(count_warning);
    CHECK(call_in_loop(&h, poll_in_loop));
    running = h.rt;
    warnings = 0;
    event_set_log_callback(stop_run);
    CHECK(call_in_loop(&h, run_in_loop));
    CHECK(warnings <= 1);
    event_set_log_callback(NULL);
    mw_server_free(server);
    finish(&h);
}

/* ---- in flight ----------------------------------------------------------------------------- */

static int bind_socket(int type, int *port)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    CHECK_INT(bind(fd, (struct sockaddr *)&address, size), 0);
    CHECK_INT(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

/* A request that is stuck in one phase for as long as we like. */
struct flight {
    const char *phase;
    const char *url; /* with the port of a listener that accepts nobody */
    int big;         /* with a body that no socket takes whole */
    int begins_body; /* the peer sends a head and a part of the body */
};

static const struct flight flights[] = {
    {"resolve", "http://silent.test:%d/", 0, 0}, {"connect", "http://127.0.0.1:%d/", 0, 0},
    {"send", "http://127.0.0.1:%d/", 1, 0},      {"head", "http://127.0.0.1:%d/", 0, 0},
    {"body", "http://127.0.0.1:%d/", 0, 1},      {"tls", "https://127.0.0.1:%d/", 0, 0},
};

struct scene {
    struct host host;
    const struct flight *flight;
    int listener, peer, name_server;
    char conf[64];
    char *body;
    mw_exchange *x;
};

static void write_conf(struct scene *s, int port)
{
    strcpy(s->conf, "/tmp/moonwire-XXXXXX");
    int fd = mkstemp(s->conf);
    CHECK(fd >= 0);
    dprintf(fd, "nameserver 127.0.0.1:%d\n", port);
    close(fd);
}

static void begin_body(struct scene *s)
{
    static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\na part";
    double deadline = mw_now() + 10;
    while (s->peer < 0 && mw_now() < deadline) {
        event_base_loop(s->host.base, EVLOOP_NONBLOCK);
        s->peer = accept(s->listener, NULL, NULL);
    }
    CHECK_INT(write(s->peer, reply, sizeof reply - 1), sizeof reply - 1);
}

static void reach_phase(struct scene *s)
{
    double deadline = mw_now() + 10;
    while (strcmp(mw_exchange_detail(s->x).phase, s->flight->phase) != 0 && mw_now() < deadline)
        event_base_loop(s->host.base, EVLOOP_NONBLOCK);
}

static void take_off(struct scene *s, const struct flight *flight)
{
    enum { BIG = 32 << 20 };
    char url[64];
    int name_port, port;
    memset(s, 0, sizeof *s);
    int descriptors = test_descriptors();
    s->flight = flight;
    s->peer = -1;
    s->name_server = bind_socket(SOCK_DGRAM, &name_port);
    s->listener = bind_socket(SOCK_STREAM, &port);
    CHECK_INT(listen(s->listener, 8), 0);
    write_conf(s, name_port);
    start(&s->host, s->conf);
    s->host.descriptors = descriptors;
    snprintf(url, sizeof url, flight->url, port); // NOLINT: the formats are above
    s->body = flight->big ? test_need(calloc(1, BIG)) : NULL;
    mw_options options = {.url = url,
                          .method = flight->big ? "PUT" : "GET",
                          .body = s->body,
                          .body_length = flight->big ? BIG : 0,
                          .insecure = 1,
                          .on_head = on_head,
                          .on_done = on_done,
                          .ud = &s->host};
    CHECK_INT(mw_exchange_start(s->host.rt, &options, &s->x), MW_OK);
    if (flight->begins_body)
        begin_body(s);
    if (strcmp(flight->phase, "tls") != 0) /* TLS begins within the phase "connect" */
        reach_phase(s);
    for (int i = 0; strcmp(flight->phase, "connect") != 0 && i < 20; i++)
        event_base_loop(s->host.base, EVLOOP_NONBLOCK);
    if (strcmp(flight->phase, "tls") != 0 && strcmp(flight->phase, "connect") != 0)
        CHECK_TEXT(mw_exchange_detail(s->x).phase, flight->phase);
    CHECK_INT(s->host.dones, 0);
}

static void land(struct scene *s)
{
    close(s->listener);
    close(s->name_server);
    if (s->peer >= 0)
        close(s->peer);
    unlink(s->conf);
    free(s->body);
}

static void close_in_loop(evutil_socket_t fd, short what, void *arg)
{
    static const struct timeval soon = {0, 1000};
    struct host *h = arg;
    (void)fd;
    (void)what;
    close_runtime(h);
    h->ticks_wanted = 1;
    event_base_once(h->base, -1, EV_TIMEOUT, tick, h, &soon); /* breaks the loop */
}

static void close_and_go_on(struct scene *s)
{
    CHECK(call_in_loop(&s->host, close_in_loop));
    CHECK_INT(s->host.ticks, 1);
    land(s);
    finish(&s->host);
}

static void close_both_at_once(struct scene *s)
{
    close_runtime(&s->host);
    /* evdns ends a look-up from the loop, and has no other way: that one phase needs a turn. */
    if (strcmp(s->flight->phase, "resolve") == 0)
        event_base_loop(s->host.base, EVLOOP_NONBLOCK);
    event_base_free(s->host.base);
    CHECK_INT(s->host.blocks, 0);
    land(s);
    CHECK_INT(test_descriptors(), s->host.descriptors);
}

static void cancel_in_loop(evutil_socket_t fd, short what, void *arg)
{
    struct scene *s = (struct scene *)arg; /* its host comes first */
    (void)fd;
    (void)what;
    mw_exchange_cancel(s->x);
    mw_exchange_cancel(s->x);
    CHECK_INT(s->host.dones, 0);
}

static void cancel_and_go_on(struct scene *s)
{
    CHECK(call_in_loop(&s->host, cancel_in_loop));
    CHECK_INT(s->host.dones, 1);
    CHECK_INT(s->host.error, MW_OPERATION_CANCELLED_ERROR);
    mw_exchange_free(s->x);
    land(s);
    finish(&s->host);
}

static void free_in_loop(evutil_socket_t fd, short what, void *arg)
{
    static const struct timeval soon = {0, 1000};
    struct scene *s = (struct scene *)arg;
    (void)fd;
    (void)what;
    mw_exchange_free(s->x);
    s->host.closed = 1; /* for its callbacks it is */
    s->host.ticks_wanted = 1;
    event_base_once(s->host.base, -1, EV_TIMEOUT, tick, &s->host, &soon);
}

static void free_and_go_on(struct scene *s)
{
    CHECK(call_in_loop(&s->host, free_in_loop));
    CHECK_INT(mw_pending(s->host.rt), 0);
    land(s);
    finish(&s->host);
}

static void in_every_phase(void (*end)(struct scene *s))
{
    for (size_t i = 0; i < sizeof flights / sizeof flights[0]; i++) {
        struct scene s;
        int failures = test_state.failures;
        take_off(&s, &flights[i]);
        end(&s);
        if (test_state.failures > failures)
            printf("    in phase %s%s\n", flights[i].phase, with_locks ? ", with locks" : "");
    }
}

static void goes_on_after_a_close_in_flight(void)
{
    in_every_phase(close_and_go_on);
}

static void can_free_its_loop_at_once(void)
{
    in_every_phase(close_both_at_once);
}

static void goes_on_after_a_cancel(void)
{
    in_every_phase(cancel_and_go_on);
}

static void goes_on_after_a_free(void)
{
    in_every_phase(free_and_go_on);
}

/* ---- a server that goes with requests open ------------------------------------------------- */

static mw_request *kept;

static void keep(mw_server *server, mw_request *r, void *ud)
{
    struct host *h = ud;
    (void)server;
    kept = r;
    mw_reply_head(r, 200, NULL, NULL, 0, -1);
    mw_reply_body(r, "a part", 6);
    event_base_loopbreak(h->base);
}

static void closes_a_server_that_is_answering(void)
{
    struct host h;
    mw_server *server = NULL;
    start(&h, NULL);
    mw_listen how = {.on_request = keep, .ud = &h};
    CHECK_INT(mw_server_listen(h.rt, &how, &server), MW_OK);
    get(&h, h.rt, test_url(mw_server_port(server), "/"));
    kept = NULL;
    CHECK(dispatch(h.base));
    CHECK(kept != NULL);
    CHECK_INT(mw_pending(h.rt), 3);
    CHECK(call_in_loop(&h, close_in_loop));
    finish(&h);
}

/* ---- locks, as evthread_use_pthreads would set them up -------------------------------------- */

static int locks_made, locks_held;

static void *make_lock(unsigned type)
{
    pthread_mutexattr_t attributes;
    pthread_mutex_t *lock = test_need(malloc(sizeof *lock));
    pthread_mutexattr_init(&attributes);
    if (type & EVTHREAD_LOCKTYPE_RECURSIVE)
        pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
    locks_made++;
    return lock;
}

static void free_lock(void *lock, unsigned type)
{
    (void)type;
    pthread_mutex_destroy(lock);
    free(lock);
}

static int take_lock(unsigned mode, void *lock)
{
    int result = mode & EVTHREAD_TRY ? pthread_mutex_trylock(lock) : pthread_mutex_lock(lock);
    locks_held += result == 0; /* there is one thread */
    return result;
}

static int leave_lock(unsigned mode, void *lock)
{
    (void)mode;
    locks_held--;
    return pthread_mutex_unlock(lock);
}

static unsigned long thread_id(void)
{
    return (unsigned long)pthread_self();
}

static void use_locks(void)
{
    static const struct evthread_lock_callbacks callbacks = {
        EVTHREAD_LOCK_API_VERSION,
        EVTHREAD_LOCKTYPE_RECURSIVE,
        make_lock,
        free_lock,
        take_lock,
        leave_lock,
    };
    CHECK_INT(evthread_set_lock_callbacks(&callbacks), 0);
    evthread_set_id_callback(thread_id);
    with_locks = 1;
}

static void run_all(void)
{
    TEST(moves_with_the_hosts_loop);
    TEST(runs_the_hosts_events_in_a_poll);
    TEST(shares_a_loop_between_runtimes);
    TEST(stops_only_its_own_run);
    TEST(refuses_to_run_the_loop_that_runs_it);
    TEST(goes_on_after_a_close_in_flight);
    TEST(can_free_its_loop_at_once);
    TEST(goes_on_after_a_cancel);
    TEST(goes_on_after_a_free);
    TEST(closes_a_server_that_is_answering);
}

int main(void)
{
    run_all();
    TEST(use_locks);
    run_all();
    CHECK(locks_made > 0);
    CHECK_INT(locks_held, 0);
    return test_end();
}
