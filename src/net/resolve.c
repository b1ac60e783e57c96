/* Look-ups of names: who waits for what, and what is known by now.
 *
 * c-ares must not be freed, nor all its questions cancelled, from inside its callbacks. So these
 * only note what came, and who waits is told from an event of our own.
 * SPDX-License-Identifier: MIT */
#include "net/resolve.h"

#include "base/list.h"
#include "net/address.h"
#include "net/cache.h"
#include "net/dns.h"
#include "net/hosts.h"
#include "net/order.h"

#include <event2/event.h>
#include <event2/event_struct.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static const double longest_life = 300;
static const double failure_life = 5;
static const double usual_deadline = 10;
static const double late = 0.05; /* RFC 8305, 3: the Resolution Delay */

enum { NAME_SIZE = 256, CANDIDATE_SIZE = 1300 };

struct mw_resolver {
    struct mw_allocator allocator;
    struct event_base *base;
    const char *resolv_conf;
    double deadline;
    struct mw_hosts hosts;
    struct mw_cache cache;
    struct mw_dns *dns; /* NULL until a name needs it */
    struct mw_file_state servers;
    struct mw_link queries; /* names being looked up */
    struct mw_link orphans; /* those that are over, or whose answer nobody wants any more */
    struct mw_link due;     /* those with something to tell */
    struct event telling;
    int waiting;  /* look-ups */
    bool closing; /* what comes is not looked at any more */
    bool *freed;  /* set where somebody must learn that a callback freed it */
};

/* What one family's question has brought. */
struct half {
    struct query *query;
    int family;
    bool asked; /* and not answered yet */
    struct mw_dns_answer answer;
};

struct query {
    struct mw_link link, due;
    struct mw_resolver *resolver;
    struct mw_link waiting; /* look-ups */
    struct event timer;     /* the deadline; before it, the end of waiting for the other family */
    double deadline;
    struct half v6, v4;
    unsigned candidate; /* which name of the search list is being asked for */
    bool asking;        /* questions are being asked: what comes meanwhile is looked at later */
    bool ready;         /* `found` or `wrong` can be told */
    bool over;          /* and nothing will be added */
    bool orphan;
    struct mw_addresses found;
    const char *wrong;
    char name[NAME_SIZE];
};

struct mw_lookup {
    struct mw_link link;
    struct query *query;
    mw_lookup_fn fn;
    void *ud;
};

static double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* ---- what needs no look-up ------------------------------------------------------------------ */

/* Whether a name is `last` or ends in ".last"; a dot at its end does not count. */
static bool is_under(const char *name, const char *last)
{
    size_t length = strlen(name), size = strlen(last);
    if (length > 0 && name[length - 1] == '.')
        length--;
    if (length < size || strncasecmp(name + length - size, last, size) != 0)
        return false;
    return length == size || name[length - size - 1] == '.';
}

bool mw_resolve_literal(const char *host, struct mw_addresses *found)
{
    found->count = 0;
    if (is_under(host, "localhost")) {
        mw_addresses_add(found, "127.0.0.1");
        mw_addresses_add(found, "::1");
        return true;
    }
    if (strlen(host) >= MW_ADDRESS_SIZE || !mw_is_address(host))
        return false;
    snprintf(found->text[found->count++], MW_ADDRESS_SIZE, "%s", host);
    return true;
}

/* ---- telling ------------------------------------------------------------------------------- */

static void tell_soon(struct query *q)
{
    struct mw_resolver *r = q->resolver;
    if (!mw_linked(&q->due))
        mw_list_append(&r->due, &q->due);
    event_active(&r->telling, EV_TIMEOUT, 0);
}

static void forget(struct mw_lookup *lookup)
{
    struct mw_resolver *r = lookup->query->resolver;
    mw_unlink(&lookup->link);
    mw_dealloc(&r->allocator, lookup);
    r->waiting--;
}

static void free_query(struct query *q)
{
    event_del(&q->timer);
    mw_unlink(&q->link);
    mw_unlink(&q->due);
    mw_dealloc(&q->resolver->allocator, q);
}

