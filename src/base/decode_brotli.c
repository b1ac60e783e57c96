/* br (RFC 7932). SPDX-License-Identifier: MIT */
#include "base/decode.h"

#include <brotli/decode.h>
#include <stdint.h>

struct brotli {
    BrotliDecoderState *decoder;
    bool over; /* what follows is ignored, as browsers do */
};

static void *allocate(void *a, size_t size)
{
    return mw_alloc(a, size);
}

static void release(void *a, void *block)
{
    mw_dealloc(a, block);
}

static void *brotli_open(const struct mw_allocator *a)
{
    struct brotli *s = mw_zalloc(a, sizeof *s);
    if (s == NULL)
        return NULL;
    s->decoder = BrotliDecoderCreateInstance(allocate, release, (void *)(uintptr_t)a);
    if (s->decoder != NULL)
        return s;
    mw_dealloc(a, s);
    return NULL;
}

static void brotli_close(void *state, const struct mw_allocator *a)
{
    struct brotli *s = state;
    BrotliDecoderDestroyInstance(s->decoder);
    mw_dealloc(a, s);
}

static enum mw_decode failed(const struct brotli *s, const char **words)
{
    BrotliDecoderErrorCode code = BrotliDecoderGetErrorCode(s->decoder);
    if (code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
        code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES)
        return MW_DECODE_NO_MEMORY;
    *words = BrotliDecoderErrorString(code);
    return MW_DECODE_BAD;
}

static enum mw_decode brotli_run(void *state, struct mw_decode_io *io, const char **words)
{
    struct brotli *s = state;
    BrotliDecoderResult result = BROTLI_DECODER_RESULT_SUCCESS;
    if (!s->over)
        result = BrotliDecoderDecompressStream(s->decoder, &io->in_length, &io->in, &io->out_length,
                                               &io->out, NULL);
    switch (result) {
    case BROTLI_DECODER_RESULT_SUCCESS:
        s->over = true;
        io->in += io->in_length;
        io->in_length = 0;
        return MW_DECODE_MORE;
    case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT:
        return MW_DECODE_MORE;
    case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT:
        return MW_DECODE_FULL;
    default:
        return failed(s, words);
    }
}

static bool brotli_complete(const void *state)
{
    return ((const struct brotli *)state)->over;
}

const struct mw_coding mw_coding_br = {"br", brotli_open, brotli_run, brotli_complete,
                                       brotli_close};
