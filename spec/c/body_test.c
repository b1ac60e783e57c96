/* Where the body of a request comes from: what contradicts itself is refused at once, what the
 * engine or the file cannot do ends the exchange from the loop.
 * SPDX-License-Identifier: MIT */
#include "test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct end {
    int done, error;
    char words[256];
    char phase[16];
};

static void on_done(mw_exchange *x, void *ud)
{
    struct end *end = ud;
    end->done = 1;
    end->error = mw_exchange_error(x);
    snprintf(end->words, sizeof end->words, "%s", mw_exchange_error_string(x));
    snprintf(end->phase, sizeof end->phase, "%s", mw_exchange_detail(x).phase);
    mw_exchange_free(x);
}

static ptrdiff_t never(mw_exchange *x, void *bytes, size_t size, void *ud)
{
    (void)x;
    (void)bytes;
    (void)size;
    (void)ud;
    CHECK(!"called");
    return MW_READ_FAILED;
}

static mw_runtime *open_runtime(const char *engine)
{
    mw_config config;
    memset(&config, 0, sizeof config);
    config.engine = engine;
    config.resolv_conf = config.hosts_file = "/dev/null";
    return test_need(test_open(&config));
}

/* ---- what contradicts itself ------------------------------------------------------------------
 */

static void refuses(mw_options options, const char *words)
{
    mw_runtime *rt = open_runtime(NULL);
    options.method = "POST";
    options.url = "http://127.0.0.1:1/";
    options.on_done = on_done;
    CHECK_INT(mw_exchange_start(rt, &options, NULL), MW_EINVAL);
    CHECK_HAS(mw_message(rt), words);
    CHECK_INT(mw_pending(rt), 0);
    mw_close(rt);
}

static void refuses_two_sources(void)
{
    int fd = 0;
    refuses((mw_options){.body = "a", .body_length = 1, .read_body = never}, "only one of");
    refuses((mw_options){.body = "a", .body_length = 1, .body_file = "/dev/null"}, "only one of");
    refuses((mw_options){.body_file = "/dev/null", .body_fd = &fd}, "only one of");
    refuses((mw_options){.body_fd = &fd, .read_body = never}, "only one of");
}

static void refuses_framing_that_contradicts(void)
{
    static const mw_header length[] = {{"Content-Length", "2"}};
    static const mw_header both[] = {{"Transfer-Encoding", "chunked"}, {"Content-Length", "1"}};
    static const mw_header twice[] = {{"Transfer-Encoding", "chunked"},
                                      {"transfer-encoding", "chunked"}};
    static const mw_header gzip[] = {{"Transfer-Encoding", "gzip, chunked"}};
    mw_options body = {.body = "a", .body_length = 1, .header_count = 1};
    body.headers = length;
    refuses(body, "does not match the body's 1 bytes");
    body.headers = gzip;
    refuses(body, "\"gzip, chunked\" is not one that moonwire can apply");
    body.header_count = 2;
    body.headers = both;
    refuses(body, "exclude each other");
    body.headers = twice;
    refuses(body, "several Transfer-Encoding header fields");
    mw_options reads = {.read_body = never, .body_length = 3, .headers = length, .header_count = 1};
    refuses(reads, "does not match the body's 3 bytes");
}

/* ---- what ends at once --------------------------------------------------------------------------
 */

static struct end ends(const char *engine, mw_options options)
{
    struct end end;
    mw_runtime *rt = open_runtime(engine);
    memset(&end, 0, sizeof end);
    options.method = "POST";
    options.url = "http://127.0.0.1:1/";
    options.on_done = on_done;
    options.ud = &end;
    CHECK_INT(mw_exchange_start(rt, &options, NULL), MW_OK);
    CHECK_INT(end.done, 0); /* told from the loop */
    WAIT(rt, end.done);
    mw_close(rt);
    return end;
}

static void evhttp_reads_nothing_as_it_sends(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const mw_options sources[] = {
        {.body_file = "/etc/hostname"}, {.body_fd = &fd}, {.read_body = never}};
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        struct end end = ends("evhttp", sources[i]);
        CHECK_INT(end.error, MW_PROTOCOL_INVALID_OPERATION_ERROR);
        CHECK_HAS(end.words, "the evhttp engine cannot read a body as it sends it");
        CHECK_TEXT(end.phase, "send");
    }
    close(fd);
}

/* ---- functions and files, sent to a server of our own -------------------------------------------
 */

struct site {
    mw_runtime *rt;
    mw_server *server;
    char url[200];
    char *body; /* of the last request */
    size_t length;
    char framing[40];
    int cuts; /* so many requests are not answered, their connections cut */
};

