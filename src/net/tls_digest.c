/* SHA-256 by OpenSSL, piece by piece.
 * SPDX-License-Identifier: MIT */
#include "net/tls_digest.h"

#include <openssl/err.h>
#include <openssl/evp.h>

/* struct mw_digest is its EVP_MD_CTX: there is nothing beside it to keep. */
static EVP_MD_CTX *context_of(struct mw_digest *digest)
{
    return (EVP_MD_CTX *)(void *)digest;
}

/* The next who asks for TLS's errors means his own. */
static bool done(int result)
{
    if (result != 1)
        ERR_clear_error();
    return result == 1;
}

struct mw_digest *mw_digest_new(void)
{
    struct mw_digest *digest = (struct mw_digest *)(void *)EVP_MD_CTX_new();
    if (digest != NULL && mw_digest_begin(digest))
        return digest;
    mw_digest_free(digest);
    return NULL;
}

bool mw_digest_begin(struct mw_digest *digest)
{
    return done(EVP_DigestInit_ex(context_of(digest), EVP_sha256(), NULL));
}

bool mw_digest_add(struct mw_digest *digest, const void *bytes, size_t length)
{
    return done(EVP_DigestUpdate(context_of(digest), bytes, length));
}

bool mw_digest_hex(struct mw_digest *digest, char hex[MW_DIGEST_HEX])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (!done(EVP_DigestFinal_ex(context_of(digest), bytes, &length)))
        return false;
    for (unsigned i = 0; i < length; i++) {
        *hex++ = digits[bytes[i] >> 4];
        *hex++ = digits[bytes[i] & 15];
    }
    *hex = '\0';
    return true;
}

void mw_digest_free(struct mw_digest *digest)
{
    EVP_MD_CTX_free(context_of(digest));
}
