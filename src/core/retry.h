/* When to send a request again, and after how long.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_RETRY_H
#define MW_CORE_RETRY_H

#include "base/alloc.h"
#include "moonwire.h"

#include <stdbool.h>

struct mw_retry {
    int left, done;
    double backoff, most_wait; /* seconds */
    bool any_method;
    int *statuses; /* count of them; NULL: the usual ones */
    size_t status_count;
};

int mw_retry_prepare(mw_exchange *x, const mw_options *options);
void mw_retry_free(struct mw_retry *retry, const struct mw_allocator *a);

#endif