static void on_request(mw_server *server, mw_request *r, void *ud)
{
    struct site *s = ud;
    const char *length = mw_request_header(r, "Content-Length");
    const char *coding = mw_request_header(r, "Transfer-Encoding");
    (void)server;
    free(s->body);
    const void *body = mw_request_body(r, &s->length);
    s->body = test_need(calloc(1, s->length + 1));
    if (s->length > 0)
        memcpy(s->body, body, s->length);
    snprintf(s->framing, sizeof s->framing, "%s", length != NULL ? length : coding);
    if (s->cuts > 0) {
        s->cuts--;
        mw_reply_abort(r);
        return;
    }
    static const mw_header hint = {"Link", "<a>"};
    if (strcmp(mw_request_target(r), "/hint") == 0)
        CHECK_INT(mw_reply_interim(r, 103, &hint, 1), MW_OK);
    CHECK_INT(mw_reply_head(r, 200, NULL, NULL, 0, 2), MW_OK);
    CHECK_INT(mw_reply_body(r, "ok", 2), MW_OK);
    mw_reply_end(r);
}

/* False where the engine cannot: then there is nothing to test. */
static int open_site(struct site *s)
{
    memset(s, 0, sizeof *s);
    s->rt = open_runtime(NULL);
    if (mw_engine_can(s->rt, "stream_upload") != 1) {
        mw_close(s->rt);
        return 0;
    }
    mw_listen how = {.on_request = on_request, .ud = s};
    CHECK_INT(mw_server_listen(s->rt, &how, &s->server), MW_OK);
    snprintf(s->url, sizeof s->url, "%s", test_url(mw_server_port(s->server), "/"));
    return 1;
}

static void close_site(struct site *s)
{
    mw_server_free(s->server);
    mw_close(s->rt);
    free(s->body);
}

/* What a function does when it is asked, step by step; the last step repeats. */
enum step { GIVE, END, WAIT_A_BIT, FAIL, CANCEL, DROP, RESUME_AT_ONCE, FAIL_WITH_WORDS, BOAST };

struct feed {
    struct end end; /* first: on_done's ud */
    struct site *site;
    const enum step *steps, *again;
    int asked, rewound, rewinds; /* rewinds: what its rewinding answers */
    mw_exchange *x;
    mw_timer *timer;
};

static void resume(mw_timer *timer, void *ud)
{
    struct feed *f = ud;
    mw_timer_free(timer);
    mw_exchange_resume(f->x);
}

static ptrdiff_t feed(mw_exchange *x, void *bytes, size_t size, void *ud)
{
    struct feed *f = ud;
    f->asked++;
    CHECK(size > 0);
    CHECK(mw_exchange_status(x) == 0);
    switch (*f->steps++) {
    case GIVE:
        memcpy(bytes, "abc", 3);
        return 3;
    case WAIT_A_BIT:
        f->x = x;
        f->timer = mw_timer_start(f->site->rt, 0.01, 0, resume, f);
        return MW_READ_AGAIN;
    case RESUME_AT_ONCE:
        mw_exchange_resume(x);
        return MW_READ_AGAIN;
    case FAIL_WITH_WORDS:
        mw_exchange_fail_body(x, "the sensor is off");
        return MW_READ_FAILED;
    case FAIL:
        return MW_READ_FAILED;
    case CANCEL:
        mw_exchange_cancel(x);
        memcpy(bytes, "abc", 3); /* it is still there */
        return 3;
    case DROP:
        f->end.done = 1;
        mw_exchange_free(x);
        return 3;
    case BOAST:
        return (ptrdiff_t)size + 1;
    case END:
    default:
        f->steps--;
        return 0;
    }
}

/* Its steps begin again with it. */
static int rewind_feed(mw_exchange *x, void *ud)
{
    struct feed *f = ud;
    (void)x;
    f->rewound++;
    f->steps = f->again;
    return f->rewinds;
}

static struct feed put_feed(struct site *s, const enum step *steps, mw_rewind_fn fn, int answer)
{
    struct feed f;
    memset(&f, 0, sizeof f);
    f.site = s;
    f.steps = steps;
    f.again = steps;
    f.rewinds = answer;
    mw_options options = {.method = "PUT", .url = s->url, .read_body = feed, .ud = &f};
    options.on_done = on_done;
    options.rewind_body = fn;
    CHECK_INT(mw_exchange_start(s->rt, &options, NULL), MW_OK);
    WAIT(s->rt, f.end.done);
    return f;
}

