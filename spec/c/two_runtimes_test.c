/* Two runtimes in one process share nothing: at once on one thread, and each on a thread of its
 * own. SPDX-License-Identifier: MIT */
#include "test.h"

#include <pthread.h>

/* A runtime with a server and a client. */
struct side {
    mw_runtime *rt;
    mw_server *server;
    const char *body; /* what its server answers */
    int asked, done, right, wanted;
    int port; /* of the server that its client asks */
    const char *expected;
};

static void on_request(mw_server *server, mw_request *r, void *ud)
{
    struct side *s = ud;
    (void)server;
    s->asked++;
    mw_reply_head(r, 200, NULL, NULL, 0, (int64_t)strlen(s->body));
    mw_reply_body(r, s->body, strlen(s->body));
    mw_reply_end(r);
}

static void ask(struct side *s);

static void on_done(mw_exchange *x, void *ud)
{
    char body[32] = "";
    struct side *s = ud;
    mw_exchange_read(x, body, sizeof body - 1);
    s->done++;
    s->right += mw_exchange_error(x) == MW_NO_ERROR && strcmp(body, s->expected) == 0;
    mw_exchange_free(x);
    if (s->done < s->wanted)
        ask(s);
}

static void ask(struct side *s)
{
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", s->port);
    mw_options options = {.url = url, .on_done = on_done, .ud = s};
    if (mw_exchange_start(s->rt, &options, NULL) != MW_OK)
        s->done = s->wanted;
}

static int open_side(struct side *s, const char *body)
{
    memset(s, 0, sizeof *s);
    s->body = s->expected = body;
    s->rt = test_open(NULL);
    mw_listen how = {.on_request = on_request, .ud = s};
    if (s->rt == NULL || mw_server_listen(s->rt, &how, &s->server) != MW_OK)
        return 0;
    s->port = mw_server_port(s->server);
    return 1;
}

/* ---- one thread ---------------------------------------------------------------------------- */

static void talk_to_each_other_on_one_thread(void)
{
    struct side a, b;
    CHECK(open_side(&a, "from a") && open_side(&b, "from b"));
    int port = a.port;
    a.port = b.port; /* each asks the other */
    b.port = port;
    a.expected = b.body;
    b.expected = a.body;
    a.wanted = b.wanted = 50;
    ask(&a);
    ask(&b);
    CHECK_INT(mw_pending(a.rt), 2);
    double deadline = mw_now() + 30;
    while ((a.done < a.wanted || b.done < b.wanted) && mw_now() < deadline) {
        mw_poll(a.rt, 0.001);
        mw_poll(b.rt, 0.001);
    }
    CHECK_INT(a.right, 50);
    CHECK_INT(b.right, 50);
    CHECK_INT(a.asked, 50);
    CHECK_INT(b.asked, 50);
    mw_close(a.rt);
    CHECK_INT(mw_pending(b.rt), 1); /* the other does not notice */
    b.done = 0;
    b.port = mw_server_port(b.server);
    b.expected = b.body;
    b.wanted = 1;
    ask(&b);
    WAIT(b.rt, b.done);
    CHECK_INT(b.right, 51);
    mw_close(b.rt);
}

struct nested {
    mw_runtime *inner;
    int result, fired;
};

static void fire(mw_timer *timer, void *ud)
{
    (void)timer;
    ((struct nested *)ud)->fired++;
}

static void poll_inner(mw_timer *timer, void *ud)
{
    struct nested *n = ud;
    (void)timer;
    n->result = mw_run(n->inner);
}

static void run_within_each_other(void)
{
    struct nested n = {test_need(test_open(NULL)), -1, 0};
    mw_runtime *outer = test_need(test_open(NULL));
    mw_timer *in = mw_timer_start(n.inner, 0, 0, fire, &n);
    mw_timer *out = mw_timer_start(outer, 0, 0, poll_inner, &n);
    CHECK_INT(mw_run(outer), MW_OK);
    CHECK_INT(n.result, MW_OK); /* another runtime's loop is not running */
    CHECK_INT(n.fired, 1);
    mw_timer_free(in);
    mw_timer_free(out);
    mw_close(n.inner);
    mw_close(outer);
}

/* ---- a thread each ------------------------------------------------------------------------- */

static void *live(void *ud)
{
    struct side *s = ud;
    char body[16];
    snprintf(body, sizeof body, "thread %d", s->wanted);
    int wanted = s->wanted;
    if (!open_side(s, body))
        return NULL;
    s->wanted = wanted;
    ask(s);
    for (double deadline = mw_now() + 30; s->done < s->wanted && mw_now() < deadline;)
        mw_poll(s->rt, 0.05);
    mw_close(s->rt);
    return s;
}

static void live_on_threads_of_their_own(void)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    static struct side sides[THREADS];
    for (int i = 0; i < THREADS; i++) {
        sides[i].wanted = 50 + i;
        CHECK_INT(pthread_create(&threads[i], NULL, live, &sides[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *result = NULL;
        CHECK_INT(pthread_join(threads[i], &result), 0);
        CHECK(result != NULL);
        CHECK_INT(sides[i].right, 50 + i);
        CHECK_INT(sides[i].asked, 50 + i);
    }
}

static void *turn(void *rt)
{
    mw_run(rt);
    return NULL;
}

static void may_move_to_another_thread(void)
{
    struct side s;
    pthread_t thread;
    CHECK(open_side(&s, "moved"));
    s.wanted = 10;
    ask(&s);
    CHECK_INT(pthread_create(&thread, NULL, turn, s.rt), 0); /* opened here, run there */
    mw_stop(s.rt);
    CHECK_INT(pthread_join(thread, NULL), 0);
    double deadline = mw_now() + 30;
    while (s.done < s.wanted && mw_now() < deadline) /* and here again */
        mw_poll(s.rt, 0.05);
    CHECK_INT(s.right, 10);
    mw_close(s.rt);
}

int main(void)
{
    TEST(talk_to_each_other_on_one_thread);
    TEST(run_within_each_other);
    TEST(live_on_threads_of_their_own);
    TEST(may_move_to_another_thread);
    return test_end();
}
