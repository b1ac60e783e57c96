/* Timers of the user's.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_TIMER_H
#define MW_CORE_TIMER_H

#include "core/runtime.h"

struct mw_timer {
    struct mw_link link; /* in one of the runtime's lists */
    mw_runtime *rt;
    double due; /* of mw_now */
    double interval;
    unsigned long number; /* of its start, in the order of starts */
    mw_timer_fn fn;
    void *ud;
    bool repeat;
    bool counted; /* among what is pending: it is still to fire */
};

/* The event that fires for the first timer of the list. */
bool mw_timers_open(mw_runtime *rt);
void mw_timers_close(mw_runtime *rt);

#endif
