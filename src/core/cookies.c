/* The cookies of an exchange. Each leg has its own, for its own URL.
 * SPDX-License-Identifier: MIT */
#include "core/cookies.h"

#include "core/cookie_jar.h"
#include "core/exchange.h"

#include <string.h>
#include <time.h>

void mw_cookies_prepare(mw_exchange *x, const mw_options *options)
{
    x->cookies.jar = options->cookies;
    if (x->cookies.jar != NULL)
        mw_cookie_jar_retain(x->cookies.jar);
}

void mw_cookies_free(mw_exchange *x)
{
    mw_cookie_jar_free(x->cookies.jar);
    mw_dealloc(&x->rt->allocator, x->cookies.own);
    x->cookies.jar = NULL;
    x->cookies.own = NULL;
}

/* False where nobody has a place for cookies: the other end of a tunnel is not asked for a path. */
static bool place_of(const mw_exchange *x, struct mw_cookie_place *place)
{
    place->host = x->url.host;
    place->path = (struct mw_span){x->url.target, strcspn(x->url.target, "?")};
    place->secure = mw_cookie_is_secure(x->url.host, x->url.secure);
    if (place->path.length == 0 || place->path.at[0] != '/')
        place->path = mw_span("/"); /* OPTIONS asks for "*" */
    return x->cookies.jar != NULL && strcmp(x->method, "CONNECT") != 0;
}

void mw_cookies_take(mw_exchange *x)
{
    struct mw_cookie_place from;
    int64_t now = (int64_t)time(NULL);
    const struct mw_header *field = NULL;
    if (x->cookies.jar == NULL || !place_of(x, &from))
        return;
    /* what is refused is the server's own fault, and for want of memory a cookie may get lost */
    while ((field = mw_headers_find(&x->response, "Set-Cookie", field)) != NULL)
        mw_cookie_jar_take(x->cookies.jar, &from, field->value, strlen(field->value), now);
}

/* The user's Cookie fields as one text. False without memory. */
static bool read_own(mw_exchange *x)
{
    const struct mw_header *field = NULL;
    size_t size = 0;
    while ((field = mw_headers_find(&x->fields, "Cookie", field)) != NULL)
        size += strlen(field->value) + sizeof "; ";
    x->cookies.own_read = true;
    if (size == 0)
        return true;
    char *at = x->cookies.own = mw_alloc(&x->rt->allocator, size);
    if (at == NULL)
        return false;
    *at = '\0';
    while ((field = mw_headers_find(&x->fields, "Cookie", field)) != NULL) {
        at = stpcpy(at, at > x->cookies.own && *field->value != '\0' ? "; " : "");
        at = stpcpy(at, field->value);
    }
    return true;
}

/* Behind the jar's, as curl has it: a server that reads the first of a name gets the jar's. */
static bool set_field(mw_exchange *x, const char *jars, const char *own)
{
    const struct mw_allocator *a = &x->rt->allocator;
    if (*jars == '\0' || *own == '\0')
        return mw_headers_set(&x->fields, a, "Cookie", *jars == '\0' ? own : jars);
    char *both = mw_alloc(a, strlen(jars) + strlen(own) + sizeof "; ");
    if (both == NULL)
        return false;
    stpcpy(stpcpy(stpcpy(both, jars), "; "), own);
    bool set = mw_headers_set(&x->fields, a, "Cookie", both);
    mw_dealloc(a, both);
    return set;
}

static int no_memory(mw_exchange *x)
{
    return mw_fail(x->rt, MW_ENOMEM, "no memory for the cookies");
}

/* What the user gave was meant for one origin: where the field has gone on the way to another one,
 * it is not put there again, neither there nor on the way back. */
int mw_cookies_compose(mw_exchange *x)
{
    struct mw_cookie_place to;
    struct mw_cookies *c = &x->cookies;
    if (c->jar == NULL || !place_of(x, &to))
        return MW_OK;
    if (!c->own_read && !read_own(x))
        return no_memory(x);
    if (c->own != NULL && mw_headers_find(&x->fields, "Cookie", NULL) == NULL) {
        mw_dealloc(&x->rt->allocator, c->own);
        c->own = NULL;
    }
    if (!mw_cookie_jar_choose(c->jar, &to, (int64_t)time(NULL)))
        return no_memory(x);
    const char *jars = mw_cookie_jar_join(c->jar);
    if (jars == NULL)
        return no_memory(x);
    const char *own = c->own != NULL ? c->own : "";
    if (*jars == '\0' && *own == '\0') {
        mw_headers_remove(&x->fields, "Cookie");
        return MW_OK;
    }
    return set_field(x, jars, own) ? MW_OK : no_memory(x);
}
