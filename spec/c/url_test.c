/* URLs: read, brought to one form, resolved against others; what is refused and why. Every text
 * lies in a block of just its size, so that the sanitizers and valgrind see a byte too far.
 * SPDX-License-Identifier: MIT */
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

int main(void)
{
    TEST(resolves_the_normal_examples_of_rfc_3986);
    TEST(resolves_the_abnormal_examples_of_rfc_3986);
    return test_end();
}
