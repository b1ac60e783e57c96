/* One request and its response, asked of an own server: which callbacks come, in which order, what
 * may be done in them, and what can be read.
 * SPDX-License-Identifier: MIT */
#include "test.h"

#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a server, and an exchange that keeps a diary ------------------------------------------- */

enum { BIG = 3 << 20 };

static char *big_body; /* BIG bytes */

struct site {
    mw_runtime *rt;
    mw_server *server;
    mw_request *held;
    char target[100], seen[100]; /* of the last request: its target, its field X-Seen */
    size_t body_length;
};

static void reply(mw_request *r, int status, const char *body)
{
    static const mw_header fields[] = {
        {"Content-Type", "text/plain"}, {"Set-Cookie", "a=1"}, {"Set-Cookie", "b=2"}};
    mw_reply_head(r, status, NULL, fields, 3, (int64_t)strlen(body));
    mw_reply_body(r, body, strlen(body));
    mw_reply_end(r);
}

static void move(mw_request *r)
{
    static const mw_header field = {"Location", "/there"};
    mw_reply_head(r, 302, NULL, &field, 1, 5);
    mw_reply_body(r, "moved", 5);
    mw_reply_end(r);
}

static void reply_big(mw_request *r)
{
    mw_reply_head(r, 200, NULL, NULL, 0, BIG);
    mw_reply_body(r, big_body, BIG);
    mw_reply_end(r);
}

static void on_request(mw_server *server, mw_request *r, void *ud)
{
    struct site *s = ud;
    const char *target = mw_request_target(r), *seen = mw_request_header(r, "x-seen");
    (void)server;
    snprintf(s->target, sizeof s->target, "%s", target);
    snprintf(s->seen, sizeof s->seen, "%s", seen != NULL ? seen : "");
    mw_request_body(r, &s->body_length);
    if (strcmp(target, "/hold") == 0)
        s->held = r;
    else if (strcmp(target, "/missing") == 0)
        reply(r, 404, "no such thing");
    else if (strcmp(target, "/none") == 0)
        reply(r, 204, "");
    else if (strcmp(target, "/moved") == 0)
        move(r);
    else if (strcmp(target, "/lines") == 0)
        reply(r, 200, "one\ntwo\n\nlast");
    else if (strcmp(target, "/big") == 0)
        reply_big(r);
    else
        reply(r, 200, "hello");
}

static void open_site(struct site *s)
{
    mw_config config;
    memset(&config, 0, sizeof config);
    memset(s, 0, sizeof *s);
    config.resolv_conf = config.hosts_file = "/dev/null";
    s->rt = test_need(test_open(&config));
    mw_listen how = {.on_request = on_request, .ud = s};
    CHECK_INT(mw_server_listen(s->rt, &how, &s->server), MW_OK);
    test_need(s->server);
}

static void close_site(struct site *s)
{
    mw_server_free(s->server);
    mw_close(s->rt);
}

/* What happened to an exchange: a letter for each callback; several of one kind in a row once. */
struct diary {
    struct site *site;
    mw_exchange *x;
    char letters[64];
    size_t count;
    int inside;                   /* a call of ours that must call nobody */
    char act_at;                  /* the letter at which to act… */
    void (*act)(struct diary *d); /* …and how */
    int done, freed, error;
    uint64_t sent, total;
};

static void note(struct diary *d, char letter)
{
    CHECK(!d->inside);
    CHECK(!d->freed);
    CHECK(!d->done);
    CHECK(letter == 'd' || !mw_exchange_finished(d->x));
    if ((d->count == 0 || d->letters[d->count - 1] != letter) && d->count < sizeof d->letters - 1)
        d->letters[d->count++] = letter;
    if (letter == 'd') {
        d->done = 1;
        d->error = mw_exchange_error(d->x);
        CHECK(mw_exchange_finished(d->x));
    }
    if (d->act_at == letter && d->act != NULL) {
        void (*act)(struct diary *) = d->act;
        d->act = NULL;
        d->inside = 1;
        act(d);
        d->inside = 0;
    }
}

