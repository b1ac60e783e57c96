/* A download: one exchange, whose body goes to a file that takes its place when it is whole.
 *
 * What the exchange tells comes from the loop (on_head, on_body, on_done), and so does what the
 * user is told from here. Each turn moves a bounded piece (pump), so that the loop turns for others
 * too. SPDX-License-Identifier: MIT */
#include "core/download.h"

#include "base/error.h"
#include "core/download_reply.h"
#include "core/exchange.h"
#include "core/runtime.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Of the body of a refusal, which is thrown away; behind it we hang up. */
enum { MOST_REFUSED = 64 << 10 };

static const double progress_interval = 0.1;

/* ---- the end ------------------------------------------------------------------------------- */

/* The first trouble is the one that counts; the exchange is of no more use then. */
static void stop(mw_download *d)
{
    d->takes_body = false;
    if (d->x != NULL)
        mw_exchange_cancel(d->x);
}

/* The error's name in small letters: "timeout", "content_not_found". */
static void set_error(mw_download *d, int error, const char *words)
{
    const char *name = mw_error_name(error);
    char code[sizeof d->trouble.code];
    snprintf(code, sizeof code, "%s", name != NULL ? name : "unknown_network");
    for (char *at = code; *at != '\0'; at++)
        *at = (char)tolower((unsigned char)*at);
    char *end = strstr(code, "_error");
    if (end != NULL)
        *end = '\0';
    mw_trouble_set(&d->trouble, code, "%s", words);
}

static void take_error(mw_download *d)
{
    set_error(d, mw_exchange_error(d->x), mw_exchange_error_string(d->x));
    d->trouble.system_errno = mw_exchange_detail(d->x).system_errno;
}

/* Whether the file is whole, and what it should be. */
static void check_file(mw_download *d)
{
    if (d->note.total >= 0 && d->size != (uint64_t)d->note.total) {
        mw_trouble_set(&d->trouble, "incomplete", "%llu of %lld bytes came",
                       (unsigned long long)d->size, d->note.total);
        return;
    }
    if (d->digest == NULL)
        return;
    if (!mw_sha256_hex(d->digest, d->sha256)) {
        mw_trouble_set(&d->trouble, "no_memory", "no memory for the checksum");
    } else if (d->expected[0] != '\0' && strcmp(d->sha256, d->expected) != 0) {
        d->keep = false;
        mw_trouble_set(&d->trouble, "checksum",
                       "the file has come whole, but its SHA-256 is %s, not %s; it was removed",
                       d->sha256, d->expected);
    }
}

/* Calls the user; false if d was freed there. */
static bool tell_progress(mw_download *d, bool now)
{
    bool freed = false;
    mw_runtime *rt = d->rt;
    double at = mw_now();
    mw_progress p = {d->size, d->note.total >= 0 ? (uint64_t)d->note.total : MW_UNKNOWN, 0, -1};
    mw_rate_note(&d->rate, at, d->size);
    if (d->on_progress == NULL || (!now && at - d->told_at < progress_interval))
        return true;
    d->told_at = at;
    p.rate = mw_rate_at(&d->rate, at, d->size);
    if (p.total != MW_UNKNOWN && (p.rate > 0 || p.total <= p.received))
        p.eta = p.total > p.received ? (double)(p.total - p.received) / p.rate : 0;
    d->freed = &freed;
    rt->callback_depth++;
    d->on_progress(d, &p, d->ud);
    rt->callback_depth--;
    if (!freed)
        d->freed = NULL;
    return !freed;
}

static void finish(mw_download *d)
{
    mw_runtime *rt = d->rt;
    mw_undefer(&d->work);
    d->finished = true;
    rt->pending--;
    rt->callback_depth++;
    if (d->on_done != NULL)
        d->on_done(d, d->ud);
    rt->callback_depth--;
}

