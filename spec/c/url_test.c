/* URLs: read, brought to one form, resolved against others; what is refused and why. Every text
 * lies in a block of just its size, so that the sanitizers and valgrind see a byte too far.
 * SPDX-License-Identifier: MIT */
#include "base/grammar.h"
#include "base/url_host.h"
#include "base/url_parse.h"

#include "test.h"

static const struct mw_allocator *const heap = &mw_default_allocator;

struct block {
    char *at;
    struct mw_span span;
};

static struct block block(const char *text, size_t length)
{
    struct block b = {(char *)test_need(malloc(length > 0 ? length : 1)), {NULL, 0}};
    if (length > 0)
        memcpy(b.at, text, length);
    b.span = (struct mw_span){b.at, length};
    return b;
}

/* The result, or "! " and what is wrong; it lives until the next call. */
static const char *resolve_bytes(const char *base, const char *reference, size_t length)
{
    static char result[2000];
    struct mw_parsed_url url;
    struct block b = block(base, strlen(base)), r = block(reference, length);
    const char *wrong = mw_url_resolve(heap, b.span, r.span, &url);
    snprintf(result, sizeof result, "%s%s", wrong != NULL ? "! " : "",
             wrong != NULL ? wrong : url.href);
    CHECK((wrong == NULL) == (url.href != NULL));
    mw_parsed_url_free(&url, heap);
    free(b.at);
    free(r.at);
    return result;
}

static const char *resolve(const char *base, const char *reference)
{
    return resolve_bytes(base, reference, strlen(reference));
}

struct pair {
    const char *from, *to;
};

/* The result is the one that is expected ("! " and a part of the words, if it is an error), and it
 * is the same when it is read again. */
static void check_pairs(const char *base, const struct pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char first[2000];
        snprintf(first, sizeof first, "%s", resolve(base, pairs[i].from));
        int wrong = pairs[i].to[0] == '!';
        int holds = wrong ? strncmp(first, pairs[i].to, 2) == 0 && strstr(first, pairs[i].to + 2)
                          : strcmp(first, pairs[i].to) == 0;
        if (!CHECK(holds))
            printf("  \"%s\" gives \"%s\", expected \"%s\"\n", pairs[i].from, first, pairs[i].to);
        if (!wrong && holds)
            CHECK_TEXT(resolve("", first), first);
    }
}

#define CHECK_PAIRS(base, pairs) check_pairs((base), (pairs), sizeof(pairs) / sizeof *(pairs))

/* ---- RFC 3986, 5.4 ----------------------------------------------------------------------------
 */