/* One that is answered goes, unless c-ares still holds a question of it. */
static void let_go(struct query *q)
{
    if (!q->v4.asked && !q->v6.asked) {
        free_query(q);
        return;
    }
    event_del(&q->timer);
    mw_unlink(&q->link);
    mw_unlink(&q->due);
    q->orphan = true;
    mw_list_append(&q->resolver->orphans, &q->link);
}

/* Where nobody wants any answer, the sockets close. */
static void settle(struct mw_resolver *r)
{
    if (mw_list_empty(&r->queries) && !mw_list_empty(&r->orphans))
        mw_dns_cancel(r->dns);
}

/* Tells those who wait for one query. False if one of them has freed the resolver. Nobody else
 * frees a query that is over, so it stays while they are told. */
static bool tell(struct query *q)
{
    struct mw_resolver *r = q->resolver;
    const struct mw_addresses found = q->found; /* more may come meanwhile */
    const char *wrong = q->wrong;
    bool freed = false;
    unsigned count = 0;
    for (struct mw_link *l = q->waiting.next; l != &q->waiting; l = l->next)
        count++;
    if (q->over) { /* a look-up that begins now is a new one */
        mw_unlink(&q->link);
        mw_list_append(&r->orphans, &q->link);
    }
    r->freed = &freed;
    for (; count > 0 && !mw_list_empty(&q->waiting); count--) {
        struct mw_lookup *lookup = MW_ITEM(q->waiting.next, struct mw_lookup, link);
        mw_lookup_fn fn = lookup->fn;
        void *ud = lookup->ud;
        forget(lookup);
        fn(&found, wrong, ud);
        if (freed)
            return false;
    }
    r->freed = NULL;
    if (q->over && mw_list_empty(&q->waiting))
        let_go(q);
    else if (!mw_list_empty(&q->waiting))
        tell_soon(q);
    return true;
}

static void on_telling(evutil_socket_t fd, short what, void *arg)
{
    struct mw_resolver *r = arg;
    (void)fd;
    (void)what;
    while (!mw_list_empty(&r->due)) {
        struct query *q = MW_ITEM(r->due.next, struct query, due);
        mw_unlink(&q->due);
        if (!tell(q))
            return;
    }
    settle(r);
}

/* ---- answers ------------------------------------------------------------------------------- */

static void set_timer(struct query *q, double seconds)
{
    if (seconds < 0)
        seconds = 0;
    struct timeval wait = {(time_t)seconds, 0};
    wait.tv_usec = (suseconds_t)((seconds - (double)wait.tv_sec) * 1e6);
    event_add(&q->timer, &wait);
}

/* Puts together what the families have brought so far. */
static void collect(struct query *q)
{
    const struct half *halves[] = {&q->v6, &q->v4};
    q->found.count = 0;
    for (int h = 0; h < 2; h++) {
        const struct mw_addresses *list = &halves[h]->answer.found;
        for (unsigned i = 0; !halves[h]->asked && i < list->count; i++)
            mw_addresses_add(&q->found, list->text[i]);
    }
    mw_addresses_order(&q->found);
}

static void answer(struct query *q, const char *wrong)
{
    q->wrong = q->found.count > 0 ? NULL : wrong;
    q->ready = q->over = true;
    event_del(&q->timer);
    tell_soon(q);
}

/* For how long what was found may be kept: not long if a family's part of it is missing. */
static double life(const struct query *q)
{
    const struct half *halves[] = {&q->v6, &q->v4};
    double seconds = longest_life;
    for (int h = 0; h < 2; h++) {
        const struct mw_dns_answer *a = &halves[h]->answer;
        double own = a->status == MW_DNS_FOUND && !halves[h]->asked ? a->ttl : failure_life;
        if (a->status == MW_DNS_NONE && q->found.count > 0)
            continue;
        if (own < seconds)
            seconds = own;
    }
    return seconds;
}

static void finish(struct query *q, const char *wrong)
{
    struct mw_resolver *r = q->resolver;
    collect(q);
    answer(q, wrong);
    if (life(q) > 0)
        mw_cache_put(&r->cache, q->name, &q->found, q->wrong, now() + life(q));
}

static void advance(struct query *q);

