/* Trying again: which failures and statuses are worth it, how often, and after how long.
 * SPDX-License-Identifier: MIT */
#include "core/exchange.h"

#include "base/date.h"
#include "base/grammar.h"

#include <event2/util.h>

#include <string.h>
#include <time.h>

static const int usual[] = {429, 502, 503, 504};

/* The server says when to come again, where the user wants to hear it. */
static bool asks_again(const mw_exchange *x)
{
    bool busy = x->status == 413 || x->status == 429 || x->status == 503;
    return (x->legs.retry.flags & MW_RETRY_WHERE_ASKED) != 0 && busy &&
           mw_headers_find(&x->response, "Retry-After", NULL) != NULL;
}

bool mw_retry_concerns(const mw_exchange *x)
{
    const struct mw_retry *retry = &x->legs.retry;
    const int *statuses = retry->statuses != NULL ? retry->statuses : usual;
    size_t count = retry->statuses != NULL ? retry->status_count : sizeof usual / sizeof usual[0];
    if (retry->left <= 0 || retry->replies == 0)
        return false;
    if (asks_again(x))
        return true;
    for (size_t i = 0; i < count; i++) {
        if (statuses[i] == x->status)
            return true;
    }
    return false;
}

/* What may be done twice (RFC 9110, 9.2.2), or is said to be by the user, with a body that can. */
static bool may_repeat(const mw_exchange *x)
{
    const struct mw_retry *retry = &x->legs.retry;
    if (retry->any_method || retry->methods == NULL)
        return retry->any_method || x->outgoing.idempotent;
    return mw_list_has(retry->methods, x->method);
}

/* One less of its kind. */
static void spend(int *left)
{
    if (*left > 0)
        (*left)--;
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
    if (retry->done == 0 && (retry->flags & MW_RETRY_AT_ONCE) != 0)
        return 0;
    for (int i = 0; i < retry->done && seconds < retry->most_wait; i++)
        seconds *= 2;
    if (seconds > retry->most_wait)
        seconds = retry->most_wait;
    return (retry->flags & MW_RETRY_NO_JITTER) != 0 ? seconds : jitter(seconds);
}

/* Seconds that the server asks for (RFC 9110, 10.2.3); below 0: it does not say. */
static double asked_for(const mw_exchange *x)
{
    const struct mw_header *field = mw_headers_find(&x->response, "Retry-After", NULL);
    if (field == NULL || (x->legs.retry.flags & MW_RETRY_OWN_PACE) != 0)
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

static bool plan_next(mw_exchange *x, struct mw_leg_plan *plan, int *kind, double wait)
{
    struct mw_retry *retry = &x->legs.retry;
    if (retry->left <= 0 || *kind == 0 || too_late(x, wait))
        return false;
    retry->left--;
    spend(kind);
    retry->done++;
    plan->why = "retry";
    plan->wait = wait;
    return true;
}

enum mw_judgement mw_retry_judge(mw_exchange *x, struct mw_leg_plan *plan)
{
    struct mw_retry *retry = &x->legs.retry;
    double wait = asked_for(x);
    if (wait > retry->most_after || !may_repeat(x) || !mw_exchange_can_rewind(x))
        return MW_JUDGE_FINAL;
    if (wait < 0)
        wait = backoff(retry);
    return plan_next(x, plan, &retry->replies, wait) ? MW_JUDGE_AGAIN : MW_JUDGE_FINAL;
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
    struct mw_retry *retry = &x->legs.retry;
    bool unsent = never_sent(failure);
    return passing(failure->code) && (unsent || may_repeat(x)) && mw_exchange_can_rewind(x) &&
           plan_next(x, plan, unsent ? &retry->connects : &retry->reads, backoff(retry));
}

bool mw_retry_spares_redirect(struct mw_retry *retry)
{
    if ((retry->flags & MW_RETRY_REDIRECTS) == 0)
        return true;
    return retry->left > 0 && retry->left-- > 0;
}

/* The header's numbers have 0 for "not given". */
static int limit(int number)
{
    return number == 0 ? -1 : number > 0 ? number : 0;
}

static void take_numbers(struct mw_retry *retry, const mw_options *o)
{
    retry->left = o->retries;
    retry->connects = limit(o->retry_connects);
    retry->reads = limit(o->retry_reads);
    retry->replies = limit(o->retry_replies);
    retry->backoff = o->retry_backoff != 0 ? o->retry_backoff : 0.5;
    retry->most_wait = o->retry_most_wait != 0 ? o->retry_most_wait : 120;
    retry->most_after = o->retry_most_after != 0 ? o->retry_most_after : retry->most_wait;
    retry->any_method = o->retry_any_method != 0;
    retry->flags = o->retry_flags;
}

static bool take_lists(struct mw_retry *retry, const mw_options *o, const struct mw_allocator *a)
{
    if (o->retry_methods != NULL && (retry->methods = mw_strdup(a, o->retry_methods)) == NULL)
        return false;
    if (o->retry_statuses == NULL)
        return true;
    retry->statuses = mw_alloc(a, (o->retry_status_count + 1) * sizeof(int));
    if (retry->statuses == NULL)
        return false;
    memcpy(retry->statuses, o->retry_statuses, o->retry_status_count * sizeof(int));
    retry->status_count = o->retry_status_count;
    return true;
}

int mw_retry_prepare(mw_exchange *x, const mw_options *o)
{
    struct mw_retry *retry = &x->legs.retry;
    take_numbers(retry, o);
    if (!(retry->backoff >= 0) || !(retry->most_wait >= 0) || !(retry->most_after >= 0))
        return mw_fail(x->rt, MW_EINVAL, "bad retries: a wait is not a number of seconds");
    if (o->retries > 0 && !take_lists(retry, o, &x->rt->allocator))
        return mw_fail(x->rt, MW_ENOMEM, "no memory for a request");
    return MW_OK;
}

void mw_retry_free(struct mw_retry *retry, const struct mw_allocator *a)
{
    mw_dealloc(a, retry->statuses);
    mw_dealloc(a, retry->methods);
    retry->statuses = NULL;
    retry->methods = NULL;
    retry->left = 0;
}
