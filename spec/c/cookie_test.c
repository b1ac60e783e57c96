/* cookie_test.c: the dates of cookies, and a jar whose clock is the test's.
 * SPDX-License-Identifier: MIT */
#include "test.h"

#include "core/cookie_jar.h"

#include <sys/stat.h>
#include <unistd.h>

enum { NOW = 1700000000, DAY = 86400 };

/* ---- dates --------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    long long seconds;
} good_dates[] = {
    {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},  /* RFC 1123 */
    {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777}, /* RFC 850 */
    {"Sun Nov  6 08:49:37 1994", 784111777},       /* asctime */
    {"Sun, 06-Nov-1994 08:49:37 GMT", 784111777},  /* Netscape */
    {"06 Nov 1994 08:49:37", 784111777},
    {"6 nov 1994 8:49:37", 784111777},
    {"1994 6 November 08:49:37", 784111777},
    {"08:49:37 1994 NOV 6", 784111777},
    {"08:49:37/6/novaught/1994", 784111777},
    {",,,6;;Nov--1994==08:49:37,,,", 784111777},
    {"\t6\tNov\t1994\t08:49:37\t", 784111777},
    {"6 Nov 1994 08:49:37 +0900", 784111777}, /* zones say nothing */
    {"6 Nov 1994 08:49:37 PST", 784111777},
    {"6th Nov 1994 08:49:37", 784111777},
    {"6 Nov 1994 08:49:37.123", 784111777},
    {"6 Nov 1994 08:49:37:99", 784111777},
    {"6 Nov 1994 08:49:37z", 784111777},
    {"6 Nov 1994x 08:49:37", 784111777},
    {"06:00 Nov 1994 08:49:37", 784111777}, /* no time: the day 6 */
    {"6 Nov 94 08:49:37", 784111777},
    {"Nov 6 08:49:37 94 95", 784111777}, /* the first counts */
    {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
    {"Thu, 01 Jan 70 00:00:00 GMT", 0},
    {"Thu, 01-Jan-1970 00:00:01 GMT", 1},
    {"Wed, 31 Dec 1969 23:59:59 GMT", -1},
    {"1 Jan 1601 0:0:0", -11644473600},
    {"1 Jan 00 00:00:00", 946684800},
    {"1 Jan 69 00:00:00", 3124224000},
    {"1 Jan 99 00:00:00", 915148800},
    {"1 Jan 0099 00:00:00", 915148800}, /* the number counts, not its digits */
    {"29 Feb 2000 00:00:00", 951782400},
    {"29 Feb 2024 12:34:56", 1709210096},
    {"31 Dec 9999 23:59:59", 253402300799},
    {"Tue, 19 Jan 2038 03:14:08 GMT", 2147483648},
    {"10 11 12 Jan 01:02:03", 1294621323},  /* 10 January 2011: day, year, and no more */
    {"1:2:3 04:05:06 Mar 2001", 983667723}, /* the second time is read as the day 4 */
};

static const char *const bad_dates[] = {
    "",
    " ",
    "0",
    "session",
    "Sun, 06 Nov 1994",
    "Sun, 06 Nov 08:49:37",
    "Sun, Nov 1994 08:49:37",
    "06 1994 08:49:37",
    "06 No 1994 08:49:37",
    "32 Jan 2020 00:00:00",
    "0 Jan 2020 00:00:00",
    "00 Jan 2020 00:00:00",
    "29 Feb 2023 00:00:00",
    "29 Feb 1900 00:00:00",
    "30 Feb 2024 00:00:00",
    "31 Apr 2024 00:00:00",
    "31 Jun 2024 00:00:00",
    "31 Sep 2024 00:00:00",
    "31 Nov 2024 00:00:00",
    "1 Jan 1600 00:00:00",
    "1 Jan 0100 00:00:00",
    "1 Jan 12345 00:00:00",
    "1 Jan 7 00:00:00",
    "1 Jan 2020 24:00:00",
    "1 Jan 2020 00:60:00",
    "1 Jan 2020 00:00:60",
    "1 Jan 2020 000:00:00",
    "1 Jan 2020 00:000:00",
    "1 Jan 2020 00:00:000",
    "1 Jan 2020 0:0",
    "1 Jan 2020 :0:0:0",
    "001 Jan 2020 00:00:00",
    "1 \x80Jan 2020 00:00:00",
    "2020-01-01T00:00:00Z", /* as programs like it: no month's name */
    "1577836800",
};

