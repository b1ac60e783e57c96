// SPDX-License-Identifier: MIT
// Downloads a body by libmoonwire and throws it away as it arrives, decoded or, with "keep", as it
// comes. usage: decode URL BYTES [keep]

#include "moonwire.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t received;

static void on_body(mw_exchange *x, void *ud)
{
    (void)ud;
    received += mw_exchange_available(x);
    mw_exchange_drop(x);
}

static void on_done(mw_exchange *x, void *ud)
{
    on_body(x, ud);
    if (mw_exchange_error(x) != MW_NO_ERROR) {
        fprintf(stderr, "decode: %s\n", mw_exchange_error_string(x));
        exit(1);
    }
}

int main(int argc, char **argv)
{
    mw_options options;
    mw_exchange *x;
    const mw_config config = {.engine = getenv("MOONWIRE_ENGINE")};
    mw_runtime *rt = mw_open(&config);
    if (argc < 3 || rt == NULL) {
        fprintf(stderr, "usage: decode URL BYTES [keep]\n");
        return 2;
    }
    memset(&options, 0, sizeof(options));
    options.url = argv[1];
    options.max_body_size = UINT64_MAX;
    options.read_buffer_size = 256 << 10;
    options.keep_encoded = argc > 3 && strcmp(argv[3], "keep") == 0;
    options.on_body = on_body;
    options.on_done = on_done;
    if (mw_exchange_start(rt, &options, &x) != MW_OK) {
        fprintf(stderr, "decode: %s\n", mw_message(rt));
        return 1;
    }
    mw_run(rt);
    if (received != strtoull(argv[2], NULL, 10)) {
        fprintf(stderr, "decode: %" PRIu64 " bytes came, not %s\n", received, argv[2]);
        return 1;
    }
    printf("bytes=%" PRIu64 "\n", received);
    mw_close(rt);
    return 0;
}
