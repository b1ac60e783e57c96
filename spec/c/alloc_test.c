/* Memory runs out: the host's allocator fails the nth time it is asked, for every n until whole
 * cycles of requests and responses succeed. Each time an error is told, nothing crashes, hangs or
 * leaks; and where only one allocation failed, what comes after it works.
 * SPDX-License-Identifier: MIT */
#include "test.h"

#include <stdint.h>
#include <unistd.h>

/* ---- the host's allocator ------------------------------------------------------------------ */

static struct {
    int count;    /* times it was asked for memory */
    int fail_at;  /* the time at which it fails; 0: never */
    int for_good; /* and ever after */
    int failed;   /* times it has failed */
    long live;    /* blocks that were not freed */
} memory;

static const uint64_t mark = 0x6d6f6f6e77697265u;

/* In front of every block; as wide as the strictest alignment. */
union head {
    uint64_t mark;
    long double widest[2];
};

static void *give(size_t size)
{
    memory.count++;
    if (memory.count == memory.fail_at || (memory.for_good && memory.count > memory.fail_at)) {
        memory.failed++;
        return NULL;
    }
    union head *head = test_need(malloc(sizeof *head + size));
    head->mark = mark;
    memset(head + 1, 0xa5, size); /* nobody may take fresh memory for zeros */
    memory.live++;
    return head + 1;
}

static void take_back(void *block)
{
    union head *head = (union head *)block - 1;
    CHECK(head->mark == mark);
    head->mark = 0;
    free(head);
    memory.live--;
}

static void *allocate(void *ud, void *block, size_t size)
{
    CHECK(ud == &memory);
    if (size == 0) {
        if (block != NULL)
            take_back(block);
        return NULL;
    }
    CHECK(block == NULL); /* what is behind a block is not known here; nobody grows one so far */
    return give(size);
}

/* ---- a server and a client ----------------------------------------------------------------- */

struct variant {
    const char *name;
    const char *host; /* what the client asks for */
    const char *hosts_file;
    const char *cert_file; /* makes it https */
    int legs;              /* there are redirects, a challenge and a retry before the answer */
};

/* One cycle, and what was told in it. */
struct cycle {
    const struct variant *variant;
    mw_runtime *rt;
    mw_server *server;
    int told;  /* errors, to who asked for something */
    int heard; /* errors, to the server's handler: its client may send the request again */
    const char *body, *to_give; /* of a body, all of it and what is left */
    int busy;                   /* the server has said so */
    mw_cookie_jar *jar;
    int over; /* the exchange under way */
    int good; /* exchanges that went well, of three */
};

static void told(struct cycle *c, const char *words)
{
    CHECK(words != NULL && words[0] != '\0');
    c->told++;
}

static int answer(mw_runtime *rt, mw_request *r)
{
    static const mw_header fields[] = {{"Content-Type", "text/plain"}, {"X-Spec", "1"}};
    size_t length;
    const char *body = mw_request_body(r, &length);
    int result = mw_engine_can(rt, "interim") == 1 ? mw_reply_interim(r, 103, fields, 2) : MW_OK;
    if (result == MW_OK)
        result = mw_reply_head(r, 200, NULL, fields, 2, -1);
    if (result == MW_OK)
        return length > 0 ? mw_reply_body(r, body, length) : mw_reply_body(r, "hello", 5);
    CHECK_INT(result, MW_ENOMEM);
    CHECK_HAS(mw_message(rt), "memory");
    return result;
}

/* Something else than an answer; no more is needed of a reply that fails than that it is cut. */
static int put_off(mw_runtime *rt, mw_request *r, int status, const char *name, const char *value)
{
    const mw_header fields[] = {{name, value}, {"Set-Cookie", "a=1; Path=/"}};
    int result = mw_reply_head(r, status, NULL, fields, 2, -1);
    if (result == MW_OK)
        result = mw_reply_body(r, "not yet", 7);
    if (result != MW_OK)
        CHECK_HAS(mw_message(rt), "memory");
    return result;
}

static int answer_by_legs(struct cycle *c, mw_request *r)
{
    const char *target = mw_request_target(r);
    if (strcmp(target, "/path?a=b") == 0)
        return put_off(c->rt, r, 307, "Location", "/secret");
    if (strcmp(target, "/secret") == 0 && mw_request_header(r, "authorization") == NULL)
        return put_off(c->rt, r, 401, "WWW-Authenticate",
                       "Digest realm=\"r\", nonce=\"n\", qop=\"auth\"");
    if (strcmp(target, "/secret") == 0)
        return put_off(c->rt, r, 308, "Location", "busy");
    c->busy = !c->busy;
    return c->busy ? put_off(c->rt, r, 503, "Retry-After", "0") : answer(c->rt, r);
}

