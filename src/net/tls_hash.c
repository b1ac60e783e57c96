/* Hashes and chance by OpenSSL.
 * SPDX-License-Identifier: MIT */
#include "net/tls_hash.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

static const EVP_MD *method_of(enum mw_hash hash)
{
    switch (hash) {
    case MW_SHA256:
        return EVP_sha256();
    case MW_SHA512_256:
        return EVP_sha512_256();
    default:
        return EVP_md5();
    }
}

bool mw_hash_hex(enum mw_hash hash, const struct mw_span *spans, size_t count, char *hex)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool done = context != NULL && EVP_DigestInit_ex(context, method_of(hash), NULL) == 1;
    for (size_t i = 0; i < count && done; i++)
        done = EVP_DigestUpdate(context, spans[i].at, spans[i].length) == 1;
    done = done && EVP_DigestFinal_ex(context, bytes, &length) == 1;
    EVP_MD_CTX_free(context); /* which clears it */
    if (!done)
        ERR_clear_error(); /* the next who asks for TLS's errors means his own */
    for (unsigned i = 0; i < length && done; i++) {
        *hex++ = digits[bytes[i] >> 4];
        *hex++ = digits[bytes[i] & 15];
    }
    *hex = '\0';
    return done;
}

bool mw_random_bytes(void *bytes, size_t length)
{
    if (RAND_bytes(bytes, (int)length) == 1)
        return true;
    ERR_clear_error();
    return false;
}
