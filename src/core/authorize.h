/* The credentials of an exchange: its part in the legs (leg.h).
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_AUTHORIZE_H
#define MW_CORE_AUTHORIZE_H

#include "core/leg.h"

/* Of an exchange that has any, or that may find some in a .netrc (authorize.c). */
struct mw_authorize;

/* Takes them over from the options: after the URL, the fields and the legs have been prepared.
 * MW_EINVAL with mw_message set where they cannot be sent. */
int mw_authorize_prepare(mw_exchange *x, const mw_options *o);

/* True: the first leg waits for what the user's function says, which is asked from the loop. */
bool mw_authorize_waits(mw_exchange *x);

/* Why the next leg cannot depart: a .netrc that cannot be read; NULL if it can. */
const struct mw_failure *mw_authorize_unusable(const mw_exchange *x);

/* What was sent, and what could be sent, is cleared. */
void mw_authorize_free(mw_exchange *x);

/* The step and the composer. */
bool mw_authorize_concerns(const mw_exchange *x);
enum mw_judgement mw_authorize_judge(mw_exchange *x, struct mw_leg_plan *plan);
int mw_authorize_compose(mw_exchange *x);

/* Who is found in a .netrc; both NULL where nobody is. They point into the text. */
struct mw_netrc_found {
    const char *login, *password;
    char *text;
    size_t size;
};

/* Reads a .netrc for a host, and for one user there if `login` is not NULL (netrc.c). False where
 * it cannot be read: *f says why. A file that is not there is an empty one if `optional`. */
bool mw_netrc_ask(const struct mw_allocator *a, const char *file, bool optional, const char *host,
                  const char *login, struct mw_netrc_found *found, struct mw_failure *f);
void mw_netrc_forget(const struct mw_allocator *a, struct mw_netrc_found *found); /* and clears */

#endif
