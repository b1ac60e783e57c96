/* Heads and chunked bodies: what is read from them, what is refused and why; the same however the
 * bytes are cut. Every piece is read from a block of just its size, so that the sanitizers and
 * valgrind see a byte too far. SPDX-License-Identifier: MIT */
#include "http1/parse.h"

#include "test.h"

struct bytes {
    const char *at;
    size_t length;
};

#define B(text)                                                                                    \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

/* ---- what a head says, in one line ---------------------------------------------------------- */

struct text {
    char at[4096];
    size_t length;
};

static void put(struct text *t, const char *bytes, size_t length)
{
    if (length > sizeof t->at - 1 - t->length)
        length = sizeof t->at - 1 - t->length;
    memcpy(t->at + t->length, bytes, length);
    t->length += length;
    t->at[t->length] = '\0';
}

static void put_words(struct text *t, const char *words)
{
    put(t, words, strlen(words));
}

static void put_number(struct text *t, const char *format, long long number)
{
    char words[64];
    snprintf(words, sizeof words, format, number);
    put_words(t, words);
}

static void put_span(struct text *t, const char *bytes, const struct http1_head *h,
                     struct http1_span s)
{
    CHECK((size_t)s.at + s.length <= h->size);
    put(t, bytes + s.at, s.length);
}

static void put_head(struct text *t, const struct http1_head *h, const char *bytes)
{
    if (h->kind == HTTP1_REQUEST) {
        put_span(t, bytes, h, h->method);
        put_words(t, " ");
        put_span(t, bytes, h, h->target);
    } else if (h->kind == HTTP1_RESPONSE) {
        put_number(t, "%lld ", h->status);
        put_span(t, bytes, h, h->reason);
    } else {
        put_words(t, "trailers");
    }
    put_number(t, " 1.%lld", h->minor);
    if (h->length >= 0)
        put_number(t, " length=%lld", h->length);
    put_words(t, h->chunked ? " chunked" : "");
    put_words(t, h->close ? " close" : "");
    put_words(t, h->keep_alive ? " keep" : "");
    put_words(t, h->upgrade ? " upgrade" : "");
    put_words(t, h->expects_continue ? " continue" : "");
    put_words(t, h->expects_other ? " other" : "");
    for (unsigned i = 0; i < h->count; i++) {
        put_words(t, " [");
        put_span(t, bytes, h, h->fields[i].name);
        put_words(t, "=");
        put_span(t, bytes, h, h->fields[i].value);
        put_words(t, "]");
    }
}

static char *copy(const char *bytes, size_t length)
{
    char *block = test_need(malloc(length > 0 ? length : 1));
    memcpy(block, bytes, length);
    return block;
}

/* Reads a prefix of the bytes, out of a block of its own. */
static enum http1_verdict read_prefix(struct http1_head *h, struct bytes all, size_t length,
                                      const struct http1_limits *limits, struct text *says)
{
    char *block = copy(all.at, length);
    enum http1_verdict verdict = http1_read_head(h, block, length, limits);
    says->length = 0;
    says->at[0] = '\0';
    if (verdict == HTTP1_DONE) {
        CHECK(h->size <= length);
        put_head(says, h, block);
        if (h->size < all.length)
            put_number(says, " +%lld", (long long)(all.length - h->size));
    } else if (verdict == HTTP1_BAD) {
        put_number(says, "%lld ", h->refusal);
        put_words(says, h->wrong);
    } else {
        put_words(says, "more");
    }
    free(block);
    return verdict;
}

struct head_case {
    struct bytes bytes;
    const char *says;
};

static void check_head(enum http1_kind kind, const struct head_case *c,
                       const struct http1_limits *limits)
{
    struct http1_head h;
    struct text says;
    http1_head_init(&h, kind);
    read_prefix(&h, c->bytes, c->bytes.length, limits, &says);
    if (!CHECK_TEXT(says.at, c->says))
        return;

    for (size_t cut = 0; cut < c->bytes.length; cut++) {
        http1_head_init(&h, kind);
        if (read_prefix(&h, c->bytes, cut, limits, &says) == HTTP1_MORE)
            read_prefix(&h, c->bytes, c->bytes.length, limits, &says);
        CHECK_TEXT(says.at, c->says);
    }

    enum http1_verdict verdict = HTTP1_MORE;
    size_t length = 0;
    http1_head_init(&h, kind);
    while (verdict == HTTP1_MORE && length <= c->bytes.length)
        verdict = read_prefix(&h, c->bytes, length++, limits, &says);
    CHECK_TEXT(says.at, c->says);
    if (verdict != HTTP1_MORE) /* as early as can be: with the end of a line, or with the limit */
        CHECK(length - 1 == limits->head || c->bytes.at[length - 2] == '\n');
}

