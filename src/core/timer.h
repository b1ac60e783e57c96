/* Timers of the user's.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_TIMER_H
#define MW_CORE_TIMER_H

#include "core/runtime.h"

struct mw_timer {
    struct mw_link link;
    mw_runtime *rt;
    struct event *event;
    mw_timer_fn fn;
    void *ud;
    bool repeat;
    bool counted; /* among what is pending */
};

#endif