static void resolves_the_normal_examples_of_rfc_3986(void)
{
    static const struct pair pairs[] = {
        {"g:h", "g:h"},
        {"g", "http://a/b/c/g"},
        {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"},
        {"//g", "http://g/"}, /* the path of a web URL is never empty (6.2.3) */
        {"?y", "http://a/b/c/d;p?y"},
        {"g?y", "http://a/b/c/g?y"},
        {"#s", "http://a/b/c/d;p?q#s"},
        {"g#s", "http://a/b/c/g#s"},
        {"g?y#s", "http://a/b/c/g?y#s"},
        {";x", "http://a/b/c/;x"},
        {"g;x", "http://a/b/c/g;x"},
        {"g;x?y#s", "http://a/b/c/g;x?y#s"},
        {"", "http://a/b/c/d;p?q"},
        {".", "http://a/b/c/"},
        {"./", "http://a/b/c/"},
        {"..", "http://a/b/"},
        {"../", "http://a/b/"},
        {"../g", "http://a/b/g"},
        {"../..", "http://a/"},
        {"../../", "http://a/"},
        {"../../g", "http://a/g"},
    };
    CHECK_PAIRS("http://a/b/c/d;p?q", pairs);
    CHECK_PAIRS("http://a/b/c/d;p?q#of-the-base", pairs);
}

static void resolves_the_abnormal_examples_of_rfc_3986(void)
{
    static const struct pair pairs[] = {
        {"../../../g", "http://a/g"},
        {"../../../../g", "http://a/g"},
        {"/./g", "http://a/g"},
        {"/../g", "http://a/g"},
        {"g.", "http://a/b/c/g."},
        {".g", "http://a/b/c/.g"},
        {"g..", "http://a/b/c/g.."},
        {"..g", "http://a/b/c/..g"},
        {"./../g", "http://a/b/g"},
        {"./g/.", "http://a/b/c/g/"},
        {"g/./h", "http://a/b/c/g/h"},
        {"g/../h", "http://a/b/c/h"},
        {"g;x=1/./y", "http://a/b/c/g;x=1/y"},
        {"g;x=1/../y", "http://a/b/c/y"},
        {"g?y/./x", "http://a/b/c/g?y/./x"},
        {"g?y/../x", "http://a/b/c/g?y/../x"},
        {"g#s/./x", "http://a/b/c/g#s/./x"},
        {"g#s/../x", "http://a/b/c/g#s/../x"},
        {"http:g", "http://a/b/c/g"}, /* "for backward compatibility", and as browsers do */
    };
    CHECK_PAIRS("http://a/b/c/d;p?q", pairs);
}

/* ---- what browsers do where the RFC is silent --------------------------------------------------
 */

static void reads_absolute_urls_as_browsers_do(void)
{
    static const struct pair pairs[] = {
        {"http://example.com", "http://example.com/"},
        {"HTTP://EXAMPLE.COM/Path?Query#Part", "http://example.com/Path?Query#Part"},
        {"  http://a/b \r\n", "http://a/b"},
        {"\x01\x1fhttp://a/b\x02", "http://a/b"},
        {"ht\ntp://a\t.b/c\rd?e\tf#g\nh", "http://a.b/cd?ef#gh"},
        {"http:\\\\a\\b\\..\\c", "http://a/c"},
        {"https:/\\a/b", "https://a/b"},
        {"http://a\\@b/", "http://a/@b/"}, /* the host is a, whoever looks */
        {"http://a?b", "http://a/?b"},
        {"http://a#b", "http://a/#b"},
        {"http://a?b/c#d?e", "http://a/?b/c#d?e"},
        {"http://a/?", "http://a/?"},
        {"http://a/#", "http://a/#"},
        {"http://a/?#", "http://a/?#"},
        {"http://a/b#c#d", "http://a/b#c%23d"},
        {"http://a/b?c?d", "http://a/b?c?d"},
        {"http://a:80/", "http://a/"},
        {"http://a:/", "http://a/"},
        {"http://a:0080/", "http://a/"},
        {"http://a:443/", "http://a:443/"},
        {"https://a:443/", "https://a/"},
        {"https://a:80/", "https://a:80/"},
        {"ws://a:80/", "ws://a/"},
        {"wss://a:443/", "wss://a/"},
        {"ftp://a:21/b", "ftp://a/b"},
        {"http://a:65535/", "http://a:65535/"},
        {"http://a./", "http://a./"},
        {"http://a_b-c~d/", "http://a_b-c~d/"},
        {"http://u@a/", "http://a/"},
        {"http://u:p@a:81/b", "http://a:81/b"},
        {"http://:@a/", "http://a/"},
        {"http://a@b@c/", "http://c/"},
        {"http://a:b@c:d@e/", "http://e/"},
        {"http://[@x/", "http://x/"},
        {"http://u:p@/", "! no host"},
        {"http:a", "! no host"},
        {"http:/a", "! no host"},
        {"http:///a", "! no host"},
        {"http:////a", "! no host"},
        {"http://", "! no host"},
        {"http:", "! no host"},
        {"https:?a", "! no host"},
        {"http://:80/", "! no host"},
        {"", "! scheme"},
        {"a", "! scheme"},
        {"/a", "! scheme"},
        {"//a/b", "! scheme"},
        {"?a", "! scheme"},
        {"://a", "! scheme"},
        {"1http://a", "! scheme"},
        {"h_t://a", "! scheme"},
        {"\xc3\xa9://a", "! scheme"},
        {"http://a:b/", "! port"},
        {"http://a:-1/", "! port"},
        {"http://a:8 0/", "! port"},
        {"http://a:80:80/", "! port"},
        {"http://a:65536/", "! 65535"},
        {"http://a:99999999999999999999/", "! 65535"},
        {"http://a:0/", "! port 0"},
        {"http://::1/", "! port"},
    };
    CHECK_PAIRS("", pairs);
}

static void removes_dots_and_encodes_bytes(void)
{
    static const struct pair pairs[] = {
        {"http://a/.", "http://a/"},
        {"http://a/..", "http://a/"},
        {"http://a/b/..", "http://a/"},
        {"http://a/b/.", "http://a/b/"},
        {"http://a/b/../../../c", "http://a/c"},
        {"http://a/%2e", "http://a/"},
        {"http://a/b/%2E%2e/c", "http://a/c"},
        {"http://a/b/.%2e", "http://a/"},
        {"http://a/b/%2e./c", "http://a/c"},
        {"http://a/b/%2e%2", "http://a/b/%2e%2"},
        {"http://a/...", "http://a/..."},
        {"http://a/b/%2e%2e%2e", "http://a/b/%2e%2e%2e"},
        {"http://a/%2f../b", "http://a/%2f../b"},
        {"http://a//b", "http://a//b"},
        {"http://a//..//b", "http://a//b"},
        {"http://a/b//../c", "http://a/b/c"},
        {"http://a/.b/..c/d.", "http://a/.b/..c/d."},
        {"http://a/b/..%00", "http://a/b/..%00"},
        {"http://a/?b/../c", "http://a/?b/../c"},
        {"http://a/b c", "http://a/b%20c"},
        {"http://a/\xc3\xa9", "http://a/%C3%A9"},
        {"http://a/\xe9", "http://a/%E9"}, /* not UTF-8: the bytes go as they are */
        {"http://a/?\xe6\x97\xa5=\xe6\x9c\xac", "http://a/?%E6%97%A5=%E6%9C%AC"},
        {"http://a/#\xc3\xa9 x", "http://a/#%C3%A9%20x"},
        {"http://a/\"<>`{}|^", "http://a/%22%3C%3E%60%7B%7D%7C%5E"},
        {"http://a/?\"<>`{}|^\\", "http://a/?%22%3C%3E%60%7B%7D%7C%5E%5C"},
        {"http://a/#\\", "http://a/#%5C"},
        {"http://a/\x7f\x1b", "http://a/%7F"},
        {"http://a/b\x1b"
         "c",
         "http://a/b%1Bc"},
        {"http://a/!$&'()*+,;=:@-._~", "http://a/!$&'()*+,;=:@-._~"},
        {"http://a/?a[]=1&b[c]=2", "http://a/?a[]=1&b[c]=2"},
        {"http://a/[b]", "http://a/[b]"},
        {"http://a/%41%e9%zz%", "http://a/%41%e9%zz%"},
        {"http://a/%%41", "http://a/%%41"},
        {"http://a/?a=b%20c+d", "http://a/?a=b%20c+d"},
        {"http://a/b;c=d/e,f", "http://a/b;c=d/e,f"},
        {"http://a/b:c@d", "http://a/b:c@d"},
        {"http://a/http://b/", "http://a/http://b/"},
    };
    CHECK_PAIRS("", pairs);
}

/* ---- hosts -------------------------------------------------------------------------------------
 */

static void writes_addresses_of_ipv4_in_one_way(void)
{
    static const struct pair pairs[] = {
        {"http://127.0.0.1/", "http://127.0.0.1/"},
        {"http://127.1/", "http://127.0.0.1/"},
        {"http://127.0.1/", "http://127.0.0.1/"},
        {"http://2130706433/", "http://127.0.0.1/"},
        {"http://0x7f.1/", "http://127.0.0.1/"},
        {"http://0X7F000001/", "http://127.0.0.1/"},
        {"http://017700000001/", "http://127.0.0.1/"},
        {"http://0177.0.0.1/", "http://127.0.0.1/"},
        {"http://127.0.0.1./", "http://127.0.0.1/"},
        {"http://127.65535/", "http://127.0.255.255/"},
        {"http://1.2.65535/", "http://1.2.255.255/"},
        {"http://0/", "http://0.0.0.0/"},
        {"http://0x/", "http://0.0.0.0/"},
        {"http://0x.0x.0/", "http://0.0.0.0/"},
        {"http://4294967295/", "http://255.255.255.255/"},
        {"http://0xffffffff/", "http://255.255.255.255/"},
        {"http://00000000000000000000000000000001/", "http://0.0.0.1/"},
        {"http://%31%32%37.0.0.1/", "http://127.0.0.1/"},
        {"http://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1/", "http://127.0.0.1/"},
        {"http://127\xe3\x80\x82"
         "0\xe3\x80\x82"
         "0\xe3\x80\x82"
         "1/",
         "http://127.0.0.1/"},
        {"http://a.1.b/", "http://a.1.b/"},
        {"http://1a/", "http://1a/"},
        {"http://0xg/", "http://0xg/"},
        {"http://4294967296/", "! IPv4"},
        {"http://0x100000000/", "! IPv4"},
        {"http://99999999999999999999999999/", "! IPv4"},
        {"http://256.0.0.1/", "! IPv4"},
        {"http://1.2.3.256/", "! IPv4"},
        {"http://1.2.65536/", "! IPv4"},
        {"http://1.16777216/", "! IPv4"},
        {"http://1.2.3.4.5/", "! IPv4"},
        {"http://1.2.3.08/", "! IPv4"},
        {"http://a.b.1/", "! IPv4"},
        {"http://a.0x7f/", "! IPv4"},
        {"http://1.2.a.4/", "! IPv4"},
        {"http://1..2/", "! empty part"},
        {"http://0x7f.0x1g.1/", "! IPv4"},
    };
    CHECK_PAIRS("", pairs);
}

/* What stays as it is need not be written anew. */
static void knows_hosts_that_are_in_their_one_form(void)
{
    static const char *const stay[] = {"example.com", "a",       "1.2.3.a",
                                       "127.0.0.1",   "0.0.0.0", "255.255.255.255",
                                       "1.20.100.9",  "xn--a",   ""};
    static const char *const may_change[] = {
        "127.1",     "1",         "1.2.3",      "1.2.3.4.5",  "1.2.3.4.",         "1.2.3.04",
        "01.2.3.4",  "1.2.3.256", "1.2.3.1000", "0x7f.0.0.1", "1.2.3.0x4",        "1..3.4",
        "1.2.3.",    "a.1",       "a%41",       "1.2.3.4%31", "b\xc3\xbc",        ".1.2.3.4",
        "1.2.3.4..", "256.1.1.1", "00.0.0.0",   "1.2.3.00",   "1.2.3.99999999999"};
    for (size_t i = 0; i < sizeof stay / sizeof stay[0]; i++)
        CHECK_INT(mw_host_may_change((struct mw_span){stay[i], strlen(stay[i])}), false);
    for (size_t i = 0; i < sizeof may_change / sizeof may_change[0]; i++) {
        struct mw_span host = {may_change[i], strlen(may_change[i])};
        CHECK_INT(mw_host_may_change(host), true);
    }
}

static void writes_decimal_numbers(void)
{
    static const struct {
        uint64_t number;
        const char *text;
    } cases[] = {{0, "0"},
                 {9, "9"},
                 {10, "10"},
                 {65535, "65535"},
                 {1000000, "1000000"},
                 {UINT64_MAX, "18446744073709551615"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[MW_DECIMAL_SIZE];
        const char *end = mw_put_decimal(text, cases[i].number);
        CHECK_TEXT(text, cases[i].text);
        CHECK(end == text + strlen(text));
    }
}

static void writes_addresses_of_ipv6_as_rfc_5952_does(void)
{
    static const struct pair pairs[] = {
        {"http://[::1]/", "http://[::1]/"},
        {"http://[::]/", "http://[::]/"},
        {"http://[0:0:0:0:0:0:0:1]/", "http://[::1]/"},
        {"http://[2001:0DB8::0001]:80/", "http://[2001:db8::1]/"},
        {"http://[2001:db8:0:0:1:0:0:1]/", "http://[2001:db8::1:0:0:1]/"},
        {"http://[2001:db8:0:1:1:1:1:1]/", "http://[2001:db8:0:1:1:1:1:1]/"},
        {"http://[2001:0:0:1:0:0:0:1]/", "http://[2001:0:0:1::1]/"},
        {"http://[1:0:0:0:0:0:0:0]/", "http://[1::]/"},
        {"http://[::1:2]/", "http://[::1:2]/"},
        {"http://[1:2:3:4:5:6:7:8]:8080/", "http://[1:2:3:4:5:6:7:8]:8080/"},
        {"http://[::ffff:1.2.3.4]/", "http://[::ffff:1.2.3.4]/"},
        {"http://[::FFFF:102:304]/", "http://[::ffff:1.2.3.4]/"},
        {"http://[64:ff9b::1.2.3.4]/", "http://[64:ff9b::102:304]/"},
        {"http://[fe80::1%25eth0]/", "http://[fe80::1%25eth0]/"},
        {"http://[fe80::1%eth0]/", "http://[fe80::1%25eth0]/"},
        {"http://u@[::1]:81/", "http://[::1]:81/"},
        {"x://[::1]:81/", "x://[::1]:81/"},
        {"http://[]/", "! IPv6"},
        {"http://[1]/", "! IPv6"},
        {"http://[1::2::3]/", "! IPv6"},
        {"http://[1:2:3:4:5:6:7:8:9]/", "! IPv6"},
        {"http://[::g]/", "! IPv6"},
        {"http://[12345::]/", "! IPv6"},
        {"http://[::1.2.3]/", "! IPv6"},
        {"http://[::1.2.3.256]/", "! IPv6"},
        {"http://[127.0.0.1]/", "! IPv6"},
        {"http://[v1.x]/", "! IPv6"},
        {"http://[a.b]/", "! IPv6"},
        {"http://[::1/", "! \"]\""},
        {"http://[::1]x/", "! port"},
        {"http://[::1]]/", "! port"},
        {"http://::1]/", "! port"},
        {"http://[fe80::1%25]/", "http://[fe80::1%2525]/"}, /* a zone of that name */
        {"http://[fe80::1%]/", "! zone"},
        {"http://[fe80::1%a/b]/", "! \"]\""},
        {"http://[fe80::1%a%41]/", "! zone"},
        {"http://[fe80::1%abcdefghijklmnop]/", "! zone"},
    };
    CHECK_PAIRS("", pairs);
}

static void maps_names_by_idna(void)
{
    static const struct pair pairs[] = {
        {"http://ex%61mple.com/", "http://example.com/"},
        {"http://EX%41MPLE.com/", "http://example.com/"},
        {"http://b\xc3\xbc"
         "cher.de/",
         "http://xn--bcher-kva.de/"},
        {"http://B\xc3\x9c"
         "CHER.DE:8080/",
         "http://xn--bcher-kva.de:8080/"},
        {"http://b%C3%BCcher.de/", "http://xn--bcher-kva.de/"},
        {"http://fa\xc3\x9f.de/", "http://xn--fa-hia.de/"}, /* non-transitional */
        {"http://\xe6\x97\xa5\xe6\x9c\xac.jp/", "http://xn--wgv71a.jp/"},
        {"http://a\xe3\x80\x82"
         "b/",
         "http://a.b/"},
        {"http://\xef\xbc\xa7\xef\xbd\x8f.com/", "http://go.com/"},
        {"http://a\xc2\xad"
         "b.com/",
         "http://ab.com/"}, /* a soft hyphen is none */
        {"http://xn--bcher-kva.de/", "http://xn--bcher-kva.de/"},
        {"http://XN--LS8H.la/", "http://xn--ls8h.la/"},
        {"http://a!$&'()*+,;=b/", "http://a!$&'()*+,;=b/"},
        {"http://\xc2\xad/", "! no host"},
        {"http://\xef\xbc\x85"
         "41.com/",
         "! byte"},                                          /* a wide % */
        {"http://evil.com\xef\xbc\x8f.good.com/", "! byte"}, /* a wide / */
        {"http://\xe2\x84\x80.com/", "! byte"},              /* becomes a/c */
        {"http://a\xef\xbc\x9a"
         "80/",
         "! byte"}, /* a wide : */
        {"http://a\xe3\x80\x80"
         "b/",
         "! byte"}, /* a wide blank */
        {"http://\xff/", "! UTF-8"},
        {"http://%FF/", "! UTF-8"},
        {"http://\xed\xa0\x80/", "! UTF-8"},
        {"http://-\xc3\xa9/", "! IDNA"},
        {"http://\xc3\xa9..b/", "! empty part"},
        {"http://a..b/", "! empty part"},
        {"http://.a/", "! empty part"},
        {"http://./", "! empty part"},
        {"http://a%2fb/", "! byte"},
        {"http://a%00b/", "! byte"},
        {"http://a%0d%0ab/", "! byte"},
        {"http://a%23b/", "! byte"},
        {"http://a%3ab/", "! byte"},
        {"http://a%40b/", "! byte"},
        {"http://a%25b/", "! byte"},
        {"http://a%2541/", "! byte"},
        {"http://a%zz/", "! byte"},
        {"http://a%/", "! byte"},
        {"http://a b/", "! byte"},
        {"http://a\x01"
         "b/",
         "! byte"},
        {"http://a\x7f/", "! byte"},
        {"http://a<b/", "! byte"},
        {"http://a^b/", "! byte"},
        {"http://a|b/", "! byte"},
        {"http://a\"b/", "! byte"},
        {"http://a]/", "! byte"},
        {"http://a[b]/", "! byte"},
    };
    CHECK_PAIRS("", pairs);
}

static void bounds_the_length_of_hosts(void)
{
    char text[5000], *at;
    at = text + sprintf(text, "http://");
    memset(at, 'a', 255);
    at[255] = '\0';
    CHECK_INT((long long)strlen(resolve("", text)), 7 + 255 + 1);
    memset(at, 'a', 256);
    at[256] = '\0';
    CHECK_HAS(resolve("", text), "! the host is longer");
    memset(at, 'a', 4000);
    at[4000] = '\0';
    CHECK_HAS(resolve("", text), "! the host is longer");
    for (int i = 0; i < 1200; i++)
        memcpy(at + 3 * i, "%61", 4);
    CHECK_HAS(resolve("", text), "! the host is longer");
    for (int i = 0; i < 400; i++)
        memcpy(at + 2 * i, "\xc3\xa9", 3);
    CHECK_HAS(resolve("", text), "! ");
}

/* ---- references, and schemes that the web does not know -----------------------------------------
 */

static void resolves_as_browsers_do(void)
{
    static const struct pair pairs[] = {
        {"  g  ", "https://h:81/b/g"},
        {"\\g", "https://h:81/g"},
        {"\\\\g\\i", "https://g/i"},
        {"/\\g", "https://g/"},
        {"..\\g", "https://h:81/g"},
        {"//g:443", "https://g/"},
        {"//g:82/../i", "https://g:82/i"},
        {"//u:p@g/", "https://g/"},
        {"///g", "! no host"},
        {"//", "! no host"},
        {"//a b", "! byte"},
        {"//[::1", "! \"]\""},
        {"https:g", "https://h:81/b/g"},
        {"https:/g", "https://h:81/g"},
        {"HTTPS:?g", "https://h:81/b/c?g"},
        {"https:", "https://h:81/b/c?d"},
        {"https://g", "https://g/"},
        {"http:g", "! no host"},
        {"http:/g", "! no host"},
        {"http://g", "http://g/"},
        {"g i", "https://h:81/b/g%20i"},
        {"\xc3\xa9", "https://h:81/b/%C3%A9"},
        {"?", "https://h:81/b/c?"},
        {"#", "https://h:81/b/c?d#"},
        {"?#", "https://h:81/b/c?#"},
        {"%2e%2e/g", "https://h:81/g"},
        {"g:", "g:"},
        {"./g:i", "https://h:81/b/g:i"},
        {"1:g", "https://h:81/b/1:g"},
        {"g\n/\ti", "https://h:81/b/g/i"},
        {"//g\\@i/", "https://g/@i/"},
        {":g", "https://h:81/b/:g"},
        {"mailto:x@y", "mailto:x@y"},
        {"javascript:alert(1)", "javascript:alert(1)"},
    };
    CHECK_PAIRS("https://u:p@h:81/b/c?d#e", pairs);
}

static void resolves_by_other_schemes(void)
{
    static const struct pair plain[] = {
        {"mailto:a@b.c?subject=x y", "mailto:a@b.c?subject=x%20y"},
        {"data:text/plain,a/../b", "data:text/plain,a/../b"},
        {"URN:isbn:1", "urn:isbn:1"},
        {"x:", "x:"},
        {"x:/", "x:/"},
        {"x://", "x://"},
        {"x:///a", "x:///a"},
        {"x://h", "x://h"},
        {"x://H/a/../b", "x://H/b"},
        {"x://h\\a/", "! byte"},
        {"x:a\\b", "x:a%5Cb"},
        {"x:/..//b", "x:/.//b"}, /* not x://b, which has a host */
        {"x:/.//b", "x:/.//b"},
        {"x://u@/", "! no host"},
        {"x://:1/", "! no host"},
        {"x://\xc3\xa9/", "x://%C3%A9/"},
        {"x://a%41/", "x://a%41/"},
        {"x://a b/", "! byte"},
        {"x://a:80/", "x://a:80/"},
        {"a+b-c.1:d", "a+b-c.1:d"},
        {"file:///a/b", "file:///a/b"},
        {"file:a", "file:///a"},
        {"file:/a", "file:///a"},
        {"file:", "file:///"},
        {"file://localhost/a", "file:///a"},
        {"file://h/a/../b", "file://h/b"},
        {"file:\\\\h\\a", "file://h/a"},
        {"file://u@h/", "! user"},
        {"file://h:1/", "! port"},
    };
    static const struct pair custom[] = {
        {"b", "x://h/b"}, {"/b", "x://h/b"},     {"?b", "x://h?b"}, {"", "x://h"},
        {"//i", "x://i"}, {"\\b", "x://h/%5Cb"}, {"x:b", "x:b"},    {"#b", "x://h#b"},
    };
    static const struct pair opaque[] = {
        {"#f", "mailto:a@b?c#f"}, {"", "mailto:a@b?c"}, {"b", "! relative"},
        {"/b", "! relative"},     {"?d", "! relative"}, {"http://h", "http://h/"},
    };
    static const struct pair file[] = {
        {"../b", "file:///b"},
        {"file:b", "file:///a/b"},
        {"//h/b", "file://h/b"},
        {"/b", "file:///b"},
    };
    CHECK_PAIRS("", plain);
    CHECK_PAIRS("x://h", custom);
    CHECK_PAIRS("mailto:a@b?c", opaque);
    CHECK_PAIRS("file:///a/c", file);
    CHECK_HAS(resolve("a/b", "c"), "! it must start with a scheme");
    CHECK_HAS(resolve("http://a b/", "c"), "! the host holds a byte");
}

static void encodes_a_nul_and_refuses_it_in_hosts(void)
{
    CHECK_TEXT(resolve_bytes("http://a/b", "c\0d?e\0f#g\0h", 11), "http://a/c%00d?e%00f#g%00h");
    CHECK_HAS(resolve_bytes("http://a/b", "//c\0d", 5), "! the host holds a byte");
    CHECK_HAS(resolve_bytes("http://a/b", "//[::1\0]", 8), "! ");
    CHECK_HAS(resolve_bytes("http://a/b", "x://c\0d", 7), "! the host holds a byte");
    CHECK_TEXT(resolve_bytes("http://a/b", "\0\0", 2), "http://a/b"); /* ends are trimmed */
}

/* ---- parts -------------------------------------------------------------------------------------
 */

static void check_part(const char *name, mw_bytes part, const char *expected)
{
    int same = expected == NULL ? part.at == NULL
                                : part.at != NULL && part.length == strlen(expected) &&
                                      memcmp(part.at, expected, part.length) == 0;
    if (!CHECK(same))
        printf("  %s is \"%.*s\", expected \"%s\"\n", name, part.at != NULL ? (int)part.length : 0,
               part.at != NULL ? part.at : "", expected != NULL ? expected : "(none)");
}

static void tells_the_parts(void)
{
    static const struct {
        const char *base, *text, *href, *scheme, *user, *password, *host, *zone, *path, *query,
            *fragment, *origin;
        int port;
    } rows[] = {
        {NULL, "http://h", "http://h/", "http", NULL, NULL, "h", NULL, "/", NULL, NULL, "http://h",
         80},
        {NULL, "HTTPS://us%65r:p%40%3a@H:8443/a?b#c", "https://h:8443/a?b#c", "https", "user",
         "p@:", "h", NULL, "/a", "b", "c", "https://h:8443", 8443},
        {NULL, "http://@h/?#", "http://h/?#", "http", "", NULL, "h", NULL, "/", "", "", "http://h",
         80},
        {NULL, "http://:@h/", "http://h/", "http", "", "", "h", NULL, "/", NULL, NULL, "http://h",
         80},
        {NULL, "http://a@b:c:d@h/", "http://h/", "http", "a@b", "c:d", "h", NULL, "/", NULL, NULL,
         "http://h", 80},
        {NULL, "wss://[FE80::1%25Eth0]:1/", "wss://[fe80::1%25Eth0]:1/", "wss", NULL, NULL,
         "fe80::1", "Eth0", "/", NULL, NULL, "wss://[fe80::1%25Eth0]:1", 1},
        {NULL, "mailto:a@b?c", "mailto:a@b?c", "mailto", NULL, NULL, NULL, NULL, "a@b", "c", NULL,
         NULL, 0},
        {NULL, "file:///a", "file:///a", "file", NULL, NULL, "", NULL, "/a", NULL, NULL, NULL, 0},
        {NULL, "x://u@h:1", "x://h:1", "x", "u", NULL, "h", NULL, "", NULL, NULL, NULL, 1},
        {"http://u:p@h/a/b?c#d", "e", "http://h/a/e", "http", "u", "p", "h", NULL, "/a/e", NULL,
         NULL, "http://h", 80},
        {"http://u%40:p@h/a", "//h/a", "http://h/a", "http", NULL, NULL, "h", NULL, "/a", NULL,
         NULL, "http://h", 80},
        {"http://u%2540@h/a", "#x", "http://h/a#x", "http", "u%40", NULL, "h", NULL, "/a", NULL,
         "x", "http://h", 80},
    };
    mw_runtime *rt = (mw_runtime *)test_need(test_open(NULL));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        mw_uri uri;
        mw_bytes text = {rows[i].text, strlen(rows[i].text)}, base = {rows[i].base, 0};
        if (rows[i].base != NULL)
            base.length = strlen(rows[i].base);
        if (!CHECK_INT(mw_uri_resolve(rt, rows[i].base != NULL ? &base : NULL, text, &uri), MW_OK))
            continue;
        CHECK_TEXT(uri.href, rows[i].href);
        check_part("scheme", uri.scheme, rows[i].scheme);
        check_part("user", uri.user, rows[i].user);
        check_part("password", uri.password, rows[i].password);
        check_part("host", uri.host, rows[i].host);
        check_part("zone", uri.zone, rows[i].zone);
        check_part("path", uri.path, rows[i].path);
        check_part("query", uri.query, rows[i].query);
        check_part("fragment", uri.fragment, rows[i].fragment);
        check_part("origin", uri.origin, rows[i].origin);
        CHECK_INT(uri.port, rows[i].port);
        mw_uri_free(rt, &uri);
        CHECK(uri.href == NULL);
    }
    mw_close(rt);
}

static void says_whose_fault_it_is(void)
{
    static const struct {
        const char *base, *text, *words;
    } rows[] = {
        {NULL, "x", "bad URL: it must start with a scheme"},
        {"http://h/", "//secret@a b/", "bad reference: the host holds"},
        {"http://secret@a b/", "x", "bad base: the host holds"},
        {"", "x", "bad base: it is empty"},
    };
    mw_runtime *rt = (mw_runtime *)test_need(test_open(NULL));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        mw_uri uri;
        mw_bytes text = {rows[i].text, strlen(rows[i].text)}, base = {rows[i].base, 0};
        if (rows[i].base != NULL)
            base.length = strlen(rows[i].base);
        CHECK_INT(mw_uri_resolve(rt, rows[i].base != NULL ? &base : NULL, text, &uri), MW_EINVAL);
        CHECK_HAS(mw_message(rt), rows[i].words);
        CHECK(strstr(mw_message(rt), "secret") == NULL);
        CHECK(uri.href == NULL);
        mw_uri_free(rt, &uri);
    }
    mw_close(rt);
}

