/* The client's side of TLS: trust, verification, and words for what went wrong.
 * SPDX-License-Identifier: MIT */
#include "net/tls.h"

#include "base/list.h"

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* One kind of trust. */
struct trust {
    struct mw_link link;
    SSL_CTX *ctx;
    bool insecure;
    char *ca_file; /* NULL: the system's */
};

struct mw_tls_store {
    struct mw_allocator allocator;
    struct mw_link trusts;
};

struct mw_tls_store *mw_tls_store_new(const struct mw_allocator *a)
{
    struct mw_tls_store *store = mw_zalloc(a, sizeof *store);
    if (store == NULL)
        return NULL;
    store->allocator = *a;
    mw_list_init(&store->trusts);
    return store;
}

static void free_trust(struct mw_tls_store *store, struct trust *trust)
{
    mw_unlink(&trust->link);
    SSL_CTX_free(trust->ctx);
    mw_dealloc(&store->allocator, trust->ca_file);
    mw_dealloc(&store->allocator, trust);
}

void mw_tls_store_free(struct mw_tls_store *store)
{
    if (store == NULL)
        return;
    while (!mw_list_empty(&store->trusts))
        free_trust(store, MW_ITEM(store->trusts.next, struct trust, link));
    mw_dealloc(&store->allocator, store);
}

/* Called for each certificate of the chain that fails a check: the only moment at which OpenSSL
 * tells which one it is. */
static int on_verify(int ok, X509_STORE_CTX *chain)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct mw_tls *tls = ssl != NULL ? SSL_get_app_data(ssl) : NULL;
    if (ok || tls == NULL)
        return ok;
    X509 *cert = X509_STORE_CTX_get_current_cert(chain);
    tls->depth = X509_STORE_CTX_get_error_depth(chain);
    snprintf(tls->reason, sizeof tls->reason, "%s",
             X509_verify_cert_error_string(X509_STORE_CTX_get_error(chain)));
    if (cert != NULL)
        X509_NAME_oneline(X509_get_subject_name(cert), tls->subject, sizeof tls->subject);
    return 0;
}

/* The oldest error is the cause; those after it tell how it travelled up. */
static void take_reason(char *text, size_t size)
{
    unsigned long error = ERR_get_error();
    const char *reason = error != 0 ? ERR_reason_error_string(error) : NULL;
    snprintf(text, size, "%s", reason != NULL ? reason : "unknown error");
    ERR_clear_error();
}

static bool load_trust(SSL_CTX *ctx, const char *ca_file, struct mw_failure *f)
{
    ERR_clear_error();
    errno = 0;
    int loaded = ca_file != NULL ? SSL_CTX_load_verify_file(ctx, ca_file)
                                 : SSL_CTX_set_default_verify_paths(ctx);
    if (loaded == 1)
        return true;
    mw_failure_init(f, MW_SSL_HANDSHAKE_FAILED_ERROR, MW_PHASE_TLS);
    f->system_errno = errno;
    take_reason(f->tls, sizeof f->tls);
    mw_failure_text(f, "cannot read the authorities in %.150s: %s",
                    ca_file != NULL ? ca_file : "the system's store",
                    errno != 0 ? strerror(errno) : f->tls);
    return false;
}

static SSL_CTX *new_context(bool insecure, const char *ca_file, struct mw_failure *f)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL) {
        mw_failure_init(f, MW_SSL_HANDSHAKE_FAILED_ERROR, MW_PHASE_TLS);
        mw_failure_text(f, "no memory for TLS");
        return NULL;
    }
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    if (insecure) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    } else {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, on_verify);
        if (!load_trust(ctx, ca_file, f)) {
            SSL_CTX_free(ctx);
            return NULL;
        }
    }
    return ctx;
}