static void reads_dates(void)
{
    int64_t seconds;
    for (size_t i = 0; i < sizeof good_dates / sizeof good_dates[0]; i++) {
        const char *text = good_dates[i].text;
        seconds = -99;
        if (!CHECK(mw_cookie_date(text, strlen(text), &seconds)) ||
            !CHECK_INT(seconds, good_dates[i].seconds))
            printf("    of \"%s\"\n", text);
    }
    for (size_t i = 0; i < sizeof bad_dates / sizeof bad_dates[0]; i++) {
        if (!CHECK(!mw_cookie_date(bad_dates[i], strlen(bad_dates[i]), &seconds)))
            printf("    of \"%s\"\n", bad_dates[i]);
    }
    CHECK(mw_cookie_date("6 Nov 1994\0 08:49:37", 20, &seconds)); /* a byte like any other */
}

/* Each day of the calendar has one more than the one before. */
static void knows_the_calendar(void)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char text[64];
    int64_t seconds, last = 0;
    int days = 0;
    for (int year = 1890; year <= 2110; year++) {
        for (int month = 0; month < 12; month++) {
            for (int day = 1; day <= 31; day++) {
                snprintf(text, sizeof text, "%d %.3s %d 12:00:00", day, &months[(size_t)month * 3],
                         year);
                if (!mw_cookie_date(text, strlen(text), &seconds))
                    continue;
                if (days++ > 0 && !CHECK(seconds == last + DAY))
                    return;
                last = seconds;
            }
        }
    }
    CHECK_INT(days, 221 * 365 + 53); /* without 1900 and 2100 */
}

/* ---- expiry -------------------------------------------------------------------------------- */

static struct mw_cookie_place place(const char *host, const char *path, bool secure)
{
    return (struct mw_cookie_place){host, {path, strlen(path)}, secure};
}

static int take(mw_cookie_jar *jar, const char *host, bool secure, const char *text, int64_t now)
{
    struct mw_cookie_place from = place(host, "/", secure);
    return mw_cookie_jar_take(jar, &from, text, strlen(text), now);
}

static const char *sent(mw_cookie_jar *jar, const char *host, int64_t now)
{
    struct mw_cookie_place to = place(host, "/", true);
    CHECK(mw_cookie_jar_choose(jar, &to, now));
    return mw_cookie_jar_join(jar);
}

