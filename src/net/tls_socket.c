/* A TLS socket behind the table of transports: SSL directly on the descriptor.
 * SPDX-License-Identifier: MIT */
#include "net/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The most that a record carries, and how many a call moves: then the others get their turn. */
enum { RECORD = SSL3_RT_MAX_PLAIN_LENGTH, MOST_RECORDS = 16 };

struct mw_tls {
    SSL *ssl;
    struct mw_tls_peer peer;
    unsigned long error;  /* OpenSSL's, of what FAILED */
    size_t unsent;        /* bytes of a record that the socket has not taken; 0: none waits */
    enum mw_io over;      /* END or FAILED once reading has come to that; else DONE */
    bool secure;          /* the handshake is over */
    bool fatal;           /* OpenSSL has given up */
    bool spoiled;         /* no goodbye */
    bool through_proxy;   /* the system knows another peer's address than this one's */
    struct mw_tls *under; /* the TLS with the proxy, in which this one's bytes go; NULL: none */
    char host[];
};

struct mw_tls *mw_tls_new(const struct mw_allocator *a, const char *host, unsigned short port)
{
    size_t size = strlen(host) + 1;
    struct mw_tls *tls = mw_zalloc(a, sizeof *tls + size);
    if (tls == NULL)
        return NULL;
    memcpy(tls->host, host, size);
    tls->peer = (struct mw_tls_peer){.allocator = *a, .host = tls->host, .port = port};
    tls->over = MW_IO_DONE;
    return tls;
}

struct mw_tls_peer *mw_tls_peer_of(struct mw_tls *tls)
{
    return &tls->peer;
}

void mw_tls_free(struct mw_tls *tls)
{
    if (tls == NULL)
        return;
    struct mw_allocator a = tls->peer.allocator;
    SSL_free(tls->ssl);
    mw_tls_free(tls->under); /* not before: its SSL was written to */
    mw_tls_peer_end(&tls->peer);
    mw_dealloc(&a, tls);
}

/* OpenSSL's errors are the thread's: what another left there would pass for ours. */
static void begin(void)
{
    ERR_clear_error();
    errno = 0;
}

/* What a call of OpenSSL's that did not succeed means. */
static enum mw_io outcome(struct mw_socket *s, int result)
{
    struct mw_tls *tls = s->tls;
    int saved = errno;
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return MW_IO_AGAIN_READ;
    case SSL_ERROR_WANT_WRITE:
        return MW_IO_AGAIN_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return MW_IO_END;
    case SSL_ERROR_SYSCALL:
        s->system_errno = saved;
        break;
    default:
        tls->fatal = true;
        s->system_errno = 0;
        break;
    }
    unsigned long error = mw_tls_take_error();
    if (tls->error == 0)
        tls->error = error;
    return MW_IO_FAILED;
}

static enum mw_io tls_handshake(struct mw_socket *s)
{
    struct mw_tls *tls = s->tls;
    begin();
    int result = SSL_do_handshake(tls->ssl);
    if (result != 1)
        return outcome(s, result);
    tls->secure = true;
    return MW_IO_DONE;
}

/* A full record is seldom the last: so long as they are full the next is read at once. The end, or
 * an error, that shows behind some bytes is told by the next call. */
static enum mw_io tls_read(struct mw_socket *s, void *bytes, size_t size, size_t *n)
{
    struct mw_tls *tls = s->tls;
    size_t got = RECORD;
    *n = 0;
    if (tls->over != MW_IO_DONE)
        return tls->over;
    while (*n < size && got == RECORD) {
        begin();
        int result = SSL_read_ex(tls->ssl, (char *)bytes + *n, size - *n, &got);
        if (result != 1) {
            enum mw_io io = outcome(s, result);
            if (io == MW_IO_END || io == MW_IO_FAILED)
                tls->over = io;
            return *n > 0 ? MW_IO_DONE : io;
        }
        *n += got;
    }
    return MW_IO_DONE;
}

/* A peer that refuses us says why and closes, and the next write fails by that alone: its words lie
 * in the socket still. */
