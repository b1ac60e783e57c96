/* Bodies in chunks: cut anywhere they are the same; what is read from them, put into one chunk, is
 * read from it again. SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "http1/parse.h"

struct body {
    char *bytes;
    size_t length;
    size_t taken; /* bytes on the wire */
    enum http1_chunk answer;
    const char *wrong;
};

/* Reads a piece, out of a block of its own. */
static void read_piece(struct body *b, struct http1_chunks *c, const char *bytes, size_t length)
{
    char *block = fuzz_copy(bytes, length, 0);
    size_t at = 0;
    do {
        size_t used = SIZE_MAX, size = SIZE_MAX;
        const char *data = NULL;
        b->answer = http1_read_chunks(c, block + at, length - at, &used, &data, &size);
        MUST(used <= length - at);
        if (b->answer == HTTP1_CHUNK_DATA) {
            MUST(size > 0 && data >= block + at && data + size == block + at + used);
            memcpy(b->bytes + b->length, data, size);
            b->length += size;
        }
        at += used;
    } while (b->answer == HTTP1_CHUNK_DATA);
    MUST(b->answer != HTTP1_CHUNK_MORE || at == length);
    b->wrong = c->wrong;
    b->taken += at;
    free(block);
}

static struct body read_body(const char *bytes, size_t length, size_t cut)
{
    struct body b = {fuzz_copy(bytes, length, 0), 0, 0, HTTP1_CHUNK_MORE, NULL};
    struct http1_chunks c;
    http1_chunks_init(&c);
    read_piece(&b, &c, bytes, cut);
    if (b.answer == HTTP1_CHUNK_MORE)
        read_piece(&b, &c, bytes + cut, length - cut);
    MUST((b.answer == HTTP1_CHUNK_BAD) == (b.wrong != NULL));
    return b;
}

static void must_be_alike(const struct body *a, const struct body *b)
{
    MUST(a->answer == b->answer && a->wrong == b->wrong && a->taken == b->taken);
    MUST(a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0);
}

static void must_come_again(const struct body *b)
{
    char *wire = fuzz_copy(b->bytes, 0, 1);
    size_t length = 0;
    wire = realloc(wire, b->length + 64);
    MUST(wire != NULL);
    if (b->length > 0) {
        length = (size_t)sprintf(wire, "%zX\r\n", b->length);
        memcpy(wire + length, b->bytes, b->length);
        length += b->length;
        length += (size_t)sprintf(wire + length, "\r\n");
    }
    length += (size_t)sprintf(wire + length, "0\r\n");
    struct body again = read_body(wire, length, 0);
    MUST(again.answer == HTTP1_CHUNK_LAST && again.taken == length);
    MUST(again.length == b->length && memcmp(again.bytes, b->bytes, b->length) == 0);
    free(again.bytes);
    free(wire);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = fuzz_input(data, size);
    struct body whole = read_body(in.bytes, in.length, in.length);
    struct body cut = read_body(in.bytes, in.length, in.cut);
    must_be_alike(&whole, &cut);
    if (whole.answer == HTTP1_CHUNK_LAST)
        must_come_again(&whole);
    free(whole.bytes);
    free(cut.bytes);
    return 0;
}
