/* The proxy of each leg of an exchange.
 * SPDX-License-Identifier: MIT */
#include "core/proxy.h"

#include "base/grammar.h"
#include "core/auth.h"
#include "core/exchange.h"
#include "net/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- the environment ----------------------------------------------------------------------- */

struct variable {
    struct mw_proxy proxy; /* its name is NULL where there is none */
    char *wrong;           /* NULL: nothing is */
};

struct mw_proxies {
    struct variable http, https;
    char *none; /* the hosts that need none; "" if the variable is not set */
};

/* One that is set but empty is as good as none. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* The first of these that is set. */
static const char *any_variable(const char *const *names, const char **found)
{
    for (; *names != NULL; names++) {
        const char *value = variable(*names);
        *found = *names;
        if (value != NULL)
            return value;
    }
    return NULL;
}

static const char *bad_credentials(const struct mw_proxy *p)
{
    const struct mw_credentials c = {MW_AUTH_DEFAULT, p->user, p->password, NULL};
    return p->user == NULL || mw_proxy_is_socks(p) ? NULL : mw_credentials_bad(&c);
}

static const char *read_proxy(struct mw_proxy *p, const struct mw_allocator *a, const char *text)
{
    const char *wrong = mw_proxy_read(p, a, text);
    if (wrong != NULL)
        return wrong;
    wrong = bad_credentials(p);
    if (wrong != NULL)
        mw_proxy_free(p, a);
    return wrong;
}

static bool read_variable(struct variable *v, const struct mw_allocator *a,
                          const char *const *names)
{
    char words[200];
    const char *name, *text = any_variable(names, &name);
    const char *wrong = text != NULL ? read_proxy(&v->proxy, a, text) : NULL;
    if (wrong == NULL)
        return true;
    if (wrong[0] == '\0')
        return false;
    snprintf(words, sizeof words, "%s, of the environment, names no proxy: %.120s", name, wrong);
    v->wrong = mw_strdup(a, words);
    return v->wrong != NULL;
}

void mw_proxies_free(struct mw_proxies *all, mw_runtime *rt)
{
    const struct mw_allocator *a = &rt->allocator;
    if (all == NULL)
        return;
    mw_proxy_free(&all->http.proxy, a);
    mw_proxy_free(&all->https.proxy, a);
    mw_dealloc(a, all->http.wrong);
    mw_dealloc(a, all->https.wrong);
    mw_dealloc(a, all->none);
    mw_dealloc(a, all);
}

/* HTTP_PROXY does not count: a program that a web server runs (CGI) has there what a stranger sent
 * as the field Proxy. */
static struct mw_proxies *read_environment(mw_runtime *rt)
{
    static const char *const http[] = {"http_proxy", "all_proxy", "ALL_PROXY", NULL};
    static const char *const https[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
                                        NULL};
    static const char *const none[] = {"no_proxy", "NO_PROXY", NULL};
    const struct mw_allocator *a = &rt->allocator;
    const char *name, *list = any_variable(none, &name);
    struct mw_proxies *all = mw_zalloc(a, sizeof *all);
    if (all == NULL)
        return NULL;
    all->none = mw_strdup(a, list != NULL ? list : "");
    if (all->none != NULL && read_variable(&all->http, a, http) &&
        read_variable(&all->https, a, https))
        return all;
    mw_proxies_free(all, rt);
    return NULL;
}

static bool is_set(const struct variable *v)
{
    return v->proxy.name != NULL || v->wrong != NULL;
}

/* ---- an exchange's part -------------------------------------------------------------------- */

struct mw_proxying {
    struct mw_proxy own;       /* the option's; its name is NULL where the environment's counts */
    char *none;                /* the option no_proxy; NULL: it was not given */
    struct mw_headers fields;  /* for the proxy */
    struct mw_tls_options tls; /* with the proxy */
    char *given; /* the script's own Proxy-Authorization, taken from its fields; NULL: none */

    /* of this leg */
    struct mw_via via;
    const char *wrong;
    char *key, *target;

    /* of all legs through the same proxy */
    const struct mw_proxy *known; /* the one that `auth` is for */
    struct mw_auth *auth; /* NULL: the proxy's URL has no user, or that is no affair of HTTP's */
    char *value;          /* what it last said */
};

static const char *given(const mw_exchange *x)
{
    return x->proxying->given;
}

/* It is for the proxy alone, and so must not lie where a leg that goes without one would send it.
 * False without memory. */
