/* Content codings: what they decode to, however the bytes are cut and however little room there is;
 * bytes that are cut off, flipped or follow; memory that stays. Every piece is read from a block of
 * just its size, so that the sanitizers and valgrind see a byte too far.
 * SPDX-License-Identifier: MIT */
#include "base/decode.h"

#include "test.h"

#define ZLIB_CONST
#include <zlib.h>
#include <zstd.h>

static const char gzip[] =
    "1f8b080000000000020385cb4d0a80201006d07da7980344a48e3f1d2761a4852494d0f56befd0b77e3c5e29"
    "b7deabdcd40a65918bda49fd107af65a67e2c197c96dff67f4ef2470927222385139019ca01c0f8e570e83c3"
    "ca71e038e55870ac720c38663c2fb670fab908020000";
static const char zlib[] =
    "78da85cb4d0a80201006d07da7980344a48e3f1d2761a4852494d0f56befd0b77e3c5e29b7deabdcd40a6591"
    "8bda49fd107af65a67e2c197c96dff67f4ef2470927222385139019ca01c0f8e570e83c3ca71e038e55870ac"
    "720c38663c2fa5a4ab4d";
static const char bare[] =
    "85cb4d0a80201006d07da7980344a48e3f1d2761a4852494d0f56befd0b77e3c5e29b7deabdcd40a65918bda"
    "49fd107af65a67e2c197c96dff67f4ef2470927222385139019ca01c0f8e570e83c3ca71e038e55870ac720c"
    "38663c2f";
static const char br[] =
    "1b0702f81d07764cece9b0c548a407c358ed02726ba91e5dac4198491cfc1b0a14930380db53c0187028e50b"
    "43acf4f350be1b7ddc94f4f07ec92570487d93be9caeacb6542d518ae522a9502c0000";
static const char zstd[] =
    "28b52ffd046895020062830c12a0edb0f2680799ffc56bd2a4f2b4a80a1b018494b2cb6ccc3908a5a4562d10"
    "0fefadfa76f4305e76b3b7f8d98fd2c83e3813a810d88bf57f03d09b0310fe1d2f7ee60140943c79bd2f8f30"
    "0049010313f703";

/* ---- an allocator that counts, and fails ---------------------------------------------------- */

static struct {
    size_t held, most;
    long blocks, until_failure; /* the latter below 0: never */
} memory;

static void *counting(void *ud, void *block, size_t size)
{
    size_t *old = block != NULL ? (size_t *)block - 2 : NULL; /* keeps malloc's alignment */
    (void)ud;
    if (old != NULL)
        memory.held -= old[0];
    if (size == 0) {
        memory.blocks -= old != NULL;
        free(old);
        return NULL;
    }
    if (memory.until_failure == 0)
        return NULL;
    if (memory.until_failure > 0)
        memory.until_failure--;
    size_t *fresh = test_need(malloc(size + 2 * sizeof(size_t)));
    memory.blocks++;
    fresh[0] = size;
    memory.held += size;
    if (memory.held > memory.most)
        memory.most = memory.held;
    return fresh + 2;
}

static const struct mw_allocator allocator = {counting, NULL};

static void watch_memory(void)
{
    CHECK_INT(memory.blocks, 0);
    memset(&memory, 0, sizeof memory);
    memory.until_failure = -1;
}

/* ---- decoding ------------------------------------------------------------------------------- */

struct text {
    unsigned char *at;
    size_t length, room;
};

static void put(struct text *t, const unsigned char *bytes, size_t length)
{
    if (length == 0)
        return;
    if (t->length + length > t->room) {
        t->room = 2 * (t->length + length);
        t->at = test_need(realloc(t->at, t->room));
    }
    memcpy(t->at + t->length, bytes, length);
    t->length += length;
}

static struct text unhex(const char *hex)
{
    struct text t = {0};
    unsigned byte;
    for (; *hex != '\0'; hex += 2) {
        CHECK_INT(sscanf(hex, "%2x", &byte), 1);
        put(&t, &(unsigned char){(unsigned char)byte}, 1);
    }
    return t;
}

static struct mw_decoder *decoder_of(const char *list)
{
    struct mw_codings codings = {0};
    mw_codings_add(&codings, list);
    CHECK(!codings.unknown);
    return mw_decoder_new(&allocator, &codings);
}

