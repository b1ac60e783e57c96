// SPDX-License-Identifier: MIT
// Preloaded into a program, counts its allocations in the first eight bytes of the file that
// COUNT_MALLOC names, where anybody can read them while it runs. free() is none, and LuaJIT's own
// allocator asks the kernel.

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

// What glibc's functions are called when others stand in front of them.
// NOLINTBEGIN(bugprone-reserved-identifier)
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
// NOLINTEND(bugprone-reserved-identifier)

int posix_memalign(void **result, size_t alignment, size_t size);

static uint64_t none;
static uint64_t *counter = &none;

__attribute__((constructor)) static void open_counter(void)
{
    const char *path = getenv("COUNT_MALLOC");
    int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    void *page;

    if (fd < 0)
        return;
    if (ftruncate(fd, sizeof(*counter)) == 0) {
        page = mmap(NULL, sizeof(*counter), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (page != MAP_FAILED)
            counter = page;
    }
    close(fd);
}

static void count(void)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

void *malloc(size_t size)
{
    count();
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    count();
    return __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
    count();
    return __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    count();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size)
{
    void *block = aligned_alloc(alignment, size);
    if (!block)
        return ENOMEM;
    *result = block;
    return 0;
}
