/* Servers in the process: the order of events, and every end at every turn of the loop: cancelled,
 * freed, closed, passed on, and without memory.
 * SPDX-License-Identifier: MIT */
#include "test.h"

#include <stdint.h>

/* ---- the host's allocator ------------------------------------------------------------------ */

static struct {
    int count, fail_at;
    long live;
} memory;

/* In front of every block; as wide as the strictest alignment. */
union head {
    uint64_t mark;
    long double widest[2];
};

static void *allocate(void *ud, void *block, size_t size)
{
    (void)ud;
    if (size == 0) {
        if (block != NULL) {
            free((union head *)block - 1);
            memory.live--;
        }
        return NULL;
    }
    if (++memory.count == memory.fail_at)
        return NULL;
    union head *head = test_need(malloc(sizeof *head + size));
    memset(head + 1, 0xa5, size); /* nobody may take fresh memory for zeros */
    memory.live++;
    return head + 1;
}

/* ---- a server that echoes, and a client that sends as it goes ------------------------------- */

enum { BODY = 40000 };

struct stage {
    mw_runtime *rt;
    mw_server *server;
    mw_exchange *x;
    mw_request *r;
    char told[80]; /* a letter for each event, in order */
    int done, gone, given, error, status;
    long long sent, received;
};

static void tell(struct stage *s, char what)
{
    size_t length = strlen(s->told);
    if (length > 0 && s->told[length - 1] == what)
        return; /* several of a kind in a row are one */
    if (length + 1 < sizeof s->told)
        s->told[length] = what;
}

static void echo(mw_request *r, void *ud)
{
    struct stage *s = ud;
    char bytes[1000];
    size_t n = 0;
    if (mw_request_gone(r)) {
        s->gone++;
        s->r = NULL;
        mw_reply_end(r);
        return;
    }
    int result = MW_OK;
    while (result == MW_OK && mw_reply_pending(r) < 8000 &&
           (n = mw_request_read(r, bytes, sizeof bytes)) > 0)
        result = mw_reply_body(r, bytes, n);
    if (result != MW_OK) {
        s->r = NULL;
        mw_reply_abort(r);
    } else if (n == 0 && mw_request_whole(r)) {
        s->r = NULL;
        mw_reply_end(r);
    }
}

static void on_request(mw_server *server, mw_request *r, void *ud)
{
    struct stage *s = ud;
    const mw_header field = {"X-Early", "yes"};
    CHECK(server == s->server);
    CHECK_TEXT(mw_request_url(r), "http://api.test/echo");
    CHECK_TEXT(mw_request_method(r), "POST");
    CHECK_TEXT(mw_request_peer(r), "127.0.0.1");
    tell(s, 'r');
    if (mw_reply_interim(r, 103, &field, 1) != MW_OK ||
        mw_reply_head(r, 200, NULL, NULL, 0, -1) != MW_OK) {
        mw_reply_abort(r);
        return;
    }
    s->r = r;
    mw_request_watch(r, echo, s);
}

static ptrdiff_t read_body(mw_exchange *x, void *bytes, size_t size, void *ud)
{
    struct stage *s = ud;
    (void)x;
    int n = BODY - s->given < 3000 ? BODY - s->given : 3000;
    if ((size_t)n > size)
        n = (int)size;
    memset(bytes, 'x', (size_t)n);
    s->given += n;
    return n;
}

static int rewind_body(mw_exchange *x, void *ud)
{
    struct stage *s = ud;
    (void)x;
    s->given = 0;
    return MW_OK;
}

static void on_sent(mw_exchange *x, uint64_t sent, uint64_t total, void *ud)
{
    struct stage *s = ud;
    (void)x;
    CHECK(total == MW_UNKNOWN);
    CHECK((long long)sent > s->sent);
    s->sent = (long long)sent;
    tell(s, 's');
}

static void on_interim(mw_exchange *x, int status, void *ud)
{
    CHECK_INT(status, 103);
    CHECK_TEXT(mw_exchange_interim_header(x, "x-early"), "yes");
    tell(ud, 'i');
}

static void on_head(mw_exchange *x, void *ud)
{
    CHECK_INT(mw_exchange_status(x), 200);
    tell(ud, 'h');
}

static void on_body(mw_exchange *x, void *ud)
{
    struct stage *s = ud;
    s->received += (long long)mw_exchange_available(x);
    mw_exchange_drop(x);
    tell(s, 'b');
}

static void on_done(mw_exchange *x, void *ud)
{
    struct stage *s = ud;
    s->done++;
    s->error = mw_exchange_error(x);
    s->status = mw_exchange_status(x);
    tell(s, 'd');
}

static void open_stage(struct stage *s)
{
    const mw_config config = {.alloc = allocate};
    memset(s, 0, sizeof *s);
    s->rt = test_need(test_open(&config));
    const mw_listen how = {
        .origin = "http://api.test", .stream = 1, .on_request = on_request, .ud = s};
    CHECK_INT(mw_server_listen(s->rt, &how, &s->server), MW_OK);
}

