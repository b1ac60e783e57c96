/* When to send a request again, and after how long.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_RETRY_H
#define MW_CORE_RETRY_H

#include "base/alloc.h"
#include "moonwire.h"

#include <stdbool.h>

struct mw_retry {
    int left, done;
    int connects, reads, replies;          /* left of each kind; below 0: no limit of its own */
    double backoff, most_wait, most_after; /* seconds */
    bool any_method;
    unsigned flags; /* MW_RETRY_... */
    char *methods;  /* "GET, PUT"; NULL: the idempotent ones */
    int *statuses;  /* count of them; NULL: the usual ones */
    size_t status_count;
};

int mw_retry_prepare(mw_exchange *x, const mw_options *options);
/* Whether a redirect may be followed, where they count as retries: then that is one less. */
bool mw_retry_spares_redirect(struct mw_retry *retry);
void mw_retry_free(struct mw_retry *retry, const struct mw_allocator *a);

#endif
