/* The server's end: its certificates, which of them a client asks for, and what clients must show.
 * SPDX-License-Identifier: MIT */
#include "net/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* A host's own certificate. */
struct named {
    SSL_CTX *ctx;
    char *host; /* "a.example" or "*.example" */
};

struct mw_tls_server {
    struct mw_allocator allocator;
    SSL_CTX *ctx; /* for all others */
    struct named *hosts;
    size_t count;
};

/* A wildcard stands for one label, and not for none (RFC 6125, 6.4.3). */
static bool answers_to(const struct named *named, const char *host)
{
    if (named->host[0] != '*')
        return strcasecmp(named->host, host) == 0;
    const char *dot = strchr(host, '.');
    return dot != NULL && dot > host && strcasecmp(named->host + 1, dot) == 0;
}

static SSL_CTX *find(const struct mw_tls_server *server, const char *host)
{
    const struct named *found = NULL;
    for (size_t i = 0; i < server->count; i++) {
        const struct named *named = &server->hosts[i];
        if (answers_to(named, host) && (found == NULL || found->host[0] == '*'))
            found = named;
    }
    return found != NULL ? found->ctx : server->ctx;
}

static int on_host(SSL *ssl, int *alert, void *arg)
{
    const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (host == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    if (SSL_set_SSL_CTX(ssl, find(arg, host)) != NULL)
        return SSL_TLSEXT_ERR_OK;
    *alert = SSL_AD_INTERNAL_ERROR;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* A client may offer nothing; one that offers only what is not spoken here is told so (RFC 7301,
 * 3.2). */
static int on_protocols(SSL *ssl, const unsigned char **chosen, unsigned char *length,
                        const unsigned char *offered, unsigned offered_length, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *found = NULL;
    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&found, length, ours, sizeof ours - 1, offered, offered_length) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

static bool ask_clients(SSL_CTX *ctx, const char *file, char *wrong, size_t size)
{
    char reason[120];
    ERR_clear_error();
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(file);
    if (names != NULL && SSL_CTX_load_verify_file(ctx, file) == 1) {
        SSL_CTX_set_client_CA_list(ctx, names);
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        SSL_CTX_set_cert_verify_callback(ctx, mw_tls_verify, NULL);
        return true;
    }
    sk_X509_NAME_pop_free(names, X509_NAME_free);
    mw_tls_reason(mw_tls_take_error(), reason, sizeof reason);
    snprintf(wrong, size, "cannot read the authorities in %.120s: %s", file, reason);
    return false;
}

static SSL_CTX *new_context(struct mw_tls_store *store, const mw_certificate *own,
                            const char *client_ca_file, char *wrong, size_t size)
{
    static const unsigned char place[] = "moonwire"; /* where sessions with client certificates are
                                                        good; our tickets' keys differ anyway */
    SSL_CTX *ctx = mw_tls_context_new(store, true);
    if (ctx == NULL)
        return NULL;
    if (!mw_tls_load_own(ctx, own->cert_file, own->key_file, wrong, size) ||
        (client_ca_file != NULL && !ask_clients(ctx, client_ca_file, wrong, size)) ||
        SSL_CTX_set_session_id_context(ctx, place, sizeof place - 1) != 1) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets do, and cost no memory */
    SSL_CTX_set_alpn_select_cb(ctx, on_protocols, NULL);
    return ctx;
}

static bool add_hosts(struct mw_tls_server *server, struct mw_tls_store *store,
                      const struct mw_listen *how, char *wrong, size_t size)
{
    if (how->certificate_count == 0)
        return true;
    server->hosts = mw_zalloc(&server->allocator, how->certificate_count * sizeof *server->hosts);
    if (server->hosts == NULL)
        return false;
    for (size_t i = 0; i < how->certificate_count; i++) {
        struct named *named = &server->hosts[server->count++];
        named->host = mw_strdup(&server->allocator, how->certificates[i].host);
        named->ctx = new_context(store, &how->certificates[i], how->client_ca_file, wrong, size);
        if (named->host == NULL || named->ctx == NULL)
            return false;
    }
    SSL_CTX_set_tlsext_servername_callback(server->ctx, on_host);
    SSL_CTX_set_tlsext_servername_arg(server->ctx, server);
    return true;
}

struct mw_tls_server *mw_tls_server_new(struct mw_tls_store *store, const struct mw_listen *how,
                                        char *wrong, size_t size)
{
    const mw_certificate own = {NULL, how->cert_file, how->key_file};
    struct mw_tls_server *server = mw_zalloc(&store->allocator, sizeof *server);
    wrong[0] = '\0';
    if (server == NULL)
        return NULL;
    server->allocator = store->allocator;
    server->ctx = new_context(store, &own, how->client_ca_file, wrong, size);
    if (server->ctx == NULL || !add_hosts(server, store, how, wrong, size)) {
        mw_tls_server_free(server);
        return NULL;
    }
    return server;
}

void mw_tls_server_free(struct mw_tls_server *server)
{
    if (server == NULL)
        return;
    for (size_t i = 0; i < server->count; i++) {
        SSL_CTX_free(server->hosts[i].ctx);
        mw_dealloc(&server->allocator, server->hosts[i].host);
    }
    mw_dealloc(&server->allocator, server->hosts);
    SSL_CTX_free(server->ctx);
    mw_dealloc(&server->allocator, server);
}

SSL *mw_tls_server_ssl(struct mw_tls_server *server)
{
    SSL *ssl = SSL_new(server->ctx);
    if (ssl != NULL)
        SSL_set_accept_state(ssl);
    return ssl;
}

bool mw_tls_serve(struct mw_tls_server *server, struct mw_socket *s, int fd)
{
    struct mw_tls *tls = mw_tls_new(&server->allocator, "", 0);
    SSL *ssl = tls != NULL ? mw_tls_server_ssl(server) : NULL;
    if (ssl != NULL) {
        SSL_set_app_data(ssl, mw_tls_peer_of(tls));
        if (mw_tls_socket(s, fd, tls, ssl))
            return true;
    }
    mw_tls_free(tls);
    return false;
}