/* ---- strictly read, huge, without memory --------------------------------------------------------
 */

static void refuses_strictly_what_it_would_change(void)
{
    static const char *const good[] = {
        "http://h/a/../b?c=[d]#e",
        "http://u:p%40@h:80/%zz",
        "http://\xc3\xa9/",
        "mailto:a@b",
    };
    static const char *const bad[] = {
        " http://h/", "http://h/ ",  "http://h/a b",   "http://h/a\tb",      "http://h/\xc3\xa9",
        "http:\\\\h", "http://h/\\", "http://h/?\"",   "http://h/#a#b",      "http://h/#\x01",
        "http://h/^", "http://h/?|", "http://a@b@h/",  "http://a b@h/",      "http://h\n/",
        "http://a b", "http://h/<",  "http://h/?a\nb", "http://\xc3\xa9@h/",
    };
    struct mw_parsed_url url;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        CHECK_TEXT(mw_url_parse(heap, mw_span(good[i]), false, &url) == NULL ? "good" : good[i],
                   "good");
        mw_parsed_url_free(&url, heap);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_TEXT(mw_url_parse(heap, mw_span(bad[i]), false, &url) != NULL ? "bad" : bad[i],
                   "bad");
        mw_parsed_url_free(&url, heap);
    }
}

/* 1 MiB of what would take the square of the time, if anything did. */
static void takes_no_longer_than_its_input_is(void)
{
    static const char *const pieces[] = {"../", "a/", "a/../", "//", "@", "[", "%2e%2e/", "\\",
                                         "?",   "#",  " ",     ":",  "%", ".", "\xc3\xa9"};
    enum { SIZE = 1 << 20 };
    char *text = (char *)test_need(malloc(SIZE));
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct mw_parsed_url url;
        static const char *const starts[] = {"", "http://h/", "http://"};
        for (size_t n = 0; n < sizeof starts / sizeof *starts; n++) {
            size_t length = strlen(starts[n]), piece = strlen(pieces[i]);
            memcpy(text, starts[n], length);
            for (; length + piece <= SIZE; length += piece)
                memcpy(text + length, pieces[i], piece);
            double start = mw_now();
            mw_url_resolve(heap, mw_span("http://h/a/b"), (struct mw_span){text, length}, &url);
            mw_parsed_url_free(&url, heap);
            if (!CHECK(mw_now() - start < 20))
                printf("  for \"%s\" behind \"%s\"\n", pieces[i], starts[n]);
        }
    }
    free(text);
}