static void on_sent(mw_exchange *x, uint64_t sent, uint64_t total, void *ud)
{
    struct diary *d = ud;
    CHECK(x == d->x);
    CHECK(sent > d->sent && sent <= total);
    d->sent = sent;
    d->total = total;
    note(d, 's');
}

static void on_head(mw_exchange *x, void *ud)
{
    struct diary *d = ud;
    CHECK(x == d->x);
    CHECK(mw_exchange_status(x) != 0);
    note(d, 'h');
}

static void on_body(mw_exchange *x, void *ud)
{
    struct diary *d = ud;
    CHECK(x == d->x);
    CHECK(mw_exchange_available(x) > 0);
    note(d, 'b');
}

static void on_done(mw_exchange *x, void *ud)
{
    struct diary *d = ud;
    CHECK(x == d->x);
    note(d, 'd');
}

/* Starts what `options` ask for, with the callbacks of a diary. */
static int start(struct diary *d, struct site *s, mw_options options)
{
    d->site = s;
    options.on_sent = on_sent;
    options.on_head = on_head;
    options.on_body = on_body;
    options.on_done = on_done;
    options.ud = d;
    d->inside = 1; /* no callback before control is back in the loop */
    int result = mw_exchange_start(s->rt, &options, &d->x);
    d->inside = 0;
    return result;
}

static mw_exchange *get(struct diary *d, struct site *s, const char *path)
{
    mw_options options = {.url = test_url(mw_server_port(s->server), path)};
    CHECK_INT(start(d, s, options), MW_OK);
    return test_need(d->x);
}

static mw_exchange *put_big(struct diary *d, struct site *s)
{
    mw_options options = {.method = "PUT",
                          .url = test_url(mw_server_port(s->server), "/"),
                          .body = big_body,
                          .body_length = BIG};
    CHECK_INT(start(d, s, options), MW_OK);
    return test_need(d->x);
}

/* ---- callbacks ------------------------------------------------------------------------------ */

static void calls_in_order_and_once(void)
{
    struct site s;
    struct diary d = {0};
    open_site(&s);
    mw_exchange *x = put_big(&d, &s);
    CHECK(!mw_exchange_finished(x));
    WAIT(s.rt, d.done);
    CHECK_TEXT(d.letters, "shbd");
    CHECK_INT((long long)d.sent, BIG);
    CHECK_INT((long long)d.total, BIG);
    CHECK_INT((long long)s.body_length, BIG);
    test_turn(s.rt);
    CHECK_TEXT(d.letters, "shbd");
    mw_exchange_free(x);
    close_site(&s);
}

static void tells_nothing_that_is_not_there(void)
{
    static const struct {
        const char *method, *path, *letters;
    } cases[] = {
        {"GET", "/", "hbd"}, {"HEAD", "/", "hd"}, {"GET", "/none", "hd"}, {"POST", "/none", "hd"}};
    struct site s;
    open_site(&s);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct diary d = {0};
        mw_options options = {.method = cases[i].method,
                              .url = test_url(mw_server_port(s.server), cases[i].path)};
        CHECK_INT(start(&d, &s, options), MW_OK);
        WAIT(s.rt, d.done);
        CHECK_TEXT(d.letters, cases[i].letters);
        CHECK_INT(d.error, MW_NO_ERROR);
        mw_exchange_free(d.x);
    }
    close_site(&s);
}

static void done(mw_exchange *x, void *ud)
{
    ++*(int *)ud;
    mw_exchange_free(x);
}

static void needs_no_handle(void)
{
    struct site s;
    int count = 0;
    open_site(&s);
    mw_options options = {
        .url = test_url(mw_server_port(s.server), "/"), .on_done = done, .ud = &count};
    CHECK_INT(mw_exchange_start(s.rt, &options, NULL), MW_OK);
    WAIT(s.rt, count);
    CHECK_INT(count, 1);
    close_site(&s);
}

