/* The policy of a runtime: set once, asked before each leg, for each address and each piece of a
 * body. SPDX-License-Identifier: MIT */
#include "core/policy.h"

#include "base/grammar.h"
#include "base/network.h"
#include "base/proxy.h"
#include "base/url_host.h"
#include "core/exchange.h"
#include "net/resolve.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct mw_rules {
    mw_policy policy; /* the texts are copies */
    mw_usage used;
};

enum { TEXTS = 4 };

static const char **text_of(mw_policy *p, int which)
{
    const char **const texts[TEXTS] = {&p->schemes, &p->hosts, &p->ports, &p->networks};
    return texts[which];
}

void mw_rules_free(mw_runtime *rt)
{
    if (rt->rules == NULL)
        return;
    for (int i = 0; i < TEXTS; i++)
        mw_dealloc(&rt->allocator, (void *)*text_of(&rt->rules->policy, i));
    mw_dealloc(&rt->allocator, rt->rules);
    rt->rules = NULL;
}

/* ---- lists --------------------------------------------------------------------------------- */

/* "443" or "8000-8999". */
static bool read_ports(const char *item, size_t length, long *first, long *last)
{
    char *end;
    if (item[0] < '0' || item[0] > '9')
        return false;
    *first = *last = strtol(item, &end, 10);
    if (*end == '-' && end[1] >= '0' && end[1] <= '9')
        *last = strtol(end + 1, &end, 10);
    return end == item + length && *first >= 1 && *last <= 65535 && *first <= *last;
}

static bool port_is_listed(const char *list, unsigned short port)
{
    size_t length;
    long first, last;
    for (const char *at = mw_next_item(list, &length); length > 0;
         at = mw_next_item(at + length, &length)) {
        if (read_ports(at, length, &first, &last) && port >= first && port <= last)
            return true;
    }
    return false;
}

static bool host_fits(const char *host, const char *item, size_t length)
{
    size_t size = strlen(host);
    if (length > 2 && item[0] == '*' && item[1] == '.')
        return size > length - 1 &&
               strncasecmp(host + size - (length - 1), item + 1, length - 1) == 0;
    return size == length && strncasecmp(host, item, length) == 0;
}

static bool host_is_listed(const char *list, const char *host)
{
    size_t length;
    for (const char *at = mw_next_item(list, &length); length > 0;
         at = mw_next_item(at + length, &length)) {
        if (host_fits(host, at, length))
            return true;
    }
    return false;
}

/* ---- setting ------------------------------------------------------------------------------- */

static int check_ports(mw_runtime *rt, const char *list)
{
    size_t length;
    long first, last;
    for (const char *at = mw_next_item(list, &length); length > 0;
         at = mw_next_item(at + length, &length)) {
        if (!read_ports(at, length, &first, &last))
            return mw_fail(rt, MW_EINVAL,
                           "bad ports of the policy: \"%.*s\" is neither a port nor "
                           "a range of them",
                           length < 40 ? (int)length : 40, at);
    }
    return MW_OK;
}

static int check_schemes(mw_runtime *rt, const char *list)
{
    size_t length;
    for (const char *at = mw_next_item(list, &length); length > 0;
         at = mw_next_item(at + length, &length)) {
        if (!host_fits("http", at, length) && !host_fits("https", at, length))
            return mw_fail(rt, MW_EINVAL,
                           "bad schemes of the policy: \"%.*s\" is neither http nor "
                           "https",
                           length < 40 ? (int)length : 40, at);
    }
    return MW_OK;
}

static int check(mw_runtime *rt, const mw_policy *policy)
{
    const char *bad = policy->networks != NULL ? mw_networks_bad(policy->networks) : NULL;
    int result = policy->ports != NULL ? check_ports(rt, policy->ports) : MW_OK;
    if (result == MW_OK && policy->schemes != NULL)
        result = check_schemes(rt, policy->schemes);
    if (result == MW_OK && bad != NULL)
        result = mw_fail(rt, MW_EINVAL,
                         "bad networks of the policy: \"%.40s\" is no network, as "
                         "\"10.0.0.0/8\" is",
                         bad);
    return result;
}

