/* What the fuzzers share: their input, and checks that stop them.
 * SPDX-License-Identifier: MIT */
#ifndef MOONWIRE_SPEC_FUZZ_H
#define MOONWIRE_SPEC_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the fuzzer, which then keeps the input. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* Bytes, and a place in them where they are cut in two: the last two bytes of the data say it. */
struct fuzz_input {
    const char *bytes;
    size_t length, cut;
};

static inline struct fuzz_input fuzz_input(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {(const char *)data, 0, 0};
    if (size >= 2) {
        in.length = size - 2;
        in.cut = (size_t)(data[size - 2] << 8 | data[size - 1]) % (in.length + 1);
    }
    return in;
}

/* Bytes in a block of just their size, with a NUL if `ends`. */
static inline char *fuzz_copy(const char *bytes, size_t length, int ends)
{
    char *block = (char *)malloc(length + (ends ? 1 : 0) + (length == 0 && !ends));
    MUST(block != NULL);
    if (length > 0)
        memcpy(block, bytes, length);
    if (ends)
        block[length] = '\0';
    return block;
}

#endif
