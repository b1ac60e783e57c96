/* download_test.c: downloads from C, in any order of events, and what they stand on: ranges,
 * validators, rates, the note, the part on the disk. SPDX-License-Identifier: MIT */
#include "test.h"

#include "base/content_range.h"
#include "base/rate.h"
#include "base/validator.h"
#include "core/part_file.h"
#include "net/tls_sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- what is pure --------------------------------------------------------------------------- */

static void takes_content_ranges_apart(void)
{
    static const struct {
        const char *text;
        int good;
        struct mw_content_range range;
    } cases[] = {
        {"bytes 0-0/1", 1, {true, 0, 0, 1}},
        {"bytes 5-9/10", 1, {true, 5, 9, 10}},
        {"BYTES 5-9/10", 1, {true, 5, 9, 10}},
        {"bytes 5-9/*", 1, {true, 5, 9, -1}},
        {"bytes */10", 1, {false, -1, -1, 10}},
        {"bytes */0", 1, {false, -1, -1, 0}},
        {"bytes 0-9223372036854775806/9223372036854775807",
         1,
         {true, 0, 9223372036854775806, 9223372036854775807}},
        {"bytes 0-1/9223372036854775808", 0, {0}},
        {"bytes 5-9/9", 0, {0}},
        {"bytes 9-5/10", 0, {0}},
        {"bytes */*", 0, {0}},
        {"bytes 5-/10", 0, {0}},
        {"bytes -5/10", 0, {0}},
        {"bytes 5-9", 0, {0}},
        {"bytes 5-9/", 0, {0}},
        {"bytes 5-9/10 ", 0, {0}},
        {"bytes 5-9/10,", 0, {0}},
        {"bytes 5 -9/10", 0, {0}},
        {"bytes  5-9/10", 0, {0}},
        {"bytes=5-9/10", 0, {0}},
        {"bytes +5-9/10", 0, {0}},
        {"bytes 0x5-9/10", 0, {0}},
        {"octets 5-9/10", 0, {0}},
        {"bytes", 0, {0}},
        {"", 0, {0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mw_content_range r;
        test_state.name = cases[i].text;
        CHECK_INT(mw_content_range_parse(&r, cases[i].text), cases[i].good);
        if (!cases[i].good)
            continue;
        CHECK_INT(r.satisfied, cases[i].range.satisfied);
        CHECK_INT(r.first, cases[i].range.first);
        CHECK_INT(r.last, cases[i].range.last);
        CHECK_INT(r.total, cases[i].range.total);
    }
}

static void knows_strong_validators(void)
{
    CHECK(mw_etag_is_strong("\"\""));
    CHECK(mw_etag_is_strong("\"a-1\xff\""));
    CHECK(!mw_etag_is_strong("W/\"a\""));
    CHECK(!mw_etag_is_strong("\"a b\""));
    CHECK(!mw_etag_is_strong("\"a\"b\""));
    CHECK(!mw_etag_is_strong("a"));
    CHECK(!mw_etag_is_strong("\""));
    CHECK(!mw_etag_is_strong(""));

    const char *at = "Sun, 06 Nov 1994 08:49:37 GMT", *later = "Sun, 06 Nov 1994 08:49:38 GMT";
    CHECK(mw_date_is_strong(at, later));
    CHECK(!mw_date_is_strong(at, at));
    CHECK(!mw_date_is_strong(later, at));
    CHECK(!mw_date_is_strong(NULL, at));
    CHECK(!mw_date_is_strong(at, NULL));
}

static void tells_the_rate_of_the_last_seconds(void)
{
    struct mw_rate rate;
    mw_rate_start(&rate, 100, 5000);
    CHECK_INT((long long)mw_rate_at(&rate, 100, 5000), 0);
    CHECK_INT((long long)mw_rate_at(&rate, 100.01, 9000), 0); /* too short to tell */
    CHECK_INT((long long)mw_rate_at(&rate, 102, 7000), 1000);
    CHECK_INT((long long)mw_rate_at(&rate, 102, 5000), 0);
    double now = 100;
    uint64_t amount = 5000;
    for (int i = 0; i < 1000; i++) { /* 10 a tenth of a second */
        now += 0.1;
        amount += 10;
        mw_rate_note(&rate, now, amount);
    }
    CHECK_INT((long long)(mw_rate_at(&rate, now, amount) + 0.5), 100);
    double stalled = mw_rate_at(&rate, now + 3, amount);
    CHECK(stalled > 50 && stalled < 90);
    for (int i = 0; i < 100; i++) {
        now += 0.1;
        mw_rate_note(&rate, now, amount);
    }
    CHECK_INT((long long)mw_rate_at(&rate, now, amount), 0);
}

static void adds_up_to_one_digest(void)
{
    static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    char hex[MW_SHA256_HEX];
    struct mw_sha256 *digest = test_need(mw_sha256_new());
    CHECK(mw_sha256_add(digest, "a", 1));
    CHECK(mw_sha256_add(digest, "", 0));
    CHECK(mw_sha256_add(digest, "bc", 2));
    CHECK(mw_sha256_hex(digest, hex));
    CHECK_TEXT(hex, abc);
    CHECK(mw_sha256_begin(digest));
    CHECK(mw_sha256_add(digest, "xyz", 3));
    CHECK(mw_sha256_begin(digest));
    CHECK(mw_sha256_add(digest, "abc", 3));
    CHECK(mw_sha256_hex(digest, hex));
    CHECK_TEXT(hex, abc);
    mw_sha256_free(digest);
    mw_sha256_free(NULL);
}

static void reads_the_note_it_wrote(void)
{
    struct mw_part_note note, again;
    char text[MW_LONGEST_NOTE];
    memset(&note, 0, sizeof note);
    memset(note.url, 'a', sizeof note.url - 1);
    note.total = 123;
    mw_part_note_validator(&note, "\"1\"", NULL, NULL);
    size_t written = mw_part_note_write(&note, text);
    CHECK_INT((long long)written, (long long)strlen(text));
    CHECK(mw_part_note_read(&again, text));
    CHECK_TEXT(again.url, note.url);
    CHECK_TEXT(again.validator, "\"1\"");
    CHECK_INT(again.total, 123);
    for (size_t length = strlen(text); length-- > 0;) { /* cut anywhere it is none */
        text[length] = '\0';
        CHECK(!mw_part_note_read(&again, text));
    }
    note.total = -1;
    memset(note.validator, 'x', sizeof note.validator);
    note.validator[0] = '"';
    memcpy(note.validator + sizeof note.validator - 2, "\"", 2);
    mw_part_note_write(&note, text); /* the longest */
    CHECK(mw_part_note_read(&again, text));
    CHECK_INT(again.total, -1);
}

/* ---- the part on the disk ------------------------------------------------------------------- */

static char folder[] = "/tmp/download_test.XXXXXX";

static const char *in_folder(const char *name)
{
    static char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = test_need(fopen(in_folder(name), "w"));
    fputs(text, file);
    fclose(file);
}

/* It lives until the next call; "" where there is no such file. */
static const char *read_file(const char *name)
{
    static char text[4000];
    FILE *file = fopen(in_folder(name), "r");
    size_t length = 0;
    if (file != NULL) {
        length = fread(text, 1, sizeof text - 1, file);
        fclose(file);
    }
    text[length] = '\0';
    return text;
}

static int exists(const char *name)
{
    struct stat st;
    return lstat(in_folder(name), &st) == 0;
}

static void removes(const char *name)
{
    unlink(in_folder(name));
}

static void a_part_becomes_its_target(void)
{
    struct mw_part p;
    struct mw_trouble t;
    struct mw_part_note note = {.url = "", .total = 5, .validator = "\"1\""};
    struct stat st;
    char bytes[5];
    memset(note.url, '0', sizeof note.url - 1);
    CHECK(mw_part_open(&p, &mw_default_allocator, in_folder("a"), 0604, false, &t));
    CHECK(mw_part_begin(&p, &note, &t));
    CHECK(exists("a.part.note"));
    CHECK(mw_part_write(&p, "hel", 3, &t));
    mw_part_close(&p, true);
    CHECK_TEXT(read_file("a.part"), "hel");

    CHECK(mw_part_open(&p, &mw_default_allocator, in_folder("a"), 0604, false, &t));
    CHECK(!mw_part_resume(&p, &note, "other"));
    memset(&note, 0, sizeof note);
    char url[65];
    memset(url, '0', 64);
    url[64] = '\0';
    CHECK(mw_part_resume(&p, &note, url));
    CHECK_INT(note.total, 5);
    CHECK_TEXT(note.validator, "\"1\"");
    CHECK(mw_part_write(&p, "lo", 2, &t));
    CHECK(mw_part_read(&p, 1, bytes, 4, &t));
    CHECK(memcmp(bytes, "ello", 4) == 0);
    CHECK(!mw_part_read(&p, 1, bytes, 5, &t)); /* there is no more */
    CHECK_TEXT(t.code, "io");
    CHECK(mw_part_commit(&p, &t));
    CHECK_TEXT(read_file("a"), "hello");
    CHECK(!exists("a.part") && !exists("a.part.note") && !exists("a.part.new"));
    CHECK(stat(in_folder("a"), &st) == 0 && (st.st_mode & 0777) == 0604);
    removes("a");
}

static void a_part_without_a_note_goes(void)
{
    struct mw_part p;
    struct mw_trouble t;
    CHECK(mw_part_open(&p, &mw_default_allocator, in_folder("a"), -1, false, &t));
    CHECK(mw_part_begin(&p, NULL, &t));
    CHECK(mw_part_write(&p, "hel", 3, &t));
    mw_part_close(&p, true);
    CHECK(!exists("a.part"));
    mw_part_close(&p, true); /* does nothing */

    write_file("a.part", "not ours"); /* nothing was begun: it stays */
    CHECK(mw_part_open(&p, &mw_default_allocator, in_folder("a"), -1, false, &t));
    mw_part_close(&p, true);
    CHECK_TEXT(read_file("a.part"), "not ours");
    removes("a.part");
}

/* Stands in for the system's: after so many calls one fails, as of a disk that breaks. */
static int syncs_left = -1;

int fsync(int fd)
{
    (void)fd;
    if (syncs_left < 0 || syncs_left-- > 0)
        return 0;
    errno = EIO;
    return -1;
}

/* What was written without a word may have been lost, and would look whole to the next download. */
static void a_part_that_is_not_on_the_disk_goes(void)
{
    struct mw_part p;
    struct mw_trouble t;
    struct mw_part_note note = {.url = "", .total = 5, .validator = "\"1\""};
    write_file("a", "old");
    for (int good = 0; good < 3; good++) { /* the note, its folder, the part */
        CHECK(mw_part_open(&p, &mw_default_allocator, in_folder("a"), -1, false, &t));
        syncs_left = good;
        bool begun = mw_part_begin(&p, &note, &t);
        CHECK_INT(begun, good == 2);
        if (begun) {
            CHECK(mw_part_write(&p, "hello", 5, &t));
            CHECK(!mw_part_commit(&p, &t));
        }
        CHECK_TEXT(t.code, "io");
        CHECK_INT(t.system_errno, EIO);
        mw_part_close(&p, true);
        CHECK(!exists("a.part") && !exists("a.part.note") && !exists("a.part.new"));
        CHECK_TEXT(read_file("a"), "old");
    }
    syncs_left = -1;
    removes("a");
}

static void a_part_has_one_owner(void)
{
    struct mw_part p, q;
    struct mw_trouble t;
    CHECK(mw_part_open(&p, &mw_default_allocator, in_folder("a"), -1, false, &t));
    CHECK(!mw_part_open(&q, &mw_default_allocator, in_folder("a"), -1, false, &t));
    CHECK_TEXT(t.code, "busy");
    CHECK(exists("a.part"));
    mw_part_close(&p, true);
    CHECK(mw_part_open(&q, &mw_default_allocator, in_folder("a"), -1, false, &t));
    mw_part_close(&q, true);
    CHECK(!exists("a.part"));
}

/* As another user, whom the folder's mode and the part's owner stop; root they would not. */
static void as_nobody(void)
{
    struct mw_part p;
    struct mw_trouble t;
    int status = 0;
    if (geteuid() != 0)
        return;
    write_file("theirs.part", "theirs");
    CHECK_INT(chmod(in_folder("theirs.part"), 0666), 0);
    pid_t pid = fork();
    if (pid == 0) {
        int wrong = test_state.failures;
        CHECK(chmod(folder, 0755) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
        CHECK(!mw_part_open(&p, &mw_default_allocator, in_folder("a"), -1, false, &t));
        CHECK_TEXT(t.code, "no_access");
        CHECK_HAS(t.text, "Permission denied");
        CHECK(!mw_part_open(&p, &mw_default_allocator, in_folder("theirs"), -1, false, &t));
        CHECK_TEXT(t.code, "no_access");
        CHECK_HAS(t.text, "belongs to another user");
        fflush(stdout);
        _exit(test_state.failures > wrong);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK_INT(status, 0);
    CHECK_TEXT(read_file("theirs.part"), "theirs");
    removes("theirs.part");
}

/* ---- downloads ------------------------------------------------------------------------------ */

enum { SIZE = 1 << 20 };

struct site {
    mw_runtime *rt;
    mw_server *server;
    char *body;
};

static void on_request(mw_server *server, mw_request *r, void *ud)
{
    static const mw_header tag[] = {{"ETag", "\"1\""}};
    struct site *s = ud;
    (void)server;
    int missing = strcmp(mw_request_target(r), "/missing") == 0;
    mw_reply_head(r, missing ? 404 : 200, NULL, tag, 1, SIZE);
    mw_reply_body(r, s->body, SIZE);
    mw_reply_end(r);
}

static void open_site(struct site *s)
{
    mw_config config;
    memset(&config, 0, sizeof config);
    memset(s, 0, sizeof *s);
    config.resolv_conf = config.hosts_file = "/dev/null";
    s->rt = test_need(test_open(&config));
    s->body = test_need(malloc(SIZE));
    for (size_t i = 0; i < SIZE; i++)
        s->body[i] = (char)('a' + i / 1000 % 26);
    mw_listen how = {.on_request = on_request, .ud = s};
    CHECK_INT(mw_server_listen(s->rt, &how, &s->server), MW_OK);
    test_need(s->server);
}

static void close_site(struct site *s)
{
    mw_server_free(s->server);
    mw_close(s->rt);
    free(s->body);
}

struct diary {
    mw_download *d;
    int done, freed, progresses;
    char act_at; /* 'p' or 'd' */
    void (*act)(struct diary *);
    char code[60], words[300];
    uint64_t last;
};

static void act(struct diary *diary, char at)
{
    if (diary->act_at == at && diary->act != NULL) {
        void (*fn)(struct diary *) = diary->act;
        diary->act = NULL;
        fn(diary);
    }
}

static void on_progress(mw_download *d, const mw_progress *p, void *ud)
{
    struct diary *diary = ud;
    CHECK(d == diary->d);
    CHECK(!diary->done && !diary->freed);
    CHECK(p->received >= diary->last && p->total == SIZE);
    diary->last = p->received;
    diary->progresses++;
    act(diary, 'p');
}

static void on_done(mw_download *d, void *ud)
{
    struct diary *diary = ud;
    CHECK(d == diary->d);
    CHECK(!diary->done && !diary->freed);
    CHECK(mw_download_finished(d));
    snprintf(diary->code, sizeof diary->code, "%s", mw_download_code(d));
    snprintf(diary->words, sizeof diary->words, "%s", mw_download_message(d));
    diary->done = 1;
    act(diary, 'd');
}

static int begin(struct site *s, struct diary *diary, const char *target, const char *path)
{
    mw_options request;
    mw_download_options o;
    memset(&request, 0, sizeof request);
    memset(&o, 0, sizeof o);
    request.url = test_url(mw_server_port(s->server), target);
    o.request = &request;
    o.path = path;
    o.hash = 1;
    o.on_progress = on_progress;
    o.on_done = on_done;
    o.ud = diary;
    return mw_download_start(s->rt, &o, &diary->d);
}

static void fetches_a_file(void)
{
    struct site s;
    struct diary diary = {0};
    struct stat st;
    open_site(&s);
    CHECK_INT(begin(&s, &diary, "/", in_folder("a")), MW_OK);
    CHECK(!diary.done);
    CHECK(mw_download_exchange(diary.d) != NULL);
    CHECK(mw_download_take_exchange(diary.d) == NULL); /* it is under way */
    WAIT(s.rt, diary.done);
    CHECK_TEXT(diary.code, "");
    CHECK_TEXT(mw_download_path(diary.d), in_folder("a"));
    CHECK_INT((long long)mw_download_size(diary.d), SIZE);
    CHECK_INT((long long)mw_download_resumed_from(diary.d), 0);
    CHECK_INT((long long)strlen(mw_download_sha256(diary.d)), 64);
    CHECK_INT((long long)diary.last, SIZE);
    CHECK(stat(in_folder("a"), &st) == 0 && st.st_size == SIZE);
    mw_download_cancel(diary.d); /* too late */
    test_turn(s.rt);
    mw_exchange *x = mw_download_take_exchange(diary.d);
    mw_download_free(diary.d);
    CHECK_INT(mw_exchange_status(x), 200);
    mw_exchange_free(x);
    close_site(&s);
    removes("a");
}

static void tells_errors_from_the_loop(void)
{
    struct site s;
    struct diary diary = {0}, other = {0};
    open_site(&s);
    CHECK_INT(begin(&s, &diary, "/", in_folder("no/such")), MW_OK);
    CHECK(!diary.done);
    CHECK(mw_download_exchange(diary.d) == NULL);
    CHECK_INT(mw_pending(s.rt), 2);
    WAIT(s.rt, diary.done);
    CHECK_TEXT(diary.code, "no_folder");
    CHECK(mw_download_errno(diary.d) != 0);
    mw_download_free(diary.d);
    CHECK_INT(begin(&s, &other, "/missing", in_folder("a")), MW_OK);
    WAIT(s.rt, other.done);
    CHECK_TEXT(other.code, "content_not_found");
    CHECK_HAS(other.words, "404");
    mw_download_free(other.d);
    mw_download_free(NULL);
    CHECK_INT(mw_pending(s.rt), 1);
    close_site(&s);
    CHECK(!exists("a") && !exists("a.part"));
}

static void refuses_misuse(void)
{
    struct site s;
    mw_options request;
    mw_download *d = NULL;
    static const mw_header range[] = {{"if-range", "x"}};
    open_site(&s);
    memset(&request, 0, sizeof request);
    request.url = "http://127.0.0.1:1/";
    mw_download_options none = {.path = "x"}, no_path = {.request = &request};
    mw_download_options o = {.request = &request, .path = in_folder("a"), .mode = 01000};
    CHECK_INT(mw_download_start(s.rt, &none, &d), MW_EINVAL);
    CHECK_INT(mw_download_start(s.rt, &no_path, &d), MW_EINVAL);
    CHECK_INT(mw_download_start(s.rt, &o, &d), MW_EINVAL);
    CHECK_HAS(mw_message(s.rt), "bad mode");
    o.mode = 0;
    o.sha256 = "12";
    CHECK_INT(mw_download_start(s.rt, &o, &d), MW_EINVAL);
    o.sha256 = NULL;
    request.method = "HEAD";
    CHECK_INT(mw_download_start(s.rt, &o, &d), MW_EINVAL);
    request.method = NULL;
    request.body = "x";
    CHECK_INT(mw_download_start(s.rt, &o, &d), MW_EINVAL);
    request.body = NULL;
    request.headers = range;
    request.header_count = 1;
    CHECK_INT(mw_download_start(s.rt, &o, &d), MW_EINVAL);
    request.header_count = 0;
    request.url = "http://a b/";
    CHECK_INT(mw_download_start(s.rt, &o, &d), MW_EINVAL);
    CHECK_INT(mw_pending(s.rt), 1);
    CHECK(!exists("a.part"));
    close_site(&s);
}

static void act_free(struct diary *diary)
{
    diary->freed = 1;
    mw_download_free(diary->d);
}

static void act_cancel(struct diary *diary)
{
    mw_download_cancel(diary->d);
    mw_download_cancel(diary->d);
}

static void may_be_freed_and_cancelled_at_any_time(void)
{
    struct site s;
    open_site(&s);
    for (int turns = 0; turns < 12; turns++) { /* after so many turns of the loop */
        for (int frees = 0; frees < 2; frees++) {
            struct diary diary = {0};
            CHECK_INT(begin(&s, &diary, "/", in_folder("a")), MW_OK);
            for (int i = 0; i < turns && !diary.done; i++)
                mw_poll(s.rt, 0);
            if (frees && !diary.done) {
                act_free(&diary);
                test_turn(s.rt);
                CHECK(!diary.done);
                continue;
            }
            act_cancel(&diary);
            WAIT(s.rt, diary.done);
            mw_download_free(diary.d);
            CHECK(diary.code[0] == '\0' || strcmp(diary.code, "operation_cancelled") == 0);
        }
    }
    static const char at[] = {'p', 'd'};
    for (size_t i = 0; i < 4; i++) {
        struct diary diary = {.act_at = at[i / 2], .act = i % 2 ? act_free : act_cancel};
        CHECK_INT(begin(&s, &diary, "/", in_folder("a")), MW_OK);
        for (double end = mw_now() + 30; !diary.done && !diary.freed && mw_now() < end;)
            mw_poll(s.rt, 0.05);
        test_turn(s.rt);
        CHECK(diary.done || diary.freed);
        if (!diary.freed)
            mw_download_free(diary.d);
    }
    CHECK_INT(mw_pending(s.rt), 1);
    close_site(&s);
    removes("a");
    removes("a.part");
    removes("a.part.note");
}

/* The file server answers whole: what is left of a part is thrown away by 200. */
static void ends_with_its_runtime(void)
{
    int descriptors = test_descriptors();
    for (int turns = 0; turns < 8; turns++) {
        struct site s;
        struct diary diary = {0};
        open_site(&s);
        CHECK_INT(begin(&s, &diary, "/", in_folder("a")), MW_OK);
        for (int i = 0; i < turns; i++)
            mw_poll(s.rt, 0);
        int done = diary.done;
        close_site(&s);
        CHECK_INT(diary.done, done);
    }
    CHECK_INT(test_descriptors(), descriptors);
    removes("a");
    removes("a.part");
    removes("a.part.note");
}

/* ---- no memory ------------------------------------------------------------------------------ */

struct budget {
    long left; /* allocations until they fail; negative: never */
};

static void *limited(void *ud, void *block, size_t size)
{
    struct budget *b = ud;
    if (size == 0) {
        free(block);
        return NULL;
    }
    if (b->left == 0)
        return NULL;
    if (b->left > 0)
        b->left--;
    return realloc(block, size);
}

static void survives_without_memory(void)
{
    struct site s;
    int port, succeeded = 0;
    open_site(&s);
    port = mw_server_port(s.server);
    for (long n = 0; n < 60 && !succeeded; n++) {
        struct budget budget = {-1};
        struct diary diary = {0};
        mw_config config;
        memset(&config, 0, sizeof config);
        config.alloc = limited;
        config.ud = &budget;
        mw_runtime *rt = test_need(test_open(&config));
        mw_options request;
        memset(&request, 0, sizeof request);
        request.url = test_url(port, "/");
        mw_download_options o = {.request = &request,
                                 .path = in_folder("a"),
                                 .hash = 1,
                                 .on_done = on_done,
                                 .ud = &diary};
        budget.left = n;
        int result = mw_download_start(rt, &o, &diary.d);
        CHECK(result == MW_OK || result == MW_ENOMEM);
        for (double end = mw_now() + 30; result == MW_OK && !diary.done && mw_now() < end;) {
            mw_poll(rt, 0);
            mw_poll(s.rt, 0.001);
        }
        CHECK(result != MW_OK || diary.done);
        succeeded = result == MW_OK && diary.code[0] == '\0';
        budget.left = -1;
        mw_close(rt);
    }
    CHECK(succeeded);
    close_site(&s);
    removes("a");
    removes("a.part");
    removes("a.part.note");
}

int main(void)
{
    test_need(mkdtemp(folder));
    TEST(takes_content_ranges_apart);
    TEST(knows_strong_validators);
    TEST(tells_the_rate_of_the_last_seconds);
    TEST(adds_up_to_one_digest);
    TEST(reads_the_note_it_wrote);
    TEST(a_part_becomes_its_target);
    TEST(a_part_without_a_note_goes);
    TEST(a_part_that_is_not_on_the_disk_goes);
    TEST(a_part_has_one_owner);
    TEST(as_nobody);
    TEST(fetches_a_file);
    TEST(tells_errors_from_the_loop);
    TEST(refuses_misuse);
    TEST(may_be_freed_and_cancelled_at_any_time);
    TEST(ends_with_its_runtime);
    TEST(survives_without_memory);
    CHECK_INT(rmdir(folder), 0); /* nothing was left in it */
    return test_end();
}