/* Everything has been written, or has failed. */
static void conclude(mw_download *d)
{
    if (d->trouble.code[0] == '\0' && !d->is_complete && mw_exchange_error(d->x) != MW_NO_ERROR)
        take_error(d);
    if (d->trouble.code[0] == '\0')
        check_file(d);
    if (d->trouble.code[0] == '\0' && !tell_progress(d, true))
        return;
    if (d->trouble.code[0] == '\0')
        mw_part_commit(&d->part, &d->trouble);
    mw_part_close(&d->part, d->keep);
    mw_sha256_free(d->digest);
    d->digest = NULL;
    finish(d);
}

/* ---- bytes --------------------------------------------------------------------------------- */

static bool add_to_digest(mw_download *d, const void *bytes, size_t length)
{
    if (d->digest == NULL)
        return true;
    d->hashed += length;
    if (mw_sha256_add(d->digest, bytes, length))
        return true;
    mw_trouble_set(&d->trouble, "no_memory", "no memory for the checksum");
    return false;
}

/* What an earlier download has left goes into the checksum as well. */
static bool hash_piece(mw_download *d)
{
    uint64_t left = d->resumed_from - d->hashed;
    size_t length = left < MW_DOWNLOAD_PIECE ? (size_t)left : MW_DOWNLOAD_PIECE;
    char *bytes = mw_alloc(&d->rt->allocator, length);
    if (bytes == NULL)
        mw_trouble_set(&d->trouble, "no_memory", "no memory for the checksum");
    bool done = bytes != NULL && mw_part_read(&d->part, d->hashed, bytes, length, &d->trouble) &&
                add_to_digest(d, bytes, length);
    mw_dealloc(&d->rt->allocator, bytes);
    return done;
}

static bool too_much(mw_download *d, uint64_t more)
{
    if (d->size + more > d->most)
        mw_trouble_set(&d->trouble, "unknown_content",
                       "the file is larger than max_body_size, %llu bytes",
                       (unsigned long long)d->most);
    else if (d->note.total >= 0 && d->size + more > (uint64_t)d->note.total)
        mw_trouble_set(&d->trouble, "bad_range", "more came than the %lld bytes that the file has",
                       d->note.total);
    else
        return false;
    return true;
}

static bool write_piece(mw_download *d)
{
    size_t room = MW_DOWNLOAD_PIECE, length;
    const void *bytes;
    while (room > 0 && (bytes = mw_exchange_front(d->x, &length), length > 0)) {
        if (length > room)
            length = room;
        if (too_much(d, length))
            return false;
        bool written = mw_part_write(&d->part, bytes, length, &d->trouble);
        d->size = d->part.size;
        if (!written || !add_to_digest(d, bytes, length))
            return false;
        mw_exchange_skip(d->x, length);
        room -= length;
    }
    return true;
}

/* Of a refusal. It may never end. */
static void drop_body(mw_download *d)
{
    char words[160];
    mw_exchange_drop(d->x);
    if (mw_exchange_received(d->x) <= MOST_REFUSED || mw_exchange_finished(d->x))
        return;
    if (d->trouble.code[0] == '\0' && !d->is_complete) {
        snprintf(words, sizeof words, "the server answered %d %.100s", mw_exchange_status(d->x),
                 mw_exchange_reason(d->x));
        set_error(d, mw_error_of_status(mw_exchange_status(d->x)), words);
    }
    mw_exchange_cancel(d->x);
}

/* Moves a piece, if there is one to move, and sees whether that was the last. */
static void pump(mw_download *d)
{
    bool waits = false;
    if (d->finished)
        return;
    if (d->trouble.code[0] == '\0' && d->digest != NULL && d->hashed < d->resumed_from) {
        waits = hash_piece(d);
        if (!waits)
            stop(d);
    } else if (d->takes_body) {
        bool moves = mw_exchange_available(d->x) > 0;
        if (!write_piece(d))
            stop(d);
        else if (moves && !tell_progress(d, false))
            return;
        waits = d->takes_body && mw_exchange_available(d->x) > 0;
    } else if (d->x != NULL) {
        drop_body(d);
    }
    if (waits)
        mw_defer(d->rt, &d->work);
    else if (d->ended)
        conclude(d);
}

void mw_download_on_work(struct mw_deferred *self)
{
    pump(MW_ITEM(self, mw_download, work));
}

/* ---- what the exchange tells --------------------------------------------------------------- */

