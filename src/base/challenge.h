/* Challenges of authentication, as WWW-Authenticate and Proxy-Authenticate carry them (RFC 9110,
 * 11), and lists of parameters such as Authentication-Info's.
 * SPDX-License-Identifier: MIT */
#ifndef MW_BASE_CHALLENGE_H
#define MW_BASE_CHALLENGE_H

#include "base/span.h"

#include <stdbool.h>
#include <stddef.h>

enum { MW_MOST_PARAMS = 24 }; /* of one challenge; those of Digest are ten */

struct mw_param {
    struct mw_span name;
    struct mw_span value; /* without its quotes, its backslashes still in it */
    bool quoted;
};

/* All spans point into the field's text. */
struct mw_challenge {
    struct mw_span scheme;  /* "Digest" */
    struct mw_span token68; /* stands in the place of parameters; of length 0 where there is none */
    size_t count;
    struct mw_param params[MW_MOST_PARAMS];
};

/* Reads the next challenge and moves *at behind it; a field may hold several. False: there is none
 * any more. One that cannot be read, has a parameter twice or too many of them ends the field:
 * where the next one would begin nobody can know then. */
bool mw_challenge_next(const char **at, struct mw_challenge *c);

/* Parameters without a scheme, as of Authentication-Info (RFC 7615), into a challenge whose scheme
 * is empty. False where they cannot be read. */
bool mw_params_read(const char *text, struct mw_challenge *c);

/* Whether it is of that scheme, whatever its case. */
bool mw_challenge_is(const struct mw_challenge *c, const char *scheme);

/* By name, whatever its case; NULL: it has none of that name. */
const struct mw_param *mw_challenge_find(const struct mw_challenge *c, const char *name);

/* Writes what the value means, without backslashes, and a NUL behind it: at most value.length + 1
 * bytes. Returns its length. */
size_t mw_param_text(const struct mw_param *p, char *text);

/* Whether the value means that word, whatever its case. */
bool mw_param_is(const struct mw_param *p, const char *word);

/* Writes text as a quoted-string, quotes included; at most 2 * strlen(text) + 2 bytes. Returns
 * where the next byte goes. */
char *mw_put_quoted(char *at, const char *text);

#endif
