// SPDX-License-Identifier: MIT
// What libssl by itself keeps for one idle connection of a server: handshakes over socket pairs,
// one request and reply on each, and the growth of resident memory. Prints bytes per connection.

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WARM_UP 100 // connections that pay for what the first ones pay for all

static const char request[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, World!";

static void die(const char *what)
{
    fprintf(stderr, "tls_need: %s failed\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static long resident(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    long size = 0, pages = 0;

    if (!f || fscanf(f, "%ld %ld", &size, &pages) != 2)
        die("reading /proc/self/statm");
    fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

static SSL *new_end(SSL_CTX *context, int fd, bool server)
{
    SSL *ssl = SSL_new(context);

    if (!ssl || SSL_set_fd(ssl, fd) != 1 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
        die("SSL_new");
    if (server)
        SSL_set_accept_state(ssl);
    else
        SSL_set_connect_state(ssl);
    return ssl;
}

// Moves bytes from one end to the other; the tickets of TLS 1.3 are read with them.
static void pass(SSL *from, SSL *to, const char *bytes, int length)
{
    char buffer[1024];

    if (SSL_write(from, bytes, length) != length || SSL_read(to, buffer, sizeof(buffer)) != length)
        die("passing a message");
}

static void connect_one(SSL_CTX *server, SSL_CTX *client)
{
    int fds[2];
    SSL *ours, *theirs;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        die("socketpair");
    ours = new_end(server, fds[0], true);
    theirs = new_end(client, fds[1], false);
    while (!SSL_is_init_finished(ours) || !SSL_is_init_finished(theirs)) {
        int a = SSL_do_handshake(theirs), b = SSL_do_handshake(ours);
        if ((a != 1 && SSL_get_error(theirs, a) != SSL_ERROR_WANT_READ) ||
            (b != 1 && SSL_get_error(ours, b) != SSL_ERROR_WANT_READ))
            die("a handshake");
    }
    pass(theirs, ours, request, sizeof(request) - 1);
    pass(ours, theirs, reply, sizeof(reply) - 1);
    // The server's end stays; what the client's took serves the next one.
    SSL_free(theirs);
    close(fds[1]);
    close(fds[0]);
}

int main(int argc, char **argv)
{
    long wanted = argc == 4 ? atol(argv[1]) : 0, before;
    SSL_CTX *server, *client;

    if (wanted < 1) {
        fputs("usage: tls_need CONNECTIONS CERTIFICATE KEY\n", stderr);
        return 2;
    }
    server = SSL_CTX_new(TLS_server_method());
    client = SSL_CTX_new(TLS_client_method());
    if (!server || !client ||
        SSL_CTX_use_certificate_file(server, argv[2], SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_use_PrivateKey_file(server, argv[3], SSL_FILETYPE_PEM) != 1)
        die("setting up TLS");
    SSL_CTX_set_mode(server, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_mode(client, SSL_MODE_RELEASE_BUFFERS);

    for (int i = 0; i < WARM_UP; i++)
        connect_one(server, client);
    before = resident();
    for (long i = 0; i < wanted; i++)
        connect_one(server, client);
    printf("%ld\n", (resident() - before) / wanted);
    return 0;
}
