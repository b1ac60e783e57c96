/* zstd (RFC 8878): frames, one behind the other, and such as are to be skipped. Its window is 8 MiB
 * at most (RFC 9659). SPDX-License-Identifier: MIT */
#include "base/decode.h"

#include <stdint.h>
#include <zstd.h>
#include <zstd_errors.h>

enum { WINDOW_LOG = 23, MAGIC = 4 };

/* libzstd's memory is malloc's: the functions that would change that are not of its stable part. */
struct zstd {
    ZSTD_DCtx *context;
    unsigned char magic[MAGIC]; /* of the next frame, which libzstd would take from old formats, */
    size_t magic_length;        /* too: they know no limit of the window */
};

static void *zstd_open(const struct mw_allocator *a)
{
    struct zstd *s = mw_zalloc(a, sizeof *s);
    if (s == NULL)
        return NULL;
    s->context = ZSTD_createDCtx();
    if (s->context != NULL &&
        !ZSTD_isError(ZSTD_DCtx_setParameter(s->context, ZSTD_d_windowLogMax, WINDOW_LOG)))
        return s;
    ZSTD_freeDCtx(s->context);
    mw_dealloc(a, s);
    return NULL;
}

static void zstd_close(void *state, const struct mw_allocator *a)
{
    struct zstd *s = state;
    ZSTD_freeDCtx(s->context);
    mw_dealloc(a, s);
}

static enum mw_decode failed(size_t result, const char **words)
{
    ZSTD_ErrorCode code = ZSTD_getErrorCode(result);
    if (code == ZSTD_error_memory_allocation)
        return MW_DECODE_NO_MEMORY;
    *words = code == ZSTD_error_frameParameter_windowTooLarge ? "its window is larger than 8 MiB"
                                                              : ZSTD_getErrorName(result);
    return MW_DECODE_BAD;
}

static uint32_t little_endian(const unsigned char *b)
{
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

/* One call of libzstd's. FULL: go on, with more room if that is used up. */
static enum mw_decode decompress(struct zstd *s, struct mw_decode_io *io, const char **words)
{
    ZSTD_inBuffer in = {io->in, io->in_length, 0};
    ZSTD_outBuffer out = {io->out, io->out_length, 0};
    size_t result = ZSTD_decompressStream(s->context, &out, &in);
    io->in += in.pos;
    io->in_length -= in.pos;
    io->out += out.pos;
    io->out_length -= out.pos;
    if (ZSTD_isError(result))
        return failed(result, words);
    if (result == 0)
        s->magic_length = 0; /* the frame is whole */
    return MW_DECODE_FULL;
}

/* Takes bytes until four are there, which say what kind of frame begins. */
static enum mw_decode begin_frame(struct zstd *s, struct mw_decode_io *io, const char **words)
{
    while (s->magic_length < MAGIC && io->in_length > 0) {
        s->magic[s->magic_length++] = *io->in++;
        io->in_length--;
    }
    if (s->magic_length < MAGIC)
        return MW_DECODE_MORE;
    uint32_t magic = little_endian(s->magic);
    if (magic != ZSTD_MAGICNUMBER &&
        (magic & ZSTD_MAGIC_SKIPPABLE_MASK) != ZSTD_MAGIC_SKIPPABLE_START) {
        *words = "what should be a frame is none";
        return MW_DECODE_BAD;
    }
    struct mw_decode_io front = {s->magic, MAGIC, io->out, 0};
    return decompress(s, &front, words);
}

static enum mw_decode zstd_run(void *state, struct mw_decode_io *io, const char **words)
{
    struct zstd *s = state;
    enum mw_decode result;
    do {
        result = s->magic_length < MAGIC ? begin_frame(s, io, words) : decompress(s, io, words);
        if (result == MW_DECODE_FULL && io->in_length == 0 && io->out_length > 0)
            return MW_DECODE_MORE;
    } while (result == MW_DECODE_FULL && io->out_length > 0);
    return result;
}

static bool zstd_complete(const void *state)
{
    return ((const struct zstd *)state)->magic_length == 0;
}

const struct mw_coding mw_coding_zstd = {"zstd", zstd_open, zstd_run, zstd_complete, zstd_close};