static const struct {
    const char *attributes;
    long long lives; /* seconds; -1: not at all, 0: for the session */
} lives[] = {
    {"", 0},
    {"; Max-Age=10", 10},
    {"; max-age=10", 10},
    {"; Max-Age = 10 ", 10},
    {"; Max-Age=0010", 10},
    {"; Max-Age=0", -1},
    {"; Max-Age=-0", -1},
    {"; Max-Age=-1", -1},
    {"; Max-Age=-99999999999999999999999999", -1},
    {"; Max-Age=", 0},
    {"; Max-Age", 0},
    {"; Max-Age=-", 0},
    {"; Max-Age=--1", 0},
    {"; Max-Age=+10", 0},
    {"; Max-Age=10s", 0},
    {"; Max-Age=1e3", 0},
    {"; Max-Age=10.5", 0},
    {"; Max-Age=\"10\"", 0},
    {"; Max-Age=ten", 0},
    {"; Max-Age=1 0", 0},
    {"; Max-Age=34560000", 400 * DAY},
    {"; Max-Age=34560001", 400 * DAY},
    {"; Max-Age=99999999999999999999999999", 400 * DAY},
    {"; Max-Age=10; Max-Age=20", 20},
    {"; Max-Age=10; Max-Age=x", 10},
    {"; Max-Age=10; Max-Age=0", -1},
    {"; Expires=Tue, 14 Nov 2023 22:13:30 GMT", 10},
    {"; Expires=Tue, 14 Nov 2023 22:13:21 GMT", 1},
    {"; Expires=Tue, 14 Nov 2023 22:13:20 GMT", -1},
    {"; Expires=Thu, 01 Jan 1970 00:00:00 GMT", -1},
    {"; Expires=Mon, 01 Jan 1900 00:00:00 GMT", -1},
    {"; Expires=Fri, 31 Dec 9999 23:59:59 GMT", 400 * DAY},
    {"; Expires=0", 0},
    {"; Expires=-1", 0},
    {"; Expires=", 0},
    {"; Expires=never", 0},
    {"; Expires=Tue, 14 Nov 2023 22:13:30 GMT; Expires=Tue, 14 Nov 2023 22:13:40 GMT", 20},
    {"; Expires=Tue, 14 Nov 2023 22:13:30 GMT; Expires=x", 10},
    {"; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=10", 10},
    {"; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:00 GMT", 10},
    {"; Max-Age=0; Expires=Fri, 31 Dec 9999 23:59:59 GMT", -1},
    {"; Max-Age=x; Expires=Tue, 14 Nov 2023 22:13:30 GMT", 10},
    {"; Expires=Tue, 14 Nov 2023 22:13:30 GMT; Max-Age=", 10},
};

static void lets_cookies_expire(void)
{
    char text[200];
    for (size_t i = 0; i < sizeof lives / sizeof lives[0]; i++) {
        mw_cookie_jar *jar = test_need(mw_cookie_jar_new(NULL, NULL));
        long long seconds = lives[i].lives;
        bool good = CHECK_INT(take(jar, "a.test", true, "n=old", NOW), 1);
        snprintf(text, sizeof text, "n=v%s", lives[i].attributes);
        good &= CHECK_INT(take(jar, "a.test", true, text, NOW), 1);
        good &= CHECK_TEXT(sent(jar, "a.test", NOW), seconds < 0 ? "" : "n=v");
        if (seconds > 0) {
            good &= CHECK_TEXT(sent(jar, "a.test", NOW + seconds - 1), "n=v");
            good &= CHECK_TEXT(sent(jar, "a.test", NOW + seconds), "");
            good &= CHECK_INT((long long)jar->count, 0);
        } else if (seconds == 0) {
            good &= CHECK_TEXT(sent(jar, "a.test", NOW + 10000LL * DAY), "n=v");
        }
        if (!good)
            printf("    of \"%s\"\n", text);
        mw_cookie_jar_free(jar);
    }
}

static void keeps_what_has_not_expired(void)
{
    mw_cookie_jar *jar = test_need(mw_cookie_jar_new(NULL, NULL));
    char text[64];
    for (int i = 1; i <= 40; i++) {
        snprintf(text, sizeof text, "n%d=v; Max-Age=%d", i, i);
        CHECK_INT(take(jar, "a.test", false, text, NOW), 1);
    }
    for (int i = 0; i <= 40; i++) {
        mw_cookie_jar_sweep(jar, NOW + i);
        CHECK_INT((long long)jar->count, 40 - i);
    }
    CHECK(jar->next_expiry == INT64_MAX);
    CHECK_INT(take(jar, "a.test", false, "a=b; Max-Age=10", NOW + 50), 1);
    CHECK_TEXT(sent(jar, "a.test", NOW), "a=b"); /* the clock was set back */
    CHECK_TEXT(sent(jar, "a.test", NOW + 60), "");
    mw_cookie_jar_free(jar);
}

/* ---- limits -------------------------------------------------------------------------------- */

