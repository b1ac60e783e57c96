/* The URLs of proxies, and which hosts a list of no_proxy has.
 * SPDX-License-Identifier: MIT */
#include "base/proxy.h"

#include "test.h"

static void *nothing(void *ud, void *block, size_t size)
{
    (void)ud;
    (void)block;
    (void)size;
    return NULL;
}

static const struct {
    const char *text;
    const char *name, *host;
    int kind, port;
    const char *user, *password;
} urls[] = {
    {"http://proxy.test:3128", "http://proxy.test:3128", "proxy.test", MW_PROXY_HTTP, 3128, NULL,
     NULL},
    {"http://proxy.test", "http://proxy.test:80", "proxy.test", MW_PROXY_HTTP, 80, NULL, NULL},
    {"http://proxy.test/", "http://proxy.test:80", "proxy.test", MW_PROXY_HTTP, 80, NULL, NULL},
    {"http://proxy.test:/", "http://proxy.test:80", "proxy.test", MW_PROXY_HTTP, 80, NULL, NULL},
    {"proxy.test:8080", "http://proxy.test:8080", "proxy.test", MW_PROXY_HTTP, 8080, NULL, NULL},
    {"127.0.0.1", "http://127.0.0.1:80", "127.0.0.1", MW_PROXY_HTTP, 80, NULL, NULL},
    {"HTTPS://Proxy.Test", "https://proxy.test:443", "proxy.test", MW_PROXY_HTTPS, 443, NULL, NULL},
    {"socks5://[::1]", "socks5://[::1]:1080", "::1", MW_PROXY_SOCKS5, 1080, NULL, NULL},
    {"socks5h://[::1]:9050", "socks5h://[::1]:9050", "::1", MW_PROXY_SOCKS5H, 9050, NULL, NULL},
    {"socks://a", "socks://a:1080", "a", MW_PROXY_SOCKS5H, 1080, NULL, NULL},
    {"http://[fe80::1%25lo]:1", "http://[fe80::1%lo]:1", "fe80::1%lo", MW_PROXY_HTTP, 1, NULL,
     NULL},
    {"http://me:secret@proxy.test:1", "http://proxy.test:1", "proxy.test", MW_PROXY_HTTP, 1, "me",
     "secret"},
    {"me:secret@proxy.test:1", "http://proxy.test:1", "proxy.test", MW_PROXY_HTTP, 1, "me",
     "secret"},
    {"http://me@proxy.test", "http://proxy.test:80", "proxy.test", MW_PROXY_HTTP, 80, "me", ""},
    {"http://:pw@proxy.test", "http://proxy.test:80", "proxy.test", MW_PROXY_HTTP, 80, "", "pw"},
    {"http://@proxy.test", "http://proxy.test:80", "proxy.test", MW_PROXY_HTTP, 80, NULL, NULL},
    {"http://:@proxy.test", "http://proxy.test:80", "proxy.test", MW_PROXY_HTTP, 80, NULL, NULL},
    {"http://a%40b:p%3Aw%2f%C3%A9@h", "http://h:80", "h", MW_PROXY_HTTP, 80, "a@b", "p:w/\xc3\xa9"},
    {"http://a@b:c:d@h", "http://h:80", "h", MW_PROXY_HTTP, 80, "a@b", "c:d"},
    {"socks5://a%3Ab:c@h", "socks5://h:1080", "h", MW_PROXY_SOCKS5, 1080, "a:b", "c"},
};

static void reads_urls(void)
{
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct mw_proxy p;
        const char *wrong = mw_proxy_read(&p, &mw_default_allocator, urls[i].text);
        test_state.name = urls[i].text;
        if (!CHECK(wrong == NULL)) {
            printf("%s\n", wrong);
            continue;
        }
        CHECK_TEXT(p.name, urls[i].name);
        CHECK_TEXT(p.host, urls[i].host);
        CHECK_INT(p.kind, urls[i].kind);
        CHECK_INT(p.port, urls[i].port);
        CHECK((p.user == NULL) == (urls[i].user == NULL));
        if (urls[i].user != NULL && p.user != NULL) {
            CHECK_TEXT(p.user, urls[i].user);
            CHECK_TEXT(p.password, urls[i].password);
        }
        mw_proxy_free(&p, &mw_default_allocator);
        mw_proxy_free(&p, &mw_default_allocator);
    }
}

