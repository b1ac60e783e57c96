// SPDX-License-Identifier: MIT
// Opens a few connections to a server, makes one GET of 13 bytes on each, prints how many it holds,
// and for a line on its standard input opens more and prints again. Holds all until its input ends.

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PER_ADDRESS 4000 // connections from one address, which has some 28,000 ports for all of us
#define PATIENCE 10      // seconds for one answer
#define BODY_LENGTH 13
#define AT_ONCE 50

struct peer {
    int fd;
    SSL *ssl; // NULL: plain
};

static const char request[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

static void die(const char *what)
{
    fprintf(stderr, "idle_connections: %s: %s\n", what,
            errno ? strerror(errno) : "unexpected answer");
    exit(1);
}

static int dial(int port, long number)
{
    struct timeval patience = {.tv_sec = PATIENCE};
    struct sockaddr_in address = {.sin_family = AF_INET};
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        die("socket");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)); // or a request waits for an ACK
    // The port is chosen when the whole pair is known, so that addresses can share it.
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof(yes));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)(number / PER_ADDRESS));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        die("bind");
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)port);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        die("connect");
    return fd;
}

static SSL *shake_hands(SSL_CTX *context, int fd)
{
    SSL *ssl = SSL_new(context);
    if (!ssl || SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1) {
        ERR_print_errors_fp(stderr);
        errno = 0;
        die("TLS handshake");
    }
    return ssl;
}

// Reads until the head and 13 bytes behind it are in.
static void await_answer(int fd, SSL *ssl)
{
    char answer[4096];
    size_t length = 0;
    const char *end = NULL;

    while (!end || length < (size_t)(end + 4 - answer) + BODY_LENGTH) {
        size_t room = sizeof(answer) - 1 - length;
        ssize_t got =
            ssl ? SSL_read(ssl, answer + length, (int)room) : recv(fd, answer + length, room, 0);
        if (got <= 0)
            die("no answer");
        length += (size_t)got;
        answer[length] = '\0';
        end = strstr(answer, "\r\n\r\n");
    }
    if (strncmp(answer, "HTTP/1.1 200", 12) != 0) {
        errno = 0;
        die("no 200");
    }
}

static void ask(struct peer *p, int port, long number, SSL_CTX *context)
{
    ssize_t sent;

    p->fd = dial(port, number);
    p->ssl = context ? shake_hands(context, p->fd) : NULL;
    sent = p->ssl ? SSL_write(p->ssl, request, sizeof(request) - 1)
                  : send(p->fd, request, sizeof(request) - 1, MSG_NOSIGNAL);
    if (sent != (ssize_t)sizeof(request) - 1)
        die("send");
}

// Some connections at a time: a server that does not set TCP_NODELAY answers each late over TLS.
static void hold_some(int port, long first, long count, SSL_CTX *context)
{
    struct peer peers[AT_ONCE];

    for (long i = 0; i < count; i++)
        ask(&peers[i], port, first + i, context);
    for (long i = 0; i < count; i++) {
        await_answer(peers[i].fd, peers[i].ssl);
        // The descriptor stays open. What TLS would say on it from now on is nothing.
        SSL_free(peers[i].ssl);
    }
}

static void hold(int port, long first, long last, SSL_CTX *context)
{
    for (long i = first; i < last; i += AT_ONCE)
        hold_some(port, i, last - i < AT_ONCE ? last - i : AT_ONCE, context);
    printf("%ld\n", last);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    bool tls = argc == 5 && strcmp(argv[4], "tls") == 0;
    int port = argc > 3 ? atoi(argv[1]) : 0;
    long few = argc > 3 ? atol(argv[2]) : 0, more = argc > 3 ? atol(argv[3]) : 0;
    SSL_CTX *context = tls ? SSL_CTX_new(TLS_client_method()) : NULL;
    char line[8];

    if (argc > 5 || port < 1 || port > 65535 || few < 1 || more < 1 || (argc == 5 && !tls)) {
        fputs("usage: idle_connections PORT FEW MORE [tls]\n", stderr);
        return 2;
    }
    if (tls && !context)
        die("SSL_CTX_new");
    hold(port, 0, few, context);
    if (fgets(line, sizeof(line), stdin))
        hold(port, few, few + more, context);
    while (fgets(line, sizeof(line), stdin))
        ;
    SSL_CTX_free(context);
    return 0;
}