/* Feeds one piece, with so much room at a time. */
static enum mw_decode feed(struct mw_decoder *d, const unsigned char *bytes, size_t length,
                           size_t room, struct text *out)
{
    unsigned char *piece = test_need(malloc(length + (length == 0)));
    unsigned char *place = test_need(malloc(room));
    enum mw_decode result;
    struct mw_decode_io io = {piece, length, NULL, 0};
    if (length > 0)
        memcpy(piece, bytes, length);
    do {
        io.out = place;
        io.out_length = room;
        result = mw_decoder_run(d, &io);
        CHECK(result != MW_DECODE_MORE || io.in_length == 0);
        put(out, place, room - io.out_length);
    } while (result == MW_DECODE_FULL);
    free(piece);
    free(place);
    return result;
}

/* What becomes of bytes in pieces of `first` and then of `rest`. Words: "" where all went well. */
static const char *decode(const char *list, const unsigned char *bytes, size_t length, size_t first,
                          size_t rest, size_t room, struct text *out)
{
    static char words[200];
    struct mw_decoder *d = test_need(decoder_of(list));
    enum mw_decode result = MW_DECODE_MORE;
    for (size_t at = 0, n = first; at < length && result == MW_DECODE_MORE; at += n, n = rest) {
        if (n > length - at)
            n = length - at;
        result = feed(d, bytes + at, n, room, out);
    }
    CHECK(result != MW_DECODE_NO_MEMORY);
    words[0] = '\0';
    if (result == MW_DECODE_BAD || !mw_decoder_complete(d))
        snprintf(words, sizeof words, "%s: %s", mw_decoder_coding(d), mw_decoder_words(d));
    mw_decoder_free(d);
    return words;
}

static struct text bottles(void)
{
    struct text t = {0};
    char line[80];
    for (int n = 40; n > 30; n--) {
        int length = snprintf(line, sizeof line,
                              "%d bottles of beer on the wall, %d bottles of beer.\n", n, n);
        put(&t, (unsigned char *)line, (size_t)length);
    }
    return t;
}

/* ---- what is right -------------------------------------------------------------------------- */

#define HI_GZIP "1f8b0800000000000203cbc80400ac2a93d802000000"
#define HI_ZLIB "789ccbc80400013b00d2"
#define HI_BARE "cbc80400"
#define HI_BR "8b0080686903"
#define HI_ZSTD "28b52ffd04581100006869fa3826ea"
#define SKIPPED "532a4d1803000000616263"

static const struct {
    const char *title, *list, *hex, *text;
} right[] = {
    {"gzip", "gzip", HI_GZIP, "hi"},
    {"its other name", "X-GZip", HI_GZIP, "hi"},
    {"gzip of nothing", "gzip", "1f8b080000000000020303000000000000000000", ""},
    {"gzip with all that a head may have", "gzip",
     "1f8b081f000000000003020061626e616d6500776f726473006d25cb48cdc9c9070086a6103605000000",
     "hello"},
    {"members of gzip", "gzip", HI_GZIP HI_GZIP HI_GZIP, "hihihi"},
    {"bytes behind gzip", "gzip", HI_GZIP "00000000", "hi"},
    {"a byte that could begin a member", "gzip", HI_GZIP "1f", "hi"},
    {"bytes that could not", "gzip", HI_GZIP "1f8a" HI_GZIP, "hi"},
    {"the byte that begins one, twice", "gzip", HI_GZIP "1f1f8b", "hi"},
    {"deflate", "deflate", HI_ZLIB, "hi"},
    {"deflate of nothing", "deflate", "789c030000000001", ""},
    {"bytes behind deflate", "deflate", HI_ZLIB "789c", "hi"},
    {"deflate that is bare", "deflate", HI_BARE, "hi"},
    {"that, of nothing", "deflate", "0300", ""},
    {"that, stored", "deflate", "010200fdff6869", "hi"},
    {"that, whose first byte could be zlib's", "deflate", "780200fdff68690300", "hi"},
    {"br", "br", HI_BR, "hi"},
    {"br of nothing", "br", "3b", ""},
    {"bytes behind br", "br", HI_BR "6869", "hi"},
    {"zstd", "zstd", HI_ZSTD, "hi"},
    {"zstd of nothing", "zstd", "28b52ffd240001000099e9d851", ""},
    {"frames of zstd", "zstd", HI_ZSTD HI_ZSTD, "hihi"},
    {"a frame to skip, before", "zstd", SKIPPED HI_ZSTD, "hi"},
    {"between", "zstd", HI_ZSTD SKIPPED HI_ZSTD, "hihi"},
    {"behind", "zstd", HI_ZSTD SKIPPED, "hi"},
    {"alone", "zstd", SKIPPED, ""},
    {"zstd around gzip", "gzip, zstd",
     "28b52ffd0458b100001f8b0800000000000203cbc80400ac2a93d802000000a7c614b4", "hi"},
    {"gzip around br", "br,gzip", "1f8b0800000000000203eb6668c8c86406004fe81e4306000000", "hi"},
    {"nothing at all", "gzip", "", ""},
    {"nothing at all, twice", "br, zstd", "", ""},
    {"gzip around nothing, which was br", "br, gzip", "1f8b080000000000020303000000000000000000",
     ""},
};

