// SPDX-License-Identifier: MIT
// A server that takes uploads: it reads a body of known length, drops it, and answers how long it
// was. One connection at a time, over TLS if given a certificate. Prints its port.

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE (256 * 1024)

struct peer {
    int fd;
    SSL *ssl; // NULL: plain
};

static char buffer[PIECE];

static ssize_t take(struct peer *p, char *into, size_t room)
{
    return p->ssl ? SSL_read(p->ssl, into, (int)room) : recv(p->fd, into, room, 0);
}

static ssize_t give(struct peer *p, const char *bytes, size_t length)
{
    return p->ssl ? SSL_write(p->ssl, bytes, (int)length)
                  : send(p->fd, bytes, length, MSG_NOSIGNAL);
}

// Reads a head and whatever of the body comes along. Returns its Content-Length, and in *extra how
// much of the body is in; -1 at the end of the connection.
static long long read_head(struct peer *p, long long *extra)
{
    size_t length = 0;
    char *end = NULL, *line;

    while (!end) {
        ssize_t got = take(p, buffer + length, sizeof(buffer) - 1 - length);
        if (got <= 0)
            return -1;
        length += (size_t)got;
        buffer[length] = '\0';
        end = strstr(buffer, "\r\n\r\n");
    }
    *extra = (long long)length - (end + 4 - buffer);
    for (line = buffer; line < end; line = strstr(line, "\r\n") + 2) {
        if (strncasecmp(line, "Content-Length:", 15) == 0)
            return atoll(line + 15);
    }
    return 0;
}

// MSG_TRUNC drops what has come inside the kernel, so that the sink is the lesser part of the work.
static ssize_t drop(struct peer *p, long long most)
{
    size_t room = most < PIECE ? (size_t)most : PIECE;
    return p->ssl ? SSL_read(p->ssl, buffer, (int)room) : recv(p->fd, NULL, room, MSG_TRUNC);
}

static void serve(struct peer *p)
{
    char answer[128], text[32];
    long long length, taken;
    int size;

    while ((length = read_head(p, &taken)) >= 0) {
        while (taken < length) {
            ssize_t got = drop(p, length - taken);
            if (got <= 0)
                return;
            taken += got;
        }
        size = snprintf(text, sizeof(text), "%lld\n", taken);
        size = snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s",
                        size, text);
        if (give(p, answer, (size_t)size) != size)
            return;
    }
}

static SSL_CTX *new_context(const char *certificate, const char *key)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    if (!context || SSL_CTX_use_certificate_file(context, certificate, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
        ERR_print_errors_fp(stderr);
        exit(1);
    }
    return context;
}

static int listen_anywhere(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 16) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        perror("sink");
        exit(1);
    }
    *port = ntohs(address.sin_port);
    return fd;
}

int main(int argc, char **argv)
{
    SSL_CTX *context = NULL;
    int port, listener;

    if (argc != 1 && argc != 3) {
        fputs("usage: sink [CERTIFICATE KEY]\n", stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    if (argc == 3)
        context = new_context(argv[1], argv[2]);
    listener = listen_anywhere(&port);
    printf("%d\n", port);
    fflush(stdout);
    for (;;) {
        struct peer p = {.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)};
        if (p.fd < 0)
            continue;
        p.ssl = context ? SSL_new(context) : NULL;
        if (!p.ssl || (SSL_set_fd(p.ssl, p.fd) == 1 && SSL_accept(p.ssl) == 1))
            serve(&p);
        SSL_free(p.ssl);
        close(p.fd);
    }
}
