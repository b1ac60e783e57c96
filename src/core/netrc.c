/* A .netrc, read from its file each time it is asked: it is small, and may have changed.
 * SPDX-License-Identifier: MIT */
#include "base/netrc.h"

#include "core/authorize.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LARGEST = 1 << 20 };

static ssize_t read_whole(int fd, char *at, size_t size)
{
    size_t length = 0;
    while (length < size) {
        ssize_t n = read(fd, at + length, size - length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        length += (size_t)n;
    }
    return (ssize_t)length;
}

/* Returns 0, or an errno. */
static int load(const struct mw_allocator *a, int fd, struct mw_netrc_found *found)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return errno;
    if (!S_ISREG(st.st_mode))
        return S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
    if (st.st_size > LARGEST)
        return EFBIG;
    found->size = (size_t)st.st_size + 1;
    found->text = mw_zalloc(a, found->size);
    if (found->text == NULL)
        return ENOMEM;
    ssize_t length = read_whole(fd, found->text, found->size - 1);
    if (length < 0)
        return errno;
    return memchr(found->text, '\0', (size_t)length) != NULL ? EILSEQ : 0;
}

static bool refuse(struct mw_failure *f, const char *file, int wrong)
{
    mw_failure_init(f, MW_UNKNOWN_CONTENT_ERROR, MW_PHASE_SEND);
    f->system_errno = wrong;
    mw_failure_text(f, "the netrc file \"%.120s\" cannot be read: %.80s", file, strerror(wrong));
    return false;
}

bool mw_netrc_ask(const struct mw_allocator *a, const char *file, bool optional, const char *host,
                  const char *login, struct mw_netrc_found *found, struct mw_failure *f)
{
    struct mw_netrc who;
    memset(found, 0, sizeof *found);
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO nobody writes to is no end */
    if (fd < 0 && optional && (errno == ENOENT || errno == ENOTDIR))
        return true;
    int wrong = fd < 0 ? errno : load(a, fd, found);
    if (fd >= 0)
        close(fd);
    if (wrong != 0) {
        mw_netrc_forget(a, found);
        return refuse(f, file, wrong);
    }
    const char *words = mw_netrc_find(found->text, host, login, &who);
    if (words != NULL) {
        mw_netrc_forget(a, found);
        mw_failure_init(f, MW_UNKNOWN_CONTENT_ERROR, MW_PHASE_SEND);
        mw_failure_text(f, "the netrc file \"%.120s\" cannot be read: line %d: %.90s", file,
                        who.line, words);
        return false;
    }
    found->login = who.login;
    found->password = who.password;
    return true;
}

void mw_netrc_forget(const struct mw_allocator *a, struct mw_netrc_found *found)
{
    if (found->text != NULL)
        explicit_bzero(found->text, found->size);
    mw_dealloc(a, found->text);
    memset(found, 0, sizeof *found);
}