static void needs_no_callback(void)
{
    struct site s;
    mw_exchange *x = NULL;
    open_site(&s);
    mw_options options = {.url = test_url(mw_server_port(s.server), "/")};
    CHECK_INT(mw_exchange_start(s.rt, &options, &x), MW_OK);
    for (double deadline = mw_now() + 10; !mw_exchange_finished(x) && mw_now() < deadline;)
        mw_poll(s.rt, 0.05);
    CHECK_INT(mw_exchange_status(x), 200);
    CHECK_INT((long long)mw_exchange_available(x), 5);
    mw_exchange_free(x);
    close_site(&s);
}

static void free_it(struct diary *d)
{
    mw_exchange_free(d->x);
    d->freed = 1;
}

static void may_be_freed_in_every_callback(void)
{
    struct site s;
    open_site(&s);
    for (const char *letter = "shbd"; *letter != '\0'; letter++) {
        struct diary d = {.act_at = *letter, .act = free_it};
        put_big(&d, &s);
        WAIT(s.rt, d.freed);
        for (double deadline = mw_now() + 5; mw_pending(s.rt) > 1 && mw_now() < deadline;)
            test_turn(s.rt); /* the server reads what had been sent before the end */
        CHECK_INT(mw_pending(s.rt) - (s.held != NULL), 1); /* the server, and nothing else */
        CHECK(strchr(d.letters, *letter)[1] == '\0');
    }
    close_site(&s);
}

static void cancel_it(struct diary *d)
{
    mw_exchange_cancel(d->x);
    mw_exchange_cancel(d->x);
    CHECK_INT(mw_exchange_error(d->x),
              d->act_at == 'd' ? MW_NO_ERROR : MW_OPERATION_CANCELLED_ERROR);
}

static void may_be_cancelled_in_every_callback(void)
{
    struct site s;
    open_site(&s);
    for (const char *letter = "shbd"; *letter != '\0'; letter++) {
        struct diary d = {.act_at = *letter, .act = cancel_it};
        put_big(&d, &s);
        WAIT(s.rt, d.done);
        test_turn(s.rt);
        CHECK_INT(d.error, *letter == 'd' ? MW_NO_ERROR : MW_OPERATION_CANCELLED_ERROR);
        CHECK(d.letters[d.count - 1] == 'd');
        mw_exchange_free(d.x);
    }
    close_site(&s);
}

static void may_be_cancelled_at_once(void)
{
    struct site s;
    struct diary d = {0};
    open_site(&s);
    mw_exchange *x = get(&d, &s, "/hold");
    d.inside = 1;
    mw_exchange_cancel(x);
    mw_exchange_cancel(x);
    d.inside = 0;
    WAIT(s.rt, d.done);
    CHECK_TEXT(d.letters, "d");
    CHECK_INT(d.error, MW_OPERATION_CANCELLED_ERROR);
    CHECK_HAS(mw_exchange_error_string(x), "cancelled");
    CHECK_INT(mw_exchange_status(x), 0);
    mw_exchange_cancel(x); /* too late, and harmless */
    CHECK_INT(mw_exchange_error(x), MW_OPERATION_CANCELLED_ERROR);
    mw_exchange_free(x);
    close_site(&s);
}

static int on_redirect(mw_exchange *x, const char *url, void *ud)
{
    struct diary *d = ud;
    CHECK_INT(mw_exchange_status(x), 302);
    CHECK_HAS(url, "/there");
    note(d, 'r');
    return 1;
}

static void ask_for_moved(struct diary *d, struct site *s)
{
    CHECK_INT(start(d, s,
                    (mw_options){.url = test_url(mw_server_port(s->server), "/moved"),
                                 .on_redirect = on_redirect}),
              MW_OK);
}

static void may_be_freed_or_cancelled_where_it_asks_about_a_redirect(void)
{
    struct site s;
    open_site(&s);
    struct diary d = {.act_at = 'r', .act = free_it};
    ask_for_moved(&d, &s);
    WAIT(s.rt, d.freed);
    struct diary e = {.act_at = 'r', .act = cancel_it};
    ask_for_moved(&e, &s);
    WAIT(s.rt, e.done);
    CHECK_TEXT(e.letters, "rd");
    CHECK_INT(e.error, MW_OPERATION_CANCELLED_ERROR);
    mw_exchange_free(e.x);
    CHECK_INT(mw_poll(s.rt, 0), 1); /* the server, and nothing else */
    CHECK_TEXT(s.target, "/moved");
    close_site(&s);
}