static void on_half(const struct mw_dns_answer *what, void *ud)
{
    struct half *half = ud;
    struct query *q = half->query;
    half->asked = false;
    half->answer = *what;
    if (q->resolver->closing || q->asking)
        return;
    if (q->orphan && !q->v4.asked && !q->v6.asked)
        free_query(q);
    else if (!q->orphan && !q->over)
        advance(q);
}

/* Asks for the next name of the search list; false past the last. */
static bool ask(struct query *q)
{
    char name[CANDIDATE_SIZE];
    struct mw_dns *dns = q->resolver->dns;
    if (!mw_dns_candidate(dns, q->name, q->candidate, name, sizeof name))
        return false;
    q->candidate++;
    q->asking = true; /* an answer may come from inside */
    q->v6.asked = q->v4.asked = true;
    q->v6.answer = q->v4.answer =
        (struct mw_dns_answer){.status = MW_DNS_FAILED}; /* till it comes */
    mw_dns_ask(dns, name, AF_INET6, on_half, &q->v6);
    mw_dns_ask(dns, name, AF_INET, on_half, &q->v4);
    q->asking = false;
    return true;
}

static const char *why_not(const struct query *q)
{
    const struct mw_dns_answer *v6 = &q->v6.answer, *v4 = &q->v4.answer;
    return v4->status == MW_DNS_FAILED || v6->status == MW_DNS_NONE ? v4->wrong : v6->wrong;
}

/* Looks at what has come. */
static void advance(struct query *q)
{
    for (;;) {
        const struct half *first = q->v4.asked ? &q->v6 : &q->v4;
        if (q->v4.asked && q->v6.asked)
            return;
        if (q->v4.asked || q->v6.asked) {
            /* An address that there is no way to is no reason to wait less for the others. */
            if (!q->ready && first->answer.status == MW_DNS_FOUND &&
                mw_address_is_usable(first->answer.found.text[0]))
                set_timer(q, late);
            return;
        }
        if (q->v4.answer.status != MW_DNS_NONE || q->v6.answer.status != MW_DNS_NONE || !ask(q)) {
            finish(q, why_not(q));
            return;
        }
    }
}

static void on_query_timer(evutil_socket_t fd, short what, void *arg)
{
    struct query *q = arg;
    struct mw_resolver *r = q->resolver;
    double left = q->deadline - now();
    (void)fd;
    (void)what;
    collect(q);
    if (left > 0.001) {
        if (q->found.count > 0 && !q->ready) { /* the other family is late */
            q->ready = true;
            tell_soon(q);
        }
        set_timer(q, left);
        return;
    }
    finish(q, "no name server answered in time");
    settle(r);
}

/* ---- look-ups ------------------------------------------------------------------------------ */

/* The servers of a file that has changed, once nobody waits for those of the old one. */
static bool open_dns(struct mw_resolver *r)
{
    const char *path = r->resolv_conf != NULL ? r->resolv_conf : "/etc/resolv.conf";
    bool alone = r->queries.next->next == &r->queries && mw_list_empty(&r->orphans);
    if ((r->dns == NULL || alone) && mw_file_changed(&r->servers, path)) {
        mw_dns_free(r->dns);
        r->dns = NULL;
    }
    if (r->dns == NULL)
        r->dns = mw_dns_new(&r->allocator, r->base, r->resolv_conf);
    return r->dns != NULL;
}

/* Where an answer is at hand it is told from the loop all the same. */
static void begin(struct query *q)
{
    struct mw_resolver *r = q->resolver;
    const char *wrong = NULL;
    if (mw_hosts_find(&r->hosts, q->name, &q->found)) {
        mw_addresses_order(&q->found);
        answer(q, NULL);
    } else if (mw_cache_get(&r->cache, q->name, now(), &q->found, &wrong)) {
        answer(q, wrong);
    } else if (is_under(q->name, "onion")) {
        answer(q, "no such name"); /* RFC 7686, 2: nobody is asked for these */
    } else if (!open_dns(r)) {
        answer(q, "no memory for a name look-up");
    } else {
        q->deadline = now() + r->deadline;
        set_timer(q, r->deadline);
        ask(q);
        advance(q);
    }
}

