/* Content codings undone as the bytes come (RFC 9110, 8.4.1): gzip, deflate, br, zstd, and several
 * of them one within the other. Memory is bounded whatever the bytes say: what is decoded goes into
 * the caller's room, and where that is full, decoding stops until there is more of it.
 * SPDX-License-Identifier: MIT */
#ifndef MW_BASE_DECODE_H
#define MW_BASE_DECODE_H

#include "base/alloc.h"

#include <stdbool.h>
#include <stddef.h>

/* What can be decoded, as Accept-Encoding says it. */
#define MW_ACCEPTED_CODINGS "gzip, deflate, br, zstd"

enum { MW_MOST_CODINGS = 5 }; /* within each other; no honest server needs more than two */

enum mw_decode {
    MW_DECODE_MORE, /* the input is used up, and nothing of its output waits */
    MW_DECODE_FULL, /* the room is used up; there may be more output, with no more input, too */
    MW_DECODE_BAD,  /* the bytes are not what they should be: mw_decoder_words */
    MW_DECODE_NO_MEMORY
};

/* Input that is left, and room that is left; decoding moves both on. */
struct mw_decode_io {
    const unsigned char *in;
    size_t in_length;
    unsigned char *out;
    size_t out_length;
};

/* One coding. Its functions share a state, which `open` makes; NULL without memory. */
struct mw_coding {
    const char *name;
    void *(*open)(const struct mw_allocator *a);
    /* With room for a byte at least. Where that is BAD, *words say why, and live as long as the
     * state. Bytes behind the end are taken, and ignored or BAD, as the coding has it. */
    enum mw_decode (*run)(void *state, struct mw_decode_io *io, const char **words);
    bool (*complete)(const void *state); /* whether it can end here. Not asked before any input */
    void (*close)(void *state, const struct mw_allocator *a);
};

extern const struct mw_coding mw_coding_gzip, mw_coding_deflate, mw_coding_br, mw_coding_zstd;

/* The codings of a message, in the order in which they were applied. Zeros: none. */
struct mw_codings {
    const struct mw_coding *at[MW_MOST_CODINGS];
    size_t count; /* may be more than there is room for: then there are too many */
    bool unknown; /* there is one among them that nobody here knows */
};

/* Adds what one field Content-Encoding lists; several fields count as one list. "identity" is none
 * (RFC 9110, 12.5.3), "x-gzip" is gzip. */
void mw_codings_add(struct mw_codings *c, const char *value);

struct mw_decoder;

/* For 1 to MW_MOST_CODINGS codings, all known. NULL without memory. */
struct mw_decoder *mw_decoder_new(const struct mw_allocator *a, const struct mw_codings *c);
void mw_decoder_free(struct mw_decoder *d); /* NULL is allowed */

/* Decodes until the input or the room is used up. After BAD and NO_MEMORY it is to be freed. */
enum mw_decode mw_decoder_run(struct mw_decoder *d, struct mw_decode_io *ends);

/* Whether the input may end here, after MORE. If not, mw_decoder_words say so. No input at all is
 * complete: bodies that are empty are often sent with a coding. */
bool mw_decoder_complete(struct mw_decoder *d);

/* After BAD, or where it was not complete: the name of the coding that failed, and why. */
const char *mw_decoder_coding(const struct mw_decoder *d);
const char *mw_decoder_words(const struct mw_decoder *d);

#endif