static void check_whole(const char *title, const char *list, const struct text *coded,
                        const unsigned char *text, size_t length)
{
    static const size_t rooms[] = {1, 2, 7, 600};
    for (size_t r = 0; r < sizeof rooms / sizeof rooms[0]; r++) {
        for (size_t cut = 0; cut <= coded->length; cut++) {
            struct text out = {0};
            size_t rest = cut == 0 ? 1 : coded->length; /* the first time, byte by byte */
            const char *words =
                decode(list, coded->at, coded->length, cut == 0 ? 1 : cut, rest, rooms[r], &out);
            bool same = out.length == length && (length == 0 || memcmp(out.at, text, length) == 0);
            if (!CHECK_TEXT(words, "") || !CHECK(same))
                printf("  that was: %s, cut at %zu, room for %zu\n", title, cut, rooms[r]);
            free(out.at);
        }
    }
}

static void decodes_what_is_right_however_it_is_cut(void)
{
    watch_memory();
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        struct text coded = unhex(right[i].hex);
        check_whole(right[i].title, right[i].list, &coded, (const unsigned char *)right[i].text,
                    strlen(right[i].text));
        free(coded.at);
    }
    CHECK_INT(memory.blocks, 0);
}

static const struct {
    const char *list, *hex;
    bool checked; /* the coding holds a checksum */
} texts[] = {
    {"gzip", gzip, true}, {"deflate", zlib, true}, {"deflate", bare, false},
    {"br", br, false},    {"zstd", zstd, true},
};
enum { TEXTS = sizeof texts / sizeof texts[0] };

static void decodes_texts(void)
{
    struct text expected = bottles();
    for (size_t i = 0; i < TEXTS; i++) {
        struct text coded = unhex(texts[i].hex);
        check_whole(texts[i].list, texts[i].list, &coded, expected.at, expected.length);
        free(coded.at);
    }
    free(expected.at);
}

/* ---- what is wrong -------------------------------------------------------------------------- */

static void a_text_that_is_cut_off_is_not_complete(void)
{
    struct text expected = bottles();
    for (size_t i = 0; i < TEXTS; i++) {
        struct text coded = unhex(texts[i].hex);
        for (size_t length = 1; length < coded.length; length++) {
            struct text out = {0};
            CHECK_HAS(decode(texts[i].list, coded.at, length, length, 1, 100, &out),
                      ": it ends too early");
            CHECK(out.length <= expected.length &&
                  (out.length == 0 || memcmp(out.at, expected.at, out.length) == 0));
            free(out.at);
        }
        free(coded.at);
    }
    free(expected.at);
}

static void a_flipped_bit_is_noticed_where_there_is_a_checksum(void)
{
    struct text expected = bottles();
    for (size_t i = 0; i < TEXTS; i++) {
        struct text coded = unhex(texts[i].hex);
        for (size_t bit = 0; bit < 8 * coded.length; bit++) {
            struct text out = {0};
            coded.at[bit / 8] ^= (unsigned char)(1 << bit % 8);
            const char *words =
                decode(texts[i].list, coded.at, coded.length, coded.length, 1, 100, &out);
            bool same =
                out.length == expected.length && memcmp(out.at, expected.at, out.length) == 0;
            if (texts[i].checked && words[0] == '\0' && !CHECK(same))
                printf("  that was: %s, bit %zu\n", texts[i].list, bit);
            coded.at[bit / 8] ^= (unsigned char)(1 << bit % 8);
            free(out.at);
        }
        free(coded.at);
    }
    free(expected.at);
}