static struct query *find_query(struct mw_resolver *r, const char *name)
{
    for (struct mw_link *l = r->queries.next; l != &r->queries; l = l->next) {
        struct query *q = MW_ITEM(l, struct query, link);
        if (strcmp(q->name, name) == 0)
            return q;
    }
    return NULL;
}

static struct query *new_query(struct mw_resolver *r, const char *name)
{
    struct query *q = mw_zalloc(&r->allocator, sizeof *q);
    if (q == NULL)
        return NULL;
    q->resolver = r;
    q->v6.query = q->v4.query = q;
    mw_list_init(&q->waiting);
    event_assign(&q->timer, r->base, -1, 0, on_query_timer, q);
    snprintf(q->name, sizeof q->name, "%s", name);
    mw_list_append(&r->queries, &q->link);
    return q;
}

static void to_lower(char *to, size_t size, const char *name)
{
    size_t i = 0;
    for (; i + 1 < size && name[i] != '\0'; i++)
        to[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] | 0x20) : name[i];
    to[i] = '\0';
}

struct mw_lookup *mw_lookup_start(struct mw_resolver *r, const char *host, mw_lookup_fn fn,
                                  void *ud)
{
    char name[NAME_SIZE];
    struct mw_lookup *lookup = mw_zalloc(&r->allocator, sizeof *lookup);
    if (lookup == NULL)
        return NULL;
    to_lower(name, sizeof name, host);
    struct query *q = find_query(r, name);
    bool fresh = q == NULL;
    if (fresh)
        q = new_query(r, name);
    if (q == NULL) {
        mw_dealloc(&r->allocator, lookup);
        return NULL;
    }
    lookup->query = q;
    lookup->fn = fn;
    lookup->ud = ud;
    mw_list_append(&q->waiting, &lookup->link);
    r->waiting++;
    if (fresh)
        begin(q);
    else if (q->ready)
        tell_soon(q);
    return lookup;
}

void mw_lookup_cancel(struct mw_lookup *lookup)
{
    struct query *q = lookup->query;
    struct mw_resolver *r = q->resolver;
    forget(lookup);
    if (q->ready || !mw_list_empty(&q->waiting))
        return; /* what is ready is told to whoever is left, and then goes */
    let_go(q);
    settle(r);
}

/* ---- the resolver -------------------------------------------------------------------------- */

struct mw_resolver *mw_resolver_new(const struct mw_allocator *a, struct event_base *base,
                                    const struct mw_resolver_options *options)
{
    struct mw_resolver *r = mw_zalloc(a, sizeof *r);
    if (r == NULL)
        return NULL;
    r->allocator = *a;
    r->base = base;
    r->resolv_conf = options->resolv_conf;
    r->deadline = options->deadline > 0 ? options->deadline : usual_deadline;
    mw_hosts_init(&r->hosts, a, options->hosts_file != NULL ? options->hosts_file : "/etc/hosts");
    mw_cache_init(&r->cache, a);
    mw_list_init(&r->queries);
    mw_list_init(&r->orphans);
    mw_list_init(&r->due);
    event_assign(&r->telling, base, -1, 0, on_telling, r);
    return r;
}

bool mw_resolver_busy(const struct mw_resolver *r)
{
    return r != NULL && r->waiting > 0;
}

void mw_resolver_free(struct mw_resolver *r)
{
    if (r == NULL)
        return;
    struct mw_link *const lists[] = {&r->queries, &r->orphans};
    if (r->freed != NULL)
        *r->freed = true;
    r->closing = true;
    mw_dns_free(r->dns);
    for (int i = 0; i < 2; i++) {
        while (!mw_list_empty(lists[i])) {
            struct query *q = MW_ITEM(lists[i]->next, struct query, link);
            while (!mw_list_empty(&q->waiting))
                forget(MW_ITEM(q->waiting.next, struct mw_lookup, link));
            free_query(q);
        }
    }
    event_del(&r->telling);
    mw_cache_clear(&r->cache);
    mw_hosts_deinit(&r->hosts);
    mw_dealloc(&r->allocator, r);
}
