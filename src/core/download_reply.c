/* What a reply means for a download. Whoever joins two replies to one file must be sure of both:
 * only a 206 that says exactly what was asked for, of the version that was asked for, is trusted.
 * SPDX-License-Identifier: MIT */
#include "core/download_reply.h"

#include "base/content_range.h"
#include "base/grammar.h"

#include <string.h>
#include <strings.h>

static bool is_coded(const mw_exchange *x, const char **coding)
{
    *coding = mw_exchange_header(x, "Content-Encoding");
    return *coding != NULL && **coding != '\0' && !mw_same_name(*coding, "identity");
}

static enum mw_reply_meaning useless(const mw_exchange *x, struct mw_trouble *t, const char *words)
{
    mw_trouble_set(t, "bad_range", "the server answered %d %s", mw_exchange_status(x), words);
    return MW_REPLY_USELESS;
}

static enum mw_reply_meaning refuse_coding(struct mw_trouble *t, const char *coding)
{
    mw_trouble_set(
        t, "bad_coding",
        "the server sent the file coded (Content-Encoding: %.60s), although it was asked "
        "not to",
        coding);
    return MW_REPLY_USELESS;
}

/* The same version, by what it is told by. A reply that does not repeat it may be of any (RFC 9110,
 * 15.3.7.3). */
static bool same_version(const mw_exchange *x, const char *validator)
{
    bool tag = validator[0] == '"';
    const char *now = mw_exchange_header(x, tag ? "ETag" : "Last-Modified");
    return now != NULL && strcmp(now, validator) == 0;
}

static enum mw_reply_meaning whole(const mw_exchange *x, struct mw_part_note *note)
{
    note->total = mw_exchange_total(x);
    mw_part_note_validator(note, mw_exchange_header(x, "ETag"),
                           mw_exchange_header(x, "Last-Modified"), mw_exchange_header(x, "Date"));
    return MW_REPLY_WHOLE;
}

static enum mw_reply_meaning rest(const mw_exchange *x, uint64_t offset, struct mw_part_note *note,
                                  struct mw_trouble *t)
{
    struct mw_content_range range;
    const char *type = mw_exchange_header(x, "Content-Type");
    const char *field = mw_exchange_header(x, "Content-Range");
    long long length = mw_exchange_total(x);
    if (offset == 0)
        return useless(x, t, "with a part of the file, which was not asked for");
    if (type != NULL && strncasecmp(type, "multipart/", 10) == 0)
        return useless(x, t,
                       "with several parts of the file (multipart/byteranges), where one was "
                       "asked for");
    if (field == NULL || !mw_content_range_parse(&range, field) || !range.satisfied)
        return useless(x, t, "without saying which part of the file it is (Content-Range)");
    if (range.first != (long long)offset || (range.total >= 0 && range.last != range.total - 1))
        return useless(x, t,
                       "with another part of the file than what was asked for "
                       "(Content-Range)");
    if (length >= 0 && length != range.last - range.first + 1)
        return useless(x, t, "with a Content-Length that is not that of its Content-Range");
    if (range.total < 0 || (note->total >= 0 && range.total != note->total) ||
        !same_version(x, note->validator))
        return MW_REPLY_CHANGED;
    note->total = range.total;
    return MW_REPLY_REST;
}

/* Nothing lies behind the last byte: so says a server that is asked for the rest of what is whole
 * (RFC 9110, 15.5.17). */
static enum mw_reply_meaning unsatisfiable(const mw_exchange *x, uint64_t offset,
                                           struct mw_part_note *note)
{
    struct mw_content_range range;
    const char *field = mw_exchange_header(x, "Content-Range");
    bool tells = mw_exchange_header(x, "ETag") != NULL && note->validator[0] == '"';
    if (field == NULL || !mw_content_range_parse(&range, field) || range.satisfied ||
        range.total != (long long)offset || (note->total >= 0 && note->total != range.total) ||
        (tells && !same_version(x, note->validator)))
        return MW_REPLY_CHANGED;
    note->total = range.total;
    return MW_REPLY_COMPLETE;
}

enum mw_reply_meaning mw_reply_meaning(const mw_exchange *x, uint64_t offset,
                                       struct mw_part_note *note, bool keep_coding,
                                       struct mw_trouble *t)
{
    const char *coding;
    int status = mw_exchange_status(x);
    if (status == 416 && offset > 0)
        return unsatisfiable(x, offset, note);
    if (status >= 400)
        return MW_REPLY_STATUS;
    if (status != 200 && status != 206) {
        mw_trouble_set(t, "incomplete", "the server answered %d %.100s, which has no file in it",
                       status, mw_exchange_reason(x));
        return MW_REPLY_USELESS;
    }
    if (is_coded(x, &coding) && !keep_coding)
        return refuse_coding(t, coding);
    return status == 200 ? whole(x, note) : rest(x, offset, note, t);
}