static struct feed run_feed(struct site *s, const enum step *steps, uint64_t length)
{
    struct feed f;
    memset(&f, 0, sizeof f);
    f.site = s;
    f.steps = steps;
    mw_options options = {.method = "POST", .url = s->url, .read_body = feed, .ud = &f};
    options.body_length = length;
    options.on_done = on_done;
    options.rewind_body = rewind_feed;
    CHECK_INT(mw_exchange_start(s->rt, &options, NULL), MW_OK);
    CHECK_INT(f.asked, 0);
    WAIT(s->rt, f.end.done);
    test_turn(s->rt);
    return f;
}

static void functions_give_as_they_like(void)
{
    static const enum step in_one_go[] = {GIVE, GIVE, END};
    static const enum step slowly[] = {WAIT_A_BIT, GIVE, WAIT_A_BIT, GIVE, WAIT_A_BIT, END};
    static const enum step resumed_inside[] = {RESUME_AT_ONCE, GIVE, RESUME_AT_ONCE, GIVE, END};
    const enum step *const ways[] = {in_one_go, slowly, resumed_inside};
    struct site s;
    if (!open_site(&s))
        return;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct feed f = run_feed(&s, ways[i], 0);
        CHECK_INT(f.end.error, MW_NO_ERROR);
        CHECK_TEXT(s.body, "abcabc");
        CHECK_TEXT(s.framing, "chunked");
        f = run_feed(&s, ways[i], 6);
        CHECK_INT(f.end.error, MW_NO_ERROR);
        CHECK_TEXT(s.body, "abcabc");
        CHECK_TEXT(s.framing, "6");
        CHECK_INT(f.rewound, 0);
    }
    close_site(&s);
}

static void functions_fail_in_words(void)
{
    static const enum step fails[] = {GIVE, FAIL}, at_once[] = {FAIL}, late[] = {WAIT_A_BIT, FAIL};
    static const enum step words[] = {GIVE, FAIL_WITH_WORDS}, boasts[] = {BOAST};
    static const enum step enough[] = {GIVE, GIVE, END};
    const struct {
        const enum step *steps;
        uint64_t length;
        const char *words;
    } rows[] = {{fails, 0, "its function has failed"},     {at_once, 5, "its function has failed"},
                {late, 0, "its function has failed"},      {words, 0, "the sensor is off"},
                {boasts, 0, "more than it was asked for"}, {enough, 7, "shorter than its length"},
                {enough, 5, "longer than its length"}};
    struct site s;
    if (!open_site(&s))
        return;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct feed f = run_feed(&s, rows[i].steps, rows[i].length);
        CHECK_INT(f.end.error, MW_UNKNOWN_CONTENT_ERROR);
        CHECK_HAS(f.end.words, rows[i].words);
        CHECK_TEXT(f.end.phase, "send");
    }
    close_site(&s);
}

static void functions_may_end_their_exchange(void)
{
    static const enum step cancels[] = {GIVE, CANCEL}, drops[] = {GIVE, DROP};
    static const enum step cancels_late[] = {WAIT_A_BIT, CANCEL}, drops_late[] = {WAIT_A_BIT, DROP};
    struct site s;
    if (!open_site(&s))
        return;
    CHECK_INT(run_feed(&s, cancels, 0).end.error, MW_OPERATION_CANCELLED_ERROR);
    CHECK_INT(run_feed(&s, cancels_late, 9).end.error, MW_OPERATION_CANCELLED_ERROR);
    run_feed(&s, drops, 0);
    run_feed(&s, drops_late, 9);
    close_site(&s);
}

/* A kept connection that dies with the request on it: it is sent again, if it can be. */
static void functions_begin_again(void)
{
    static const enum step twice[] = {GIVE, GIVE, END};
    struct site s;
    if (!open_site(&s))
        return;
    CHECK_INT(put_feed(&s, twice, NULL, MW_OK).end.error, MW_NO_ERROR);
    s.cuts = 1;
    struct feed f = put_feed(&s, twice, NULL, MW_OK);
    CHECK_INT(f.end.error, MW_REMOTE_HOST_CLOSED_ERROR);

    CHECK_INT(put_feed(&s, twice, NULL, MW_OK).end.error, MW_NO_ERROR);
    s.cuts = 1;
    f = put_feed(&s, twice, rewind_feed, MW_EINVAL);
    CHECK_INT(f.rewound, 1);
    CHECK_INT(f.end.error, MW_UNKNOWN_CONTENT_ERROR);
    CHECK_HAS(f.end.words, "cannot begin again");

    CHECK_INT(put_feed(&s, twice, NULL, MW_OK).end.error, MW_NO_ERROR);
    s.cuts = 1;
    f = put_feed(&s, twice, rewind_feed, MW_OK);
    CHECK_INT(f.rewound, 1);
    CHECK_INT(f.end.error, MW_NO_ERROR);
    CHECK_INT(s.cuts, 0);
    CHECK_TEXT(s.body, "abcabc");
    close_site(&s);
}

