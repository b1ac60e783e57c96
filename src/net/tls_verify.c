/* Is the peer who it should be: its chain, its name, its pinned key.
 * SPDX-License-Identifier: MIT */
#include "net/tls_context.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <stdio.h>
#include <string.h>

enum { PIN_LENGTH = 4 * ((SHA256_DIGEST_LENGTH + 2) / 3) };

static void note(struct mw_tls_peer *peer, int depth, X509 *cert, const char *reason)
{
    if (peer == NULL)
        return;
    if (peer->fault == NULL)
        peer->fault = mw_zalloc(&peer->allocator, sizeof *peer->fault);
    struct mw_tls_fault *fault = peer->fault;
    if (fault == NULL)
        return; /* OpenSSL's own words must do */
    fault->depth = depth;
    snprintf(fault->reason, sizeof fault->reason, "%s", reason);
    if (cert != NULL)
        X509_NAME_oneline(X509_get_subject_name(cert), fault->subject, sizeof fault->subject);
}

/* The digest of the public key in its own wrapping (RFC 7469, 2.4), which a new certificate for the
 * same key does not change. */
static bool pin_of(X509 *cert, char text[PIN_LENGTH + 1])
{
    unsigned char *key = NULL;
    unsigned char digest[SHA256_DIGEST_LENGTH];
    int length = cert != NULL ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &key) : -1;
    if (length <= 0)
        return false;
    SHA256(key, (size_t)length, digest);
    OPENSSL_free(key);
    EVP_EncodeBlock((unsigned char *)text, digest, sizeof digest);
    return true;
}

static bool pinned(const char *pins, const char *pin)
{
    static const char kind[] = "sha256//";
    for (const char *p = pins; (p = strstr(p, kind)) != NULL; p += PIN_LENGTH) {
        p += sizeof kind - 1;
        if (strncmp(p, pin, PIN_LENGTH) == 0)
            return true;
    }
    return false;
}

static bool check_pins(X509_STORE_CTX *chain, const char *pins, struct mw_tls_peer *peer)
{
    X509 *cert = X509_STORE_CTX_get0_cert(chain);
    char pin[PIN_LENGTH + 1];
    char reason[120];
    if (!pin_of(cert, pin))
        snprintf(reason, sizeof reason, "its key cannot be read, and so not be pinned");
    else if (pinned(pins, pin))
        return true;
    else
        snprintf(reason, sizeof reason, "its key sha256//%s is not pinned", pin);
    note(peer, 0, cert, reason);
    X509_STORE_CTX_set_error(chain, X509_V_ERR_APPLICATION_VERIFICATION);
    return false;
}

int mw_tls_verify(X509_STORE_CTX *chain, void *arg)
{
    const struct mw_tls_trust *trust = arg;
    SSL *ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct mw_tls_peer *peer = SSL_get_app_data(ssl);
    bool insecure = trust != NULL && trust->options.insecure;
    if (!insecure && X509_verify_cert(chain) <= 0) {
        note(peer, X509_STORE_CTX_get_error_depth(chain), X509_STORE_CTX_get_current_cert(chain),
             X509_verify_cert_error_string(X509_STORE_CTX_get_error(chain)));
        return 0;
    }
    return trust == NULL || trust->options.pins == NULL ||
           check_pins(chain, trust->options.pins, peer);
}

void mw_tls_peer_end(struct mw_tls_peer *peer)
{
    mw_dealloc(&peer->allocator, peer->fault);
    mw_tls_trust_release(peer->trust);
    peer->fault = NULL;
    peer->trust = NULL;
}