static bool take_given(mw_exchange *x)
{
    const struct mw_header *f = mw_headers_find(&x->fields, "Proxy-Authorization", NULL);
    if (f == NULL)
        return true;
    x->proxying->given = mw_strdup(&x->rt->allocator, f->value);
    mw_headers_remove(&x->fields, "Proxy-Authorization");
    return x->proxying->given != NULL;
}

static void forget_auth(mw_exchange *x)
{
    struct mw_proxying *p = x->proxying;
    mw_auth_free(p->auth);
    mw_auth_free_value(x->rt, p->value);
    p->known = NULL;
    p->auth = NULL;
    p->value = NULL;
}

static void forget_leg(mw_exchange *x)
{
    struct mw_proxying *p = x->proxying;
    const struct mw_allocator *a = &x->rt->allocator;
    if (p->key != NULL)
        explicit_bzero(p->key, strlen(p->key));
    mw_dealloc(a, p->key);
    mw_dealloc(a, p->target);
    memset(&p->via, 0, sizeof p->via);
    p->wrong = NULL;
    p->key = p->target = NULL;
    x->outgoing.via = NULL;
}

void mw_proxying_free(mw_exchange *x)
{
    struct mw_proxying *p = x->proxying;
    const struct mw_allocator *a = &x->rt->allocator;
    if (p == NULL)
        return;
    forget_leg(x);
    forget_auth(x);
    mw_proxy_free(&p->own, a);
    mw_dealloc(a, p->none);
    mw_headers_free(&p->fields, a);
    mw_tls_options_free(&p->tls, a);
    mw_auth_free_value(x->rt, p->given);
    mw_dealloc(a, p);
    x->proxying = NULL;
}

/* ---- the options --------------------------------------------------------------------------- */

static int check_field(mw_runtime *rt, const mw_header *field)
{
    if (field->name == NULL || field->value == NULL || field->name[0] == '\0' ||
        mw_bad_token(field->name, strlen(field->name)) >= 0)
        return mw_fail(rt, MW_EINVAL, "bad proxy: one of its headers has no name or no value");
    if (mw_bad_field_value(field->value, strlen(field->value)) >= 0)
        return mw_fail(rt, MW_EINVAL,
                       "bad proxy: the value of its header %.80s has a byte that is not allowed "
                       "there",
                       field->name);
    static const char *const ours[] = {"Host", "Content-Length", "Transfer-Encoding",
                                       "Proxy-Authorization", NULL};
    for (int i = 0; ours[i] != NULL; i++) {
        if (mw_same_name(field->name, ours[i]))
            return mw_fail(rt, MW_EINVAL, "bad proxy: the header %s is not for its headers",
                           ours[i]);
    }
    return MW_OK;
}

static int copy_fields(mw_exchange *x, const mw_options *o)
{
    size_t bytes = 0;
    struct mw_headers *fields = &x->proxying->fields;
    for (size_t i = 0; i < o->proxy_header_count; i++) {
        int result = check_field(x->rt, &o->proxy_headers[i]);
        if (result != MW_OK)
            return result;
        bytes += mw_headers_size(o->proxy_headers[i].name, o->proxy_headers[i].value);
    }
    if (o->proxy_header_count == 0)
        return MW_OK;
    if (!mw_headers_reserve(fields, &x->rt->allocator, o->proxy_header_count, bytes))
        return mw_fail(x->rt, MW_ENOMEM, "no memory for the headers of a proxy");
    for (size_t i = 0; i < o->proxy_header_count; i++)
        mw_headers_add(fields, o->proxy_headers[i].name, o->proxy_headers[i].value);
    return MW_OK;
}

static int copy_options(mw_exchange *x, const mw_options *o)
{
    struct mw_proxying *p = x->proxying;
    const struct mw_allocator *a = &x->rt->allocator;
    const struct mw_tls_options tls = {.insecure = o->proxy_insecure != 0,
                                       .ca_file = o->proxy_ca_file};
    const char *wrong = o->proxy != NULL ? read_proxy(&p->own, a, o->proxy) : NULL;
    if (wrong != NULL && wrong[0] != '\0')
        return mw_fail(x->rt, MW_EINVAL, "bad proxy: %s", wrong);
    if (o->no_proxy != NULL)
        p->none = mw_strdup(a, o->no_proxy);
    if (wrong != NULL || (o->no_proxy != NULL && p->none == NULL) ||
        !mw_tls_options_copy(&p->tls, &tls, a) || !take_given(x))
        return mw_fail(x->rt, MW_ENOMEM, "no memory for a proxy");
    return copy_fields(x, o);
}