static void may_be_freed_in_flight(void)
{
    struct site s;
    struct diary d = {0};
    open_site(&s);
    mw_exchange_free(get(&d, &s, "/hold")); /* at once */
    d.freed = 1;
    CHECK_INT(mw_pending(s.rt), 1);
    test_turn(s.rt);
    struct diary e = {0};
    mw_exchange *x = get(&e, &s, "/hold");
    for (double deadline = mw_now() + 10; s.held == NULL && mw_now() < deadline;)
        mw_poll(s.rt, 0.05);
    mw_exchange_free(x); /* while it waits for the answer */
    e.freed = 1;
    test_need(s.held);
    reply(s.held, 200, "nobody hears this");
    test_turn(s.rt);
    mw_exchange_free(NULL);
    close_site(&s);
}

static void start_another(struct diary *d)
{
    struct diary *next = d + 1;
    mw_options options = {.url = test_url(mw_server_port(d->site->server), "/")};
    CHECK_INT(start(next, d->site, options), MW_OK);
}

static void may_start_others_in_every_callback(void)
{
    struct site s;
    open_site(&s);
    for (const char *letter = "shbd"; *letter != '\0'; letter++) {
        struct diary d[2] = {{.act_at = *letter, .act = start_another}, {0}};
        put_big(&d[0], &s);
        WAIT(s.rt, d[0].done);
        WAIT(s.rt, d[1].done);
        CHECK_INT(d[1].error, MW_NO_ERROR);
        mw_exchange_free(d[0].x);
        mw_exchange_free(d[1].x);
    }
    close_site(&s);
}

static void are_many_at_once(void)
{
    enum { MANY = 200 };
    static struct diary d[MANY];
    struct site s;
    open_site(&s);
    memset(d, 0, sizeof d);
    for (int i = 0; i < MANY; i++)
        get(&d[i], &s, i % 2 == 0 ? "/" : "/lines");
    for (int i = 0; i < MANY; i++) {
        WAIT(s.rt, d[i].done);
        CHECK_INT(d[i].error, MW_NO_ERROR);
        CHECK_INT((long long)mw_exchange_received(d[i].x), i % 2 == 0 ? 5 : 13);
        mw_exchange_free(d[i].x);
    }
    close_site(&s);
}

/* ---- reading -------------------------------------------------------------------------------- */

static void reads_the_body(void)
{
    char bytes[32] = "";
    struct site s;
    struct diary d = {0};
    open_site(&s);
    mw_exchange *x = get(&d, &s, "/lines");
    CHECK_INT((long long)mw_exchange_available(x), 0);
    CHECK_INT((long long)mw_exchange_read(x, bytes, sizeof bytes), 0);
    CHECK_INT((long long)mw_exchange_peek(x, bytes, sizeof bytes), 0);
    CHECK_INT((long long)mw_exchange_line(x), 0);
    CHECK_INT(mw_exchange_total(x), -1);
    mw_exchange_drop(x);
    WAIT(s.rt, d.done);
    CHECK_INT((long long)mw_exchange_received(x), 13);
    CHECK_INT(mw_exchange_total(x), 13);
    CHECK_INT((long long)mw_exchange_available(x), 13);
    CHECK_INT((long long)mw_exchange_peek(x, bytes, 3), 3);
    CHECK_TEXT(bytes, "one");
    CHECK_INT((long long)mw_exchange_available(x), 13);
    CHECK_INT((long long)mw_exchange_line(x), 4);
    CHECK_INT((long long)mw_exchange_read(x, bytes, 0), 0);
    CHECK_INT((long long)mw_exchange_read(x, bytes, 6), 6);
    CHECK(memcmp(bytes, "one\ntw", 6) == 0);
    CHECK_INT((long long)mw_exchange_line(x), 2);
    mw_exchange_read(x, bytes, 2);
    CHECK_INT((long long)mw_exchange_line(x), 1); /* an empty one */
    mw_exchange_read(x, bytes, 1);
    CHECK_INT((long long)mw_exchange_line(x), 0); /* the last has no end */
    CHECK_INT((long long)mw_exchange_available(x), 4);
    CHECK_INT((long long)mw_exchange_read(x, bytes, sizeof bytes), 4);
    CHECK_INT((long long)mw_exchange_available(x), 0);
    CHECK_INT((long long)mw_exchange_received(x), 13);
    mw_exchange_free(x);
    close_site(&s);
}