static int start(struct stage *s)
{
    const mw_options options = {.method = "POST",
                                .url = "http://api.test/echo",
                                .read_body = read_body,
                                .rewind_body = rewind_body,
                                .read_buffer_size = 2000,
                                .on_sent = on_sent,
                                .on_interim = on_interim,
                                .on_head = on_head,
                                .on_body = on_body,
                                .on_done = on_done,
                                .ud = s};
    return mw_exchange_start(s->rt, &options, &s->x);
}

static void close_stage(struct stage *s)
{
    mw_close(s->rt);
    CHECK_INT(memory.live, 0);
}

/* ---- the tests ------------------------------------------------------------------------------ */

static void tells_all_in_order(void)
{
    struct stage s;
    open_stage(&s);
    int descriptors = test_descriptors();
    CHECK_INT(start(&s), MW_OK);
    CHECK_TEXT(s.told, ""); /* not from inside the call */
    WAIT(s.rt, s.done);
    CHECK_INT(s.error, MW_NO_ERROR);
    CHECK_INT(s.received, BODY);
    CHECK_INT(s.sent, BODY);
    CHECK_INT(test_descriptors(), descriptors);
    CHECK(strchr(s.told, 'r') == s.told);
    CHECK(strchr(s.told, 'i') < strchr(s.told, 'h'));
    CHECK(strchr(s.told, 'h') < strchr(s.told, 'b'));
    CHECK(s.told[strlen(s.told) - 1] == 'd');
    mw_exchange_free(s.x);
    test_turn(s.rt);
    CHECK_INT(s.done, 1);
    CHECK_INT(mw_pending(s.rt), 0); /* nobody waits for the server alone */
    close_stage(&s);
}

enum end { CANCELLED, FREED, SERVER_FREED, CLOSED, ABORTED, ENDS };

static void bring_about(struct stage *s, enum end end)
{
    switch (end) {
    case CANCELLED:
        mw_exchange_cancel(s->x);
        break;
    case FREED:
        mw_exchange_free(s->x);
        s->x = NULL;
        break;
    case SERVER_FREED:
        mw_server_free(s->server);
        s->server = NULL;
        break;
    case ABORTED:
        if (s->r != NULL)
            mw_reply_abort(s->r);
        s->r = NULL;
        break;
    default:
        break;
    }
}

/* After so many turns of the loop. True once it was over before. */
static int ends_after(enum end end, int turns)
{
    struct stage s;
    open_stage(&s);
    CHECK_INT(start(&s), MW_OK);
    for (int i = 0; i < turns && !s.done; i++)
        mw_poll(s.rt, 0);
    int over = s.done;
    int answering = s.r != NULL;
    bring_about(&s, end);
    if (end != CLOSED && end != FREED)
        WAIT(s.rt, s.done);
    if (!over && end == CANCELLED)
        CHECK_INT(s.error, MW_OPERATION_CANCELLED_ERROR);
    for (int i = 0; i < 5 && end != CLOSED; i++)
        mw_poll(s.rt, 0);
    if (end != CLOSED && (end == CANCELLED || end == FREED)) {
        CHECK(s.r == NULL); /* its handler was told */
        CHECK(s.gone == answering || s.gone == 1 || s.gone == 0);
    }
    CHECK(s.done <= 1);
    if (end == FREED && !over)
        CHECK_INT(s.done, 0);
    close_stage(&s);
    return over;
}

static void ends_well_after_any_turn(void)
{
    for (int end = 0; end < ENDS; end++) {
        int turns = 0;
        while (!ends_after((enum end)end, turns) && turns < 1000)
            turns++;
        CHECK(turns > 5);
        CHECK(turns < 1000);
    }
}

static void survives_any_failing_allocation(void)
{
    int whole = 0;
    for (int n = 1; !whole && n < 500; n++) {
        struct stage s;
        open_stage(&s);
        memory.count = 0;
        memory.fail_at = n;
        int result = start(&s);
        if (result == MW_OK)
            WAIT(s.rt, s.done);
        else
            CHECK_INT(result, MW_ENOMEM);
        whole = memory.count < n;
        memory.fail_at = 0;
        if (whole)
            CHECK_INT(s.error, MW_NO_ERROR);
        test_turn(s.rt);
        mw_exchange_free(s.x);
        s.x = NULL;
        s.done = 0;
        s.told[0] = '\0';
        memset(s.told, 0, sizeof s.told);
        s.given = 0;
        s.sent = s.received = 0;
        CHECK_INT(start(&s), MW_OK); /* what comes after it works */
        WAIT(s.rt, s.done);
        CHECK_INT(s.error, MW_NO_ERROR);
        CHECK_INT(s.received, BODY);
        close_stage(&s);
    }
    CHECK(whole);
}

/* ---- origins ------------------------------------------------------------------------------- */

