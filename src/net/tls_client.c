/* The client's end: whom it asks for, and whom it takes for that.
 * SPDX-License-Identifier: MIT */
#include "net/tls_context.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <string.h>

enum { MOST_HOST = 255 };

/* SNI carries names only (RFC 6066, 3); an address is checked against the certificate's own. The
 * common name counts for nothing (RFC 9110, 4.3.4). */
static bool expect_host(SSL *ssl, const char *host)
{
    unsigned char bytes[16];
    if (inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    SSL_set_hostflags(ssl,
                      X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
}

/* As certificates and SNI know it: without the zone of an address, without the dot at a name's end.
 */
static bool plain_host(const char *host, char bare[MOST_HOST + 1])
{
    const char *zone = strchr(host, ':') != NULL ? strchr(host, '%') : NULL;
    size_t length = zone != NULL ? (size_t)(zone - host) : strlen(host);
    if (length > 1 && host[length - 1] == '.')
        length--;
    if (length > MOST_HOST)
        return false;
    memcpy(bare, host, length);
    bare[length] = '\0';
    return true;
}

SSL *mw_tls_client_ssl(struct mw_tls_store *store, const struct mw_tls_options *o,
                       struct mw_tls_peer *peer, struct mw_failure *f)
{
    char host[MOST_HOST + 1];
    peer->trust = mw_tls_trust_get(store, o, f);
    SSL *ssl = peer->trust != NULL ? SSL_new(peer->trust->ctx) : NULL;
    if (ssl == NULL)
        return NULL;
    if (!plain_host(peer->host, host) || !expect_host(ssl, host)) {
        mw_failure_text(f, "\"%.100s\" is not a name that a certificate can bear", peer->host);
        SSL_free(ssl);
        return NULL;
    }
    SSL_set_connect_state(ssl);
    SSL_set_app_data(ssl, peer);
    mw_tls_session_offer(ssl, peer);
    return ssl;
}

/* `under` is NULL, or what leads to the host in the place of fd. */
static bool open_client(struct mw_tls_store *store, struct mw_socket *s, int fd,
                        struct mw_socket *under, const struct mw_tls_options *o,
                        const struct mw_tls_peer *to, struct mw_failure *f)
{
    mw_failure_init(f, MW_SSL_HANDSHAKE_FAILED_ERROR, MW_PHASE_TLS);
    mw_failure_text(f, "no memory for TLS");
    struct mw_tls *tls = mw_tls_new(&store->allocator, to->host, to->port);
    SSL *ssl = tls != NULL ? mw_tls_client_ssl(store, o, mw_tls_peer_of(tls), f) : NULL;
    if (ssl != NULL &&
        (under != NULL ? mw_tls_socket_over(s, under, tls, ssl) : mw_tls_socket(s, fd, tls, ssl)))
        return true;
    mw_tls_free(tls);
    return false;
}

bool mw_tls_client(struct mw_tls_store *store, struct mw_socket *s, int fd,
                   const struct mw_tls_options *o, const char *host, unsigned short port,
                   struct mw_failure *f)
{
    const struct mw_tls_peer to = {.host = host, .port = port};
    return open_client(store, s, fd, NULL, o, &to, f);
}

bool mw_tls_client_over(struct mw_tls_store *store, struct mw_socket *s, struct mw_socket *under,
                        const struct mw_tls_options *o, const char *host, unsigned short port,
                        struct mw_failure *f)
{
    const struct mw_tls_peer to = {.host = host, .port = port};
    return open_client(store, s, under->fd, under, o, &to, f);
}
