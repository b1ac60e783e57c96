/* How long the parts of an exchange took.
 * SPDX-License-Identifier: MIT */
#include "core/exchange.h"

/* From one moment to a later one; 0 where either did not come. */
static double between(double from, double to)
{
    return from != 0 && to > from ? to - from : 0;
}

/* The first of these moments that came. */
static double first(double a, double b)
{
    return a != 0 ? a : b;
}

mw_timings mw_exchange_timings(const mw_exchange *x)
{
    const struct mw_clocks *c = &x->clocks;
    const double *at = c->entered;
    double end = c->ended != 0 ? c->ended : mw_now();
    double body = at[MW_PHASE_BODY];
    double heard = first(c->first_heard, body);
    double sent = first(at[MW_PHASE_HEAD], heard);
    double send = first(at[MW_PHASE_SEND], sent);
    double secured = first(send, end);
    double tls = at[MW_PHASE_TLS], dial = at[MW_PHASE_CONNECT];
    double connected = first(at[MW_PHASE_PROXY], first(tls, secured));
    return (mw_timings){.queue = between(c->leg_started, c->connect_started),
                        .resolve = between(c->connect_started, dial),
                        .connect = between(dial, connected),
                        .proxy = between(at[MW_PHASE_PROXY], first(tls, secured)),
                        .tls = between(tls, secured),
                        .send = between(send, sent),
                        .first_byte = between(sent, heard),
                        .body = between(body, end),
                        .total = between(c->started, end),
                        .reused = dial == 0 && send != 0,
                        .attempts = x->legs.count};
}
