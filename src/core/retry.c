/* Trying again: which failures and statuses are worth it, how often, and after how long.
 * SPDX-License-Identifier: MIT */
#include "core/exchange.h"

#include "base/date.h"
#include "base/grammar.h"

#include <event2/util.h>

#include <string.h>
#include <time.h>

static const int usual[] = {429, 502, 503, 504};

bool mw_retry_concerns(const mw_exchange *x)
{
    const struct mw_retry *retry = &x->legs.retry;
    const int *statuses = retry->statuses != NULL ? retry->statuses : usual;
    size_t count = retry->statuses != NULL ? retry->status_count : sizeof usual / sizeof usual[0];
    if (retry->left <= 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (statuses[i] == x->status)
            return true;
    }
    return false;
}

/* What may be done twice (RFC 9110, 9.2.2), or is said to be by the user, with a body that can. */
static bool may_repeat(const mw_exchange *x)
{
    return x->legs.retry.any_method || x->outgoing.idempotent;
}

/* Half of it by chance: those whom one failure has met shall not come back as one. */
static double jitter(double seconds)
{
    unsigned char bytes[2];
    evutil_secure_rng_get_bytes(bytes, sizeof bytes);
    return seconds * (0.5 + (bytes[0] << 8 | bytes[1]) / 131072.0);
}

static double backoff(const struct mw_retry *retry)
{
    double seconds = retry->backoff;
    for (int i = 0; i < retry->done && seconds < retry->most_wait; i++)
        seconds *= 2;
    return jitter(seconds < retry->most_wait ? seconds : retry->most_wait);
}

/* Seconds that the server asks for (RFC 9110, 10.2.3); below 0: it does not say. */
static double asked_for(const mw_exchange *x)
{
    const struct mw_header *field = mw_headers_find(&x->response, "Retry-After", NULL);
    if (field == NULL)
        return -1;
    long long seconds = mw_decimal(field->value);
    if (seconds >= 0)
        return (double)seconds;
    int64_t date = mw_date_read(field->value);
    if (date < 0)
        return -1;
    double left = difftime((time_t)date, time(NULL));
    return left > 0 ? left : 0;
}

/* Waiting longer than the exchange may take in all is no use: what there is counts. */
static bool too_late(const mw_exchange *x, double wait)
{
    const struct mw_clocks *c = &x->clocks;
    return c->total >= 0 && mw_now() + wait >= c->started + c->total;
}

static bool plan_next(mw_exchange *x, struct mw_leg_plan *plan, double wait)
{
    struct mw_retry *retry = &x->legs.retry;
    if (wait > retry->most_wait || too_late(x, wait))
        return false;
    retry->left--;
    retry->done++;
    plan->why = "retry";
    plan->wait = wait;
    return true;
}

enum mw_judgement mw_retry_judge(mw_exchange *x, struct mw_leg_plan *plan)
{
    double wait = asked_for(x);
    if (!may_repeat(x) || !mw_exchange_can_rewind(x))
        return MW_JUDGE_FINAL;
    if (wait < 0)
        wait = backoff(&x->legs.retry);
    return plan_next(x, plan, wait) ? MW_JUDGE_AGAIN : MW_JUDGE_FINAL;
}

/* What may be different the next time: not what is wrong with the request, a certificate, or us. */
static bool passing(int error)
{
    switch (error) {
    case MW_CONNECTION_REFUSED_ERROR:
    case MW_REMOTE_HOST_CLOSED_ERROR:
    case MW_HOST_NOT_FOUND_ERROR:
    case MW_TIMEOUT_ERROR:
    case MW_TEMPORARY_NETWORK_FAILURE_ERROR:
    case MW_NETWORK_SESSION_FAILED_ERROR:
    case MW_UNKNOWN_NETWORK_ERROR:
    case MW_PROXY_CONNECTION_REFUSED_ERROR:
    case MW_PROXY_CONNECTION_CLOSED_ERROR:
    case MW_PROXY_NOT_FOUND_ERROR:
    case MW_PROXY_TIMEOUT_ERROR:
        return true;
    default:
        return false;
    }
}

/* Before it has been sent a request of any method can be tried again. */
static bool never_sent(const struct mw_failure *failure)
{
    return failure->phase < MW_PHASE_SEND;
}

bool mw_retry_after_failure(mw_exchange *x, const struct mw_failure *failure,
                            struct mw_leg_plan *plan)
{
    return passing(failure->code) && (never_sent(failure) || may_repeat(x)) &&
           mw_exchange_can_rewind(x) && plan_next(x, plan, backoff(&x->legs.retry));
}

int mw_retry_prepare(mw_exchange *x, const mw_options *o)
{
    struct mw_retry *retry = &x->legs.retry;
    retry->left = o->retries;
    retry->backoff = o->retry_backoff != 0 ? o->retry_backoff : 0.5;
    retry->most_wait = o->retry_most_wait != 0 ? o->retry_most_wait : 120;
    retry->any_method = o->retry_any_method != 0;
    if (!(retry->backoff >= 0) || !(retry->most_wait >= 0))
        return mw_fail(x->rt, MW_EINVAL, "bad retries: a wait is not a number of seconds");
    if (o->retries <= 0 || o->retry_statuses == NULL)
        return MW_OK;
    retry->statuses = mw_alloc(&x->rt->allocator, (o->retry_status_count + 1) * sizeof(int));
    if (retry->statuses == NULL)
        return mw_fail(x->rt, MW_ENOMEM, "no memory for a request");
    memcpy(retry->statuses, o->retry_statuses, o->retry_status_count * sizeof(int));
    retry->status_count = o->retry_status_count;
    return MW_OK;
}

void mw_retry_free(struct mw_retry *retry, const struct mw_allocator *a)
{
    mw_dealloc(a, retry->statuses);
    retry->statuses = NULL;
    retry->left = 0;
}
