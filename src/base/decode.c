/* The row of decoders that a list of codings makes: the last that was applied is undone first.
 * SPDX-License-Identifier: MIT */
#include "base/decode.h"

#include "base/grammar.h"

#include <string.h>
#include <strings.h>

enum { BETWEEN = 16 << 10 }; /* bytes from one to the next */

/* What one has decoded and the next has not taken yet. */
struct piece {
    size_t from, to;
    unsigned char bytes[BETWEEN];
};

struct stage {
    const struct mw_coding *coding;
    void *state;
    bool fed;     /* it has had a byte of input */
    bool pending; /* it may have output without any more input */
};

struct mw_decoder {
    const struct mw_allocator *a;
    size_t count;
    struct stage stages[MW_MOST_CODINGS]; /* in the order in which they are undone */
    struct piece *between;                /* count - 1 of them; NULL for one stage */
    const char *coding, *words;
};

/* ---- the list ------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    const struct mw_coding *coding;
} known[] = {
    {"gzip", &mw_coding_gzip}, {"x-gzip", &mw_coding_gzip}, {"deflate", &mw_coding_deflate},
    {"br", &mw_coding_br},     {"zstd", &mw_coding_zstd},
};

static bool is_name(const char *at, size_t length, const char *name)
{
    return strlen(name) == length && strncasecmp(at, name, length) == 0;
}

static void add(struct mw_codings *c, const char *at, size_t length)
{
    const struct mw_coding *coding = NULL;
    if (length == 0 || is_name(at, length, "identity"))
        return;
    for (size_t i = 0; i < sizeof known / sizeof known[0] && coding == NULL; i++) {
        if (is_name(at, length, known[i].name))
            coding = known[i].coding;
    }
    if (coding == NULL)
        c->unknown = true;
    if (c->count < MW_MOST_CODINGS)
        c->at[c->count] = coding;
    c->count++;
}

void mw_codings_add(struct mw_codings *c, const char *value)
{
    for (;;) {
        value += strspn(value, " \t,");
        size_t length = strcspn(value, ","), end = length;
        while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t'))
            length--;
        if (length == 0)
            return;
        add(c, value, length);
        value += end;
    }
}

/* ---- the row ------------------------------------------------------------------------------- */

struct mw_decoder *mw_decoder_new(const struct mw_allocator *a, const struct mw_codings *c)
{
    struct mw_decoder *d = mw_zalloc(a, sizeof *d);
    if (d == NULL)
        return NULL;
    d->a = a;
    if (c->count > 1)
        d->between = mw_alloc(a, (c->count - 1) * sizeof *d->between);
    bool made = c->count == 1 || d->between != NULL;
    while (made && d->count < c->count) {
        struct stage *s = &d->stages[d->count];
        if (d->count > 0)
            d->between[d->count - 1].from = d->between[d->count - 1].to = 0;
        s->coding = c->at[c->count - 1 - d->count];
        s->state = s->coding->open(a);
        made = s->state != NULL;
        if (made)
            d->count++;
    }
    if (made)
        return d;
    mw_decoder_free(d);
    return NULL;
}

void mw_decoder_free(struct mw_decoder *d)
{
    if (d == NULL)
        return;
    for (size_t i = 0; i < d->count; i++)
        d->stages[i].coding->close(d->stages[i].state, d->a);
    mw_dealloc(d->a, d->between);
    mw_dealloc(d->a, d);
}

/* Where a stage reads and writes: at the ends of the row, what the caller gave. */
static struct mw_decode_io io_of(struct mw_decoder *d, size_t i, const struct mw_decode_io *ends)
{
    struct mw_decode_io io = *ends;
    if (i > 0) {
        io.in = d->between[i - 1].bytes + d->between[i - 1].from;
        io.in_length = d->between[i - 1].to - d->between[i - 1].from;
    }
    if (i + 1 < d->count) {
        struct piece *p = &d->between[i]; /* is filled anew once it is empty */
        io.out = p->bytes;
        io.out_length = p->from == p->to ? sizeof p->bytes : 0;
    }
    return io;
}

static void move_on(struct mw_decoder *d, size_t i, const struct mw_decode_io *io,
                    struct mw_decode_io *ends)
{
    if (i == 0) {
        ends->in = io->in;
        ends->in_length = io->in_length;
    } else {
        d->between[i - 1].from = d->between[i - 1].to - io->in_length;
    }
    if (i + 1 == d->count) {
        ends->out = io->out;
        ends->out_length = io->out_length;
    } else {
        d->between[i].from = 0;
        d->between[i].to = (size_t)(io->out - d->between[i].bytes);
    }
}

/* One stage, once. */
static enum mw_decode run_stage(struct mw_decoder *d, size_t i, struct mw_decode_io *io,
                                struct mw_decode_io *ends)
{
    struct stage *s = &d->stages[i];
    s->fed = true;
    enum mw_decode result = s->coding->run(s->state, io, &d->words);
    s->pending = result == MW_DECODE_FULL;
    d->coding = s->coding->name;
    move_on(d, i, io, ends);
    return result;
}

enum mw_decode mw_decoder_run(struct mw_decoder *d, struct mw_decode_io *ends)
{
    /* From the last to the first: what is there already goes out before more comes in. */
    for (size_t i = d->count; i > 0;) {
        struct mw_decode_io io = io_of(d, --i, ends);
        if (io.in_length == 0 && !d->stages[i].pending)
            continue;
        if (io.out_length == 0 && i + 1 == d->count)
            return MW_DECODE_FULL;
        enum mw_decode result = run_stage(d, i, &io, ends);
        if (result == MW_DECODE_BAD || result == MW_DECODE_NO_MEMORY)
            return result;
        i = d->count;
    }
    return MW_DECODE_MORE;
}

bool mw_decoder_complete(struct mw_decoder *d)
{
    for (size_t i = 0; i < d->count; i++) {
        const struct stage *s = &d->stages[i];
        if (!s->fed || s->coding->complete(s->state))
            continue;
        d->coding = s->coding->name;
        d->words = "it ends too early";
        return false;
    }
    return true;
}

const char *mw_decoder_coding(const struct mw_decoder *d)
{
    return d->coding;
}

const char *mw_decoder_words(const struct mw_decoder *d)
{
    return d->words;
}