static void hear_last_words(struct mw_socket *s)
{
    char byte;
    size_t n;
    int saved = s->system_errno;
    begin();
    int result = SSL_peek_ex(s->tls->ssl, &byte, 1, &n);
    if (result != 1)
        outcome(s, result);
    if (s->tls->fatal)
        s->tls->over = MW_IO_FAILED;
    if (s->tls->error == 0 || mw_tls_cut_off(s->tls->error)) {
        s->tls->error = 0;
        s->system_errno = saved;
    }
}

/* One record. Where the socket did not take it, OpenSSL may have encrypted it already: it must be
 * asked for again with the same bytes, no more and no fewer. */
static enum mw_io write_record(struct mw_socket *s, const void *bytes, size_t length)
{
    struct mw_tls *tls = s->tls;
    size_t written = 0;
    begin();
    int result = SSL_write_ex(tls->ssl, bytes, length, &written);
    if (result == 1) {
        tls->unsent = 0;
        return MW_IO_DONE;
    }
    enum mw_io io = outcome(s, result);
    if (io == MW_IO_FAILED && !tls->fatal &&
        (s->system_errno == EPIPE || s->system_errno == ECONNRESET))
        hear_last_words(s);
    tls->unsent = length;
    return io == MW_IO_END ? MW_IO_FAILED : io;
}

/* Where in the pieces the next byte to send is. */
struct place {
    const struct iovec *piece, *end;
    size_t at; /* in the piece */
};

/* Sets *from to at most `most` bytes for one record: small pieces are put together in `record`, a
 * large one is taken where it is. Returns how many; 0: there are none left. */
static size_t gather(struct place *p, char *record, size_t most, const char **from)
{
    size_t length = 0;
    *from = record;
    while (p->piece < p->end && length < most && *from == record) {
        const char *bytes = (const char *)p->piece->iov_base + p->at;
        size_t left = p->piece->iov_len - p->at;
        size_t take = left < most - length ? left : most - length;
        if (length == 0 && take > 0 && (take == most || p->piece + 1 == p->end))
            *from = bytes;
        else if (take > 0)
            memcpy(record + length, bytes, take);
        length += take;
        p->at += take;
        if (p->at == p->piece->iov_len) {
            p->piece++;
            p->at = 0;
        }
    }
    return length;
}

static enum mw_io some(size_t n, enum mw_io io)
{
    return n > 0 ? MW_IO_DONE : io;
}

static enum mw_io tls_write(struct mw_socket *s, const struct iovec *pieces, int count, size_t *n)
{
    char record[RECORD];
    const char *from = record;
    struct place p = {pieces, pieces + count, 0};
    struct mw_tls *tls = s->tls;
    *n = 0;
    for (int i = 0; i < MOST_RECORDS; i++) {
        size_t length = gather(&p, record, tls->unsent > 0 ? tls->unsent : RECORD, &from);
        if (length == 0)
            break;
        enum mw_io io = write_record(s, from, length);
        if (io != MW_IO_DONE)
            return some(*n, io);
        *n += length;
    }
    return MW_IO_DONE;
}

static ssize_t read_block(int file, void *block, size_t size, off_t offset)
{
    ssize_t got;
    do
        got = pread(file, block, size, offset);
    while (got < 0 && errno == EINTR);
    return got;
}

static enum mw_io tls_send_file(struct mw_socket *s, int file, off_t offset, size_t length,
                                size_t *n)
{
    char record[RECORD];
    struct mw_tls *tls = s->tls;
    *n = 0;
    for (int i = 0; i < MOST_RECORDS && *n < length; i++) {
        size_t most = tls->unsent > 0 ? tls->unsent : RECORD;
        size_t left = length - *n;
        ssize_t got = read_block(file, record, left < most ? left : most, offset + (off_t)*n);
        if (got <= 0) {
            s->system_errno = got < 0 ? errno : 0;
            return some(*n, MW_IO_END);
        }
        enum mw_io io = write_record(s, record, (size_t)got);
        if (io != MW_IO_DONE)
            return some(*n, io);
        *n += (size_t)got;
    }
    return MW_IO_DONE;
}

static void say_goodbye_once(const struct mw_tls *tls)
{
    if (!tls->secure || tls->fatal || tls->spoiled ||
        (SSL_get_shutdown(tls->ssl) & SSL_SENT_SHUTDOWN))
        return;
    begin();
    SSL_shutdown(tls->ssl); /* a full socket or a dead peer: there is nobody to tell */
    ERR_clear_error();
}

