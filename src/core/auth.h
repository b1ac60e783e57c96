/* Credentials, and what of them to show to one server or proxy: by themselves, or as the answer to
 * its challenge.
 *
 *     struct mw_auth *auth = mw_auth_new(rt, "http://127.0.0.1:3128", &credentials);
 *     mw_auth_begin(auth);
 *     mw_auth_value(auth, &what, &value);              // before each request; may be nothing
 *     if (status == 407 && mw_auth_challenged(auth, fields, "Proxy-Authenticate", &what))
 *         ...                                          // send it again, with mw_auth_value
 *     else if (!mw_auth_confirmed(auth, fields, "Proxy-Authentication-Info"))
 *         ...                                          // an impostor
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_AUTH_H
#define MW_CORE_AUTH_H

#include "base/headers.h"
#include "core/digest.h"
#include "core/runtime.h"

/* As a user gives them. Basic and Digest have a user and a password, Bearer a token alone. */
struct mw_credentials {
    mw_auth_scheme scheme;
    const char *user, *password; /* a password may be NULL, which is "" */
    const char *bearer;          /* not NULL: the token; user, password and scheme say nothing */
};

/* Words for what is wrong with them, in which nothing of them stands; NULL: they can be sent. */
const char *mw_credentials_bad(const struct mw_credentials *c);

/* The credentials for one place in the course of one exchange. */
struct mw_auth;

/* Copies the credentials, which must not be bad. `where` tells one server or proxy from all others:
 * scheme, host and port; what it once asked for is remembered under this name, in the runtime, for
 * the same credentials. NULL without memory. */
struct mw_auth *mw_auth_new(mw_runtime *rt, const char *where, const struct mw_credentials *c);
void mw_auth_free(struct mw_auth *auth); /* and clears it; NULL is allowed */

/* Another request begins, which is no answer to a challenge: what was refused before says nothing
 * of it. */
void mw_auth_begin(struct mw_auth *auth);

/* Sets *value to that of Authorization or Proxy-Authorization for the next request, NULL where
 * nothing is to be sent, since it is not known yet what the server wants. Each value serves for one
 * request. `what` needs no user, password and cnonce. False without memory. */
bool mw_auth_value(struct mw_auth *auth, const struct mw_digest_request *what, char **value);
void mw_auth_free_value(mw_runtime *rt, char *value); /* and clears it; NULL is allowed */

/* The server refuses (401, 407), and says in the fields of that name what it wants. True: it has
 * not seen that yet, and mw_auth_value now is an answer. False: there is no answer, or it was
 * refused. */
bool mw_auth_challenged(struct mw_auth *auth, const struct mw_headers *reply, const char *field,
                        const struct mw_digest_request *what);

/* The server does not refuse; the field of that name may prove that it knows the password, too.
 * False: it says that and is wrong. */
bool mw_auth_confirmed(struct mw_auth *auth, const struct mw_headers *reply, const char *field);

/* At the runtime's end. */
void mw_auth_forget_all(mw_runtime *rt);

#endif
