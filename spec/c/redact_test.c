/* Texts without secrets: what goes, and what stays.
 * SPDX-License-Identifier: MIT */
#include "base/redact.h"
#include "test.h"

static const char *field(const char *name, const char *value)
{
    static char out[300];
    size_t length = mw_redact_field(NULL, name, value);
    CHECK(length < sizeof out - 1);
    memset(out, '!', sizeof out);
    CHECK(mw_redact_field(out, name, value) == length);
    CHECK(out[length] == '\0' && out[length + 1] == '!' && strlen(out) == length);
    return out;
}

static const char *text(const char *value)
{
    static char out[300];
    size_t length = mw_redact_text(out, value);
    CHECK(mw_redact_text(NULL, value) == length);
    CHECK(strlen(out) == length);
    return out;
}

static void credentials(void)
{
    CHECK_TEXT(field("Authorization", "Basic dXNlcg=="), "Basic ***");
    CHECK_TEXT(field("authorization", "BEARER a b c"), "BEARER ***");
    CHECK_TEXT(field("Proxy-Authorization", "Digest username=\"u\", x=\"y\""), "Digest ***");
    CHECK_TEXT(field("Authorization", "secret"), "***");
    CHECK_TEXT(field("Authorization", "my secret"), "***");
    CHECK_TEXT(field("Authorization", "Basic"), "***");
    CHECK_TEXT(field("Authorization", ""), "***");
    CHECK_TEXT(field("X-API-Key", "k"), "***");
    CHECK_TEXT(field("WWW-Authenticate", "Basic realm=\"x\""), "Basic realm=\"x\"");
}

static void cookies(void)
{
    CHECK_TEXT(field("Cookie", "a=1; b=2"), "a=***; b=***");
    CHECK_TEXT(field("Cookie", "a=1;b==2;; c"), "a=***;b=***;; ***");
    CHECK_TEXT(field("Cookie", "=x"), "=***");
    CHECK_TEXT(field("Cookie", ""), "");
    CHECK_TEXT(field("Set-Cookie", "a=1; Path=/; HttpOnly"), "a=***; Path=/; HttpOnly");
    CHECK_TEXT(field("set-cookie", "secret; Path=/"), "***; Path=/");
    CHECK_TEXT(field("Set-Cookie", "a=\"x y\""), "a=***");
}

static void urls(void)
{
    CHECK_TEXT(text("http://me:pass@h/p"), "http://***@h/p");
    CHECK_TEXT(text("http://me@h"), "http://***@h");
    CHECK_TEXT(text("http://a@b@h/x@y"), "http://***@h/x@y");
    CHECK_TEXT(text("http://h/p?q=a@b"), "http://h/p?q=a@b");
    CHECK_TEXT(text("//me:pass@h/"), "//***@h/");
    CHECK_TEXT(text("to http://a:b@h, then https://c:d@i/"),
               "to http://***@h, then https://***@i/");
    CHECK_TEXT(text("me@example.com"), "me@example.com");
    CHECK_TEXT(text("//"), "//");
    CHECK_TEXT(text("///@"), "///@");
    CHECK_TEXT(text(""), "");
    CHECK_TEXT(field("Location", "http://u:p@h/x"), "http://***@h/x");
    CHECK_TEXT(field("Link", "<http://u:p@h/x>; rel=next"), "<http://***@h/x>; rel=next");
}

int main(void)
{
    TEST(credentials);
    TEST(cookies);
    TEST(urls);
    return test_end();
}
