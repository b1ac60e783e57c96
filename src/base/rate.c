/* How fast something grows: the difference to a sample of some seconds ago.
 * SPDX-License-Identifier: MIT */
#include "base/rate.h"

static const double interval = 0.5;  /* between samples */
static const double shortest = 0.05; /* below which a difference says nothing */

static void keep(struct mw_rate *rate, unsigned at, double now, uint64_t amount)
{
    rate->newest = at;
    rate->samples[at].time = now;
    rate->samples[at].amount = amount;
}

void mw_rate_start(struct mw_rate *rate, double now, uint64_t amount)
{
    rate->count = 1;
    keep(rate, 0, now, amount);
}

void mw_rate_note(struct mw_rate *rate, double now, uint64_t amount)
{
    if (now - rate->samples[rate->newest].time < interval)
        return;
    keep(rate, (rate->newest + 1) % MW_RATE_SAMPLES, now, amount);
    if (rate->count < MW_RATE_SAMPLES)
        rate->count++;
}

double mw_rate_at(const struct mw_rate *rate, double now, uint64_t amount)
{
    unsigned oldest = (rate->newest + MW_RATE_SAMPLES + 1 - rate->count) % MW_RATE_SAMPLES;
    double passed = now - rate->samples[oldest].time;
    if (rate->count == 0 || passed < shortest || amount <= rate->samples[oldest].amount)
        return 0;
    return (double)(amount - rate->samples[oldest].amount) / passed;
}