static void drops_the_body(void)
{
    struct site s;
    struct diary d = {0};
    open_site(&s);
    mw_exchange *x = get(&d, &s, "/lines");
    WAIT(s.rt, d.done);
    mw_exchange_drop(x);
    CHECK_INT((long long)mw_exchange_available(x), 0);
    CHECK_INT((long long)mw_exchange_line(x), 0);
    CHECK_INT((long long)mw_exchange_received(x), 13);
    mw_exchange_free(x);
    close_site(&s);
}

static void stops_reading_when_nobody_reads(void)
{
    enum { ROOM = 64 << 10 };
    char bytes[4096];
    size_t most = 0, count, read = 0;
    struct site s;
    struct diary d = {0};
    open_site(&s);
    mw_options options = {.url = test_url(mw_server_port(s.server), "/big"),
                          .read_buffer_size = ROOM};
    CHECK_INT(start(&d, &s, options), MW_OK);
    CHECK_INT((long long)mw_exchange_read_buffer_size(d.x), ROOM);
    for (int i = 0; i < 50; i++)
        mw_poll(s.rt, 0.001);
    CHECK(!d.done);
    for (double deadline = mw_now() + 30; read < BIG && mw_now() < deadline;) {
        mw_poll(s.rt, 0.01);
        most = mw_exchange_available(d.x) > most ? mw_exchange_available(d.x) : most;
        while ((count = mw_exchange_read(d.x, bytes, sizeof bytes)) > 0) {
            CHECK(memcmp(bytes, big_body + read, count) == 0);
            read += count;
        }
    }
    CHECK_INT((long long)read, BIG);
    CHECK(most >= ROOM / 2 && most < 2 * ROOM);
    WAIT(s.rt, d.done);
    mw_exchange_free(d.x);

    struct diary e = {0};
    CHECK_INT(start(&e, &s, options), MW_OK);
    for (int i = 0; i < 50; i++)
        mw_poll(s.rt, 0.001);
    mw_exchange_set_read_buffer_size(e.x, 0); /* no limit any more */
    WAIT(s.rt, e.done);
    CHECK_INT((long long)mw_exchange_available(e.x), BIG);
    mw_exchange_free(e.x);
    close_site(&s);
}

static void tells_of_the_head(void)
{
    struct site s;
    struct diary d = {0};
    size_t count;
    open_site(&s);
    mw_exchange *x = get(&d, &s, "/");
    CHECK_INT(mw_exchange_status(x), 0);
    CHECK_TEXT(mw_exchange_reason(x), "");
    CHECK_INT((long long)mw_exchange_header_count(x), 0);
    CHECK(mw_exchange_header(x, "Content-Type") == NULL);
    CHECK(mw_exchange_header_at(x, 0).name == NULL);
    WAIT(s.rt, d.done);
    CHECK_INT(mw_exchange_status(x), 200);
    CHECK_TEXT(mw_exchange_reason(x), "OK");
    count = mw_exchange_header_count(x);
    CHECK(count >= 4);
    CHECK_TEXT(mw_exchange_header_at(x, 0).name, "Content-Type");
    CHECK_TEXT(mw_exchange_header_at(x, 1).value, "a=1");
    CHECK_TEXT(mw_exchange_header_at(x, 2).value, "b=2");
    CHECK(mw_exchange_header_at(x, count).name == NULL);
    CHECK(mw_exchange_header_at(x, (size_t)-1).value == NULL);
    CHECK_TEXT(mw_exchange_header(x, "cOnTeNt-TyPe"), "text/plain");
    CHECK_TEXT(mw_exchange_header(x, "set-cookie"), "a=1");
    CHECK_TEXT(mw_exchange_header(x, "Content-Length"), "5");
    CHECK(mw_exchange_header(x, "X-None") == NULL);
    CHECK(mw_exchange_header(x, "") == NULL);
    CHECK_TEXT(mw_exchange_error_string(x), "");
    mw_exchange_free(x);
    close_site(&s);
}

