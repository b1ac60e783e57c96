/* A jar of cookies by hand: what a program, or a script, asks it for.
 * SPDX-License-Identifier: MIT */
#include "core/cookie_jar.h"

#include "base/grammar.h"

#include <string.h>
#include <strings.h>
#include <time.h>

enum { LONGEST_HOST = 255 };

static int64_t now(void)
{
    return (int64_t)time(NULL);
}

/* The place that a URL names; its host goes to `host`, of LONGEST_HOST + 1 bytes. */
static int read_place(mw_cookie_jar *jar, const char *url, struct mw_cookie_place *place,
                      char *host)
{
    struct mw_url_parts parts;
    const char *wrong = mw_url_split(url, &parts);
    if (wrong != NULL)
        return mw_cookie_jar_fail(jar, MW_EINVAL, "bad url: %s", wrong);
    bool https = parts.scheme.length == 5 && strncasecmp(parts.scheme.at, "https", 5) == 0;
    if (!https && !(parts.scheme.length == 4 && strncasecmp(parts.scheme.at, "http", 4) == 0))
        return mw_cookie_jar_fail(jar, MW_EINVAL, "bad url: it is neither http nor https");
    if (parts.host.length > LONGEST_HOST || mw_bad_host(parts.host.at, parts.host.length) >= 0)
        return mw_cookie_jar_fail(jar, MW_EINVAL, "bad url: its host is none");
    for (size_t i = 0; i < parts.host.length; i++) {
        char c = parts.host.at[i];
        host[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    host[parts.host.length] = '\0';
    place->host = host;
    place->path = parts.path.length > 0 ? parts.path : (struct mw_span){"/", 1};
    place->secure = mw_cookie_is_secure(host, https);
    return MW_OK;
}

int mw_cookie_jar_set(mw_cookie_jar *jar, const char *set_cookie, const char *url)
{
    char host[LONGEST_HOST + 1];
    struct mw_cookie_place place;
    int result = read_place(jar, url, &place, host);
    if (result != MW_OK)
        return result;
    return mw_cookie_jar_take(jar, &place, set_cookie, strlen(set_cookie), now());
}

int mw_cookie_jar_select(mw_cookie_jar *jar, const char *url)
{
    char host[LONGEST_HOST + 1];
    struct mw_cookie_place place;
    int result = read_place(jar, url, &place, host);
    if (result != MW_OK)
        return result;
    if (!mw_cookie_jar_choose(jar, &place, now()))
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
