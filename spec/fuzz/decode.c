/* Content codings: whatever the bytes, decoding ends, stays within its room and its input, and
 * comes to the same however both are cut. The first byte says which coding, or which two.
 * SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include "base/decode.h"

static const char *const lists[] = {"gzip",       "deflate",    "br",       "zstd",
                                    "gzip, zstd", "zstd, gzip", "br, gzip", "deflate, gzip, gzip"};
enum { LISTS = sizeof lists / sizeof lists[0], MOST = 1 << 20 };

struct outcome {
    enum mw_decode result;
    int complete;
    size_t length; /* MOST: it was given up, as a reader would */
    uint32_t sum;
};

/* Feeds one piece from a block of its own; false once that is the end of it. */
static int feed(struct mw_decoder *d, const char *bytes, size_t length, size_t room,
                struct outcome *o)
{
    char *in = fuzz_copy(bytes, length, 0);
    struct mw_decode_io io = {(unsigned char *)in, length, NULL, 0};
    do {
        unsigned char *place = malloc(room);
        MUST(place != NULL);
        io.out = place;
        io.out_length = room;
        o->result = mw_decoder_run(d, &io);
        MUST(io.in_length <= length && io.out_length <= room &&
             io.out == place + room - io.out_length);
        MUST(io.in == (unsigned char *)in + length - io.in_length);
        MUST(o->result != MW_DECODE_MORE || io.in_length == 0);
        MUST(o->result != MW_DECODE_FULL || io.out_length == 0);
        for (size_t i = 0; i < room - io.out_length && o->length < MOST; i++, o->length++)
            o->sum = o->sum * 31 + place[i];
        free(place);
    } while (o->result == MW_DECODE_FULL && o->length < MOST);
    free(in);
    return o->result == MW_DECODE_MORE;
}

static struct outcome decode(const char *list, const struct fuzz_input *in, size_t cut, size_t room)
{
    struct outcome o = {0};
    struct mw_codings codings = {0};
    mw_codings_add(&codings, list);
    MUST(!codings.unknown && codings.count >= 1);
    struct mw_decoder *d = mw_decoder_new(&mw_default_allocator, &codings);
    MUST(d != NULL);
    if (feed(d, in->bytes, cut, room, &o) && feed(d, in->bytes + cut, in->length - cut, room, &o)) {
        o.complete = mw_decoder_complete(d);
        MUST(o.complete || mw_decoder_words(d) != NULL);
    }
    MUST(o.result != MW_DECODE_BAD || (mw_decoder_words(d) && mw_decoder_coding(d)));
    mw_decoder_free(d);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    const char *list = lists[data[0] % LISTS];
    struct fuzz_input in = fuzz_input(data + 1, size - 1);
    struct outcome whole = decode(list, &in, in.length, 64 << 10);
    struct outcome cut = decode(list, &in, in.cut, 1 + in.cut % 300);
    MUST(whole.complete == cut.complete || whole.length == MOST);
    if (whole.complete && whole.length < MOST) /* else more or less may have come out by its end */
        MUST(whole.length == cut.length && whole.sum == cut.sum);
    return 0;
}