static void on_request(mw_server *server, mw_request *r, void *ud)
{
    struct cycle *c = ud;
    (void)server;
    if ((c->variant->legs ? answer_by_legs(c, r) : answer(c->rt, r)) != MW_OK)
        c->heard++;
    mw_reply_end(r); /* cuts the connection if the answer is not whole */
}

static void on_done(mw_exchange *x, void *ud)
{
    struct cycle *c = ud;
    c->over = 1;
    if (mw_exchange_error(x) != MW_NO_ERROR)
        told(c, mw_exchange_error_string(x));
    mw_detail detail = mw_exchange_detail(x);
    CHECK(detail.phase != NULL && detail.phase[0] != '\0');
}

/* The body by a function, where the engine can. */
static ptrdiff_t give_body(mw_exchange *x, void *bytes, size_t size, void *ud)
{
    struct cycle *c = ud;
    size_t length = strlen(c->to_give);
    (void)x;
    CHECK(length <= size);
    memcpy(bytes, c->to_give, length);
    c->to_give += length;
    return (ptrdiff_t)length;
}

static int rewind_body(mw_exchange *x, void *ud)
{
    struct cycle *c = ud;
    (void)x;
    c->to_give = c->body;
    return MW_OK;
}

static int on_redirect(mw_exchange *x, const char *url, void *ud)
{
    (void)ud;
    CHECK_HAS(url, "http");
    return mw_exchange_status(x) >= 300;
}

static void add_legs(struct cycle *c, mw_options *options)
{
    options->auth_user = "user";
    options->auth_password = "password";
    options->auth_scheme = MW_AUTH_DIGEST;
    options->on_redirect = on_redirect;
    options->retries = 1;
    options->retry_any_method = 1;
    options->retry_backoff = 0.001;
    options->cookies = c->jar;
    options->rewind_body = rewind_body;
}

static void on_interim(mw_exchange *x, int status, void *ud)
{
    (void)ud;
    CHECK_INT(status, 103);
    CHECK_TEXT(mw_exchange_interim_header(x, "x-spec"), "1");
}

static int exchange(struct cycle *c, const char *body)
{
    static const mw_header fields[] = {{"Accept", "*/*"}, {"X-Long", "a value that takes room"}};
    char got[64] = "";
    mw_exchange *x = NULL;
    c->over = 0;
    mw_options options = {
        .protocol = c->variant->cert_file != NULL ? "https" : "http",
        .hostname = c->variant->host,
        .port = mw_server_port(c->server),
        .path = "/path",
        .query = "a=b",
        .method = body != NULL ? "POST" : NULL,
        .headers = fields,
        .header_count = 2,
        .body = body,
        .body_length = body != NULL ? strlen(body) : 0,
        .ca_file = c->variant->cert_file,
        .total_timeout = 20,
        .on_interim = on_interim,
        .on_done = on_done,
        .ud = c,
    };
    if (body != NULL && mw_engine_can(c->rt, "stream_upload") == 1) {
        options.body = NULL;
        options.read_body = give_body;
        c->body = c->to_give = body;
    }
    c->busy = 0;
    if (c->variant->legs)
        add_legs(c, &options);
    int before = c->told, result = mw_exchange_start(c->rt, &options, &x);
    if (result != MW_OK) {
        CHECK_INT(result, MW_ENOMEM);
        told(c, mw_message(c->rt));
        return 0;
    }
    WAIT(c->rt, c->over);
    CHECK(mw_exchange_error(x) != MW_TIMEOUT_ERROR);
    if (c->told == before) {
        CHECK_INT(mw_exchange_status(x), 200);
        CHECK(!c->variant->legs || mw_exchange_history_count(x) >= 3);
        CHECK_TEXT(mw_exchange_header(x, "x-spec"), "1");
        mw_exchange_read(x, got, sizeof got - 1);
        CHECK_TEXT(got, body != NULL ? body : "hello");
    }
    mw_exchange_free(x);
    return c->told == before;
}

static void on_timer(mw_timer *timer, void *ud)
{
    (void)timer;
    (void)ud;
}

static int serve(struct cycle *c)
{
    mw_listen how = {.on_request = on_request, .ud = c, .cert_file = c->variant->cert_file};
    for (int tries = 0; tries < 2; tries++) { /* the second time it works if once was enough */
        int result = mw_server_listen(c->rt, &how, &c->server);
        if (result == MW_OK)
            return 1;
        CHECK_INT(result, MW_ENOMEM);
        CHECK_HAS(mw_message(c->rt), "memory");
        c->told++;
    }
    return 0;
}