static const struct {
    const char *text, *words;
} bad_urls[] = {
    {"", "no host"},
    {"http://", "no host"},
    {"http://:80", "no host"},
    {"http://me:pw@", "no host"},
    {"ftp://proxy.test", "does not begin with"},
    {"socks4://proxy.test", "does not begin with"},
    {"://proxy.test", "does not begin with"},
    {"http://proxy.test:http", "not a number"},
    {"http://proxy.test:-1", "not a number"},
    {"http://proxy.test:+80", "not a number"},
    {"http://proxy.test:0", "port 0"},
    {"http://proxy.test:65536", "larger than"},
    {"http://proxy.test:99999999999999999999", "larger than"},
    {"http://proxy.test/path", "no path"},
    {"http://proxy.test?query", "no path"},
    {"http://proxy.test#x", "no path"},
    {"http://[::1", "no \"]\""},
    {"http://[::1]x:80", "only a port"},
    {"http://[nonsense]:80", "not an IPv6 address"},
    {"http://::1", "not a number"},
    {"http://pro xy.test", "not allowed"},
    {"http://proxy.test\r\nX", "not allowed"},
    {"http://a%zz:b@h", "percent"},
    {"http://a%0:b@h", "percent"},
    {"http://a%:b@h", "percent"},
    {"http://a:b%00c@h", "percent"},
    {"http://a%3Ab:c@h", "colon"},
};

static void refuses_what_is_none(void)
{
    for (size_t i = 0; i < sizeof bad_urls / sizeof bad_urls[0]; i++) {
        struct mw_proxy p;
        const char *wrong = mw_proxy_read(&p, &mw_default_allocator, bad_urls[i].text);
        test_state.name = bad_urls[i].text;
        CHECK_HAS(wrong, bad_urls[i].words);
        if (wrong == NULL)
            mw_proxy_free(&p, &mw_default_allocator);
    }
}

static void refuses_what_is_too_long(void)
{
    struct mw_proxy p;
    char host[300] = "http://", user[400] = "http://";
    memset(host + 7, 'h', 256);
    CHECK_HAS(mw_proxy_read(&p, &mw_default_allocator, host), "longer than 255");
    host[7 + 255] = '\0';
    CHECK(mw_proxy_read(&p, &mw_default_allocator, host) == NULL);
    mw_proxy_free(&p, &mw_default_allocator);
    memset(user + 7, 'u', 256);
    strcat(user, "@h");
    CHECK_HAS(mw_proxy_read(&p, &mw_default_allocator, user), "longer than 255");
}

static void tells_of_no_memory(void)
{
    struct mw_proxy p;
    const struct mw_allocator none = {nothing, NULL};
    CHECK_TEXT(mw_proxy_read(&p, &none, "http://a"), "");
    CHECK(p.name == NULL);
}

