/* What the head of a reply means for a file that is there in part, or not at all.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_DOWNLOAD_REPLY_H
#define MW_CORE_DOWNLOAD_REPLY_H

#include "core/part_file.h"
#include "moonwire.h"

enum mw_reply_meaning {
    MW_REPLY_WHOLE,    /* the file from its beginning; `note` has its total and validator */
    MW_REPLY_REST,     /* what is missing; `note` has its total */
    MW_REPLY_COMPLETE, /* nothing is missing */
    MW_REPLY_CHANGED,  /* the server has another version than that of which the part is */
    MW_REPLY_STATUS,   /* 4xx, 5xx: the exchange will say so itself */
    MW_REPLY_USELESS   /* the trouble is told */
};

/* `offset`: so many bytes are there, and what comes behind them was asked for; 0: all was. `note`
 * is of what is there. `keep_coding` is mw_download_options'. */
enum mw_reply_meaning mw_reply_meaning(const mw_exchange *x, uint64_t offset,
                                       struct mw_part_note *note, bool keep_coding,
                                       struct mw_trouble *t);

#endif
