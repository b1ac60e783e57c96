/* How a download begins and is freed: what is asked for is checked, what is there already is found,
 * and the request that fetches the rest is made of the user's.
 * SPDX-License-Identifier: MIT */
#include "core/download.h"

#include "base/grammar.h"
#include "core/exchange.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool has_field(const mw_options *o, const char *name)
{
    for (size_t i = 0; i < o->header_count; i++) {
        if (o->headers[i].name != NULL && mw_same_name(o->headers[i].name, name))
            return true;
    }
    return false;
}

static int check_sha256(mw_runtime *rt, const char *hex)
{
    size_t length = strspn(hex, "0123456789abcdefABCDEF");
    if (hex[length] == '\0' && length == MW_SHA256_HEX - 1)
        return MW_OK;
    return mw_fail(rt, MW_EINVAL, "bad sha256: \"%.80s\" is not 64 hexadecimal digits", hex);
}

static int check(mw_runtime *rt, const mw_download_options *o)
{
    const mw_options *r = o->request;
    if (r == NULL)
        return mw_fail(rt, MW_EINVAL, "bad request: a download has one");
    if (o->path == NULL || o->path[0] == '\0')
        return mw_fail(rt, MW_EINVAL, "bad path: it is empty");
    if (r->method != NULL && strcmp(r->method, "GET") != 0)
        return mw_fail(rt, MW_EINVAL, "bad method: a download sends GET, not %.40s", r->method);
    if (r->body != NULL || r->body_file != NULL || r->body_fd != NULL || r->read_body != NULL)
        return mw_fail(rt, MW_EINVAL, "bad body: a download sends none");
    if (has_field(r, "Range") || has_field(r, "If-Range"))
        return mw_fail(rt, MW_EINVAL, "bad headers: a download sends Range and If-Range by itself");
    if (o->mode < 0 || o->mode > 0777)
        return mw_fail(rt, MW_EINVAL, "bad mode: it is not between 0 and 0777 (octal)");
    return o->sha256 != NULL ? check_sha256(rt, o->sha256) : MW_OK;
}

/* The hash of what is asked for, by the words in which it was. */
static bool hash_url(const mw_options *o, char hex[MW_SHA256_HEX])
{
    char port[16];
    const char *words[] = {o->url, o->protocol, o->hostname, port, o->path, o->query, o->unix_path};
    struct mw_sha256 *digest = mw_sha256_new();
    bool done = digest != NULL;
    snprintf(port, sizeof port, "%d", o->port);
    for (size_t i = 0; i < sizeof words / sizeof words[0] && done; i++) {
        if (words[i] != NULL) /* the NUL parts it from the next */
            done = mw_sha256_add(digest, words[i], strlen(words[i]) + 1);
        done = done && mw_sha256_add(digest, "", 1);
    }
    done = done && mw_sha256_hex(digest, hex);
    mw_sha256_free(digest);
    return done;
}

/* Opens the part. What goes wrong with it is told later, from the loop. */
static int open_part(mw_download *d, const mw_download_options *o)
{
    char url[MW_SHA256_HEX];
    if (!hash_url(o->request, url))
        return mw_fail(d->rt, MW_ENOMEM, "no memory for a download");
    d->keep = true;
    if (!mw_part_open(&d->part, &d->rt->allocator, o->path, o->mode != 0 ? o->mode : -1,
                      o->no_overwrite != 0, &d->trouble))
        return MW_OK;
    if (!o->no_resume && mw_part_resume(&d->part, &d->note, url))
        d->asked_from = d->size = d->part.size;
    memcpy(d->note.url, url, sizeof url);
    return MW_OK;
}

