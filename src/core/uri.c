/* URLs for the user: mw_uri_*, on what base knows of them.
 * SPDX-License-Identifier: MIT */
#include "base/url_parse.h"
#include "base/url_percent.h"
#include "core/runtime.h"

#include <string.h>

static mw_bytes bytes_of(bool there, struct mw_span span)
{
    return there ? (mw_bytes){span.at, span.length} : (mw_bytes){NULL, 0};
}

static struct mw_span span_of(mw_bytes bytes)
{
    return bytes.at != NULL ? (struct mw_span){bytes.at, bytes.length} : mw_span(NULL);
}

/* Whose fault it is: a base that cannot be read alone is to blame. */
static int refuse(mw_runtime *rt, const mw_bytes *base, const char *wrong)
{
    struct mw_parsed_url alone;
    const char *what = "URL";
    if (wrong == mw_url_no_memory)
        return mw_fail(rt, MW_ENOMEM, "no memory for the URL");
    if (base != NULL) {
        bool good = mw_url_parse(&rt->allocator, span_of(*base), true, &alone) == NULL;
        mw_parsed_url_free(&alone, &rt->allocator);
        what = good ? "reference" : "base";
    }
    return mw_fail(rt, MW_EINVAL, "bad %s: %s", what, wrong);
}

int mw_uri_resolve(mw_runtime *rt, const mw_bytes *base, mw_bytes reference, mw_uri *uri)
{
    struct mw_parsed_url url;
    const char *wrong;
    memset(uri, 0, sizeof *uri);
    if (base != NULL && base->length == 0)
        return mw_fail(rt, MW_EINVAL, "bad base: it is empty");
    wrong = mw_url_resolve(&rt->allocator, base != NULL ? span_of(*base) : mw_span(NULL),
                           span_of(reference), &url);
    if (wrong != NULL)
        return refuse(rt, base, wrong);
    uri->href = url.href;
    uri->scheme = bytes_of(true, url.scheme);
    uri->user = bytes_of(url.has_user, url.user);
    uri->password = bytes_of(url.has_password, url.password);
    uri->host = bytes_of(url.has_host, url.host);
    uri->zone = bytes_of(url.has_zone, url.zone);
    uri->path = bytes_of(true, url.path);
    uri->query = bytes_of(url.has_query, url.query);
    uri->fragment = bytes_of(url.has_fragment, url.fragment);
    uri->origin = bytes_of(url.origin.length > 0, url.origin);
    uri->port = url.port;
    return MW_OK;
}

void mw_uri_free(mw_runtime *rt, mw_uri *uri)
{
    mw_dealloc(&rt->allocator, uri->href);
    memset(uri, 0, sizeof *uri);
}

size_t mw_uri_encode(char *out, const char *text, size_t length, const char *keep)
{
    struct mw_span span = {text, length};
    return (size_t)(mw_percent_encode(out, span, keep != NULL ? keep : "") - out);
}

long long mw_uri_decode(char *out, const char *text, size_t length, size_t *at)
{
    struct mw_span span = {text, length};
    long long bad = mw_bad_escape(span);
    if (bad < 0)
        return mw_percent_decode(out, span) - out;
    *at = (size_t)bad;
    return -1;
}
