/* Redirects (RFC 9110, 15.4): where to, with which method, and what must not go along.
 * SPDX-License-Identifier: MIT */
#include "core/exchange.h"

#include "base/grammar.h"
#include "base/url_parse.h"

#include <string.h>

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool mw_redirect_concerns(const mw_exchange *x)
{
    return is_redirect(x->status) && x->legs.redirects_left >= 0 &&
           mw_headers_find(&x->response, "Location", NULL) != NULL;
}

/* ---- what goes along ----------------------------------------------------------------------- */

static void remove_all(mw_exchange *x, const char *const *names)
{
    for (; *names != NULL; names++)
        mw_headers_remove(&x->fields, *names);
}

/* The fields that the user has named. */
static void remove_named(mw_exchange *x, const char *names)
{
    for (size_t i = x->fields.count; i-- > 0;) {
        if (i < x->fields.count && mw_list_has(names, x->fields.fields[i].name))
            mw_headers_remove(&x->fields, x->fields.fields[i].name);
    }
}

/* Secrets were meant for one origin, and a certificate of ours shows who we are. */
static void strip_secrets(mw_exchange *x)
{
    static const char *const names[] = {"Authorization", "Cookie", "Host", NULL};
    const struct mw_allocator *a = &x->rt->allocator;
    struct mw_tls_options *tls = &x->outgoing.tls;
    remove_all(x, names);
    if (x->legs.secret_headers != NULL)
        remove_named(x, x->legs.secret_headers);
    if (x->outgoing.via == NULL) /* else it was for the proxy */
        mw_headers_remove(&x->fields, "Proxy-Authorization");
    mw_dealloc(a, (void *)tls->cert_file);
    mw_dealloc(a, (void *)tls->key_file);
    tls->cert_file = tls->key_file = NULL;
}

static void strip_body(mw_exchange *x)
{
    static const char *const names[] = {"Content-Length",
                                        "Content-Type",
                                        "Content-Encoding",
                                        "Content-Language",
                                        "Content-Location",
                                        "Content-Disposition",
                                        "Transfer-Encoding",
                                        "Expect",
                                        "Digest",
                                        "Content-MD5",
                                        NULL};
    struct mw_outgoing *out = &x->outgoing;
    remove_all(x, names);
    mw_body_free(x);
    out->body = NULL;
    out->body_length = 0;
    out->has_body = out->in_chunks = out->expects_continue = false;
}

void mw_redirect_strip(mw_exchange *x, const struct mw_leg_plan *plan)
{
    if (!mw_same_origin(&x->url, &plan->url))
        strip_secrets(x);
    if (!plan->to_get)
        return;
    x->method = "GET";
    x->outgoing.idempotent = true;
    strip_body(x);
}

/* A method with a body becomes GET where servers have always meant that (RFC 9110, 15.4.2). */
static bool becomes_get(const mw_exchange *x)
{
    bool head = strcmp(x->method, "HEAD") == 0, get = strcmp(x->method, "GET") == 0;
    if (x->status == 303)
        return !head && !get;
    return x->status <= 302 && strcmp(x->method, "POST") == 0;
}

/* ---- the judgement ------------------------------------------------------------------------- */

static enum mw_judgement refuse(struct mw_leg_plan *plan, int code, const char *format,
                                const char *url)
{
    mw_failure_init(&plan->failure, code, MW_PHASE_HEAD);
    mw_failure_text(&plan->failure, format, url);
    return MW_JUDGE_FAIL;
}

/* As far as a request is concerned: the parts of a URL, joined as those of a first one. What leads
 * elsewhere without a fragment keeps the one that there was (RFC 9110, 10.2.2). */
static bool join(mw_exchange *x, const struct mw_parsed_url *to, struct mw_url *url)
{
    static const char root[] = "/";
    struct mw_url_parts parts = {.scheme = to->scheme,
                                 .host = to->host,
                                 .bracketed = memchr(to->host.at, ':', to->host.length) != NULL,
                                 .zone = to->zone,
                                 .has_zone = to->has_zone,
                                 .path = to->path.length > 0 ? to->path : (struct mw_span){root, 1},
                                 .query = to->query,
                                 .has_query = to->has_query,
                                 .fragment = to->fragment,
                                 .has_fragment = to->has_fragment,
                                 .port = to->port};
    if (!parts.has_fragment && x->url.fragment != NULL) {
        parts.fragment = (struct mw_span){x->url.fragment + 1, strlen(x->url.fragment + 1)};
        parts.has_fragment = true;
    }
    return mw_url_join(url, &x->rt->allocator, &parts);
}

/* Where it leads to. Returns words where that cannot be made out. */
static const char *locate(mw_exchange *x, struct mw_leg_plan *plan)
{
    const struct mw_allocator *a = &x->rt->allocator;
    const char *location = mw_headers_find(&x->response, "Location", NULL)->value;
    struct mw_span base = {x->url.href, strlen(x->url.href)};
    struct mw_span reference = {location, strlen(location)};
    struct mw_parsed_url to;
    const char *wrong = mw_url_resolve(a, base, reference, &to);
    if (wrong != NULL)
        return wrong;
    if (to.opaque || !to.has_host)
        wrong = "it leads to no host";
    else if (!join(x, &to, &plan->url))
        wrong = mw_url_no_memory;
    mw_parsed_url_free(&to, a);
    return wrong;
}

static void ask(mw_exchange *x, void *ud)
{
    struct mw_leg_plan *plan = x->legs.plan;
    const bool *freed = x->freed;
    bool wanted = x->legs.on_redirect(x, plan->url.whole, ud) != 0;
    if (!*freed && !x->ended) /* else the plan has gone */
        plan->wanted = wanted;
}

static enum mw_judgement one_too_many(const mw_exchange *x, struct mw_leg_plan *plan)
{
    if ((x->legs.retry.flags & MW_RETRY_REDIRECTS) != 0)
        return MW_JUDGE_FINAL;
    return refuse(plan, MW_TOO_MANY_REDIRECTS_ERROR, "too many redirects; the last led to %.150s",
                  plan->url.href);
}

enum mw_judgement mw_redirect_judge(mw_exchange *x, struct mw_leg_plan *plan)
{
    const char *wrong = locate(x, plan);
    if (wrong != NULL)
        return refuse(plan, MW_PROTOCOL_FAILURE, "the redirect's Location cannot be followed: %s",
                      wrong);
    plan->wanted = true;
    if (x->legs.on_redirect != NULL && !mw_exchange_call(x, ask))
        return MW_JUDGE_GONE;
    if (x->ended || !plan->wanted)
        return MW_JUDGE_FINAL;
    if (x->legs.redirects_left-- == 0 || !mw_retry_spares_redirect(&x->legs.retry))
        return one_too_many(x, plan);
    if (!plan->url.known)
        return refuse(plan, MW_PROTOCOL_UNKNOWN_ERROR,
                      "a redirect leads to a protocol that moonwire does not speak: %.150s",
                      plan->url.href);
    if (x->url.secure && !plan->url.secure)
        return refuse(plan, MW_INSECURE_REDIRECT_ERROR,
                      "a redirect leads from https to http: %.150s", plan->url.href);
    plan->why = "redirect";
    plan->has_url = true;
    plan->to_get = becomes_get(x);
    return MW_JUDGE_AGAIN;
}
