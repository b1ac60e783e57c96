// SPDX-License-Identifier: MIT
// What zlib itself needs: inflates a gzip file that is read from start to end, piece by piece as a
// client gets it, into one piece of memory that is used again and again.
// usage: inflate FILE

#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

enum { PIECE = 64 << 10 };

static void die(const char *words)
{
    fprintf(stderr, "inflate: %s\n", words);
    exit(1);
}

// Gives all of it to zlib; returns how much came out.
static uint64_t run(int fd, z_stream *z)
{
    static unsigned char in[PIECE], out[PIECE];
    uint64_t total = 0;
    int result = Z_OK;
    for (ssize_t n; (n = read(fd, in, sizeof(in))) > 0;) {
        z->next_in = in;
        z->avail_in = (uInt)n;
        do {
            z->next_out = out;
            z->avail_out = sizeof(out);
            result = inflate(z, Z_NO_FLUSH);
            total += sizeof(out) - z->avail_out;
        } while (result == Z_OK && z->avail_out == 0);
    }
    if (result != Z_STREAM_END)
        die("the file is no gzip, or not whole");
    return total;
}

int main(int argc, char **argv)
{
    z_stream z = {0};
    int fd = argc == 2 ? open(argv[1], O_RDONLY) : -1;
    if (fd < 0)
        die("usage: inflate FILE");
    if (inflateInit2(&z, 15 + 16) != Z_OK)
        die("no memory");
    printf("bytes=%" PRIu64 "\n", run(fd, &z));
    inflateEnd(&z);
    close(fd);
    return 0;
}