static const struct {
    const char *title, *list, *hex, *words;
} wrong[] = {
    {"no gzip", "gzip", "68656c6c6f", "gzip: incorrect header check"},
    {"a member that is none", "gzip", HI_GZIP "1f8b0900", "gzip: unknown compression method"},
    {"a member that is cut off", "gzip", HI_GZIP "1f8b08", "gzip: it ends too early"},
    {"gzip's checksum", "gzip", "1f8b0800000000000203cbc80400ac2a93d902000000",
     "gzip: incorrect data check"},
    {"gzip's length", "gzip", "1f8b0800000000000203cbc80400ac2a93d803000000",
     "gzip: incorrect length check"},
    {"zlib's checksum", "deflate", "789ccbc80400013b00d3", "deflate: incorrect data check"},
    {"zlib with a dictionary", "deflate", "78f9040901a5cbc80400013b00d2",
     "deflate: it needs a dictionary"},
    {"a block that is none", "deflate", "07", "deflate: invalid block type"},
    {"half of zlib's head", "deflate", "78", "deflate: it ends too early"},
    {"no br", "br", "ffffffff", "br: "},
    {"no frame of zstd", "zstd", "68656c6c6f", "zstd: what should be a frame is none"},
    {"half a magic", "zstd", "28b5", "zstd: it ends too early"},
    {"half a frame to skip", "zstd", "532a4d180300000061", "zstd: it ends too early"},
    {"a format of zstd before its first", "zstd", "27b52ffd04581100006869fa3826ea",
     "zstd: what should be a frame is none"},
    {"bytes behind zstd", "zstd", HI_ZSTD "00000000", "zstd: what should be a frame is none"},
    {"zstd's checksum", "zstd", "28b52ffd04581100006869fa3826eb", "zstd: "},
    {"a window of 128 MiB", "zstd", "28b52ffd04884d00001068690100c3288705093d591c",
     "zstd: its window is larger than 8 MiB"},
    {"the inner one", "gzip, zstd", "28b52ffd04581100006869fa3826ea",
     "gzip: incorrect header check"},
    {"the inner one, cut off", "deflate, gzip", NULL, "deflate: it ends too early"},
    {"the outer one", "gzip, br", "ffffffff", "br: "},
};

static void says_what_is_wrong_however_it_is_cut(void)
{
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        /* gzip around the one byte 78, stored */
        struct text coded =
            unhex(wrong[i].hex != NULL ? wrong[i].hex
                                       : "1f8b0800000000000003010100feff788316dc8c01000000");
        for (size_t cut = 1; cut <= coded.length; cut++) {
            struct text out = {0};
            if (!CHECK_HAS(decode(wrong[i].list, coded.at, coded.length, cut, 1, 3, &out),
                           wrong[i].words))
                printf("  that was: %s, cut at %zu\n", wrong[i].title, cut);
            free(out.at);
        }
        free(coded.at);
    }
}

/* ---- lists ---------------------------------------------------------------------------------- */

static const struct {
    const char *value, *names;
} lists[] = {
    {"", ""},
    {"identity", ""},
    {" , ,", ""},
    {"gzip", "gzip"},
    {"GZIP", "gzip"},
    {"x-gzip", "gzip"},
    {"gzip, identity", "gzip"},
    {"\tgzip ,\tbr ", "gzip br"},
    {"deflate,br,zstd", "deflate br zstd"},
    {"gzip,,br", "gzip br"},
    {"gzip br", "?"},
    {"gzip;q=1", "?"},
    {"gzi", "?"},
    {"gzipp", "?"},
    {"compress", "?"},
    {"gzip, foo", "gzip ?"},
    {"foo, gzip", "? gzip"},
};

static void reads_lists(void)
{
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct mw_codings c = {0};
        char names[100] = "";
        mw_codings_add(&c, lists[i].value);
        for (size_t n = 0; n < c.count; n++)
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", n > 0 ? " " : "",
                     c.at[n] != NULL ? c.at[n]->name : "?");
        CHECK_TEXT(names, lists[i].names);
        CHECK_INT(c.unknown, strchr(names, '?') != NULL);
    }
}

