// SPDX-License-Identifier: MIT
// What zlib alone needs: inflates a gzip file, which it has read before, into one piece of memory
// that is used again and again. Tells how much came out, and the microseconds of user and system
// time that inflating took; the check of the sum is in them, as in any decoder. usage: inflate FILE

#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { PIECE = 64 << 10 };

static void die(const char *words)
{
    fprintf(stderr, "inflate: %s\n", words);
    exit(1);
}

static unsigned char *load(const char *path, size_t *length)
{
    struct stat about;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &about) != 0)
        die("cannot open the file");
    *length = (size_t)about.st_size;
    unsigned char *bytes = malloc(*length + 1);
    if (!bytes)
        die("no memory");
    for (size_t at = 0; at < *length;) {
        ssize_t n = read(fd, bytes + at, *length - at);
        if (n <= 0)
            die("cannot read the file");
        at += (size_t)n;
    }
    close(fd);
    return bytes;
}

// In pieces of what a socket gives; returns how much came out.
static uint64_t run(z_stream *z, unsigned char *bytes, size_t length)
{
    static unsigned char out[PIECE];
    uint64_t total = 0;
    int result = Z_OK;
    for (size_t at = 0; at < length; at += PIECE) {
        z->next_in = bytes + at;
        z->avail_in = (uInt)(length - at < PIECE ? length - at : PIECE);
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

static int64_t microseconds(struct timeval from, struct timeval to)
{
    return ((int64_t)to.tv_sec - from.tv_sec) * 1000000 + to.tv_usec - from.tv_usec;
}

int main(int argc, char **argv)
{
    z_stream z = {0};
    size_t length;
    struct rusage before, after;
    if (argc != 2)
        die("usage: inflate FILE");
    unsigned char *bytes = load(argv[1], &length);
    if (inflateInit2(&z, 15 + 16) != Z_OK)
        die("no memory");
    getrusage(RUSAGE_SELF, &before);
    uint64_t total = run(&z, bytes, length);
    getrusage(RUSAGE_SELF, &after);
    printf("bytes=%" PRIu64 " user=%" PRId64 " system=%" PRId64 "\n", total,
           microseconds(before.ru_utime, after.ru_utime),
           microseconds(before.ru_stime, after.ru_stime));
    inflateEnd(&z);
    free(bytes);
    return 0;
}