/* ---- asking --------------------------------------------------------------------------------- */

static void asks_by_parts(void)
{
    char protocol[] = "http:", host[] = "127.0.0.1", path[] = "/a/path", query[] = "b=c";
    char name[] = "X-Seen", value[] = "yes", method[] = "POST";
    struct site s;
    struct diary d = {0};
    open_site(&s);
    mw_header field = {name, value};
    mw_options options = {.protocol = protocol,
                          .hostname = host,
                          .port = mw_server_port(s.server),
                          .path = path,
                          .query = query,
                          .method = method,
                          .headers = &field,
                          .header_count = 1};
    CHECK_INT(start(&d, &s, options), MW_OK);
    char *const texts[] = {protocol, host, path, query, name, value, method};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        memset(texts[i], '!', strlen(texts[i])); /* all of it was copied */
    CHECK_TEXT(mw_exchange_url(d.x), test_url(mw_server_port(s.server), "/a/path?b=c"));
    WAIT(s.rt, d.done);
    CHECK_INT(d.error, MW_NO_ERROR);
    CHECK_TEXT(s.target, "/a/path?b=c");
    CHECK_TEXT(s.seen, "yes");
    mw_exchange_free(d.x);
    close_site(&s);
}

static void normalises_urls(void)
{
    static const struct {
        mw_options options;
        const char *url;
    } cases[] = {
        {{.url = "HTTP://EXAMPLE.com"}, "http://example.com/"},
        {{.url = "http://example.com:80/Path?Q#part"}, "http://example.com/Path?Q#part"},
        {{.url = "https://example.com:443"}, "https://example.com/"},
        {{.url = "https://example.com:80/"}, "https://example.com:80/"},
        {{.url = "http://[::1]:8080/"}, "http://[::1]:8080/"},
        {{.hostname = "example.com"}, "http://example.com/"},
        {{.hostname = "::1", .port = 81}, "http://[::1]:81/"},
        {{.hostname = "[::1]", .protocol = "https"}, "https://[::1]/"},
        {{.hostname = "a.b", .query = ""}, "http://a.b/"},
        {{.url = "http://a.b/?"}, "http://a.b/?"},
    };
    struct site s;
    open_site(&s);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mw_exchange *x = NULL;
        if (CHECK_INT(mw_exchange_start(s.rt, &cases[i].options, &x), MW_OK))
            CHECK_TEXT(mw_exchange_url(x), cases[i].url);
        mw_exchange_free(x);
    }
    close_site(&s);
}

