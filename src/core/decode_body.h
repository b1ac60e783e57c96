/* The body of a response that came with a content coding, on its way to the buffer it is read from.
 *
 * It is decoded no further than there is room: what the reader, or this turn of the loop, has no
 * place for stays as it came, and the engine is paused meanwhile. So the engine may be done with an
 * exchange that still has some of its body to decode.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_DECODE_BODY_H
#define MW_CORE_DECODE_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct evbuffer;
struct mw_exchange;
struct mw_decoding;

/* At the final head: sets x->decoding where there will be a body to decode. x may have ended with
 * it. */
void mw_decoding_begin(struct mw_exchange *x);

/* What the engine reports; x may have ended with it. The second takes everything out of it. */
void mw_decoding_bytes(struct mw_exchange *x, const void *bytes, size_t length);
void mw_decoding_buffer(struct mw_exchange *x, struct evbuffer *bytes);

/* The engine is done. True: so is the decoding. If not, either x has ended with an error, or
 * mw_exchange_on_done is called once the rest is decoded. */
bool mw_decoding_done(struct mw_exchange *x);

/* There is room again: goes on from the loop. */
void mw_decoding_resume(struct mw_exchange *x);

void mw_decoding_free(struct mw_exchange *x); /* x->decoding may be NULL */

/* So many bytes as they come may take part in a body of `most` bytes decoded: what nobody can
 * decode to something must not come for ever. */
uint64_t mw_decoding_most(uint64_t most);

#endif
