/* The hook of what happens to exchanges: its events, what may be done in it, and memory that runs
 * out. SPDX-License-Identifier: MIT */
#include "test.h"

/* ---- a server, and a diary of events -------------------------------------------------------- */

struct diary {
    mw_runtime *rt;
    mw_server *server;
    mw_exchange *x;
    char words[400], all[8000];
    int events, done;
    void (*act)(struct diary *d, const mw_trace_event *e); /* in the hook; NULL: nothing */
};

static void on_request(mw_server *server, mw_request *r, void *ud)
{
    static const mw_header fields[] = {{"Set-Cookie", "sid=gEhEiM; Path=/"}};
    (void)server;
    (void)ud;
    mw_reply_head(r, 200, NULL, fields, 1, 5);
    mw_reply_body(r, "hello", 5);
    mw_reply_end(r);
}

static void add(char *to, size_t size, const char *text)
{
    size_t used = strlen(to);
    snprintf(to + used, size - used, "%s%s", used > 0 ? " " : "", text);
}

static void hook(mw_runtime *rt, const mw_trace_event *e, void *ud)
{
    struct diary *d = ud;
    CHECK(rt == d->rt);
    CHECK(e->id > 0 && e->leg > 0 && e->at > 0);
    d->events++;
    add(d->words, sizeof d->words, e->what);
    add(d->all, sizeof d->all, e->url);
    add(d->all, sizeof d->all, e->error_string);
    for (size_t i = 0; i < e->header_count; i++)
        add(d->all, sizeof d->all, e->headers[i].value);
    if (e->body != NULL)
        snprintf(d->all + strlen(d->all), sizeof d->all - strlen(d->all), " body:%.*s",
                 (int)e->body_length, (const char *)e->body);
    if (d->act != NULL)
        d->act(d, e);
}

static void on_done(mw_exchange *x, void *ud)
{
    struct diary *d = ud;
    d->done++;
    d->x = NULL;
    mw_exchange_free(x);
}

static void listen_to(struct diary *d, int secrets, size_t body_limit)
{
    mw_trace how = {.fn = hook, .ud = d, .secrets = secrets, .body_limit = body_limit};
    mw_trace_set(d->rt, &how);
}

static void open_diary(struct diary *d)
{
    mw_config config;
    memset(&config, 0, sizeof config);
    memset(d, 0, sizeof *d);
    config.resolv_conf = config.hosts_file = "/dev/null";
    d->rt = test_need(test_open(&config));
    mw_listen how = {.on_request = on_request};
    CHECK_INT(mw_server_listen(d->rt, &how, &d->server), MW_OK);
    listen_to(d, 0, 0);
}

static void close_diary(struct diary *d)
{
    mw_server_free(d->server);
    mw_close(d->rt);
}

static int start(struct diary *d)
{
    static const mw_header fields[] = {{"Authorization", "Basic gEhEiM"}, {"X-Mine", "1"}};
    char url[60];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", mw_server_port(d->server));
    mw_options o = {.url = url,
                    .method = "POST",
                    .headers = fields,
                    .header_count = 2,
                    .body = "12345678",
                    .body_length = 8,
                    .on_done = on_done,
                    .ud = d};
    return mw_exchange_start(d->rt, &o, &d->x);
}

/* Until nothing is pending but the server. */
static void settle(struct diary *d)
{
    double until = mw_now() + 20;
    while (mw_poll(d->rt, 0.1) > 1 && mw_now() < until)
        ;
}

/* ---- the tests ------------------------------------------------------------------------------ */

static void tells_in_order_and_without_secrets(void)
{
    struct diary d;
    open_diary(&d);
    CHECK_INT(start(&d), MW_OK);
    CHECK_INT(d.events, 0); /* nothing from inside the call */
    settle(&d);
    CHECK_TEXT(d.words, "start connect send head done");
    CHECK_INT(d.done, 1);
    CHECK(strstr(d.all, "gEhEiM") == NULL);
    CHECK(strstr(d.all, "Basic ***") != NULL);
    CHECK(strstr(d.all, "sid=***; Path=/") != NULL);
    CHECK(strstr(d.all, "body:") == NULL);
    close_diary(&d);
}

static void tells_secrets_and_bodies_if_asked_to(void)
{
    struct diary d;
    open_diary(&d);
    listen_to(&d, 1, 4);
    CHECK_INT(start(&d), MW_OK);
    settle(&d);
    CHECK(strstr(d.all, "Basic gEhEiM") != NULL);
    CHECK(strstr(d.all, "body:1234") != NULL);
    CHECK(strstr(d.all, "body:12345") == NULL);
    CHECK(strstr(d.all, "body:hell") != NULL);
    close_diary(&d);
}

static void tells_of_one_that_is_freed(void)
{
    struct diary d;
    open_diary(&d);
    CHECK_INT(start(&d), MW_OK);
    mw_exchange_free(d.x);
    settle(&d);
    CHECK(strstr(d.words, "start") == d.words);
    CHECK(strstr(d.words, "done") != NULL);
    CHECK_INT(d.done, 0);
    close_diary(&d);
}