static void refuses_what_is_not_http(void)
{
    static const mw_header bad_name = {"X Y", "1"}, empty_name = {"", "1"};
    static const mw_header bad_value = {"X", "a\r\nB: c"}, bad_length = {"Content-Length", "7"};
    static const struct {
        mw_options options;
        const char *words;
    } cases[] = {
        {{.url = ""}, "url"},
        {{.url = "example.com"}, "url"},
        {{.url = "http://"}, "url"},
        {{.url = "http://a:b/"}, "port"},
        {{.url = "http://a:0/"}, "port"},
        {{.url = "http://a:65536/"}, "port"},
        {{.url = "http://a/b c"}, "path"},
        {{.url = "http://a/b\r\nX: y"}, "path"},
        {{.url = "http://a/?b c"}, "query"},
        {{.url = "http://a b/"}, "hostname"},
        {{0}, "hostname"},
        {{.hostname = ""}, "hostname"},
        {{.hostname = "a\nb"}, "hostname"},
        {{.hostname = "::g"}, "hostname"},
        {{.hostname = "a:80"}, "hostname"},
        {{.hostname = "a", .port = -1}, "port"},
        {{.hostname = "a", .port = 65536}, "port"},
        {{.hostname = "a", .path = "b"}, "path"},
        {{.hostname = "a", .protocol = ""}, "protocol"},
        {{.hostname = "a", .protocol = "ht tp"}, "protocol"},
        {{.hostname = "a", .method = ""}, "method"},
        {{.hostname = "a", .method = "GET\r\n"}, "method"},
        {{.hostname = "a", .headers = &bad_name, .header_count = 1}, "header name"},
        {{.hostname = "a", .headers = &empty_name, .header_count = 1}, "header name"},
        {{.hostname = "a", .headers = &bad_value, .header_count = 1}, "header X"},
        {{.hostname = "a", .headers = &bad_length, .header_count = 1}, "Content-Length"},
        {{.hostname = "a", .total_timeout = NAN}, "timeout"},
        {{.hostname = "a", .idle_timeout = NAN}, "timeout"},
        {{.hostname = "a", .connect_timeout = NAN}, "timeout"},
        {{.hostname = "a", .queue_timeout = NAN}, "queue_timeout"},
    };
    struct site s;
    open_site(&s);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mw_exchange *x = NULL;
        int result = mw_exchange_start(s.rt, &cases[i].options, &x);
        int right = CHECK_INT(result, MW_EINVAL) & CHECK_HAS(mw_message(s.rt), cases[i].words) &
                    CHECK(x == NULL);
        if (!right)
            printf("    in case %zu, about %s\n", i, cases[i].words);
        mw_exchange_free(x);
    }
    CHECK_INT(mw_pending(s.rt), 1);
    close_site(&s);
}

/* In a process of its own, since it may not survive that. */
static int status_of_start(const mw_header *field)
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        mw_runtime *rt = test_need(test_open(NULL));
        mw_options options = {.hostname = "a", .headers = field, .header_count = 1};
        int result = mw_exchange_start(rt, &options, NULL);
        int right = result == MW_EINVAL && mw_message(rt)[0] != '\0';
        mw_close(rt);
        free(big_body);
        _exit(right ? 0 : 1);
    }
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    return status;
}

static void refuses_headers_without_name_or_value(void)
{
    static const mw_header no_name = {NULL, "1"}, no_value = {"X", NULL};
    CHECK_INT(status_of_start(&no_name), 0);
    CHECK_INT(status_of_start(&no_value), 0);
}

/* ---- failing -------------------------------------------------------------------------------- */

static void delivers_what_comes_with_an_error_status(void)
{
    char bytes[32] = "";
    struct site s;
    struct diary d = {0};
    open_site(&s);
    mw_exchange *x = get(&d, &s, "/missing");
    WAIT(s.rt, d.done);
    CHECK_TEXT(d.letters, "hbd");
    CHECK_INT(mw_exchange_status(x), 404);
    CHECK_INT(d.error, MW_CONTENT_NOT_FOUND_ERROR);
    CHECK_HAS(mw_exchange_error_string(x), "404");
    CHECK_INT((long long)mw_exchange_read(x, bytes, sizeof bytes - 1), 13);
    CHECK_TEXT(bytes, "no such thing");
    mw_exchange_free(x);
    close_site(&s);
}