#define CHECK_HEADS(kind, limits, ...)                                                             \
    do {                                                                                           \
        static const struct head_case cases[] = {__VA_ARGS__};                                     \
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)                                \
            check_head(kind, &cases[i], limits);                                                   \
    } while (0)

static const struct http1_limits usual = {8192, 100};

/* ---- requests ------------------------------------------------------------------------------- */

#define GET "GET / HTTP/1.1\r\n"
#define HOST "Host: x\r\n"
#define SAYS "GET / 1.1"

static void reads_requests(void)
{
    CHECK_HEADS(
        HTTP1_REQUEST, &usual, {B(GET HOST "\r\n"), SAYS " [Host=x]"},
        {B(GET HOST "\r\nGET /next"), SAYS " [Host=x] +9"},
        {B("\r\n" GET HOST "\r\n"), SAYS " [Host=x]"}, {B("GET / HTTP/1.0\r\n\r\n"), "GET / 1.0"},
        {B("GET / HTTP/1.0\r\n" HOST "Connection: Keep-Alive\r\n\r\n"),
         "GET / 1.0 keep [Host=x] [Connection=Keep-Alive]"},
        {B("M-SEARCH * HTTP/1.1\r\n" HOST "\r\n"), "400 the target \"*\" is for OPTIONS alone"},
        {B("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), "OPTIONS * 1.1 [Host=x]"},
        {B("x!#$%&'*+-.^_`|~9 /?q=[1] HTTP/1.1\r\n" HOST "\r\n"),
         "x!#$%&'*+-.^_`|~9 /?q=[1] 1.1 [Host=x]"},
        {B("GET http://a.b:80/c?d HTTP/1.1\r\n" HOST "\r\n"), "GET http://a.b:80/c?d 1.1 [Host=x]"},
        {B("GET ws+x-1.2://[::1]:9 HTTP/1.1\r\n" HOST "\r\n"),
         "GET ws+x-1.2://[::1]:9 1.1 [Host=x]"},
        {B("CONNECT a:443 HTTP/1.1\r\n" HOST "\r\n"), "CONNECT a:443 1.1 [Host=x]"},
        {B("CONNECT [::1]:443 HTTP/1.1\r\n" HOST "\r\n"), "CONNECT [::1]:443 1.1 [Host=x]"},
        {B(GET HOST "A:\r\nB: \t \r\nC:c\r\nD: \t d  e\t \r\n\r\n"),
         SAYS " [Host=x] [A=] [B=] [C=c] [D=d  e]"},
        {B(GET HOST "A: \xc3\xa9\xff\t.\r\n\r\n"), SAYS " [Host=x] [A=\xc3\xa9\xff\t.]"},
        {B(GET HOST "A:: b : c\r\n\r\n"), SAYS " [Host=x] [A=: b : c]"},
        {B(GET "hOST:\r\n\r\n"), SAYS " [hOST=]"}, {B(GET "Host: a:\r\n\r\n"), SAYS " [Host=a:]"},
        {B(GET "Host: [::1]:80\r\n\r\n"), SAYS " [Host=[::1]:80]"});
}

static void reads_what_frames_a_request(void)
{
    CHECK_HEADS(HTTP1_REQUEST, &usual,
                {B(GET HOST "Content-Length: 0\r\n\r\n"), SAYS " length=0 [Host=x] "
                                                               "[Content-Length=0]"},
                {B(GET HOST "content-length:  007\t\r\n\r\n"),
                 SAYS " length=7 [Host=x] [content-length=007]"},
                {B(GET HOST "Content-Length: 9223372036854775807\r\n\r\n"),
                 SAYS " length=9223372036854775807 [Host=x] [Content-Length=9223372036854775807]"},
                {B(GET HOST "TRANSFER-ENCODING:CHUNKED\r\n\r\n"),
                 SAYS " chunked [Host=x] [TRANSFER-ENCODING=CHUNKED]"},
                {B(GET HOST "Content-Lengt: x\r\nContent-Length2: x\r\nContent_Length: x\r\n\r\n"),
                 SAYS " [Host=x] [Content-Lengt=x] [Content-Length2=x] [Content_Length=x]"},
                {B(GET HOST "Transfer_Encoding: x\r\nHost2: y\r\n\r\n"),
                 SAYS " [Host=x] [Transfer_Encoding=x] [Host2=y]"});
}

static void reads_what_steers_a_connection(void)
{
    CHECK_HEADS(HTTP1_REQUEST, &usual,
                {B(GET HOST "Connection: close, TE\r\n\r\n"), SAYS " close [Host=x] "
                                                                   "[Connection=close, TE]"},
                {B(GET HOST "Connection: ,\t,CLOSE ,,keep-alive\r\n\r\n"),
                 SAYS " close keep [Host=x] [Connection=,\t,CLOSE ,,keep-alive]"},
                {B(GET HOST "Connection: closed, xclose, close x\r\n\r\n"),
                 SAYS " [Host=x] [Connection=closed, xclose, close x]"},
                {B(GET HOST "Connection:\r\nConnection: close\r\n\r\n"),
                 SAYS " close [Host=x] [Connection=] [Connection=close]"},
                {B(GET HOST "Upgrade: ws\r\nConnection: upgrade\r\n\r\n"),
                 SAYS " upgrade [Host=x] [Upgrade=ws] [Connection=upgrade]"},
                {B(GET HOST "Connection: upgrade\r\nUpgrade: ws\r\n\r\n"),
                 SAYS " upgrade [Host=x] [Connection=upgrade] [Upgrade=ws]"},
                {B(GET HOST "Connection: upgrade\r\n\r\n"), SAYS " [Host=x] [Connection=upgrade]"},
                {B(GET HOST "Upgrade: ws\r\n\r\n"), SAYS " [Host=x] [Upgrade=ws]"},
                {B("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: ws\r\n\r\n"),
                 "GET / 1.0 [Connection=upgrade] [Upgrade=ws]"},
                {B(GET HOST "Expect: 100-Continue\r\n\r\n"), SAYS " continue [Host=x] "
                                                                  "[Expect=100-Continue]"},
                {B(GET HOST "Expect: a=b\r\n\r\n"), SAYS " other [Host=x] [Expect=a=b]"},
                {B(GET HOST "Expect: ,100-continue,x\r\n\r\n"),
                 SAYS " continue other [Host=x] [Expect=,100-continue,x]"},
                {B(GET HOST "Expect:\r\n\r\n"), SAYS " [Host=x] [Expect=]"},
                {B("GET / HTTP/1.0\r\nExpect: 100-continue, x\r\n\r\n"),
                 "GET / 1.0 [Expect=100-continue, x]"});
}

static void refuses_request_lines(void)
{
    static const char method[] = "400 the request line does not begin with a method and a blank";
    static const char version[] = "400 the request line does not end in a version of HTTP";
    static const char blanks[] = "400 the request line has more than two blanks";
    static const char other[] = "505 its version is neither 1.1 nor 1.0";
    static const char byte[] = "400 the target has a byte that is not allowed there";
    static const char target[] = "400 the request line has no target, or two blanks before it";
    static const char form[] = "400 the target is neither a path nor a URL with a host";
    static const char tunnel[] = "400 the target of CONNECT is not a host and a port";
    static const char lf[] = "400 a line ends in LF without CR";
    const struct head_case cases[] = {
        {B("\n"), lf},
        {B("GET / HTTP/1.1\n"), lf},
        {B("\r\n\r\n"), method},
        {B("\r\r\n"), method},
        {B(" GET / HTTP/1.1\r\n"), method},
        {B("GET\r\n"), method},
        {B("GET\t/ HTTP/1.1\r\n"), method},
        {B("G\0T / HTTP/1.1\r\n"), method},
        {B("G(T / HTTP/1.1\r\n"), method},
        {B("GET /\r\n"), version},
        {B("GET / \r\n"), version},
        {B("GET / HTTP/1.1 \r\n"), blanks},
        {B("GET /  HTTP/1.1\r\n"), blanks},
        {B("GET /a b HTTP/1.1\r\n"), blanks},
        {B("GET / HTTP/1.1\r\r\n"), version},
        {B("GET / http/1.1\r\n"), version},
        {B("GET / HTTP/1.10\r\n"), version},
        {B("GET / HTTP/1.\r\n"), version},
        {B("GET / HTTP/-1.1\r\n"), version},
        {B("GET / HTTP/1x1\r\n"), version},
        {B("GET / HTTP/x.1\r\n"), version},
        {B("GET / HTTP/1.x\r\n"), version},
        {B("GET / HTTP/1.2\r\n"), other},
        {B("GET / HTTP/0.9\r\n"), other},
        {B("GET / HTTP/2.0\r\n"), other},
        {B("GET  / HTTP/1.1\r\n"), target},
        {B("GET  HTTP/1.1\r\n"), target},
        {B("GET /\0 HTTP/1.1\r\n"), byte},
        {B("GET /\t HTTP/1.1\r\n"), byte},
        {B("GET /\r HTTP/1.1\r\n"), byte},
        {B("GET /a#b HTTP/1.1\r\n"), byte},
        {B("GET /\xc3\xa9 HTTP/1.1\r\n"), byte},
        {B("GET * HTTP/1.1\r\n"), "400 the target \"*\" is for OPTIONS alone"},
        {B("GET ** HTTP/1.1\r\n"), form},
        {B("GET a HTTP/1.1\r\n"), form},
        {B("GET a:80 HTTP/1.1\r\n"), form},
        {B("GET ?a HTTP/1.1\r\n"), form},
        {B("GET http:// HTTP/1.1\r\n"), form},
        {B("GET http:///a HTTP/1.1\r\n"), form},
        {B("GET http:/a HTTP/1.1\r\n"), form},
        {B("GET http://a@b/ HTTP/1.1\r\n"), form},
        {B("GET http://a:b/ HTTP/1.1\r\n"), form},
        {B("GET http://a:65536/ HTTP/1.1\r\n"), form},
        {B("GET 1http://a/ HTTP/1.1\r\n"), form},
        {B("GET ://a/ HTTP/1.1\r\n"), form},
        {B("GET http://[::1/ HTTP/1.1\r\n"), form},
        {B("CONNECT / HTTP/1.1\r\n"), tunnel},
        {B("CONNECT a HTTP/1.1\r\n"), tunnel},
        {B("CONNECT a: HTTP/1.1\r\n"), tunnel},
        {B("CONNECT :443 HTTP/1.1\r\n"), tunnel},
        {B("CONNECT [::1]443 HTTP/1.1\r\n"), tunnel},
        {B("CONNECT http://a:443 HTTP/1.1\r\n"), tunnel},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_head(HTTP1_REQUEST, &cases[i], &usual);
}

static void refuses_fields(void)
{
    static const char name[] = "400 the name of a field has a byte that is not allowed there";
    static const char value[] = "400 the value of a field has a byte that is not allowed there";
    static const char blank[] = "400 there is a blank before the colon of a field";
    static const char folded[] = "400 a line begins with a blank";
    static const char colon[] = "400 a line has no colon";
    static const char lf[] = "400 a line ends in LF without CR";
    const struct head_case cases[] = {
        {B(GET "a: b\n"), lf},
        {B(GET "\n"), lf},
        {B(GET HOST "\r\r\n"), colon},
        {B(GET "a: b\rc: d\r\n"), value},
        {B(GET "a\r: b\r\n"), name},
        {B(GET "\r:\r\n"), name},
        {B(GET " a: b\r\n"), folded},
        {B(GET "\ta: b\r\n"), folded},
        {B(GET "a: b\r\n c\r\n"), folded},
        {B(GET "a: b\r\n \r\n"), folded},
        {B(GET "a b\r\n"), colon},
        {B(GET "a\r\n"), colon},
        {B(GET ": b\r\n"), "400 a field has no name"},
        {B(GET "a : b\r\n"), blank},
        {B(GET "a\t \t: b\r\n"), blank},
        {B(GET "a b: c\r\n"), name},
        {B(GET "\0: c\r\n"), name},
        {B(GET "a(b): c\r\n"), name},
        {B(GET "\xc3\xa9: c\r\n"), name},
        {B(GET "a\x7f: c\r\n"), name},
        {B(GET "a: b\0\r\n"), value},
        {B(GET "a: \vb\r\n"), value},
        {B(GET "a: b\f\r\n"), value},
        {B(GET "a: 12345678\x7f\r\n"), value},
        {B(GET "a: 1234567\x01ten\r\n"), value},
        {B(GET "a: 1\t3456789abcdef\x1f\r\n"), value},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_head(HTTP1_REQUEST, &cases[i], &usual);
}

static void refuses_hosts(void)
{
    static const char host[] = "400 Host is not a host with perhaps a port";
    const struct head_case cases[] = {
        {B(GET "\r\n"), "400 there is no Host"},
        {B(GET HOST HOST), "400 there are several Host fields"},
        {B("GET / HTTP/1.0\r\n" HOST "host: y\r\n"), "400 there are several Host fields"},
        {B(GET "Host: a b\r\n"), host},
        {B(GET "Host: a,b\r\n\r\n"), SAYS " [Host=a,b]"},
        {B(GET "Host: a@b\r\n"), host},
        {B(GET "Host: a/b\r\n"), host},
        {B(GET "Host: http://a\r\n"), host},
        {B(GET "Host: a:b\r\n"), host},
        {B(GET "Host: a:1:2\r\n"), host},
        {B(GET "Host: a:65536\r\n"), host},
        {B(GET "Host: a:99999999999\r\n"), host},
        {B(GET "Host: :80\r\n"), host},
        {B(GET "Host: ::1\r\n"), host},
        {B(GET "Host: [::1\r\n"), host},
        {B(GET "Host: []\r\n"), host},
        {B(GET "Host: [x]:80\r\n"), host},
        {B(GET "Host: ]\r\n"), host},
        {B(GET "Host: [::1]\r\n\r\n"), SAYS " [Host=[::1]]"},
        {B(GET "Host: [::1]:\r\n\r\n"), SAYS " [Host=[::1]:]"},
        {B(GET "Host: [::1]x:80\r\n"), host},
        {B(GET "Host: \xc3\xa9\r\n"), host},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_head(HTTP1_REQUEST, &cases[i], &usual);
}

static void refuses_framing(void)
{
    static const char number[] = "400 Content-Length is not a number";
    static const char beyond[] = "413 Content-Length is beyond all numbers";
    static const char both[] = "400 there is a Content-Length beside Transfer-Encoding";
    static const char twice[] = "400 there are several Content-Length fields";
    static const char unknown[] = "501 Transfer-Encoding is not \"chunked\" alone";
    static const char inner[] = "400 Transfer-Encoding is not \"chunked\" alone";
    static const char list[] = "400 Transfer-Encoding is not a list of codings";
    const struct head_case cases[] = {
        {B(GET "Content-Length:\r\n"), number},
        {B(GET "Content-Length: +5\r\n"), number},
        {B(GET "Content-Length: -0\r\n"), number},
        {B(GET "Content-Length: 5, 5\r\n"), number},
        {B(GET "Content-Length: 5 5\r\n"), number},
        {B(GET "Content-Length: 0x5\r\n"), number},
        {B(GET "Content-Length: 5.0\r\n"), number},
        {B(GET "Content-Length: 9223372036854775808\r\n"), beyond},
        {B(GET "Content-Length: 18446744073709551621\r\n"), beyond},
        {B(GET "Content-Length: 5\r\ncontent-length: 5\r\n"), twice},
        {B(GET "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), both},
        {B(GET "Content-Length: 5\r\nTransfer-Encoding: x\r\n"), both},
        {B(GET "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), both},
        {B(GET "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
         "400 there are several Transfer-Encoding fields"},
        {B("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n"),
         "400 there was no Transfer-Encoding before version 1.1"},
        {B(GET "Transfer-Encoding: gzip\r\n"), unknown},
        {B(GET "Transfer-Encoding: identity\r\n"), unknown},
        {B(GET "Transfer-Encoding: xchunked\r\n"), unknown},
        {B(GET "Transfer-Encoding: chunked2\r\n"), unknown},
        {B(GET "Transfer-Encoding: gzip ;a=b\r\n"), unknown},
        {B(GET "Transfer-Encoding: gzip, chunked\r\n"), unknown},
        {B(GET "Transfer-Encoding: chunked, gzip\r\n"), inner},
        {B(GET "Transfer-Encoding: chunked, chunked\r\n"), inner},
        {B(GET "Transfer-Encoding: gzip, chunked, x\r\n"), inner},
        {B(GET "Transfer-Encoding: chunked;a=b\r\n"), inner},
        {B(GET "Transfer-Encoding:\r\n"), list},
        {B(GET "Transfer-Encoding: ,chunked\r\n"), list},
        {B(GET "Transfer-Encoding: chunked,\r\n"), inner},
        {B(GET "Transfer-Encoding: \"chunked\"\r\n"), list},
        {B(GET "Transfer-Encoding: chunked x\r\n"), list},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_head(HTTP1_REQUEST, &cases[i], &usual);
}

/* ---- replies -------------------------------------------------------------------------------- */

static void reads_replies(void)
{
    CHECK_HEADS(HTTP1_RESPONSE, &usual, {B("HTTP/1.1 200 OK\r\n\r\nbody"), "200 OK 1.1 +4"},
                {B("HTTP/1.0 999 \r\n\r\n"), "999  1.0"}, {B("HTTP/1.1 100\r\n\r\n"), "100  1.1"},
                {B("HTTP/1.1 200 As  you \xc3\xa9 \r\n\r\n"), "200 As  you \xc3\xa9  1.1"},
                {B("HTTP/1.1 200 OK\r\nHost: a b\r\nHost: c\r\nExpect: x\r\n\r\n"),
                 "200 OK 1.1 [Host=a b] [Host=c] [Expect=x]"},
                {B("HTTP/1.1 204 OK\r\nContent-Length: 5\r\n\r\n"),
                 "204 OK 1.1 length=5 [Content-Length=5]"},
                {B("HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"),
                 "101 Go 1.1 upgrade [Upgrade=x] [Connection=Upgrade]"});
}

static void refuses_replies(void)
{
    static const char line[] = "400 its status line is not one of HTTP/1";
    const struct head_case cases[] = {
        {B("\r\nHTTP/1.1 200 OK\r\n"), line},
        {B(" HTTP/1.1 200 OK\r\n"), line},
        {B("HTTP/1.2 200 OK\r\n"), line},
        {B("HTTP/2.0 200 OK\r\n"), line},
        {B("http/1.1 200 OK\r\n"), line},
        {B("ICY 200 OK and well\r\n"), line},
        {B("HTTP/1.1\r\n"), line},
        {B("HTTP/1.1 20\r\n"), line},
        {B("HTTP/1.1  200 OK\r\n"), line},
        {B("HTTP/1.1 099 OK\r\n"), line},
        {B("HTTP/1.1 2000 OK\r\n"), line},
        {B("HTTP/1.1 2x0 OK\r\n"), line},
        {B("HTTP/1.1 20x OK\r\n"), line},
        {B("HTTP/1.1\t200 OK\r\n"), line},
        {B("HTTP/1.1 200\tOK\r\n"), line},
        {B("HTTP/1.1 200 O\0K\r\n"), line},
        {B("HTTP/1.1 200 OK\r\r\n"), line},
        {B("HTTP/1.1 200 OK\n"), "400 a line ends in LF without CR"},
        {B("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n"),
         "400 there was no Transfer-Encoding before version 1.1"},
        {B("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n"),
         "501 Transfer-Encoding is not \"chunked\" alone"},
        {B("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n"),
         "400 there are several Content-Length fields"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_head(HTTP1_RESPONSE, &cases[i], &usual);
}

static void reads_trailers(void)
{
    static const char framing[] = "400 a trailer field says how the message is framed or routed";
    const struct head_case cases[] = {
        {B("\r\n"), "trailers 1.0"},
        {B("\r\nGET"), "trailers 1.0 +3"},
        {B("Sum: 1\r\nConnection: close\r\n\r\n"), "trailers 1.0 [Sum=1] [Connection=close]"},
        {B("content-length: 1\r\n"), framing},
        {B("transfer-encoding: x\r\n"), framing},
        {B("host: x\r\n"), framing},
        {B("\n"), "400 a line ends in LF without CR"},
        {B("Sum\r\n"), "400 a line has no colon"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_head(HTTP1_TRAILERS, &cases[i], &usual);
}

/* ---- limits --------------------------------------------------------------------------------- */

static void knows_limits(void)
{
    static const char large[] = "431 the head is larger than allowed";
    static const char line[] = "414 the request line is longer than a head may be";
    static const char many[] = "431 there are too many fields";
    static const struct http1_limits of_27 = {27, 100}, of_26 = {26, 100}, of_24 = {24, 100},
                                     of_16 = {16, 100}, of_15 = {15, 100}, none = {0, 100},
                                     one_field = {8192, 1}, huge = {SIZE_MAX, 1};
    CHECK_HEADS(HTTP1_REQUEST, &of_27, {B(GET HOST "\r\n"), SAYS " [Host=x]"},
                {B(GET HOST "\r\n" GET), SAYS " [Host=x] +16"});
    CHECK_HEADS(HTTP1_REQUEST, &of_26, {B(GET HOST "\r\n"), large});
    CHECK_HEADS(HTTP1_REQUEST, &of_24, {B(GET HOST "\r\n"), large},
                {B(GET "nono: n\1\r\n\r\n"), large}, {B(GET "no\r\n"), "400 a line has no colon"});
    CHECK_HEADS(HTTP1_REQUEST, &of_16, {B(GET "\r\n"), large});
    CHECK_HEADS(HTTP1_REQUEST, &of_15, {B(GET), line}, {B("\r\n" GET), line});
    CHECK_HEADS(HTTP1_REQUEST, &none, {B(GET), line});
    CHECK_HEADS(HTTP1_RESPONSE, &of_15, {B("HTTP/1.1 200 OK\r\n\r\n"), large});
    CHECK_HEADS(HTTP1_TRAILERS, &of_15, {B("Too: long to be read\r\n"), large});
    CHECK_HEADS(HTTP1_REQUEST, &one_field, {B(GET HOST "\r\n"), SAYS " [Host=x]"},
                {B(GET HOST "a: b\r\n\r\n"), many}, {B(GET HOST "a: b\r\n\r\n"), many});
    CHECK_HEADS(HTTP1_REQUEST, &huge, {B(GET HOST "\r\n"), SAYS " [Host=x]"});
}

/* However many fields are allowed, there is room for so many. */
static void knows_its_own_limit_of_fields(void)
{
    static const struct http1_limits limits = {1 << 20, 100000};
    static char bytes[8192];
    for (unsigned count = HTTP1_MOST_FIELDS; count <= HTTP1_MOST_FIELDS + 1; count++) {
        struct http1_head h;
        size_t length = (size_t)sprintf(bytes, GET HOST);
        for (unsigned i = 1; i < count; i++)
            length += (size_t)sprintf(bytes + length, "f%u: v\r\n", i);
        length += (size_t)sprintf(bytes + length, "\r\n");
        http1_head_init(&h, HTTP1_REQUEST);
        enum http1_verdict verdict = http1_read_head(&h, bytes, length, &limits);
        CHECK_INT(verdict, count <= HTTP1_MOST_FIELDS ? HTTP1_DONE : HTTP1_BAD);
        CHECK_INT(h.count, HTTP1_MOST_FIELDS);
    }
}

/* Nothing that comes later makes it good again. */
static void stays_bad(void)
{
    struct http1_head h;
    http1_head_init(&h, HTTP1_REQUEST);
    CHECK_INT(http1_read_head(&h, "GET\r\n", 5, &usual), HTTP1_BAD);
    CHECK_INT(http1_read_head(&h, GET HOST "\r\n", 27, &usual), HTTP1_BAD);
}

/* ---- chunks --------------------------------------------------------------------------------- */

/* Reads a piece out of a block of its own; false once there is an answer. */
static int read_piece(struct http1_chunks *c, const char *bytes, size_t length, struct text *says,
                      size_t *left)
{
    char *block = copy(bytes, length);
    enum http1_chunk answer = HTTP1_CHUNK_DATA;
    size_t at = 0;
    while (answer == HTTP1_CHUNK_DATA) {
        const char *data;
        size_t used, size;
        answer = http1_read_chunks(c, block + at, length - at, &used, &data, &size);
        if (answer == HTTP1_CHUNK_DATA) {
            CHECK(size > 0 && data >= block + at && data + size == block + at + used);
            put(says, data, size);
        }
        at += used;
    }
    free(block);
    CHECK(answer != HTTP1_CHUNK_MORE || at == length);
    *left -= at;
    if (answer == HTTP1_CHUNK_BAD) {
        put_words(says, "| ");
        put_words(says, c->wrong);
    } else if (answer == HTTP1_CHUNK_LAST) {
        put_words(says, "| last");
        if (*left > 0)
            put_number(says, " +%lld", (long long)*left);
    }
    return answer == HTTP1_CHUNK_MORE;
}

/* Cuts the bytes twice; both cuts may be at one place. */
static void check_cuts(struct bytes b, const char *expected, size_t first, size_t second)
{
    struct http1_chunks c;
    struct text says = {"", 0};
    size_t left = b.length;
    http1_chunks_init(&c);
    if (read_piece(&c, b.at, first, &says, &left) &&
        read_piece(&c, b.at + first, second - first, &says, &left) &&
        read_piece(&c, b.at + second, b.length - second, &says, &left))
        put_words(&says, "| more");
    CHECK_TEXT(says.at, expected);
}

static void check_chunks(struct bytes b, const char *expected)
{
    for (size_t first = 0; first <= b.length; first++) {
        check_cuts(b, expected, first, b.length);
        for (size_t second = first; b.length <= 64 && second <= b.length; second++)
            check_cuts(b, expected, first, second);
    }
}

static void reads_chunks(void)
{
    static const char no_size[] = "| a chunk does not begin with its size";
    static const char no_number[] = "| the size of a chunk is not a number";
    static const char large[] = "| the size of a chunk is too large";
    static const char bare[] = "| the line before a chunk has a CR without LF";
    static const char extension[] = "| an extension of a chunk is malformed";
    static const char longer[] = "hi| a chunk is longer than its size";
    const struct head_case cases[] = {
        {B("0\r\n\r\n"), "| last +2"},
        {B("0000000000000000\r\n"), "| last"},
        {B("2\r\nhi\r\n3\r\n...\r\n0\r\nA: b"), "hi...| last +4"},
        {B("a\r\n0123456789\r\nA\r\n0123456789\r\n0"), "01234567890123456789| more"},
        {B("0000000000000002\r\nhi"), "hi| more"},
        {B(""), "| more"},
        {B("7fffffffffffffff\r\nhi"), "hi| more"},
        {B("8000000000000000\r\n"), large},
        {B("ffffffffffffffff\r\n"), large},
        {B("10000000000000000\r\n"), large},
        {B("00000000000000000\r\n"), large},
        {B("\r\n"), no_size},
        {B("\n"), no_size},
        {B(" 2\r\n"), no_size},
        {B("+2\r\n"), no_size},
        {B("-0\r\n"), no_size},
        {B(";a\r\n"), no_size},
        {B("g\r\n"), no_size},
        {B("\xb2\r\n"), no_size},
        {B("0x2\r\n"), no_number},
        {B("2\n"), no_number},
        {B("2,\r\n"), no_number},
        {B("2\0\r\n"), no_number},
        {B("2\v\r\n"), no_number},
        {B("2\rh"), bare},
        {B("2\r\r\n"), bare},
        {B("2 \r\n"), extension},
        {B("2 3\r\n"), extension},
        {B("2;\r\n"), extension},
        {B("2;;\r\n"), extension},
        {B("2;a\n"), extension},
        {B("2;a\0\r\n"), extension},
        {B("2;a=\r\n"), extension},
        {B("2;a b\r\n"), extension},
        {B("2;a=b c\r\n"), extension},
        {B("2;a=b \r\n"), extension},
        {B("2;=b\r\n"), extension},
        {B("2;a=\"b\r\n"), extension},
        {B("2;a=\"b\nc\"\r\n"), extension},
        {B("2;a=\"b\\\r\n"), extension},
        {B("2;a=\"b\"c\r\n"), extension},
        {B("2;a=b\"c\"\r\n"), extension},
        {B("2;a=b\r0\r\n"), bare},
        {B("2;a\r\nhi"), "hi| more"},
        {B("2;a=b;c;d=\"e;\\\"f\"\r\nhi"), "hi| more"},
        {B("2\t; a = b ;c ;\td\t=\t\"\xc3\xa9\" ;e\r\nhi"), "hi| more"},
        {B("0;a=b\r\n\r\n"), "| last +2"},
        {B("2\r\nhi\n0\r\n"), longer},
        {B("2\r\nhi0\r\n"), longer},
        {B("2\r\nhi!\r\n"), longer},
        {B("2\r\nhi\r0\r\n"), "hi| a chunk does not end in CR LF"},
        {B("2\r\nhi\r\n\r\n0\r\n"), "hi| a chunk does not begin with its size"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_chunks(cases[i].bytes, cases[i].says);
}

/* Feeds the same bytes again and again; returns how often they were taken before the end. */
static int feed(struct http1_chunks *c, const char *bytes, int most)
{
    int taken = 0;
    enum http1_chunk answer = HTTP1_CHUNK_MORE;
    while (taken < most && answer == HTTP1_CHUNK_MORE) {
        const char *data;
        size_t used = 0, size, length = strlen(bytes);
        answer = http1_read_chunks(c, bytes, length, &used, &data, &size);
        while (answer == HTTP1_CHUNK_DATA) {
            size_t before = used;
            answer = http1_read_chunks(c, bytes + before, length - before, &used, &data, &size);
            used += before;
        }
        taken += answer == HTTP1_CHUNK_MORE;
    }
    return taken;
}

static void bounds_extensions(void)
{
    struct http1_chunks c;
    http1_chunks_init(&c);
    CHECK_INT(feed(&c, "1;", 1), 1);
    CHECK_INT(feed(&c, "x", 100000), 4094);
    CHECK_TEXT(c.wrong, "the line before a chunk is too long");
    CHECK_INT(feed(&c, "0\r\n", 1), 0); /* it stays bad */

    http1_chunks_init(&c);
    CHECK_INT(feed(&c, "1 ;abcd=ef\r\nx\r\n", 100000), 16384 / 9);
    CHECK_TEXT(c.wrong, "the extensions of the chunks are too long");

    http1_chunks_init(&c);
    CHECK_INT(feed(&c, "1\r\nx\r\n", 100000), 100000);
}

int main(void)
{
    TEST(reads_requests);
    TEST(reads_what_frames_a_request);
    TEST(reads_what_steers_a_connection);
    TEST(refuses_request_lines);
    TEST(refuses_fields);
    TEST(refuses_hosts);
    TEST(refuses_framing);
    TEST(reads_replies);
    TEST(refuses_replies);
    TEST(reads_trailers);
    TEST(knows_limits);
    TEST(knows_its_own_limit_of_fields);
    TEST(stays_bad);
    TEST(reads_chunks);
    TEST(bounds_extensions);
    return test_end();
}