static int start_exchange(mw_download *d, const mw_download_options *o)
{
    char from[40];
    mw_options request = *o->request;
    size_t count = request.header_count;
    mw_header *fields = mw_alloc(&d->rt->allocator, (count + 3) * sizeof *fields);
    if (fields == NULL)
        return mw_fail(d->rt, MW_ENOMEM, "no memory for a download");
    if (count > 0)
        memcpy(fields, request.headers, count * sizeof *fields);
    if (!has_field(&request, "Accept-Encoding"))
        fields[count++] = (mw_header){"Accept-Encoding", "identity"};
    if (d->asked_from > 0) {
        snprintf(from, sizeof from, "bytes=%llu-", (unsigned long long)d->asked_from);
        fields[count++] = (mw_header){"Range", from};
        fields[count++] = (mw_header){"If-Range", d->note.validator};
    }
    request.headers = fields;
    request.header_count = count;
    request.read_buffer_size = MW_DOWNLOAD_PIECE;
    request.max_body_size = d->most;
    request.keep_encoded = 1; /* sizes and ranges are those of the bytes as they come */
    request.on_sent = NULL;
    request.on_interim = NULL;
    request.on_redirect = NULL;
    request.on_head = mw_download_on_head;
    request.on_body = mw_download_on_body;
    request.on_done = mw_download_on_end;
    request.ud = d;
    int result = mw_exchange_start(d->rt, &request, &d->x);
    mw_dealloc(&d->rt->allocator, fields);
    if (result == MW_OK)
        d->x->download = d;
    return result;
}

static int start(mw_download *d, const mw_download_options *o)
{
    d->path = mw_strdup(&d->rt->allocator, o->path);
    if (o->sha256 != NULL) {
        for (size_t i = 0; i < MW_SHA256_HEX; i++)
            d->expected[i] = (char)tolower((unsigned char)o->sha256[i]);
    }
    if (o->sha256 != NULL || o->hash)
        d->digest = mw_sha256_new();
    if (d->path == NULL || ((o->sha256 != NULL || o->hash) && d->digest == NULL))
        return mw_fail(d->rt, MW_ENOMEM, "no memory for a download");
    int result = open_part(d, o);
    if (result == MW_OK && d->trouble.code[0] == '\0')
        return start_exchange(d, o);
    d->ended = true; /* there is no exchange to wait for */
    mw_defer(d->rt, &d->work);
    return result;
}

int mw_download_start(mw_runtime *rt, const mw_download_options *options, mw_download **out)
{
    int result = check(rt, options);
    if (result != MW_OK)
        return result;
    mw_download *d = mw_zalloc(&rt->allocator, sizeof *d);
    if (d == NULL)
        return mw_fail(rt, MW_ENOMEM, "no memory for a download");
    d->rt = rt;
    d->part.fd = d->part.folder = -1;
    d->part.allocator = &rt->allocator;
    d->on_progress = options->on_progress;
    d->on_done = options->on_done;
    d->ud = options->ud;
    d->work.run = mw_download_on_work;
    d->keep_coding = options->keep_coding != 0;
    uint64_t most = options->request->max_body_size;
    d->most = most != 0 ? most : MW_UNKNOWN;
    mw_list_append(&rt->downloads, &d->link);
    rt->pending++;
    result = start(d, options);
    if (result != MW_OK) {
        mw_download_free(d);
        return result;
    }
    if (out != NULL)
        *out = d;
    return MW_OK;
}

void mw_download_free(mw_download *d)
{
    if (d == NULL)
        return;
    mw_runtime *rt = d->rt;
    if (d->freed != NULL)
        *d->freed = true;
    if (!d->finished)
        rt->pending--;
    mw_undefer(&d->work);
    mw_unlink(&d->link);
    mw_exchange_free(d->x);
    mw_part_close(&d->part, d->keep);
    mw_sha256_free(d->digest);
    mw_dealloc(&rt->allocator, d->path);
    mw_dealloc(&rt->allocator, d);
}

void mw_downloads_free(mw_runtime *rt)
{
    while (!mw_list_empty(&rt->downloads))
        mw_download_free(MW_ITEM(rt->downloads.next, mw_download, link));
}
