/* gzip (RFC 1952) and deflate (RFC 1950, and the bare RFC 1951 that some servers send for it).
 * SPDX-License-Identifier: MIT */
#include "base/decode.h"

#define ZLIB_CONST /* its input is not changed */
#include <limits.h>
#include <stdint.h>
#include <zlib.h>

enum { GZIP_WINDOW = 15 + 16, ZLIB_WINDOW = 15, RAW_WINDOW = -15 };

struct inflation {
    z_stream z;
    enum {
        DETECT, /* of deflate: which of the two it is */
        INSIDE,
        BEHIND, /* of gzip: perhaps another member follows */
        OVER    /* whatever follows is ignored, as browsers do */
    } at;
    unsigned char held; /* a first byte that does not tell yet: what it belongs to */
    bool holds;
};

static void *allocate(void *a, uInt count, uInt size)
{
    return mw_alloc(a, (size_t)count * size);
}

static void release(void *a, void *block)
{
    mw_dealloc(a, block);
}

static struct inflation *open_window(const struct mw_allocator *a, int window)
{
    struct inflation *s = mw_zalloc(a, sizeof *s);
    if (s == NULL)
        return NULL;
    s->z.zalloc = allocate;
    s->z.zfree = release;
    s->z.opaque =
        (void *)(uintptr_t)a; /* zlib's is not const, and its functions here do not care */
    s->at = INSIDE;
    if (inflateInit2(&s->z, window) == Z_OK)
        return s;
    mw_dealloc(a, s);
    return NULL;
}

static void *gzip_open(const struct mw_allocator *a)
{
    return open_window(a, GZIP_WINDOW);
}

static void *deflate_open(const struct mw_allocator *a)
{
    struct inflation *s = open_window(a, ZLIB_WINDOW);
    if (s != NULL)
        s->at = DETECT;
    return s;
}

static void zlib_close(void *state, const struct mw_allocator *a)
{
    struct inflation *s = state;
    inflateEnd(&s->z);
    mw_dealloc(a, s);
}

static uInt at_most(size_t length)
{
    return length < UINT_MAX ? (uInt)length : UINT_MAX;
}

/* zlib's own words, of which it has some for most that can be wrong. */
static enum mw_decode failed(const struct inflation *s, int result, const char **words)
{
    if (result == Z_MEM_ERROR)
        return MW_DECODE_NO_MEMORY;
    *words = result == Z_NEED_DICT ? "it needs a dictionary"
             : s->z.msg != NULL    ? s->z.msg
                                   : "it is corrupt";
    return MW_DECODE_BAD;
}

/* One call of inflate. MORE: go on, with what is left of the input, or once there is more. */
static enum mw_decode inflate_some(struct inflation *s, struct mw_decode_io *io, const char **words)
{
    s->z.next_in = io->in;
    s->z.avail_in = at_most(io->in_length);
    s->z.next_out = io->out;
    s->z.avail_out = at_most(io->out_length);
    int result = inflate(&s->z, Z_NO_FLUSH);
    io->in_length -= (size_t)(s->z.next_in - io->in);
    io->in = s->z.next_in;
    io->out_length -= (size_t)(s->z.next_out - io->out);
    io->out = s->z.next_out;
    if (result == Z_STREAM_END) {
        s->at = BEHIND;
        s->holds = false;
        return MW_DECODE_MORE;
    }
    if (result != Z_OK && result != Z_BUF_ERROR) /* the latter: there was nothing to do */
        return failed(s, result, words);
    return io->out_length == 0 ? MW_DECODE_FULL : MW_DECODE_MORE;
}

/* Bytes at the front that were looked at, and that make no output. */
static enum mw_decode inflate_front(struct inflation *s, const unsigned char *bytes, size_t length,
                                    const struct mw_decode_io *io, const char **words)
{
    struct mw_decode_io front = {bytes, length, io->out, io->out_length};
    s->at = INSIDE;
    s->holds = false;
    enum mw_decode result = inflate_some(s, &front, words);
    return result == MW_DECODE_FULL ? MW_DECODE_MORE : result;
}

static unsigned char take_byte(struct mw_decode_io *io)
{
    io->in_length--;
    return *io->in++;
}

/* Another member begins with 1F 8B; anything else is not ours. */
static enum mw_decode look_behind(struct inflation *s, struct mw_decode_io *io, const char **words)
{
    static const unsigned char magic[] = {0x1f, 0x8b};
    unsigned char byte = take_byte(io);
    if (!s->holds && byte == magic[0]) {
        s->holds = true;
        return MW_DECODE_MORE;
    }
    if (!s->holds || byte != magic[1]) {
        s->at = OVER;
        return MW_DECODE_MORE;
    }
    inflateReset(&s->z);
    return inflate_front(s, magic, sizeof magic, io, words);
}

/* "deflate" means the format of zlib, whose two first bytes are a multiple of 31 and name its
 * method, 8; what cannot be these is bare. No encoder begins a bare one with such bytes: it would
 * be a stored block with garbage for padding. */
static enum mw_decode detect(struct inflation *s, struct mw_decode_io *io, const char **words)
{
    unsigned char bytes[2] = {s->held, 0};
    size_t count = 0;
    if (s->holds)
        count = 1;
    bytes[count++] = take_byte(io);
    bool zlib = (bytes[0] & 0x0f) == Z_DEFLATED && bytes[0] >> 4 <= 7;
    if (zlib && count == 1) {
        s->held = bytes[0];
        s->holds = true;
        return MW_DECODE_MORE;
    }
    if (!zlib || (bytes[0] << 8 | bytes[1]) % 31 != 0)
        inflateReset2(&s->z, RAW_WINDOW);
    return inflate_front(s, bytes, count, io, words);
}

static enum mw_decode zlib_run(struct inflation *s, bool members, struct mw_decode_io *io,
                               const char **words)
{
    enum mw_decode result = MW_DECODE_MORE;
    do {
        switch (s->at) {
        case DETECT:
            if (io->in_length > 0)
                result = detect(s, io, words);
            break;
        case INSIDE:
            result = inflate_some(s, io, words);
            break;
        case BEHIND:
            if (!members)
                s->at = OVER;
            else if (io->in_length > 0)
                result = look_behind(s, io, words);
            break;
        case OVER:
            io->in += io->in_length;
            io->in_length = 0;
            break;
        }
    } while (result == MW_DECODE_MORE && io->in_length > 0);
    return result;
}

static enum mw_decode gzip_run(void *state, struct mw_decode_io *io, const char **words)
{
    return zlib_run(state, true, io, words);
}

static enum mw_decode deflate_run(void *state, struct mw_decode_io *io, const char **words)
{
    return zlib_run(state, false, io, words);
}

static bool zlib_complete(const void *state)
{
    const struct inflation *s = state;
    return s->at == BEHIND || s->at == OVER;
}

const struct mw_coding mw_coding_gzip = {"gzip", gzip_open, gzip_run, zlib_complete, zlib_close};
const struct mw_coding mw_coding_deflate = {"deflate", deflate_open, deflate_run, zlib_complete,
                                            zlib_close};