static void answer_with_origin(mw_server *server, mw_request *r, void *ud)
{
    (void)server;
    const char *name = ud;
    if (strcmp(name, "pass") == 0) {
        CHECK_INT(mw_request_pass_on(r), MW_OK);
        return;
    }
    CHECK_INT(mw_reply_head(r, 200, NULL, NULL, 0, (int64_t)strlen(name)), MW_OK);
    CHECK_INT(mw_reply_body(r, name, strlen(name)), MW_OK);
    mw_reply_end(r);
}

struct got {
    int done, error;
    char body[40];
    char words[200];
};

static void keep(mw_exchange *x, void *ud)
{
    struct got *got = ud;
    got->done = 1;
    got->error = mw_exchange_error(x);
    snprintf(got->words, sizeof got->words, "%s", mw_exchange_error_string(x));
    got->body[mw_exchange_read(x, got->body, sizeof got->body - 1)] = '\0';
    mw_exchange_free(x);
}

static struct got get(mw_runtime *rt, const char *url)
{
    struct got got = {0};
    const mw_options options = {.url = url, .on_done = keep, .ud = &got};
    CHECK_INT(mw_exchange_start(rt, &options, NULL), MW_OK);
    WAIT(rt, got.done);
    return got;
}

static mw_server *serve(mw_runtime *rt, const char *origin, const char *name)
{
    mw_server *server = NULL;
    const mw_listen how = {.origin = origin, .on_request = answer_with_origin, .ud = (void *)name};
    CHECK_INT(mw_server_listen(rt, &how, &server), MW_OK);
    return server;
}

static void chooses_by_origin(void)
{
    mw_runtime *rt = test_need(test_open(NULL));
    mw_server *first = serve(rt, "http://one.test", "first");
    CHECK_INT(mw_server_add_origin(first, "https://two.test:444/"), MW_OK);
    CHECK_TEXT(get(rt, "http://one.test/").body, "first");
    CHECK_TEXT(get(rt, "https://TWO.test:444/x?y").body, "first");
    CHECK_INT(mw_server_add_origin(first, "http://B\xC3\x9C"
                                          "cher.test"),
              MW_OK);
    CHECK_TEXT(get(rt, "http://b\xC3\xBC"
                       "cher.test/")
                   .body,
               "first");
    CHECK_TEXT(get(rt, "http://xn--bcher-kva.test/").body, "first");
    mw_server *all = serve(rt, "*", "all");
    CHECK_TEXT(get(rt, "http://one.test/").body, "all");
    CHECK_TEXT(get(rt, "http://[::1]:9/").body, "all");
    mw_server *pass = serve(rt, "http://one.test:80", "pass");
    CHECK_TEXT(get(rt, "http://one.test/").body, "all");
    mw_server_free(all);
    CHECK_TEXT(get(rt, "http://one.test/").body, "first");
    mw_server_free(first);
    mw_server_free(pass);
    struct got got = get(rt, "http://127.0.0.1:1/"); /* and now to the network */
    CHECK_INT(got.error, MW_CONNECTION_REFUSED_ERROR);
    CHECK_INT(mw_pending(rt), 0);
    mw_close(rt);
}

static void refuses_what_is_no_origin(void)
{
    static const struct {
        mw_listen how;
        const char *words;
    } rows[] = {
        {{.origin = "api.test"}, "must start with a scheme"},
        {{.origin = ""}, "must start with a scheme"},
        {{.origin = "http://a/b"}, "without a path"},
        {{.origin = "http://a?b"}, "without a path"},
        {{.origin = "ws://a"}, "neither http nor https"},
        {{.origin = "http://user:secret@a"}, "user and password"},
        {{.origin = "http://a", .port = 80}, "bad port: a server in the process has no socket"},
        {{.origin = "http://a", .host = "::1"}, "bad host"},
        {{.origin = "http://a", .unix_path = "/x"}, "bad unix_path"},
        {{.origin = "http://a", .cert_file = "x"}, "bad cert_file"},
        {{.origin = "http://a", .reuse_port = 1}, "bad reuse_port"},
    };
    mw_runtime *rt = test_need(test_open(NULL));
    mw_server *server = NULL;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        mw_listen how = rows[i].how;
        how.on_request = answer_with_origin;
        CHECK_INT(mw_server_listen(rt, &how, &server), MW_EINVAL);
        CHECK_HAS(mw_message(rt), rows[i].words);
        CHECK(server == NULL);
    }
    CHECK_INT(mw_pending(rt), 0);
    const mw_listen on_a_socket = {.on_request = answer_with_origin, .ud = (void *)"socket"};
    CHECK_INT(mw_server_listen(rt, &on_a_socket, &server), MW_OK);
    CHECK_INT(mw_server_add_origin(server, "http://a"), MW_EINVAL);
    CHECK_HAS(mw_message(rt), "listens on a socket");
    mw_close(rt);
}

int main(void)
{
    TEST(tells_all_in_order);
    TEST(ends_well_after_any_turn);
    TEST(survives_any_failing_allocation);
    TEST(chooses_by_origin);
    TEST(refuses_what_is_no_origin);
    return test_end();
}
