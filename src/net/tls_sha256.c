/* SHA-256 by OpenSSL, piece by piece.
 * SPDX-License-Identifier: MIT */
#include "net/tls_sha256.h"

#include <openssl/err.h>
#include <openssl/evp.h>

/* struct mw_sha256 is its EVP_MD_CTX: there is nothing beside it to keep. */
static EVP_MD_CTX *context_of(struct mw_sha256 *digest)
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

struct mw_sha256 *mw_sha256_new(void)
{
    struct mw_sha256 *digest = (struct mw_sha256 *)(void *)EVP_MD_CTX_new();
    if (digest != NULL && mw_sha256_begin(digest))
        return digest;
    mw_sha256_free(digest);
    return NULL;
}

bool mw_sha256_begin(struct mw_sha256 *digest)
{
    return done(EVP_DigestInit_ex(context_of(digest), EVP_sha256(), NULL));
}

bool mw_sha256_add(struct mw_sha256 *digest, const void *bytes, size_t length)
{
    return done(EVP_DigestUpdate(context_of(digest), bytes, length));
}

bool mw_sha256_hex(struct mw_sha256 *digest, char hex[MW_SHA256_HEX])
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

void mw_sha256_free(struct mw_sha256 *digest)
{
    EVP_MD_CTX_free(context_of(digest));
}
