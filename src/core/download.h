/* Downloads of the runtime's.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_DOWNLOAD_H
#define MW_CORE_DOWNLOAD_H

#include "base/rate.h"
#include "core/leg.h"
#include "core/part_file.h"
#include "moonwire.h"
#include "net/tls_sha256.h"

enum { MW_DOWNLOAD_PIECE = 256 << 10 }; /* written, or read again, in one turn */

struct mw_download {
    struct mw_link link;
    mw_runtime *rt;
    mw_exchange *x; /* NULL: the disk refused, or it was taken */
    mw_progress_fn on_progress;
    mw_download_fn on_done;
    void *ud;
    bool *freed; /* set where somebody must learn that a callback freed d */
    struct mw_deferred work;

    struct mw_part part;
    struct mw_part_note note;
    char *path;
    uint64_t asked_from, resumed_from, size;
    uint64_t most; /* bytes that the file may have */
    bool keep_coding;
    bool takes_body;  /* what comes is the file's */
    bool is_complete; /* there was nothing to come */
    bool keep;        /* what is there, if it fails */
    bool ended;       /* the exchange is over */
    bool finished;

    struct mw_sha256 *digest; /* NULL: nobody wants to know */
    uint64_t hashed;
    char expected[MW_SHA256_HEX], sha256[MW_SHA256_HEX]; /* "" */

    struct mw_rate rate;
    double told_at; /* of progress */
    struct mw_trouble trouble;
};

/* What its exchange tells, and its deferred work (download.c). */
void mw_download_on_head(mw_exchange *x, void *ud);
void mw_download_on_body(mw_exchange *x, void *ud);
void mw_download_on_end(mw_exchange *x, void *ud);
void mw_download_on_work(struct mw_deferred *self);

/* At the runtime's end: all that are left, their exchanges with them. */
void mw_downloads_free(mw_runtime *rt);

/* A step of leg.c's: the server has another version than that of which the part is. Another leg
 * asks for all of it. */
bool mw_download_concerns(const mw_exchange *x);
enum mw_judgement mw_download_judge(mw_exchange *x, struct mw_leg_plan *plan);

#endif