/* Sets n0 … of one domain, the odd ones Secure if so wished. */
static void fill(mw_cookie_jar *jar, const char *host, int from, int to, int secure_too)
{
    char text[64];
    for (int i = from; i < to; i++) {
        snprintf(text, sizeof text, "n%d=v%s", i, secure_too && i % 2 == 1 ? "; Secure" : "");
        CHECK_INT(take(jar, host, true, text, NOW), 1);
    }
}

static int has(mw_cookie_jar *jar, const char *host, const char *name)
{
    for (const mw_cookie *c = NULL; (c = mw_cookie_jar_next(jar, c)) != NULL;) {
        if (strcmp(c->name, name) == 0 && strcmp(c->domain, host) == 0)
            return 1;
    }
    return 0;
}

static void limits_a_domain(void)
{
    mw_cookie_jar *jar = test_need(mw_cookie_jar_new(NULL, NULL));
    fill(jar, "a.test", 0, MW_COOKIES_OF_DOMAIN, 1);
    fill(jar, "b.test", 0, 3, 0);
    CHECK_INT((long long)jar->count, MW_COOKIES_OF_DOMAIN + 3);
    fill(jar, "a.test", 100, 101, 0);
    CHECK_INT((long long)jar->count, MW_COOKIES_OF_DOMAIN + 3);
    CHECK(!has(jar, "a.test", "n0")); /* of those that are not Secure the oldest */
    CHECK(has(jar, "a.test", "n1") && has(jar, "a.test", "n2") && has(jar, "a.test", "n100"));
    CHECK_INT(take(jar, "a.test", true, "late=1; Path=/p", NOW), 1);
    CHECK(!has(jar, "a.test", "n2"));
    fill(jar, "a.test", 100, 101, 0); /* a new value needs no room */
    CHECK(has(jar, "a.test", "n4"));
    CHECK(has(jar, "b.test", "n0"));
    mw_cookie_jar_free(jar);
}

/* What was not sent for longest goes, not what was created first. */
static void spares_what_is_used(void)
{
    mw_cookie_jar *jar = test_need(mw_cookie_jar_new(NULL, NULL));
    char text[64];
    for (int i = 0; i < MW_COOKIES_OF_DOMAIN; i++) {
        snprintf(text, sizeof text, "n%d=v; Path=/%s", i, i == 0 ? "used" : "not");
        CHECK_INT(take(jar, "a.test", true, text, NOW), 1);
    }
    struct mw_cookie_place to = place("a.test", "/used", true);
    CHECK(mw_cookie_jar_choose(jar, &to, NOW));
    CHECK_TEXT(mw_cookie_jar_join(jar), "n0=v");
    fill(jar, "a.test", 200, 201, 0);
    CHECK(has(jar, "a.test", "n0") && !has(jar, "a.test", "n1") && has(jar, "a.test", "n2"));
    CHECK_INT(take(jar, "a.test", true, "n2=new; Path=/not", NOW), 1); /* that is use as well */
    fill(jar, "a.test", 201, 202, 0);
    CHECK(has(jar, "a.test", "n2") && !has(jar, "a.test", "n3"));
    mw_cookie_jar_free(jar);
}

static void keeps_the_secure_ones(void)
{
    mw_cookie_jar *jar = test_need(mw_cookie_jar_new(NULL, NULL));
    char text[64];
    for (int i = 0; i < MW_COOKIES_OF_DOMAIN; i++) {
        snprintf(text, sizeof text, "n%d=v; Secure", i);
        CHECK_INT(take(jar, "a.test", true, text, NOW), 1);
    }
    CHECK_INT(take(jar, "a.test", true, "plain=1", NOW), 0);
    CHECK_HAS(mw_cookie_jar_message(jar), "50 secure cookies");
    CHECK(has(jar, "a.test", "n0") && !has(jar, "a.test", "plain"));
    CHECK_INT(take(jar, "a.test", true, "safe=1; Secure", NOW), 1);
    CHECK(!has(jar, "a.test", "n0") && has(jar, "a.test", "n1") && has(jar, "a.test", "safe"));
    mw_cookie_jar_free(jar);
}

