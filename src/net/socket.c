/* The plain socket, the system's calls behind the table; and what holds of every socket.
 * SPDX-License-Identifier: MIT */
#include "net/socket.h"

#include "net/tls.h"

#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_PIECES = 64, FILE_BLOCK = 32 << 10 };

/* What an errno means for a step that did not succeed. */
static enum mw_io outcome(struct mw_socket *s, enum mw_io again)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return again;
    s->system_errno = errno;
    return MW_IO_FAILED;
}

static enum mw_io plain_handshake(struct mw_socket *s)
{
    (void)s;
    return MW_IO_DONE;
}

static enum mw_io plain_read(struct mw_socket *s, void *bytes, size_t size, size_t *n)
{
    ssize_t got;
    *n = 0;
    if (size == 0) /* the system would answer as it does at the end */
        return MW_IO_DONE;
    do
        got = recv(s->fd, bytes, size, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return outcome(s, MW_IO_AGAIN_READ);
    *n = (size_t)got;
    return got > 0 ? MW_IO_DONE : MW_IO_END;
}

static enum mw_io plain_write(struct mw_socket *s, const struct iovec *pieces, int count, size_t *n)
{
    struct msghdr message = {.msg_iov = (struct iovec *)pieces,
                             .msg_iovlen = (size_t)(count < MOST_PIECES ? count : MOST_PIECES)};
    ssize_t sent;
    *n = 0;
    do /* the simple call is the cheaper one */
        sent = count == 1 ? send(s->fd, pieces->iov_base, pieces->iov_len, MSG_NOSIGNAL)
                          : sendmsg(s->fd, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return outcome(s, MW_IO_AGAIN_WRITE);
    *n = (size_t)sent;
    return MW_IO_DONE;
}

/* For files that sendfile does not take (a terminal's, some of /proc): through memory, a block at a
 * time. What the socket does not take of it is read again. */
static enum mw_io copy_file(struct mw_socket *s, int file, off_t offset, size_t length, size_t *n)
{
    char block[FILE_BLOCK];
    ssize_t got;
    do
        got = pread(file, block, length < sizeof block ? length : sizeof block, offset);
    while (got < 0 && errno == EINTR);
    if (got <= 0) {
        s->system_errno = got < 0 ? errno : 0;
        return MW_IO_END;
    }
    struct iovec piece = {block, (size_t)got};
    return plain_write(s, &piece, 1, n);
}

/* What is not the socket's fault; reading from the file tells. */
static bool may_be_the_file(int error)
{
    return error == EINVAL || error == ENOSYS || error == EOPNOTSUPP || error == EIO ||
           error == EBADF || error == ESTALE;
}

/* The host that keeps SIGPIPE gets it from here: sendfile knows no MSG_NOSIGNAL. */
static enum mw_io plain_send_file(struct mw_socket *s, int file, off_t offset, size_t length,
                                  size_t *n)
{
    ssize_t sent;
    *n = 0;
    if (length == 0)
        return MW_IO_DONE;
    do
        sent = sendfile(s->fd, file, &offset, length);
    while (sent < 0 && errno == EINTR);
    if (sent < 0 && may_be_the_file(errno))
        return copy_file(s, file, offset, length, n);
    if (sent < 0)
        return outcome(s, MW_IO_AGAIN_WRITE);
    s->system_errno = 0;
    *n = (size_t)sent;
    return sent > 0 ? MW_IO_DONE : MW_IO_END;
}

static void plain_finish(struct mw_socket *s)
{
    shutdown(s->fd, SHUT_WR);
}

static void plain_close(struct mw_socket *s)
{
    close(s->fd);
    s->fd = -1;
    s->via = NULL;
}

static const struct mw_transport plain = {
    .handshake = plain_handshake,
    .read = plain_read,
    .write = plain_write,
    .send_file = plain_send_file,
    .finish = plain_finish,
    .close = plain_close,
};

void mw_socket_plain(struct mw_socket *s, int fd)
{
    *s = (struct mw_socket){.via = &plain, .fd = fd};
}

void mw_socket_spoil(struct mw_socket *s)
{
    static const struct linger at_once = {1, 0};
    if (s->tls != NULL)
        mw_tls_spoil(s);
    else
        setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

bool mw_socket_buffered(const struct mw_socket *s)
{
    return s->tls != NULL && mw_tls_buffered(s);
}

size_t mw_socket_unacknowledged(const struct mw_socket *s)
{
    int held = 0;
    return ioctl(s->fd, SIOCOUTQ, &held) == 0 ? (size_t)held : 0;
}

void mw_socket_explain(const struct mw_socket *s, enum mw_phase phase, struct mw_failure *f)
{
    if (s->tls != NULL) {
        mw_tls_explain(s, phase, f);
        return;
    }
    mw_failure_system(f, s->system_errno, phase);
    mw_failure_text(f, "the connection is lost: %s", strerror(s->system_errno));
}