static bool begin(mw_download *d)
{
    bool noted = d->note.validator[0] != '\0';
    d->resumed_from = d->size = d->hashed = 0;
    d->takes_body = d->keep = true;
    if (d->note.total >= 0 && (uint64_t)d->note.total > d->most)
        return !too_much(d, (uint64_t)d->note.total);
    return mw_part_begin(&d->part, noted ? &d->note : NULL, &d->trouble);
}

static bool go_on(mw_download *d)
{
    d->resumed_from = d->asked_from;
    d->hashed = 0;
    return (uint64_t)d->note.total <= d->most || !too_much(d, (uint64_t)d->note.total);
}

bool mw_download_concerns(const mw_exchange *x)
{
    return x->download != NULL && x->download->asked_from > 0 &&
           (x->status == 206 || x->status == 416);
}

enum mw_judgement mw_download_judge(mw_exchange *x, struct mw_leg_plan *plan)
{
    struct mw_trouble trouble;
    mw_download *d = x->download;
    struct mw_part_note note = d->note;
    if (mw_reply_meaning(x, d->asked_from, &note, d->keep_coding, &trouble) != MW_REPLY_CHANGED)
        return MW_JUDGE_FINAL;
    mw_headers_remove(&x->fields, "Range");
    mw_headers_remove(&x->fields, "If-Range");
    d->asked_from = d->size = 0;
    d->keep = false;
    plan->why = "changed";
    return MW_JUDGE_AGAIN;
}

void mw_download_on_head(mw_exchange *x, void *ud)
{
    mw_download *d = ud;
    bool goes_on = true;
    if (d->trouble.code[0] != '\0')
        return;
    switch (mw_reply_meaning(x, d->asked_from, &d->note, d->keep_coding, &d->trouble)) {
    case MW_REPLY_WHOLE:
        goes_on = begin(d);
        break;
    case MW_REPLY_REST:
        goes_on = d->takes_body = go_on(d);
        break;
    case MW_REPLY_COMPLETE:
        d->is_complete = true;
        goes_on = go_on(d);
        break;
    case MW_REPLY_STATUS:
        break;
    case MW_REPLY_CHANGED: /* another leg was asked for before this could be told */
    case MW_REPLY_USELESS:
        goes_on = false;
        break;
    }
    mw_rate_start(&d->rate, mw_now(), d->size);
    if (!goes_on)
        stop(d);
}

void mw_download_on_body(mw_exchange *x, void *ud)
{
    (void)x;
    pump(ud);
}

void mw_download_on_end(mw_exchange *x, void *ud)
{
    mw_download *d = ud;
    (void)x;
    d->ended = true;
    pump(d);
}

/* ---- from outside -------------------------------------------------------------------------- */

void mw_download_cancel(mw_download *d)
{
    if (d->finished || d->trouble.code[0] != '\0')
        return;
    mw_trouble_set(&d->trouble, "operation_cancelled", "the download was cancelled");
    stop(d);
    mw_defer(d->rt, &d->work); /* the exchange may be over already */
}

/* ---- what can be asked of it --------------------------------------------------------------- */

int mw_download_finished(const mw_download *d)
{
    return d->finished;
}

const char *mw_download_code(const mw_download *d)
{
    return d->trouble.code;
}

const char *mw_download_message(const mw_download *d)
{
    return d->trouble.text;
}

int mw_download_errno(const mw_download *d)
{
    return d->trouble.system_errno;
}

const char *mw_download_path(const mw_download *d)
{
    return d->path;
}

uint64_t mw_download_size(const mw_download *d)
{
    return d->size;
}

uint64_t mw_download_resumed_from(const mw_download *d)
{
    return d->resumed_from;
}

const char *mw_download_sha256(const mw_download *d)
{
    return d->sha256;
}

mw_exchange *mw_download_exchange(const mw_download *d)
{
    return d->x;
}

mw_exchange *mw_download_take_exchange(mw_download *d)
{
    mw_exchange *x = d->finished ? d->x : NULL;
    if (x != NULL) {
        x->download = NULL;
        d->x = NULL;
    }
    return x;
}