int mw_proxying_prepare(mw_exchange *x, const mw_options *o)
{
    mw_runtime *rt = x->rt;
    if (rt->proxies == NULL)
        rt->proxies = read_environment(rt);
    if (rt->proxies == NULL)
        return mw_fail(rt, MW_ENOMEM, "no memory for the environment's proxies");
    bool set = o->proxy != NULL || is_set(&rt->proxies->http) || is_set(&rt->proxies->https);
    if (!set || o->unix_path != NULL || (o->proxy != NULL && o->proxy[0] == '\0'))
        return MW_OK;
    x->proxying = mw_zalloc(&rt->allocator, sizeof *x->proxying);
    if (x->proxying == NULL)
        return mw_fail(rt, MW_ENOMEM, "no memory for a proxy");
    return copy_options(x, o);
}

/* ---- a leg --------------------------------------------------------------------------------- */

/* NULL: it goes straight to the host; or see p->wrong. */
static const struct mw_proxy *proxy_of(const mw_exchange *x, const char **wrong)
{
    const struct mw_proxying *p = x->proxying;
    const struct mw_proxies *all = x->rt->proxies;
    const struct variable *v = x->url.secure ? &all->https : &all->http;
    const char *none = p->none;
    bool own = p->own.name != NULL;
    if (none == NULL && !own)
        none = all->none;
    if (none != NULL && mw_no_proxy(none, x->url.host, x->url.port))
        return NULL;
    if (own)
        return &p->own;
    /* Nobody but us can reach what listens here alone. */
    if (mw_is_loopback(x->url.host))
        return NULL;
    *wrong = v->wrong;
    return v->proxy.name != NULL ? &v->proxy : NULL;
}

static bool needs_tunnel(const mw_exchange *x, const struct mw_proxy *proxy)
{
    return mw_proxy_is_socks(proxy) || x->url.secure || strcmp(x->method, "CONNECT") == 0 ||
           mw_headers_find(&x->fields, "Upgrade", NULL) != NULL;
}

static size_t put(char *at, size_t room, size_t used, const char *text)
{
    size_t length = text != NULL ? strlen(text) : 0;
    if (used + length + 1 < room) {
        memcpy(at + used, text != NULL ? text : "", length);
        at[used + length] = '\n';
        at[used + length + 1] = '\0';
    }
    return used + length + 1;
}

/* The texts, each on a line of its own: none of them holds a line's end. Returns how much room it
 * takes, without the NUL. */
static size_t put_key(const mw_exchange *x, const struct mw_proxy *proxy, char *at, size_t room)
{
    const struct mw_proxying *p = x->proxying;
    size_t used = put(at, room, 0, proxy->name);
    used = put(at, room, used, proxy->user != NULL ? "user" : "");
    used = put(at, room, used, proxy->user);
    used = put(at, room, used, proxy->password);
    used = put(at, room, used, given(x));
    used = put(at, room, used, p->tls.insecure ? "insecure" : "");
    used = put(at, room, used, p->tls.ca_file);
    for (size_t i = 0; i < p->fields.count; i++) {
        used = put(at, room, used, p->fields.fields[i].name);
        used = put(at, room, used, p->fields.fields[i].value);
    }
    return used;
}

static char *make_key(const mw_exchange *x, const struct mw_proxy *proxy)
{
    size_t size = put_key(x, proxy, NULL, 0) + 2;
    char *key = mw_alloc(&x->rt->allocator, size);
    if (key != NULL)
        put_key(x, proxy, key, size);
    return key;
}

/* Of CONNECT "host:port"; otherwise in absolute form (RFC 9112, 3.2.2; OPTIONS "*" is an authority
 * alone there, 3.2.4). */
static char *make_target(const mw_exchange *x, bool tunnel)
{
    const char *path = strcmp(x->url.target, "*") == 0 ? "" : x->url.target;
    size_t size = sizeof "http://" + strlen(x->url.host) + sizeof "[]:65535" + strlen(path);
    char *target = mw_alloc(&x->rt->allocator, size);
    if (target == NULL)
        return NULL;
    if (tunnel)
        mw_address_with_port(target, size, x->url.host, x->url.port);
    else
        snprintf(target, size, "http://%s%s", x->url.authority, path);
    return target;
}

