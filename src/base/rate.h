/* How fast something grows, over the last few seconds.
 * SPDX-License-Identifier: MIT */
#ifndef MW_BASE_RATE_H
#define MW_BASE_RATE_H

#include <stdint.h>

enum { MW_RATE_SAMPLES = 12 }; /* half a second apart: so the rate is that of five or six seconds */

struct mw_rate {
    struct {
        double time;
        uint64_t amount;
    } samples[MW_RATE_SAMPLES]; /* the last `count`, in a ring whose newest is at `newest` */
    unsigned count, newest;
};

/* `now` is in seconds of a clock that never jumps. */
void mw_rate_start(struct mw_rate *rate, double now, uint64_t amount);
void mw_rate_note(struct mw_rate *rate, double now, uint64_t amount);

/* Per second, at the time and with the amount of now; 0 while nothing can be told. */
double mw_rate_at(const struct mw_rate *rate, double now, uint64_t amount);

#endif