static void tells_what_failed(void)
{
    struct site s;
    open_site(&s);
    int port = mw_server_port(s.server); /* nobody listens there once it is closed */
    mw_server_free(s.server);
    s.server = NULL;
    struct diary d = {0};
    mw_options options = {.url = test_url(port, "/")};
    CHECK_INT(start(&d, &s, options), MW_OK);
    WAIT(s.rt, d.done);
    mw_detail detail = mw_exchange_detail(d.x);
    CHECK_INT(d.error, MW_CONNECTION_REFUSED_ERROR);
    CHECK_TEXT(d.letters, "d");
    CHECK_TEXT(detail.phase, "connect");
    CHECK(detail.system_errno != 0);
    CHECK_HAS(detail.address, "127.0.0.1:");
    CHECK_TEXT(detail.tls, "");
    CHECK_TEXT(detail.tls_subject, "");
    CHECK_INT(detail.tls_depth, -1);
    CHECK_INT(detail.attempt, 1);
    mw_exchange_free(d.x);

    static const struct {
        mw_options options;
        int error;
        const char *words, *capability; /* with which it does not fail */
    } cases[] = {
        {{.url = "gopher://127.0.0.1/"}, MW_PROTOCOL_UNKNOWN_ERROR, "gopher", NULL},
        {{.url = "http://127.0.0.1/", .method = "BREW"},
         MW_PROTOCOL_INVALID_OPERATION_ERROR,
         "BREW",
         "any_method"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct diary e = {0};
        if (cases[i].capability != NULL && mw_engine_can(s.rt, cases[i].capability))
            continue;
        CHECK_INT(start(&e, &s, cases[i].options), MW_OK);
        WAIT(s.rt, e.done);
        CHECK_TEXT(e.letters, "d");
        CHECK_INT(e.error, cases[i].error);
        CHECK_HAS(mw_exchange_error_string(e.x), cases[i].words);
        mw_exchange_free(e.x);
    }
    close_site(&s);
}

static void runs_out_of_time(void)
{
    static const mw_options cases[] = {{.total_timeout = 0.02}, {.idle_timeout = 0.02}};
    struct site s;
    open_site(&s);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct diary d = {0};
        mw_options options = cases[i];
        options.url = test_url(mw_server_port(s.server), "/hold");
        CHECK_INT(start(&d, &s, options), MW_OK);
        WAIT(s.rt, d.done);
        CHECK_INT(d.error, MW_TIMEOUT_ERROR);
        CHECK_HAS(mw_exchange_error_string(d.x), "timed out");
        mw_exchange_free(d.x);
    }
    struct diary d = {0};
    mw_options options = {.url = test_url(mw_server_port(s.server), "/"),
                          .connect_timeout = MW_NEVER,
                          .idle_timeout = MW_NEVER,
                          .total_timeout = MW_NEVER};
    CHECK_INT(start(&d, &s, options), MW_OK);
    WAIT(s.rt, d.done);
    CHECK_INT(d.error, MW_NO_ERROR);
    mw_exchange_free(d.x);
    close_site(&s);
}

static void takes_no_more_than_it_may(void)
{
    struct site s;
    struct diary d = {0};
    open_site(&s);
    mw_options options = {.url = test_url(mw_server_port(s.server), "/big"), .max_body_size = 1000};
    CHECK_INT(start(&d, &s, options), MW_OK);
    WAIT(s.rt, d.done);
    CHECK_INT(d.error, MW_UNKNOWN_CONTENT_ERROR);
    CHECK_HAS(mw_exchange_error_string(d.x), "max_body_size");
    CHECK(mw_exchange_available(d.x) <= 1000);
    mw_exchange_free(d.x);
    close_site(&s);
}

int main(void)
{
    big_body = test_need(malloc(BIG));
    for (int i = 0; i < BIG; i++)
        big_body[i] = (char)(i * 7 + (i >> 12));
    TEST(calls_in_order_and_once);
    TEST(tells_nothing_that_is_not_there);
    TEST(needs_no_handle);
    TEST(needs_no_callback);
    TEST(may_be_freed_in_every_callback);
    TEST(may_be_cancelled_in_every_callback);
    TEST(may_be_cancelled_at_once);
    TEST(may_be_freed_or_cancelled_where_it_asks_about_a_redirect);
    TEST(may_be_freed_in_flight);
    TEST(may_start_others_in_every_callback);
    TEST(are_many_at_once);
    TEST(reads_the_body);
    TEST(drops_the_body);
    TEST(stops_reading_when_nobody_reads);
    TEST(tells_of_the_head);
    TEST(asks_by_parts);
    TEST(normalises_urls);
    TEST(refuses_what_is_not_http);
    TEST(refuses_headers_without_name_or_value);
    TEST(delivers_what_comes_with_an_error_status);
    TEST(tells_what_failed);
    TEST(runs_out_of_time);
    TEST(takes_no_more_than_it_may);
    free(big_body);
    return test_end();
}