static void a_runtime_closes_under_a_function(void)
{
    static const enum step waits[] = {GIVE, WAIT_A_BIT, END};
    struct site s;
    if (!open_site(&s))
        return;
    struct feed f;
    memset(&f, 0, sizeof f);
    f.site = &s;
    f.steps = waits;
    mw_options options = {.method = "POST", .url = s.url, .read_body = feed, .ud = &f};
    options.on_done = on_done;
    CHECK_INT(mw_exchange_start(s.rt, &options, NULL), MW_OK);
    double deadline = mw_now() + 30;
    while (f.asked < 2 && mw_now() < deadline)
        mw_poll(s.rt, 0.01);
    CHECK_INT(f.asked, 2);
    close_site(&s);
    CHECK_INT(f.end.done, 0);
}

static void descriptors_are_the_callers(void)
{
    char name[] = "/tmp/moonwire-body-XXXXXX";
    struct site s;
    if (!open_site(&s))
        return;
    int fd = mkstemp(name);
    CHECK_INT(write(fd, "0123456789", 10), 10);
    unlink(name);
    for (int i = 0; i < 3; i++) {
        struct end end;
        memset(&end, 0, sizeof end);
        mw_options options = {.method = "PUT", .url = s.url, .on_done = on_done, .ud = &end};
        int copy = dup(fd);
        options.body_fd = &copy;
        options.body_offset = (uint64_t)i;
        options.body_length = i == 2 ? 5 : 0;
        CHECK_INT(mw_exchange_start(s.rt, &options, NULL), MW_OK);
        close(copy); /* ours was duplicated */
        WAIT(s.rt, end.done);
        CHECK_INT(end.error, MW_NO_ERROR);
        CHECK_TEXT(s.body, i == 0 ? "0123456789" : i == 1 ? "123456789" : "23456");
    }
    CHECK_INT(lseek(fd, 0, SEEK_CUR), 10); /* nor is its position ours */
    close(fd);
    close_site(&s);
}

/* ---- heads of 1xx ---------------------------------------------------------------------------- */

static void on_interim(mw_exchange *x, int status, void *ud)
{
    int *told = ud;
    CHECK_INT(status, 103);
    CHECK(mw_exchange_interim_header_count(x) == 1);
    CHECK_TEXT(mw_exchange_interim_header_at(x, 0).name, "Link");
    CHECK_TEXT(mw_exchange_interim_header(x, "link"), "<a>");
    CHECK(mw_exchange_interim_header(x, "other") == NULL);
    CHECK(mw_exchange_interim_header_at(x, 1).name == NULL);
    CHECK(mw_exchange_trailer_count(x) == 0);
    CHECK(mw_exchange_trailer(x, "link") == NULL);
    CHECK(mw_exchange_trailer_at(x, 0).name == NULL);
    CHECK(mw_exchange_take_connection(x) == NULL);
    *told = 1;
}

static void free_at_once(mw_exchange *x, int status, void *ud)
{
    int *told = ud;
    (void)status;
    *told = 1;
    mw_exchange_free(x);
}

static void hints_are_told_with_their_fields(void)
{
    struct site s;
    if (!open_site(&s))
        return;
    const mw_interim_fn fns[] = {on_interim, free_at_once};
    for (size_t i = 0; i < sizeof fns / sizeof fns[0]; i++) {
        int told = 0;
        mw_exchange *x = NULL;
        mw_options options = {.url = test_url(mw_server_port(s.server), "/hint"), .ud = &told};
        options.on_interim = fns[i];
        CHECK_INT(mw_exchange_start(s.rt, &options, &x), MW_OK);
        WAIT(s.rt, told);
        if (fns[i] == on_interim) {
            double deadline = mw_now() + 30;
            while (!mw_exchange_finished(x) && mw_now() < deadline)
                mw_poll(s.rt, 0.05);
            CHECK_INT(mw_exchange_status(x), 200);
            CHECK(mw_exchange_interim_header_count(x) == 0);
            mw_exchange_free(x);
        }
        test_turn(s.rt);
    }
    close_site(&s);
}

int main(void)
{
    int before = test_descriptors();
    TEST(refuses_two_sources);
    TEST(refuses_framing_that_contradicts);
    TEST(evhttp_reads_nothing_as_it_sends);
    TEST(functions_give_as_they_like);
    TEST(functions_fail_in_words);
    TEST(functions_may_end_their_exchange);
    TEST(functions_begin_again);
    TEST(a_runtime_closes_under_a_function);
    TEST(descriptors_are_the_callers);
    TEST(hints_are_told_with_their_fields);
    CHECK_INT(test_descriptors(), before);
    return test_end();
}
