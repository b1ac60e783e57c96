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
    return test_need(mw_open(&config));
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

int main(void)
{
    int before = test_descriptors();
    TEST(refuses_two_sources);
    TEST(refuses_framing_that_contradicts);
    TEST(evhttp_reads_nothing_as_it_sends);
    CHECK_INT(test_descriptors(), before);
    return test_end();
}