static void limits_itself(void)
{
    mw_cookie_jar *jar = test_need(mw_cookie_jar_new(NULL, NULL));
    char host[32];
    int domains = MW_COOKIES_IN_ALL / 30;
    for (int i = 0; i < domains; i++) {
        snprintf(host, sizeof host, "h%d.test", i);
        fill(jar, host, 0, 30, 0);
    }
    CHECK_INT((long long)jar->count, MW_COOKIES_IN_ALL);
    CHECK_TEXT(sent(jar, "h0.test", NOW) != NULL ? "sent" : "", "sent");
    fill(jar, "one.more.test", 0, 30, 0);
    CHECK_INT((long long)jar->count, MW_COOKIES_IN_ALL);
    CHECK(has(jar, "h0.test", "n0"));
    CHECK(!has(jar, "h1.test", "n0") && !has(jar, "h1.test", "n29"));
    CHECK(has(jar, "h2.test", "n0"));
    mw_cookie_jar_free(jar);
}

/* Those that have expired go before any other. */
static void lets_the_expired_go_first(void)
{
    mw_cookie_jar *jar = test_need(mw_cookie_jar_new(NULL, NULL));
    fill(jar, "a.test", 0, MW_COOKIES_OF_DOMAIN - 1, 0);
    CHECK_INT(take(jar, "a.test", true, "short=1; Secure; Max-Age=1", NOW), 1);
    CHECK_INT(take(jar, "a.test", true, "more=1", NOW + 1), 1);
    CHECK(has(jar, "a.test", "n0") && has(jar, "a.test", "more") && !has(jar, "a.test", "short"));
    mw_cookie_jar_free(jar);
}

/* ---- the rest of the interface ------------------------------------------------------------- */

static void is_kept_by_its_users(void)
{
    mw_cookie_jar *jar = test_need(mw_cookie_jar_new(NULL, NULL));
    mw_cookie_jar_retain(jar);
    mw_cookie_jar_free(jar);
    CHECK_INT(mw_cookie_jar_set(jar, "a=b", "http://a.test/"), 1);
    CHECK_TEXT(mw_cookie_jar_header(jar, "http://a.test/"), "a=b");
    mw_cookie_jar_free(jar);
    mw_cookie_jar_free(NULL);
}

static void answers_by_url(void)
{
    mw_cookie_jar *jar = test_need(mw_cookie_jar_new(NULL, NULL));
    CHECK_TEXT(mw_cookie_jar_message(jar), "");
    CHECK(mw_cookie_jar_next(jar, NULL) == NULL && mw_cookie_jar_selected(jar, 0) == NULL);
    CHECK_INT(mw_cookie_jar_set(jar, "a=1; Domain=a.test; Max-Age=100; HttpOnly; SameSite=lax",
                                "https://X.A.test:8443/p/q?r#s"),
              1);
    CHECK_INT(mw_cookie_jar_set(jar, "b=2; Secure", "https://x.a.test/p/q"), 1);
    CHECK_INT(mw_cookie_jar_select(jar, "https://x.a.test/p/z"), 2);
    const mw_cookie *c = mw_cookie_jar_selected(jar, 0);
    CHECK_TEXT(c->name, "a");
    CHECK_TEXT(c->value, "1");
    CHECK_TEXT(c->domain, "a.test");
    CHECK_TEXT(c->path, "/p");
    CHECK_TEXT(c->same_site, "Lax");
    CHECK(!c->host_only && !c->secure && c->http_only && c->created > NOW);
    CHECK_INT(c->expires - c->created, 100);
    c = mw_cookie_jar_selected(jar, 1);
    CHECK(c->host_only && c->secure && !c->http_only && c->expires == 0);
    CHECK_TEXT(c->domain, "x.a.test");
    CHECK_TEXT(c->same_site, "");
    CHECK(mw_cookie_jar_selected(jar, 2) == NULL);
    CHECK_TEXT(mw_cookie_jar_header(jar, "http://x.a.test/p"), "a=1");
    CHECK_TEXT(mw_cookie_jar_header(jar, "https://y.a.test/p"), "a=1");
    CHECK_TEXT(mw_cookie_jar_header(jar, "https://x.a.test/"), "");
    CHECK_INT((long long)mw_cookie_jar_count(jar), 2);
    CHECK_INT((long long)mw_cookie_jar_remove(jar, NULL, NULL, "none"), 0);
    CHECK_INT((long long)mw_cookie_jar_remove(jar, ".A.TEST", "/p", "a"), 1);
    CHECK_TEXT(mw_cookie_jar_next(jar, NULL)->name, "b");
    CHECK_INT((long long)mw_cookie_jar_remove(jar, NULL, NULL, NULL), 1);
    mw_cookie_jar_free(jar);
}

