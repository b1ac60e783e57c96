/* nearest_test.c: what is suggested for a misspelled name.
 * SPDX-License-Identifier: MIT */
#include "base/nearest.h"
#include "test.h"

static const char *const names[] = {"method", "url",     "port",    "headers", "timeout",
                                    "verify", "retries", "path",    "query",   "cert_file",
                                    "proxy",  "cookies", "redirect"};

static const char *nearest(const char *word, int backwards)
{
    struct mw_nearest n;
    size_t count = sizeof names / sizeof names[0];
    mw_nearest_init(&n, word);
    for (size_t i = 0; i < count; i++)
        mw_nearest_try(&n, names[backwards ? count - 1 - i : i]);
    return n.name != NULL ? n.name : "";
}

static void suggests(void)
{
    static const struct {
        const char *word, *expected;
    } rows[] = {
        {"timout", "timeout"},
        {"timeuot", "timeout"},
        {"Timeout", "timeout"},
        {"header", "headers"},
        {"haeders", "headers"},
        {"prot", "port"},
        {"ulr", "url"},
        {"uri", "url"},
        {"cert", "cert_file"},
        {"retry", "retries"},
        {"cookie", "cookies"},
        {"redirects", "redirect"},
        {"verfiy", "verify"},
        {"", ""},
        {"x", ""},
        {"zzzzzz", ""},
        {"proxies", "proxy"},
        {"querystring", ""},
        {"a_word_that_is_much_longer_than_any_name_of_ours", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK_TEXT(nearest(rows[i].word, 0), rows[i].expected);
        CHECK_TEXT(nearest(rows[i].word, 1), rows[i].expected);
    }
}

int main(void)
{
    TEST(suggests);
    return test_end();
}