/* close_notify, once, to the host and then to a proxy. A second call would wait for the peer's. */
static void say_goodbye(const struct mw_tls *tls)
{
    for (; tls != NULL; tls = tls->under)
        say_goodbye_once(tls);
}

static void tls_finish(struct mw_socket *s)
{
    say_goodbye(s->tls);
    shutdown(s->fd, SHUT_WR);
}

static void tls_close(struct mw_socket *s)
{
    say_goodbye(s->tls);
    mw_tls_free(s->tls);
    ERR_clear_error();
    close(s->fd);
    *s = (struct mw_socket){.fd = -1};
}

static const struct mw_transport over_tls = {
    .handshake = tls_handshake,
    .read = tls_read,
    .write = tls_write,
    .send_file = tls_send_file,
    .finish = tls_finish,
    .close = tls_close,
};

bool mw_tls_socket(struct mw_socket *s, int fd, struct mw_tls *tls, SSL *ssl)
{
    tls->ssl = ssl;
    if (SSL_set_fd(ssl, fd) != 1)
        return false;
    *s = (struct mw_socket){.via = &over_tls, .fd = fd, .tls = tls};
    return true;
}

/* OpenSSL's own filter moves the bytes, and hands on what they have to wait for. */
bool mw_tls_socket_over(struct mw_socket *s, struct mw_socket *under, struct mw_tls *tls, SSL *ssl)
{
    int fd = under->fd;
    tls->through_proxy = true;
    if (under->tls == NULL)
        return mw_tls_socket(s, fd, tls, ssl);
    tls->ssl = ssl;
    BIO *bio = BIO_new(BIO_f_ssl());
    if (bio == NULL)
        return false;
    BIO_set_ssl(bio, under->tls->ssl, BIO_NOCLOSE);
    SSL_set_bio(ssl, bio, bio);
    tls->under = under->tls;
    *s = (struct mw_socket){.via = &over_tls, .fd = fd, .tls = tls};
    return true;
}

void mw_tls_spoil(struct mw_socket *s)
{
    for (struct mw_tls *tls = s->tls; tls != NULL; tls = tls->under)
        tls->spoiled = true;
}

/* An end that was seen behind some bytes is not told of by the system again either. */
bool mw_tls_buffered(const struct mw_socket *s)
{
    const struct mw_tls *tls = s->tls;
    return SSL_pending(tls->ssl) > 0 || tls->over != MW_IO_DONE ||
           (tls->under != NULL && SSL_pending(tls->under->ssl) > 0);
}

/* The peer's address; who it should be where the system does not know it any more. */
static void name_peer(const struct mw_socket *s, char *text, size_t size)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage room;
    } peer = {.room = {0}};
    char address[INET6_ADDRSTRLEN] = "";
    socklen_t length = sizeof peer;
    const struct mw_tls_peer *known = &s->tls->peer;
    bool there = !s->tls->through_proxy && getpeername(s->fd, &peer.any, &length) == 0;
    int family = there ? peer.any.sa_family : AF_UNSPEC;
    if (family == AF_INET && inet_ntop(family, &peer.v4.sin_addr, address, sizeof address) != NULL)
        snprintf(text, size, "%s:%u", address, ntohs(peer.v4.sin_port));
    else if (family == AF_INET6 &&
             inet_ntop(family, &peer.v6.sin6_addr, address, sizeof address) != NULL)
        snprintf(text, size, "[%s]:%u", address, ntohs(peer.v6.sin6_port));
    else if (known->host[0] != '\0')
        snprintf(text, size, "%s:%u", known->host, known->port);
    else
        snprintf(text, size, "the client");
}

void mw_tls_explain(const struct mw_socket *s, enum mw_phase phase, struct mw_failure *f)
{
    char address[80];
    const struct mw_tls *tls = s->tls;
    mw_failure_system(f, s->system_errno, tls->secure ? phase : MW_PHASE_TLS);
    mw_tls_tell(&tls->peer, tls->error, f);
    name_peer(s, address, sizeof address);
    mw_tls_words(f, tls->host[0] != '\0' ? tls->host : address, address);
}