static void free_it(struct diary *d, const mw_trace_event *e)
{
    if (strcmp(e->what, "done") == 0 && d->x != NULL) {
        mw_exchange_free(d->x);
        d->x = NULL;
    }
}

static void may_free_the_exchange_at_its_end(void)
{
    struct diary d;
    open_diary(&d);
    d.act = free_it;
    CHECK_INT(start(&d), MW_OK);
    settle(&d);
    CHECK_INT(d.done, 0);
    CHECK_TEXT(d.words, "start connect send head done");
    close_diary(&d);
}

static void free_early(struct diary *d, const mw_trace_event *e)
{
    (void)e;
    mw_exchange_free(d->x);
    d->x = NULL;
}

static void may_free_the_exchange_at_once(void)
{
    struct diary d;
    open_diary(&d);
    d.act = free_early;
    CHECK_INT(start(&d), MW_OK);
    settle(&d);
    CHECK_INT(d.done, 0);
    CHECK(strstr(d.words, "done") != NULL);
    close_diary(&d);
}

static void stop(struct diary *d, const mw_trace_event *e)
{
    (void)e;
    mw_trace_set(d->rt, NULL);
    CHECK_INT(mw_trace_flush(d->rt), MW_ELOOP);
}

static void may_stop_itself(void)
{
    struct diary d;
    open_diary(&d);
    d.act = stop;
    CHECK_INT(start(&d), MW_OK);
    settle(&d);
    CHECK_INT(d.events, 1);
    CHECK_INT(d.done, 1);
    close_diary(&d);
}

static void flushes_what_waits(void)
{
    struct diary d;
    open_diary(&d);
    CHECK_INT(start(&d), MW_OK);
    CHECK_INT(mw_trace_flush(d.rt), MW_OK);
    CHECK(strstr(d.words, "start") == d.words);
    settle(&d);
    CHECK_TEXT(d.words, "start connect send head done");
    close_diary(&d);
}

static void forgets_what_waits_when_it_ends(void)
{
    struct diary d;
    open_diary(&d);
    int before = mw_pending(d.rt);
    CHECK_INT(start(&d), MW_OK);
    mw_exchange_free(d.x);
    CHECK_INT(mw_pending(d.rt), before + 1); /* the events */
    mw_trace_set(d.rt, NULL);
    CHECK_INT(mw_pending(d.rt), before);
    settle(&d);
    CHECK_INT(d.events, 0);
    listen_to(&d, 0, 0);
    CHECK_INT(start(&d), MW_OK); /* and the runtime closes with events that nobody was told of */
    close_diary(&d);
    CHECK_INT(d.events, 0);
}

/* ---- memory that runs out -------------------------------------------------------------------- */

struct memory {
    int left; /* allocations; below 0: no limit */
};

static void *limited(void *ud, void *block, size_t size)
{
    struct memory *m = ud;
    if (size == 0) {
        free(block);
        return NULL;
    }
    if (m->left == 0)
        return NULL;
    if (m->left > 0)
        m->left--;
    return realloc(block, size);
}

static void survives_a_lack_of_memory(void)
{
    for (int n = 0; n < 60; n++) {
        struct memory memory = {-1};
        struct diary d;
        mw_config config;
        memset(&config, 0, sizeof config);
        memset(&d, 0, sizeof d);
        config.alloc = limited;
        config.ud = &memory;
        d.rt = test_need(test_open(&config));
        mw_listen how = {.on_request = on_request};
        CHECK_INT(mw_server_listen(d.rt, &how, &d.server), MW_OK);
        listen_to(&d, 0, 100);
        memory.left = n;
        int result = start(&d);
        for (int i = 0; i < 20; i++)
            mw_poll(d.rt, 0);
        memory.left = -1;
        settle(&d);
        CHECK(result == MW_OK ? d.done == 1 : d.done == 0);
        close_diary(&d);
    }
}

/* ---- what was asked for ---------------------------------------------------------------------- */

static void tells_what_was_asked_for(void)
{
    struct diary d;
    open_diary(&d);
    CHECK_INT(start(&d), MW_OK);
    mw_asked a = mw_exchange_asked(d.x);
    CHECK_TEXT(a.method, "POST");
    CHECK(strncmp(a.url, "http://127.0.0.1:", 17) == 0);
    CHECK(a.has_body && a.body_length == 8 && memcmp(a.body, "12345678", 8) == 0);
    CHECK_INT(a.max_redirects, 50);
    CHECK(a.connect_timeout == 30 && a.total_timeout == MW_NEVER);
    CHECK(a.body_file == NULL && a.proxy == NULL && a.ca_file == NULL && !a.insecure);
    settle(&d);
    close_diary(&d);
}

int main(void)
{
    TEST(tells_in_order_and_without_secrets);
    TEST(tells_secrets_and_bodies_if_asked_to);
    TEST(tells_of_one_that_is_freed);
    TEST(may_free_the_exchange_at_its_end);
    TEST(may_free_the_exchange_at_once);
    TEST(may_stop_itself);
    TEST(flushes_what_waits);
    TEST(forgets_what_waits_when_it_ends);
    TEST(survives_a_lack_of_memory);
    TEST(tells_what_was_asked_for);
    return test_end();
}