static void several_fields_are_one_list(void)
{
    struct mw_codings c = {0};
    mw_codings_add(&c, "gzip, br");
    mw_codings_add(&c, "gzip,gzip,gzip");
    CHECK_INT((int)c.count, 5);
    mw_codings_add(&c, "zstd");
    CHECK_INT((int)c.count, 6);
    CHECK(c.at[1] == &mw_coding_br && c.at[4] == &mw_coding_gzip && !c.unknown);
}

/* ---- memory --------------------------------------------------------------------------------- */

/* 64 MiB of zeros, coded by the libraries themselves. */
enum { MANY = 64 << 20 };

static struct text gzipped(const unsigned char *bytes, size_t length)
{
    struct text t = {0};
    z_stream z = {0};
    CHECK_INT(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
    t.room = deflateBound(&z, length);
    t.at = test_need(malloc(t.room));
    z.next_in = bytes;
    z.avail_in = (uInt)length;
    z.next_out = t.at;
    z.avail_out = (uInt)t.room;
    CHECK_INT(deflate(&z, Z_FINISH), Z_STREAM_END);
    t.length = z.total_out;
    deflateEnd(&z);
    return t;
}

static struct text zstandard(const unsigned char *bytes, size_t length)
{
    struct text t = {0};
    t.room = ZSTD_compressBound(length);
    t.at = test_need(malloc(t.room));
    t.length = ZSTD_compress(t.at, t.room, bytes, length, 3);
    CHECK(!ZSTD_isError(t.length));
    return t;
}

/* Runs through it in small rooms, and counts. */
static void check_bomb(const char *list, const struct text *bomb, size_t most)
{
    unsigned char room[4096];
    size_t length = 0;
    struct mw_decoder *d = test_need(decoder_of(list));
    struct mw_decode_io io = {bomb->at, bomb->length, NULL, 0};
    enum mw_decode result;
    do {
        io.out = room;
        io.out_length = sizeof room;
        result = mw_decoder_run(d, &io);
        length += sizeof room - io.out_length;
    } while (result == MW_DECODE_FULL);
    CHECK_INT(result, MW_DECODE_MORE);
    CHECK(mw_decoder_complete(d));
    CHECK_INT((long long)length, MANY);
    CHECK(memory.most <= most);
    mw_decoder_free(d);
}

static void bombs_take_no_more_memory_than_a_window(void)
{
    unsigned char *zeros = test_need(calloc(1, MANY));
    struct text one = gzipped(zeros, MANY), two = gzipped(one.at, one.length);
    struct text window = zstandard(zeros, MANY), both = zstandard(one.at, one.length);
    watch_memory();
    check_bomb("gzip", &one, 64 << 10);
    watch_memory();
    check_bomb("gzip, gzip", &two, 128 << 10);
    watch_memory();
    check_bomb("zstd", &window, 1 << 10); /* libzstd's own is not counted */
    check_bomb("gzip, zstd", &both, 128 << 10);
    free(one.at);
    free(two.at);
    free(window.at);
    free(both.at);
    free(zeros);
}

static void says_when_there_is_no_memory(void)
{
    struct text expected = bottles();
    for (size_t i = 0; i < TEXTS; i++) {
        struct text coded = unhex(texts[i].hex);
        for (long n = 0, whole = 0; !whole; n++) {
            struct text out = {0};
            watch_memory();
            memory.until_failure = n;
            struct mw_decoder *d = decoder_of(texts[i].list);
            enum mw_decode result = MW_DECODE_NO_MEMORY;
            if (d != NULL)
                result = feed(d, coded.at, coded.length, 50, &out);
            whole = result == MW_DECODE_MORE && mw_decoder_complete(d);
            CHECK(whole || result == MW_DECODE_NO_MEMORY);
            CHECK(!whole || out.length == expected.length);
            mw_decoder_free(d);
            CHECK_INT(memory.blocks, 0);
            free(out.at);
        }
        free(coded.at);
    }
    free(expected.at);
}

int main(void)
{
    memory.until_failure = -1;
    TEST(decodes_what_is_right_however_it_is_cut);
    TEST(decodes_texts);
    TEST(a_text_that_is_cut_off_is_not_complete);
    TEST(a_flipped_bit_is_noticed_where_there_is_a_checksum);
    TEST(says_what_is_wrong_however_it_is_cut);
    TEST(reads_lists);
    TEST(several_fields_are_one_list);
    TEST(bombs_take_no_more_memory_than_a_window);
    TEST(says_when_there_is_no_memory);
    return test_end();
}