int mw_policy_set(mw_runtime *rt, const mw_policy *policy)
{
    if (rt->rules != NULL)
        return mw_fail(rt, MW_EINVAL, "the policy is set, and cannot be changed any more");
    int result = check(rt, policy);
    if (result != MW_OK)
        return result;
    rt->rules = mw_zalloc(&rt->allocator, sizeof *rt->rules);
    if (rt->rules == NULL)
        return mw_fail(rt, MW_ENOMEM, "no memory for the policy");
    mw_policy *copy = &rt->rules->policy;
    *copy = *policy;
    for (int i = 0; i < TEXTS; i++)
        *text_of(copy, i) = NULL;
    for (int i = 0; i < TEXTS; i++) {
        const char *text = *text_of((mw_policy *)policy, i);
        if (text != NULL && (*text_of(copy, i) = mw_strdup(&rt->allocator, text)) == NULL) {
            mw_rules_free(rt);
            return mw_fail(rt, MW_ENOMEM, "no memory for the policy");
        }
    }
    rt->engine->drop_idle(rt->engine_state, NULL); /* who connected to them was not judged */
    return MW_OK;
}

mw_usage mw_policy_usage(const mw_runtime *rt)
{
    return rt->rules != NULL ? rt->rules->used : (mw_usage){0, 0, 0, 0};
}

bool mw_policy_lets_listen(const mw_runtime *rt)
{
    return rt->rules == NULL || !rt->rules->policy.no_servers;
}

/* ---- judging ------------------------------------------------------------------------------- */

static bool refuse(struct mw_failure *f, enum mw_phase phase, const char *format, const char *what)
{
    mw_failure_init(f, MW_CONTENT_ACCESS_DENIED, phase);
    mw_failure_text(f, format, what);
    return false;
}

static bool admits_url(const mw_policy *p, const struct mw_url *url, struct mw_failure *f)
{
    const char *scheme = url->secure ? "https" : "http";
    if (p->schemes != NULL && !host_is_listed(p->schemes, scheme))
        return refuse(f, MW_PHASE_RESOLVE, "the policy does not allow %s", scheme);
    if (p->hosts != NULL && !host_is_listed(p->hosts, url->host))
        return refuse(f, MW_PHASE_RESOLVE, "the policy does not allow the host %.150s", url->host);
    if (p->ports != NULL && !port_is_listed(p->ports, url->port))
        return refuse(f, MW_PHASE_RESOLVE, "the policy does not allow the port of %.150s",
                      url->authority);
    return true;
}

/* Those that a script gives in the place of a host's own. */
static bool admits_addresses(const mw_policy *p, const char *list, struct mw_failure *f)
{
    struct mw_addresses given;
    mw_addresses_read(&given, list);
    for (unsigned i = 0; i < given.count; i++) {
        const char *text = given.text[i];
        if (!host_is_listed(p->hosts, text) &&
            (p->networks == NULL || !mw_networks_have(p->networks, text)))
            return refuse(f, MW_PHASE_RESOLVE, "the policy does not allow the address %.60s", text);
    }
    return true;
}

/* The way that a script chooses is judged, too: else a host that is allowed could stand for any
 * place. */
static bool admits_way(const mw_exchange *x, const mw_policy *p, struct mw_failure *f)
{
    const struct mw_outgoing *out = &x->outgoing;
    const struct mw_proxy *proxy = mw_proxying_own(x);
    if (out->unix_path != NULL && (p->public_only || p->hosts != NULL || p->ports != NULL))
        return refuse(f, MW_PHASE_CONNECT, "the policy does not allow %s", "a socket's file");
    if (proxy != NULL && ((p->hosts != NULL && !host_is_listed(p->hosts, proxy->host)) ||
                          (p->ports != NULL && !port_is_listed(p->ports, proxy->port))))
        return refuse(f, MW_PHASE_RESOLVE, "the policy does not allow the proxy %.150s",
                      proxy->name);
    return p->hosts == NULL || out->addresses == NULL || out->addresses == x->url.address ||
           admits_addresses(p, out->addresses, f);
}