static bool same_file(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static struct trust *find_trust(struct mw_tls_store *store, bool insecure, const char *ca_file)
{
    for (struct mw_link *l = store->trusts.next; l != &store->trusts; l = l->next) {
        struct trust *trust = MW_ITEM(l, struct trust, link);
        if (trust->insecure == insecure && same_file(trust->ca_file, ca_file))
            return trust;
    }
    return NULL;
}

static SSL_CTX *context_for(struct mw_tls_store *store, bool insecure, const char *ca_file,
                            struct mw_failure *f)
{
    if (insecure)
        ca_file = NULL;
    struct trust *trust = find_trust(store, insecure, ca_file);
    if (trust != NULL)
        return trust->ctx;
    SSL_CTX *ctx = new_context(insecure, ca_file, f);
    trust = ctx != NULL ? mw_zalloc(&store->allocator, sizeof *trust) : NULL;
    if (trust == NULL) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    trust->ctx = ctx;
    trust->insecure = insecure;
    mw_list_append(&store->trusts, &trust->link);
    if (ca_file != NULL) {
        trust->ca_file = mw_strdup(&store->allocator, ca_file);
        if (trust->ca_file == NULL) {
            free_trust(store, trust);
            return NULL;
        }
    }
    return ctx;
}

/* SNI carries names only (RFC 6066, 3); an address is checked against the certificate's own. */
static bool expect_host(SSL *ssl, const char *host)
{
    unsigned char bytes[16];
    if (inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
}

bool mw_tls_connect(struct mw_tls_store *store, struct event_base *base, const char *host,
                    bool insecure, const char *ca_file, struct mw_tls *tls, struct mw_failure *f)
{
    mw_failure_init(f, MW_SSL_HANDSHAKE_FAILED_ERROR, MW_PHASE_TLS);
    mw_failure_text(f, "no memory for TLS");
    memset(tls, 0, sizeof *tls);
    tls->depth = -1;
    SSL_CTX *ctx = context_for(store, insecure, ca_file, f);
    SSL *ssl = ctx != NULL ? SSL_new(ctx) : NULL;
    if (ssl == NULL)
        return false;
    if (!expect_host(ssl, host)) {
        mw_failure_text(f, "\"%.100s\" is not a name that a certificate can bear", host);
        SSL_free(ssl);
        return false;
    }
    SSL_set_app_data(ssl, tls);
    tls->bev = bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_CONNECTING,
                                              BEV_OPT_CLOSE_ON_FREE);
    return tls->bev != NULL; /* libevent frees the SSL when it fails */
}

static SSL *ssl_of(const struct mw_tls *tls)
{
    return bufferevent_openssl_get_ssl(tls->bev);
}

bool mw_tls_heard(const struct mw_tls *tls)
{
    BIO *bio = SSL_get_rbio(ssl_of(tls));
    return bio != NULL && BIO_number_read(bio) > 0;
}

bool mw_tls_explain(const struct mw_tls *tls, struct mw_failure *f)
{
    if (tls->depth >= 0) {
        f->tls_depth = tls->depth;
        snprintf(f->tls, sizeof f->tls, "%s", tls->reason);
        snprintf(f->tls_subject, sizeof f->tls_subject, "%s", tls->subject);
        return true;
    }
    unsigned long error = bufferevent_get_openssl_error(tls->bev);
    while (error != 0 && ERR_GET_LIB(error) != ERR_LIB_SSL)
        error =
            bufferevent_get_openssl_error(tls->bev); /* SSL_get_error's own numbers come first */
    if (error == 0)
        return false;
    const char *reason = ERR_reason_error_string(error);
    snprintf(f->tls, sizeof f->tls, "%s", reason != NULL ? reason : "unknown error");
    /* OpenSSL 3 calls it an error of TLS, but it is a peer that went without a word. */
    return ERR_GET_REASON(error) != SSL_R_UNEXPECTED_EOF_WHILE_READING;
}

bool mw_tls_on(struct bufferevent *bev)
{
    return bufferevent_openssl_get_ssl(bev) != NULL;
}

void mw_tls_goodbye(struct bufferevent *bev)
{
    SSL *ssl = bufferevent_openssl_get_ssl(bev);
    if (ssl == NULL || !SSL_is_init_finished(ssl) || bufferevent_getfd(bev) < 0)
        return;
    ERR_clear_error();
    SSL_shutdown(ssl);
    ERR_clear_error(); /* a full socket or a dead peer: there is nobody to tell */
}
