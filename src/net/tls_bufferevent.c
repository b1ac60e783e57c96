/* The bufferevent's TLS: the same SSL as a socket's, in libevent's hands.
 * SPDX-License-Identifier: MIT */
#include "net/tls_bufferevent.h"

#include "net/tls_context.h"

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <string.h>

static struct mw_tls_peer *new_peer(const struct mw_allocator *a, const char *host,
                                    unsigned short port)
{
    struct mw_tls_peer *peer = mw_zalloc(a, sizeof *peer);
    if (peer == NULL)
        return NULL;
    peer->allocator = *a;
    peer->port = port;
    peer->host = mw_strdup(a, host);
    if (peer->host != NULL)
        return peer;
    mw_dealloc(a, peer);
    return NULL;
}

/* libevent moves a whole buffer at a time and takes a part for all of it. */
static void whole_writes(SSL *ssl)
{
    SSL_clear_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE);
}

bool mw_tls_bev_connect(struct mw_tls_store *store, struct event_base *base,
                        const struct mw_tls_options *o, const char *host, unsigned short port,
                        struct mw_tls_bev *tls, struct mw_failure *f)
{
    mw_failure_init(f, MW_SSL_HANDSHAKE_FAILED_ERROR, MW_PHASE_TLS);
    mw_failure_text(f, "no memory for TLS");
    tls->bev = NULL;
    tls->peer = new_peer(&store->allocator, host, port);
    SSL *ssl = tls->peer != NULL ? mw_tls_client_ssl(store, o, tls->peer, f) : NULL;
    if (ssl == NULL)
        return false; /* the caller ends it */
    whole_writes(ssl);
    tls->bev = bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_CONNECTING,
                                              BEV_OPT_CLOSE_ON_FREE);
    return tls->bev != NULL; /* libevent frees the SSL when it fails */
}

static SSL *ssl_of(const struct mw_tls_bev *tls)
{
    return bufferevent_openssl_get_ssl(tls->bev);
}

/* libevent frees the SSL in a later turn. */
void mw_tls_bev_end(struct mw_tls_bev *tls)
{
    struct mw_tls_peer *peer = tls->peer;
    if (peer == NULL)
        return;
    if (tls->bev != NULL)
        SSL_set_app_data(ssl_of(tls), NULL);
    struct mw_allocator a = peer->allocator;
    mw_tls_peer_end(peer);
    mw_dealloc(&a, (void *)peer->host);
    mw_dealloc(&a, peer);
    tls->peer = NULL;
}

bool mw_tls_bev_heard(const struct mw_tls_bev *tls)
{
    BIO *bio = SSL_get_rbio(ssl_of(tls));
    return bio != NULL && BIO_number_read(bio) > 0;
}

bool mw_tls_bev_explain(const struct mw_tls_bev *tls, struct mw_failure *f)
{
    unsigned long error = bufferevent_get_openssl_error(tls->bev);
    while (error != 0 && ERR_GET_LIB(error) != ERR_LIB_SSL)
        error =
            bufferevent_get_openssl_error(tls->bev); /* SSL_get_error's own numbers come first */
    return mw_tls_tell(tls->peer, error, f);
}

bool mw_tls_bev_on(struct bufferevent *bev)
{
    return bufferevent_openssl_get_ssl(bev) != NULL;
}

void mw_tls_bev_goodbye(struct bufferevent *bev)
{
    SSL *ssl = bufferevent_openssl_get_ssl(bev);
    if (ssl == NULL || !SSL_is_init_finished(ssl) || bufferevent_getfd(bev) < 0)
        return;
    ERR_clear_error();
    SSL_shutdown(ssl);
    ERR_clear_error(); /* a full socket or a dead peer: there is nobody to tell */
}

struct bufferevent *mw_tls_bev_accept(struct mw_tls_server *server, struct event_base *base)
{
    SSL *ssl = mw_tls_server_ssl(server);
    if (ssl == NULL)
        return NULL;
    whole_writes(ssl);
    return bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                          BEV_OPT_CLOSE_ON_FREE);
}