static void *fail_later(void *ud, void *old, size_t size)
{
    int *left = (int *)ud;
    if (size == 0) {
        free(old);
        return NULL;
    }
    return (*left)-- > 0 ? realloc(old, size) : NULL;
}

static void says_that_there_is_no_memory(void)
{
    struct mw_parsed_url url;
    int failures = 0;
    for (int limit = 0; limit < 20; limit++) {
        int left = limit;
        const struct mw_allocator poor = {fail_later, &left};
        const char *wrong = mw_url_resolve(&poor, mw_span("http://h/a"), mw_span("b"), &url);
        failures += wrong == mw_url_no_memory;
        CHECK(wrong == NULL || wrong == mw_url_no_memory);
        CHECK((wrong == NULL) == (url.href != NULL));
        mw_parsed_url_free(&url, &poor);
    }
    CHECK_INT(failures, 4);
}

static void encodes_and_decodes(void)
{
    char out[64];
    size_t at = 0, length = mw_uri_encode(out, "a b/\xff%41", 8, NULL);
    CHECK(length == 16 && memcmp(out, "a%20b%2F%FF%2541", 16) == 0);
    length = mw_uri_encode(out, "a b/\xff%41", 8, "/%");
    CHECK(length == 12 && memcmp(out, "a%20b/%FF%41", 12) == 0);
    CHECK_INT((long long)mw_uri_encode(out, "", 0, NULL), 0);
    CHECK_INT(mw_uri_decode(out, "%41%c3%A9%00", 12, &at), 4);
    CHECK(memcmp(out, "A\xc3\xa9\0", 4) == 0);
    CHECK_INT(mw_uri_decode(out, "ab%", 3, &at), -1);
    CHECK_INT((long long)at, 2);
    CHECK_INT(mw_uri_decode(out, "%4", 2, &at), -1);
    CHECK_INT((long long)at, 0);
    CHECK_INT(mw_uri_decode(out, "%41%g0", 6, &at), -1);
    CHECK_INT((long long)at, 3);
}

int main(void)
{
    TEST(resolves_the_normal_examples_of_rfc_3986);
    TEST(resolves_the_abnormal_examples_of_rfc_3986);
    TEST(reads_absolute_urls_as_browsers_do);
    TEST(removes_dots_and_encodes_bytes);
    TEST(writes_addresses_of_ipv4_in_one_way);
    TEST(knows_hosts_that_are_in_their_one_form);
    TEST(writes_decimal_numbers);
    TEST(writes_addresses_of_ipv6_as_rfc_5952_does);
    TEST(maps_names_by_idna);
    TEST(bounds_the_length_of_hosts);
    TEST(resolves_as_browsers_do);
    TEST(resolves_by_other_schemes);
    TEST(encodes_a_nul_and_refuses_it_in_hosts);
    TEST(tells_the_parts);
    TEST(says_whose_fault_it_is);
    TEST(refuses_strictly_what_it_would_change);
    TEST(takes_no_longer_than_its_input_is);
    TEST(says_that_there_is_no_memory);
    TEST(encodes_and_decodes);
    return test_end();
}