static const struct {
    const char *list, *host;
    int port, direct;
} lists[] = {
    {"", "a.test", 80, 0},
    {" , ,", "a.test", 80, 0},
    {"*", "a.test", 80, 1},
    {"b.test,*", "a.test", 80, 1},
    {"*:81", "a.test", 80, 0},
    {"a.test", "a.test", 80, 1},
    {"A.Test", "a.tesT", 80, 1},
    {"a.test", "www.a.test", 80, 1},
    {".a.test", "www.a.test", 80, 1},
    {".a.test", "a.test", 80, 1},
    {"*.a.test", "www.a.test", 80, 1},
    {"a.test", "aa.test", 80, 0},
    {"a.test", "a.test.evil", 80, 0},
    {"www.a.test", "a.test", 80, 0},
    {"a.test.", "a.test", 80, 1},
    {"a.test", "a.test.", 80, 1},
    {"a.test:80", "a.test", 80, 1},
    {"a.test:80", "a.test", 81, 0},
    {"a.test:80", "www.a.test", 80, 1},
    {"a.test:x", "a.test", 80, 0},
    {"b.test, a.test", "a.test", 80, 1},
    {"b.test a.test", "a.test", 80, 1},
    {"b.test,,a.test,", "a.test", 80, 1},
    {"test", "a.test", 80, 1},
    {".", "a.test", 80, 0},
    {"127.0.0.1", "127.0.0.1", 80, 1},
    {"127.0.0.1:81", "127.0.0.1", 80, 0},
    {"127.0.0.1", "127.0.0.11", 80, 0},
    {"0.0.1", "127.0.0.1", 80, 0},
    {"10.0.0.0/8", "10.1.2.3", 80, 1},
    {"10.0.0.0/8", "11.1.2.3", 80, 0},
    {"10.0.0.0/0", "11.1.2.3", 80, 1},
    {"192.0.2.128/25", "192.0.2.127", 80, 0},
    {"192.0.2.128/25", "192.0.2.129", 80, 1},
    {"192.0.2.1/32", "192.0.2.1", 80, 1},
    {"192.0.2.1/33", "192.0.2.1", 80, 0},
    {"192.0.2.1/", "192.0.2.1", 80, 0},
    {"192.0.2.1/x", "192.0.2.1", 80, 0},
    {"192.0.2.1/0000000032", "192.0.2.1", 80, 0},
    {"10.0.0.0/8", "a.test", 80, 0},
    {"a.test/8", "a.test", 80, 0},
    {"::1", "::1", 80, 1},
    {"[::1]", "::1", 80, 1},
    {"[::1]:80", "::1", 80, 1},
    {"[::1]:81", "::1", 80, 0},
    {"0:0:0:0:0:0:0:1", "::1", 80, 1},
    {"2001:db8::/32", "2001:db8:1::2", 80, 1},
    {"2001:db8::/32", "2001:db9::2", 80, 0},
    {"2001:db8::/33", "2001:db8:8000::2", 80, 0},
    {"0.0.0.0/0", "::1", 80, 0},
    {"127.0.0.0/8", "::ffff:127.0.0.1", 80, 1},
    {"127.0.0.1", "::ffff:127.0.0.1", 80, 1},
    {"1.0.0.127", "a.1.0.0.127", 80, 0},
    {"[", "a.test", 80, 0},
    {"[]", "a.test", 80, 0},
    {":", "a.test", 80, 0},
    {":80", "a.test", 80, 0},
    {"/", "127.0.0.1", 80, 0},
};

static void knows_who_needs_none(void)
{
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        char *list = test_need(strdup(lists[i].list)); /* a byte too far would show */
        bool direct = mw_no_proxy(list, lists[i].host, (unsigned short)lists[i].port);
        free(list);
        if (!CHECK_INT(direct, lists[i].direct))
            printf("\"%s\" and %s:%d\n", lists[i].list, lists[i].host, lists[i].port);
    }
}

static void knows_this_machine(void)
{
    static const char *const own[] = {"localhost",  "LOCALHOST", "localhost.", "a.localhost",
                                      "127.0.0.1",  "127.8.9.1", "::1",        "::ffff:127.0.0.1",
                                      "0:0:0:0::1", NULL};
    static const char *const others[] = {"localhost.test", "alocalhost", "128.0.0.1", "::2",
                                         "127.0.0.1.test", "fe80::1",    "",          NULL};
    for (int i = 0; own[i] != NULL; i++)
        CHECK(mw_is_loopback(own[i]));
    for (int i = 0; others[i] != NULL; i++)
        CHECK(!mw_is_loopback(others[i]));
}

int main(void)
{
    TEST(reads_urls);
    TEST(refuses_what_is_none);
    TEST(refuses_what_is_too_long);
    TEST(tells_of_no_memory);
    TEST(knows_who_needs_none);
    TEST(knows_this_machine);
    return test_end();
}
