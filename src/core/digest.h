/* HTTP Digest authentication (RFC 7616; RFC 2617 and 2069 for servers that know no more): from a
 * challenge, a name and a password to the value of Authorization or Proxy-Authorization.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_DIGEST_H
#define MW_CORE_DIGEST_H

#include "base/alloc.h"
#include "base/challenge.h"
#include "net/tls_hash.h"

#include <stdbool.h>
#include <stdint.h>

enum { MW_DIGEST_HEX = 2 * MW_LONGEST_HASH + 1, MW_CNONCE_HEX = 2 * 16 + 1 };

/* What a challenge asks for, and how often it has been answered. */
struct mw_digest {
    enum mw_hash hash;
    bool session;        /* "-sess" */
    bool auth, auth_int; /* qop; neither: a server of RFC 2069 */
    bool stale;          /* the nonce was too old, name and password may be right */
    bool userhash, utf8;
    char *algorithm; /* as the challenge has it; NULL: it has none. These four are in one block */
    char *realm, *nonce;
    char *opaque;     /* NULL: it has none */
    char *next_nonce; /* in the place of `nonce`, from Authentication-Info; NULL: none came */
    uint32_t count;   /* how often the nonce was used */
    char cnonce[MW_CNONCE_HEX];      /* of a session; "" before its first answer */
    char session_key[MW_DIGEST_HEX]; /* likewise */
};

/* Reads a challenge. False where it cannot be answered: its scheme is another, it lacks realm or
 * nonce, or we know not its algorithm or qop; or there is no memory. */
bool mw_digest_read(struct mw_digest *d, const struct mw_allocator *a,
                    const struct mw_challenge *c);
void mw_digest_free(struct mw_digest *d, const struct mw_allocator *a); /* of a zeroed one, too */

/* What is to be authenticated. */
struct mw_digest_request {
    const char *method, *uri; /* the target, as it stands in the request's first line */
    const char *user, *password;
    const void *body; /* for auth-int; the body's bytes, where they are all there */
    size_t body_length;
    bool body_known;    /* false: it is made or read as it goes out, so that only auth will do */
    const char *cnonce; /* NULL: a new one, by chance */
};

/* Whether the challenge can be answered for this request: not where it wants a body hashed that is
 * not there. */
bool mw_digest_can(const struct mw_digest *d, const struct mw_digest_request *r);

/* The field's value: "Digest username=…", to be freed (and cleared) by the caller, and in `proof`
 * what rspauth must be in the answer, "" where that is not to be told in advance: with auth-int,
 * and for servers of RFC 2069. The nonce's count goes up. NULL without memory, or where the hash is
 * forbidden by the system. */
char *mw_digest_answer(struct mw_digest *d, const struct mw_allocator *a,
                       const struct mw_digest_request *r, char proof[MW_DIGEST_HEX]);

/* Reads Authentication-Info or Proxy-Authentication-Info: takes nextnonce over, compares rspauth
 * with the proof. False where that is another: who answers does not know the password. */
bool mw_digest_info(struct mw_digest *d, const struct mw_allocator *a, const char *info,
                    const char *proof);

#endif