/* Everything once: a timer, a server, a request on a new connection, and two on that one. */
static void run_cycle(struct cycle *c)
{
    mw_config config;
    memset(&config, 0, sizeof config);
    config.alloc = allocate;
    config.ud = &memory;
    config.hosts_file = c->variant->hosts_file;
    config.resolv_conf = "/dev/null";
    c->rt = test_open(&config);
    if (c->rt == NULL) {
        c->told++;
        return;
    }
    mw_timer *timer = mw_timer_start(c->rt, 0, 0, on_timer, c);
    if (timer == NULL)
        c->told++;
    c->jar = c->variant->legs ? mw_cookie_jar_new(allocate, &memory) : NULL;
    if (serve(c)) {
        c->good = exchange(c, NULL) + exchange(c, "a body that comes back") + exchange(c, NULL);
        if (!memory.for_good)
            CHECK(c->good >= 2); /* one failure spoils one exchange */
        mw_server_free(c->server);
    }
    mw_timer_free(timer);
    mw_close(c->rt);
    mw_cookie_jar_free(c->jar);
}

static void fail_one_after_the_other(const struct variant *variant, int for_good)
{
    int descriptors = test_descriptors(), n = 1;
    for (; n < 1000; n++) {
        struct cycle c = {.variant = variant};
        int failures = test_state.failures;
        memory.count = memory.failed = 0;
        memory.fail_at = n;
        memory.for_good = for_good;
        run_cycle(&c);
        CHECK_INT(memory.live, 0);
        CHECK_INT(test_descriptors(), descriptors);
        /* A TLS session that cannot be kept costs a handshake, and is no error; a cookie may get
         * lost; and what has failed may be tried again. */
        int mended = variant->cert_file != NULL || variant->legs;
        if (memory.failed > 0 && (!mended || c.good < 3))
            CHECK(c.told + c.heard > 0);
        if (!for_good)
            CHECK(c.told <= memory.failed);
        if (test_state.failures > failures) {
            printf("    over %s, allocation %d%s\n", variant->name, n,
                   for_good ? " and all after it" : "");
            memory.live = 0;
            descriptors = test_descriptors();
        }
        if (memory.failed == 0 || test_state.failures > 20)
            break;
    }
    CHECK(n > 10); /* there was something to fail */
    CHECK_INT(memory.failed, 0);
}

/* ---- the variants -------------------------------------------------------------------------- */

static char directory[] = "/tmp/moonwire-XXXXXX";
static char hosts_file[64], cert_file[64];

static void make_files(void)
{
    char command[400];
    test_need(mkdtemp(directory));
    snprintf(hosts_file, sizeof hosts_file, "%s/hosts", directory);
    snprintf(cert_file, sizeof cert_file, "%s/cert.pem", directory);
    FILE *file = test_need(fopen(hosts_file, "w"));
    fputs("127.0.0.1 spec.test\n", file);
    fclose(file);
    snprintf(command, sizeof command,
             "exec 2>/dev/null; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
             "-nodes -keyout %s/key.pem -out %s -days 2 -subj /CN=localhost "
             "-addext subjectAltName=IP:127.0.0.1 && cat %s/key.pem >>%s",
             directory, cert_file, directory, cert_file);
    CHECK_INT(system(command), 0);
}

static void remove_files(void)
{
    char key[64];
    snprintf(key, sizeof key, "%s/key.pem", directory);
    unlink(key);
    unlink(cert_file);
    unlink(hosts_file);
    rmdir(directory);
}

static void survives_over(const struct variant *variant)
{
    fail_one_after_the_other(variant, 0);
    fail_one_after_the_other(variant, 1);
}

static void survives_with_an_address(void)
{
    static const struct variant plain = {.name = "http", .host = "127.0.0.1"};
    survives_over(&plain);
}

static void survives_with_a_name(void)
{
    const struct variant named = {
        .name = "http and a name", .host = "spec.test", .hosts_file = hosts_file};
    survives_over(&named);
}

static void survives_with_tls(void)
{
    const struct variant secure = {.name = "https", .host = "127.0.0.1", .cert_file = cert_file};
    survives_over(&secure);
}

static void survives_with_legs(void)
{
    static const struct variant legs = {.name = "redirects", .host = "127.0.0.1", .legs = 1};
    survives_over(&legs);
}

int main(void)
{
    test_state.name = "make_files";
    make_files();
    TEST(survives_with_an_address);
    TEST(survives_with_a_name);
    TEST(survives_with_tls);
    TEST(survives_with_legs);
    remove_files();
    return test_end();
}