/* A proxy looks names up by itself, and what is not public to us may be next to it. */
static bool admits_through_proxy(const mw_exchange *x, const mw_policy *p, struct mw_failure *f)
{
    char host[MW_HOST_SIZE];
    struct mw_addresses found;
    const char *name = x->url.host;
    if (!p->public_only || x->outgoing.via == NULL)
        return true;
    if (mw_host_normalize(mw_span(name), host) == NULL)
        name = host; /* one of IPv4 in an odd form is an address to many proxies */
    return !mw_resolve_literal(name, &found) || mw_exchange_screen(x, &found, f);
}

bool mw_policy_admits(mw_exchange *x, struct mw_failure *f)
{
    struct mw_rules *rules = x->rt->rules;
    if (rules == NULL)
        return true;
    const mw_policy *p = &rules->policy;
    if (!admits_url(p, &x->url, f))
        return false;
    if (x->server == NULL && (!admits_way(x, p, f) || !admits_through_proxy(x, p, f)))
        return false;
    if (p->max_requests > 0 && rules->used.requests >= p->max_requests)
        return refuse(f, MW_PHASE_RESOLVE, "the policy allows no %s", "further request");
    if (!x->admitted && p->max_concurrent > 0 && rules->used.concurrent >= p->max_concurrent)
        return refuse(f, MW_PHASE_RESOLVE, "the policy allows no %s", "further request at once");
    if (x->outgoing.has_body && x->outgoing.body_length != MW_UNKNOWN &&
        !mw_policy_counts_sent(x, x->outgoing.body_length, f))
        return false;
    rules->used.requests++;
    rules->used.concurrent += !x->admitted;
    x->admitted = true;
    return true;
}

void mw_policy_leaves(mw_exchange *x)
{
    if (x->admitted)
        x->rt->rules->used.concurrent--;
    x->admitted = false;
}

static bool fits(uint64_t *used, uint64_t most, uint64_t bytes)
{
    if (most > 0 && (bytes > most || *used > most - bytes))
        return false;
    *used += bytes;
    return true;
}

bool mw_policy_counts_sent(mw_exchange *x, uint64_t bytes, struct mw_failure *f)
{
    struct mw_rules *r = x->rt->rules;
    if (r == NULL || fits(&r->used.sent, r->policy.max_sent, bytes))
        return true;
    return refuse(f, MW_PHASE_SEND, "the policy allows no %s", "further byte to be sent");
}

bool mw_policy_counts_received(mw_exchange *x, uint64_t bytes)
{
    struct mw_failure f;
    struct mw_rules *r = x->rt->rules;
    if (r == NULL || fits(&r->used.received, r->policy.max_received, bytes))
        return true;
    refuse(&f, MW_PHASE_BODY, "the policy allows no %s", "further byte to be received");
    mw_exchange_fail(x, &f);
    return false;
}

bool mw_exchange_screen(const mw_exchange *x, struct mw_addresses *found, struct mw_failure *f)
{
    const struct mw_rules *rules = x->rt->rules;
    unsigned kept = 0;
    if (rules == NULL || !rules->policy.public_only)
        return true;
    for (unsigned i = 0; i < found->count; i++) {
        const char *text = found->text[i];
        bool good = mw_address_is_public(text) || (rules->policy.networks != NULL &&
                                                   mw_networks_have(rules->policy.networks, text));
        if (good && kept++ != i)
            memcpy(found->text[kept - 1], text, sizeof found->text[i]);
    }
    if (kept == 0 && found->count > 0) {
        refuse(f, MW_PHASE_CONNECT,
               "the policy does not allow %.100s: its address is not of the "
               "public internet",
               x->url.host);
        return false;
    }
    found->count = kept;
    return true;
}
