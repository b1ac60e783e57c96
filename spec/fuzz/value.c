/* Values of fields: the fast checks against slow ones, and what a head makes of a value against
 * what the checks of base say of it. SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include "base/grammar.h"
#include "http1/fields.h"

#include <strings.h>

static const struct http1_limits limits = {1 << 20, 16};

/* ---- slow ways ------------------------------------------------------------------------------ */

static ssize_t bad_value(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if ((byte < ' ' && byte != '\t') || byte == 0x7f)
            return (ssize_t)i;
    }
    return -1;
}

/* Whether a list has a word, by cutting it into pieces. */
static int has_word(const char *list, const char *word)
{
    char *copy = fuzz_copy(list, strlen(list), 1), *rest = copy, *piece;
    int found = 0;
    while ((piece = strsep(&rest, ",")) != NULL) {
        piece += strspn(piece, " \t");
        size_t length = strlen(piece);
        while (length > 0 && (piece[length - 1] == ' ' || piece[length - 1] == '\t'))
            piece[--length] = '\0';
        found = found || strcasecmp(piece, word) == 0;
    }
    free(copy);
    return found;
}

/* ---- heads with one field ------------------------------------------------------------------- */

/* Reads "NAME: VALUE" within a request; returns the verdict. */
static enum http1_verdict read_field(struct http1_head *h, const char *name, const char *value,
                                     size_t length)
{
    static const char front[] = "GET / HTTP/1.1\r\n", back[] = "\r\n\r\n";
    int host = strcmp(name, "Host") == 0;
    char *bytes = malloc(length + 128);
    MUST(bytes != NULL);
    size_t at = (size_t)sprintf(bytes, "%s%s%s: ", front, host ? "" : "Host: x\r\n", name);
    memcpy(bytes + at, value, length);
    memcpy(bytes + at + length, back, sizeof back - 1);
    http1_head_init(h, HTTP1_REQUEST);
    enum http1_verdict verdict = http1_read_head(h, bytes, at + length + sizeof back - 1, &limits);
    free(bytes);
    return verdict;
}

static void try_framing(const char *value, size_t length)
{
    struct http1_head h;
    char *trimmed = fuzz_copy(value, length, 1), *from = trimmed + strspn(trimmed, " \t");
    for (char *end = from + strlen(from); end > from && (end[-1] == ' ' || end[-1] == '\t');)
        *--end = '\0';

    long long number = mw_decimal(from);
    MUST((read_field(&h, "Content-Length", value, length) == HTTP1_DONE) == (number >= 0));
    MUST(number < 0 || h.length == number);

    int chunked = strcasecmp(from, "chunked") == 0;
    MUST((read_field(&h, "Transfer-Encoding", value, length) == HTTP1_DONE) == chunked);
    MUST(h.chunked == chunked && (chunked || h.refusal == 400 || h.refusal == 501));

    int authority = http1_is_authority(from, strlen(from), false);
    MUST((read_field(&h, "Host", value, length) == HTTP1_DONE) == authority);
    MUST(!authority || mw_bad_authority(from, strlen(from)) < 0);
    MUST(!http1_is_authority(from, strlen(from), true) || authority);
    free(trimmed);
}

static void try_lists(const char *value, size_t length)
{
    struct http1_head h;
    static const char *const words[] = {"close", "keep-alive", "upgrade", "100-continue"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        MUST(mw_list_has(value, words[i]) == has_word(value, words[i]));
    MUST(read_field(&h, "Connection", value, length) == HTTP1_DONE);
    MUST(h.close == has_word(value, "close") && h.keep_alive == has_word(value, "keep-alive"));
    MUST(!h.upgrade); /* there is no field Upgrade */
    MUST(read_field(&h, "Expect", value, length) == HTTP1_DONE);
    MUST(h.expects_continue == has_word(value, "100-continue"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = fuzz_input(data, size);
    char *block = fuzz_copy(in.bytes, in.length, 0), *text = fuzz_copy(in.bytes, in.length, 1);
    ssize_t bad = bad_value(block, in.length);
    MUST(mw_bad_field_value(block, in.length) == bad);
    mw_bad_token(block, in.length);
    mw_bad_target(block, in.length);
    mw_bad_host(block, in.length);
    mw_bad_authority(block, in.length);
    MUST(mw_same_name(text, text + in.cut) == (strcasecmp(text, text + in.cut) == 0));
    if (bad < 0) {
        try_framing(text, in.length);
        try_lists(text, in.length);
    } else {
        struct http1_head h;
        MUST(read_field(&h, "X", block, in.length) != HTTP1_MORE || memchr(block, '\n', in.length));
    }
    free(block);
    free(text);
    return 0;
}
