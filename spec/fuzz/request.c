/* Heads of requests. SPDX-License-Identifier: MIT */
#include "heads.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_head(HTTP1_REQUEST, fuzz_input(data, size));
    return 0;
}