static void refuses_bad_urls(void)
{
    static const char *const urls[] = {"",
                                       "a.test",
                                       "ftp://a.test/",
                                       "http:///",
                                       "http://a b/",
                                       "http://[::1",
                                       "https://a.test:x/"};
    mw_cookie_jar *jar = test_need(mw_cookie_jar_new(NULL, NULL));
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        if (!CHECK_INT(mw_cookie_jar_set(jar, "a=b", urls[i]), MW_EINVAL) ||
            !CHECK(mw_cookie_jar_header(jar, urls[i]) == NULL))
            printf("    of %s\n", urls[i]);
        CHECK_HAS(mw_cookie_jar_message(jar), "bad url");
    }
    mw_cookie_jar_free(jar);
}

/* ---- memory -------------------------------------------------------------------------------- */

static struct {
    int count, fail_at, live;
} memory;

static void *allocate(void *ud, void *block, size_t size)
{
    CHECK(ud == &memory);
    if (size == 0) {
        memory.live -= block != NULL;
        free(block);
        return NULL;
    }
    CHECK(block == NULL);
    if (++memory.count == memory.fail_at)
        return NULL;
    memory.live++;
    return malloc(size);
}

/* Each call that memory fails says so, leaves the jar as it was, and works the next time. */
static void survives_without_memory(void)
{
    int failed = 1;
    for (memory.fail_at = 1; failed; memory.fail_at++) {
        failed = memory.count = 0;
        mw_cookie_jar *jar = mw_cookie_jar_new(allocate, &memory);
        if (jar == NULL) {
            failed = 1;
            jar = test_need(mw_cookie_jar_new(allocate, &memory));
        }
        for (int i = 0; i < 2; i++) {
            const char *text = i == 0 ? "a=b" : "a=c";
            int result = mw_cookie_jar_set(jar, text, "http://a.test/");
            if (result != 1) {
                failed = 1;
                CHECK_INT(result, MW_ENOMEM);
                CHECK_INT((long long)mw_cookie_jar_count(jar), i);
                CHECK_INT(mw_cookie_jar_set(jar, text, "http://a.test/"), 1);
            }
        }
        if (mw_cookie_jar_header(jar, "http://a.test/") == NULL) {
            failed = 1;
            CHECK_HAS(mw_cookie_jar_message(jar), "no memory");
        }
        memory.count = memory.fail_at; /* no more of it */
        CHECK_TEXT(mw_cookie_jar_header(jar, "http://a.test/"), "a=c");
        mw_cookie_jar_free(jar);
        CHECK_INT(memory.live, 0);
    }
    CHECK(memory.fail_at > 5);
}

/* ---- files --------------------------------------------------------------------------------- */

static void write_text(const char *path, const char *text)
{
    FILE *file = test_need(fopen(path, "w"));
    fputs(text, file);
    fclose(file);
}