static bool make_auth(mw_exchange *x, const struct mw_proxy *proxy)
{
    struct mw_proxying *p = x->proxying;
    const struct mw_credentials c = {MW_AUTH_DEFAULT, proxy->user, proxy->password, NULL};
    if (p->known == proxy)
        return true;
    forget_auth(x);
    p->known = proxy;
    if (proxy->user == NULL || mw_proxy_is_socks(proxy))
        return true;
    p->auth = mw_auth_new(x->rt, proxy->name, &c);
    return p->auth != NULL;
}

int mw_proxying_choose(mw_exchange *x)
{
    struct mw_proxying *p = x->proxying;
    if (p == NULL)
        return MW_OK;
    forget_leg(x);
    const struct mw_proxy *proxy = proxy_of(x, &p->wrong);
    if (proxy == NULL)
        return MW_OK;
    bool tunnel = needs_tunnel(x, proxy);
    p->key = make_key(x, proxy);
    p->target = make_target(x, tunnel);
    if (p->key == NULL || p->target == NULL || !make_auth(x, proxy)) {
        forget_leg(x);
        forget_auth(x);
        return mw_fail(x->rt, MW_ENOMEM, "no memory for a proxy");
    }
    p->via = (struct mw_via){.proxy = proxy,
                             .tunnel = tunnel,
                             .target = p->target,
                             .key = p->key,
                             .fields = &p->fields,
                             .tls = &p->tls};
    x->outgoing.via = &p->via;
    return MW_OK;
}

const char *mw_proxying_wrong(const mw_exchange *x)
{
    return x->proxying != NULL ? x->proxying->wrong : NULL;
}

const struct mw_proxy *mw_proxying_own(const mw_exchange *x)
{
    const struct mw_proxying *p = x->proxying;
    return p != NULL && p->own.name != NULL && p->via.proxy == &p->own ? &p->own : NULL;
}

/* ---- credentials --------------------------------------------------------------------------- */

static struct mw_digest_request what_is_asked(const mw_exchange *x)
{
    const struct mw_outgoing *out = &x->outgoing;
    struct mw_digest_request what = {.uri = out->via->target, .body_known = true};
    what.method = out->via->tunnel ? "CONNECT" : x->method;
    if (out->via->tunnel || !out->has_body)
        return what;
    what.body = out->body;
    what.body_length = out->body != NULL ? (size_t)out->body_length : 0;
    what.body_known = out->body != NULL;
    return what;
}

const char *mw_exchange_proxy_authorization(mw_exchange *x)
{
    struct mw_proxying *p = x->proxying;
    if (p->auth == NULL || given(x) != NULL)
        return given(x);
    const struct mw_digest_request what = what_is_asked(x);
    mw_auth_free_value(x->rt, p->value);
    p->value = NULL;
    mw_auth_value(p->auth, &what, &p->value); /* without memory the proxy will ask for it */
    return p->value;
}

bool mw_exchange_on_proxy_challenge(mw_exchange *x, const struct mw_headers *fields)
{
    struct mw_proxying *p = x->proxying;
    if (p == NULL || p->auth == NULL || given(x) != NULL)
        return false;
    const struct mw_digest_request what = what_is_asked(x);
    return mw_auth_challenged(p->auth, fields, "Proxy-Authenticate", &what);
}

static bool has_proof(const mw_exchange *x)
{
    return mw_headers_find(&x->response, "Proxy-Authentication-Info", NULL) != NULL;
}

bool mw_proxying_concerns(const mw_exchange *x)
{
    const struct mw_proxying *p = x->proxying;
    return p != NULL && p->auth != NULL && x->server == NULL && x->outgoing.via != NULL &&
           !x->outgoing.via->tunnel && given(x) == NULL && (x->status == 407 || has_proof(x));
}

enum mw_judgement mw_proxying_judge(mw_exchange *x, struct mw_leg_plan *plan)
{
    if (x->status == 407) {
        plan->why = "authenticate";
        return mw_exchange_on_proxy_challenge(x, &x->response) ? MW_JUDGE_AGAIN : MW_JUDGE_FINAL;
    }
    if (mw_auth_confirmed(x->proxying->auth, &x->response, "Proxy-Authentication-Info"))
        return MW_JUDGE_FINAL;
    mw_failure_init(&plan->failure, MW_UNKNOWN_PROXY_ERROR, MW_PHASE_HEAD);
    mw_failure_text(&plan->failure, "proxy %.100s: it does not know the password itself",
                    x->outgoing.via->proxy->name);
    return MW_JUDGE_FAIL;
}
