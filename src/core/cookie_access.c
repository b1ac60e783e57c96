/* A jar of cookies by hand: what a program, or a script, asks it for.
 * SPDX-License-Identifier: MIT */
#include "core/cookie_jar.h"

#include "base/url_host.h"
#include "base/url_parse.h"

#include <string.h>
#include <strings.h>
#include <time.h>

static int64_t now(void)
{
    return (int64_t)time(NULL);
}

/* A URL and the place that it names, whose texts lie in it. */
struct located {
    struct mw_parsed_url url;
    char host[MW_HOST_SIZE];
    struct mw_cookie_place place;
};

static bool scheme_is(const struct located *l, const char *scheme)
{
    return l->url.scheme.length == strlen(scheme) &&
           memcmp(l->url.scheme.at, scheme, l->url.scheme.length) == 0;
}

/* MW_OK: mw_parsed_url_free(&l->url) is to follow. */
static int locate(mw_cookie_jar *jar, const char *text, struct located *l)
{
    const char *wrong = mw_url_parse(&jar->allocator, mw_span(text), false, &l->url);
    if (wrong == mw_url_no_memory)
        return mw_cookie_jar_fail(jar, MW_ENOMEM, "no memory for a URL");
    if (wrong != NULL)
        return mw_cookie_jar_fail(jar, MW_EINVAL, "bad url: %s", wrong);
    bool https = scheme_is(l, "https");
    if (!https && !scheme_is(l, "http")) {
        mw_parsed_url_free(&l->url, &jar->allocator);
        return mw_cookie_jar_fail(jar, MW_EINVAL, "bad url: it is neither http nor https");
    }
    memcpy(l->host, l->url.host.at, l->url.host.length);
    l->host[l->url.host.length] = '\0';
    l->place = (struct mw_cookie_place){l->host, l->url.path, mw_cookie_is_secure(l->host, https)};
    return MW_OK;
}

int mw_cookie_jar_set(mw_cookie_jar *jar, const char *set_cookie, const char *url)
{
    struct located l;
    int result = locate(jar, url, &l);
    if (result != MW_OK)
        return result;
    result = mw_cookie_jar_take(jar, &l.place, set_cookie, strlen(set_cookie), now());
    mw_parsed_url_free(&l.url, &jar->allocator);
    return result;
}

int mw_cookie_jar_select(mw_cookie_jar *jar, const char *url)
{
    struct located l;
    int result = locate(jar, url, &l);
    if (result != MW_OK)
        return result;
    bool chosen = mw_cookie_jar_choose(jar, &l.place, now());
    mw_parsed_url_free(&l.url, &jar->allocator);
    if (!chosen)
        return mw_cookie_jar_fail(jar, MW_ENOMEM, "no memory for a list of cookies");
    return (int)jar->selected_count;
}

const mw_cookie *mw_cookie_jar_selected(const mw_cookie_jar *jar, size_t index)
{
    return index < jar->selected_count ? &jar->selected[index]->cookie : NULL;
}

const char *mw_cookie_jar_header(mw_cookie_jar *jar, const char *url)
{
    if (mw_cookie_jar_select(jar, url) < 0)
        return NULL;
    const char *text = mw_cookie_jar_join(jar);
    if (text == NULL)
        mw_cookie_jar_fail(jar, MW_ENOMEM, "no memory for a Cookie field");
    return text;
}

size_t mw_cookie_jar_count(mw_cookie_jar *jar)
{
    mw_cookie_jar_sweep(jar, now());
    return jar->count;
}

const mw_cookie *mw_cookie_jar_next(mw_cookie_jar *jar, const mw_cookie *after)
{
    const struct mw_link *l = &jar->by_age;
    if (after == NULL)
        mw_cookie_jar_sweep(jar, now()); /* not between two of them: `after` itself might go */
    else
        l = &MW_ITEM(after, struct mw_stored_cookie, cookie)->by_age;
    l = l->next;
    return l != &jar->by_age ? &MW_ITEM(l, struct mw_stored_cookie, by_age)->cookie : NULL;
}

size_t mw_cookie_jar_remove(mw_cookie_jar *jar, const char *domain, const char *path,
                            const char *name)
{
    size_t removed = 0;
    mw_cookie_jar_sweep(jar, now());
    if (domain != NULL && *domain == '.')
        domain++;
    for (struct mw_link *l = jar->by_age.next, *next; l != &jar->by_age; l = next) {
        struct mw_stored_cookie *s = MW_ITEM(l, struct mw_stored_cookie, by_age);
        next = l->next;
        if ((domain == NULL || strcasecmp(s->cookie.domain, domain) == 0) &&
            (path == NULL || strcmp(s->cookie.path, path) == 0) &&
            (name == NULL || strcmp(s->cookie.name, name) == 0)) {
            mw_cookie_jar_discard(jar, s);
            removed++;
        }
    }
    return removed;
}
