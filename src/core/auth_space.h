/* What servers and proxies have asked for, remembered: the next request need not be refused first.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_AUTH_SPACE_H
#define MW_CORE_AUTH_SPACE_H

#include "core/digest.h"
#include "core/runtime.h"

enum mw_space_wants { MW_WANTS_UNKNOWN, MW_WANTS_BASIC, MW_WANTS_DIGEST };

/* One server or proxy, with the credentials of one user: the count of a nonce's uses is common to
 * all requests. */
struct mw_space {
    struct mw_link link;        /* the runtime's; the one used last comes first */
    int holders;                /* exchanges; it goes with the last, once it is in no list */
    char secret[MW_DIGEST_HEX]; /* a hash of the credentials */
    enum mw_space_wants wants;
    struct mw_digest digest;
    char where[];
};

enum { MW_MOST_SPACES = 64 };

/* The one of that place and these credentials, which is then held; NULL: there is none. */
struct mw_space *mw_space_find(mw_runtime *rt, const char *where, const char *secret);
struct mw_space *mw_space_add(mw_runtime *rt, const char *where,
                              const char *secret);             /* held, too */
void mw_space_release(mw_runtime *rt, struct mw_space *space); /* NULL is allowed */

#endif