static void saves_and_loads(const char *path)
{
    size_t loaded, refused;
    struct stat at;
    mw_cookie_jar *jar = test_need(mw_cookie_jar_new(NULL, NULL));
    CHECK_INT(mw_cookie_jar_set(jar, "a=1; Max-Age=1000; Secure", "https://a.test/"), 1);
    CHECK_INT(mw_cookie_jar_set(jar, "session=1", "https://a.test/"), 1);
    write_text(path, "old");
    CHECK_INT(chmod(path, 0644), 0);
    CHECK_INT(mw_cookie_jar_save(jar, path, 0), MW_OK);
    CHECK_INT(stat(path, &at), 0);
    CHECK_INT(at.st_mode & 0777, 0600);
    mw_cookie_jar_clear(jar);
    CHECK_INT(mw_cookie_jar_load(jar, path, &loaded, &refused), MW_OK);
    CHECK_INT((long long)loaded, 1);
    CHECK_INT((long long)refused, 0);
    CHECK_TEXT(mw_cookie_jar_header(jar, "https://a.test/"), "a=1");
    CHECK_INT(mw_cookie_jar_load(jar, path, NULL, NULL), MW_OK); /* nothing doubles */
    CHECK_INT((long long)mw_cookie_jar_count(jar), 1);
    mw_cookie_jar_free(jar);
}

static void tells_of_files(const char *folder, const char *path)
{
    char there[200];
    mw_cookie_jar *jar = test_need(mw_cookie_jar_new(NULL, NULL));
    CHECK_INT(mw_cookie_jar_set(jar, "a=1; Max-Age=1000", "https://a.test/"), 1);
    CHECK_INT(mw_cookie_jar_save(jar, folder, 0), MW_EINVAL);
    CHECK_HAS(mw_cookie_jar_message(jar), "is not a regular file");
    CHECK_INT(mw_cookie_jar_load(jar, folder, NULL, NULL), MW_EINVAL);
    CHECK_INT(mw_cookie_jar_save(jar, "/dev/null", 0), MW_EINVAL);
    CHECK_INT(mw_cookie_jar_load(jar, "/dev/full", NULL, NULL), MW_EINVAL);
    snprintf(there, sizeof there, "%s/none/file", folder);
    CHECK_INT(mw_cookie_jar_save(jar, there, 0), MW_ESYSTEM);
    CHECK_HAS(mw_cookie_jar_message(jar), "cannot write");
    CHECK_HAS(mw_cookie_jar_message(jar), "No such file");
    CHECK_INT(mw_cookie_jar_load(jar, there, NULL, NULL), MW_ESYSTEM);
    CHECK_HAS(mw_cookie_jar_message(jar), "cannot read");

    snprintf(there, sizeof there, "%s/link", folder); /* a link stays one */
    struct stat at;
    CHECK_INT(symlink(path, there), 0);
    CHECK_INT(mw_cookie_jar_save(jar, there, 0), MW_OK);
    CHECK_INT(lstat(there, &at), 0);
    CHECK(S_ISLNK(at.st_mode));
    CHECK_INT(lstat(path, &at), 0);
    CHECK(S_ISREG(at.st_mode) && at.st_size > 50);
    CHECK_INT(unlink(there), 0);
    CHECK_INT(rmdir(folder), -1); /* path, and nothing else */
    mw_cookie_jar_free(jar);
}

static void has_files(void)
{
    char folder[] = "/tmp/moonwire-cookies-XXXXXX", path[100];
    CHECK(mkdtemp(folder) != NULL);
    int descriptors = test_descriptors();
    snprintf(path, sizeof path, "%s/jar", folder);
    saves_and_loads(path);
    tells_of_files(folder, path);
    CHECK_INT(unlink(path), 0);
    CHECK_INT(rmdir(folder), 0); /* no file was left beside it */
    CHECK_INT(test_descriptors(), descriptors);
}

int main(void)
{
    TEST(reads_dates);
    TEST(knows_the_calendar);
    TEST(lets_cookies_expire);
    TEST(keeps_what_has_not_expired);
    TEST(limits_a_domain);
    TEST(spares_what_is_used);
    TEST(keeps_the_secure_ones);
    TEST(limits_itself);
    TEST(lets_the_expired_go_first);
    TEST(is_kept_by_its_users);
    TEST(answers_by_url);
    TEST(refuses_bad_urls);
    TEST(survives_without_memory);
    TEST(has_files);
    return test_end();
}
