/* The server's side of TLS: one certificate and its key.
 * SPDX-License-Identifier: MIT */
#include "net/tls.h"

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <stdio.h>

struct mw_tls_server {
    struct mw_allocator allocator;
    SSL_CTX *ctx;
};

static bool load(SSL_CTX *ctx, const char *cert_file, const char *key_file, char *wrong,
                 size_t size)
{
    const char *failed = NULL;
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1)
        failed = cert_file;
    else if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1)
        failed = key_file;
    if (failed == NULL)
        return true;
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    snprintf(wrong, size, "cannot use %.120s: %s", failed, reason != NULL ? reason : "not PEM");
    ERR_clear_error();
    return false;
}

struct mw_tls_server *mw_tls_server_new(const struct mw_allocator *a, const char *cert_file,
                                        const char *key_file, char *wrong, size_t size)
{
    struct mw_tls_server *server = mw_zalloc(a, sizeof *server);
    wrong[0] = '\0';
    if (server == NULL)
        return NULL;
    server->allocator = *a;
    server->ctx = SSL_CTX_new(TLS_server_method());
    if (server->ctx == NULL ||
        !load(server->ctx, cert_file, key_file != NULL ? key_file : cert_file, wrong, size)) {
        mw_tls_server_free(server);
        return NULL;
    }
    SSL_CTX_set_min_proto_version(server->ctx, TLS1_2_VERSION);
    SSL_CTX_set_mode(server->ctx, SSL_MODE_RELEASE_BUFFERS);
    return server;
}

void mw_tls_server_free(struct mw_tls_server *server)
{
    if (server == NULL)
        return;
    SSL_CTX_free(server->ctx);
    mw_dealloc(&server->allocator, server);
}

struct bufferevent *mw_tls_accept(struct mw_tls_server *server, struct event_base *base)
{
    SSL *ssl = SSL_new(server->ctx);
    if (ssl == NULL)
        return NULL;
    return bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                          BEV_OPT_CLOSE_ON_FREE);
}
