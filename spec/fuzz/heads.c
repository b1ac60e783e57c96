/* What holds for every head: cut anywhere it says the same; what it says lies in it and is clean;
 * written anew from what it says, it says the same again. SPDX-License-Identifier: MIT */
#include "heads.h"

#include "base/grammar.h"

/* Small, so that they are met often. */
static const struct http1_limits limits = {300, 8};

static enum http1_verdict read_prefix(struct http1_head *h, const char *bytes, size_t length)
{
    char *block = fuzz_copy(bytes, length, 0);
    enum http1_verdict verdict = http1_read_head(h, block, length, &limits);
    free(block);
    return verdict;
}

static enum http1_verdict read_whole(struct http1_head *h, enum http1_kind kind, const char *bytes,
                                     size_t length)
{
    http1_head_init(h, kind);
    return read_prefix(h, bytes, length);
}

/* ---- two that must be alike ----------------------------------------------------------------- */

static int same_text(const char *a, struct http1_span in_a, const char *b, struct http1_span in_b)
{
    return in_a.length == in_b.length && memcmp(a + in_a.at, b + in_b.at, in_a.length) == 0;
}

/* Whether two heads say the same, wherever their words are. */
static void must_say_the_same(const struct http1_head *a, const char *in_a,
                              const struct http1_head *b, const char *in_b)
{
    MUST(a->minor == b->minor && a->status == b->status);
    MUST(same_text(in_a, a->method, in_b, b->method));
    MUST(same_text(in_a, a->target, in_b, b->target));
    MUST(same_text(in_a, a->reason, in_b, b->reason));
    MUST(a->length == b->length && a->chunked == b->chunked && a->hosts == b->hosts);
    MUST(a->close == b->close && a->keep_alive == b->keep_alive && a->upgrade == b->upgrade);
    MUST(a->expects_continue == b->expects_continue && a->expects_other == b->expects_other);
    MUST(a->count == b->count);
    for (unsigned i = 0; i < a->count; i++) {
        MUST(same_text(in_a, a->fields[i].name, in_b, b->fields[i].name));
        MUST(same_text(in_a, a->fields[i].value, in_b, b->fields[i].value));
    }
}

static void must_be_alike(enum http1_kind kind, struct fuzz_input in, const struct http1_head *h,
                          enum http1_verdict verdict)
{
    struct http1_head cut;
    enum http1_verdict of_cut = read_whole(&cut, kind, in.bytes, in.cut);
    if (of_cut == HTTP1_MORE)
        of_cut = read_prefix(&cut, in.bytes, in.length);
    MUST(of_cut == verdict);
    MUST(cut.wrong == h->wrong && cut.refusal == h->refusal);
    MUST((verdict == HTTP1_BAD) == (h->wrong != NULL && h->refusal >= 400));
    if (verdict == HTTP1_DONE) {
        MUST(cut.size == h->size);
        must_say_the_same(h, in.bytes, &cut, in.bytes);
    }
}

/* ---- one that is good ----------------------------------------------------------------------- */

static void must_lie_within(const struct http1_head *h, struct http1_span s)
{
    MUST((size_t)s.at + s.length + 2 <= h->size);
}

static int is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

static void must_be_clean(const struct http1_head *h, const char *bytes)
{
    MUST(h->size <= limits.head && h->count <= limits.fields);
    MUST(!h->chunked || (h->length < 0 && h->minor == 1));
    for (size_t i = 0; i < h->size; i++) {
        MUST(bytes[i] != '\0');
        MUST(bytes[i] != '\r' || (i + 1 < h->size && bytes[i + 1] == '\n'));
        MUST(bytes[i] != '\n' || (i > 0 && bytes[i - 1] == '\r'));
    }
    must_lie_within(h, h->method);
    must_lie_within(h, h->target);
    must_lie_within(h, h->reason);
    for (unsigned i = 0; i < h->count; i++) {
        struct http1_span name = h->fields[i].name, value = h->fields[i].value;
        const char *text = bytes + value.at;
        must_lie_within(h, name);
        must_lie_within(h, value);
        MUST(mw_bad_token(bytes + name.at, name.length) < 0);
        MUST(mw_bad_field_value(text, value.length) < 0);
        MUST(value.length == 0 || (!is_blank(text[0]) && !is_blank(text[value.length - 1])));
    }
    if (h->kind == HTTP1_REQUEST) {
        MUST(mw_bad_token(bytes + h->method.at, h->method.length) < 0);
        MUST(h->target.length > 0);
        for (size_t i = 0; i < h->target.length; i++)
            MUST(mw_byte_is(bytes[h->target.at + i], MW_RECEIVED));
        MUST(h->hosts == 1 || (h->hosts == 0 && h->minor == 0));
    } else {
        MUST(h->status >= 100 && h->status <= 999);
    }
}

struct writer {
    char bytes[1024];
    size_t length;
};

static void put(struct writer *w, const char *bytes, size_t length)
{
    MUST(w->length + length <= sizeof w->bytes);
    memcpy(w->bytes + w->length, bytes, length);
    w->length += length;
}

static void put_words(struct writer *w, const char *words)
{
    put(w, words, strlen(words));
}

static void write_head(struct writer *w, const struct http1_head *h, const char *bytes)
{
    char words[32];
    w->length = 0;
    if (h->kind == HTTP1_REQUEST) {
        put(w, bytes + h->method.at, h->method.length);
        put_words(w, " ");
        put(w, bytes + h->target.at, h->target.length);
        put_words(w, h->minor == 1 ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n");
    } else {
        snprintf(words, sizeof words, "HTTP/1.%d %03d ", h->minor, h->status);
        put_words(w, words);
        put(w, bytes + h->reason.at, h->reason.length);
        put_words(w, "\r\n");
    }
    for (unsigned i = 0; i < h->count; i++) {
        put(w, bytes + h->fields[i].name.at, h->fields[i].name.length);
        put_words(w, ":");
        put(w, bytes + h->fields[i].value.at, h->fields[i].value.length);
        put_words(w, "\r\n");
    }
    put_words(w, "\r\n");
}

void fuzz_head(enum http1_kind kind, struct fuzz_input in)
{
    struct http1_head h, again;
    static struct writer w;
    enum http1_verdict verdict = read_whole(&h, kind, in.bytes, in.length);
    must_be_alike(kind, in, &h, verdict);
    if (verdict != HTTP1_DONE)
        return;
    must_be_clean(&h, in.bytes);
    MUST(read_whole(&again, kind, in.bytes, h.size - 1) == HTTP1_MORE);
    MUST(read_whole(&again, kind, in.bytes, h.size) == HTTP1_DONE);
    write_head(&w, &h, in.bytes); /* never longer than what was read, but for the last blank */
    if (w.length > limits.head)
        return;
    MUST(read_whole(&again, kind, w.bytes, w.length) == HTTP1_DONE);
    MUST(again.size == w.length);
    must_say_the_same(&h, in.bytes, &again, w.bytes);
}
