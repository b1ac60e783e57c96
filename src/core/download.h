/* Downloads of the runtime's.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_DOWNLOAD_H
#define MW_CORE_DOWNLOAD_H

#include "core/leg.h"
#include "moonwire.h"

/* At the runtime's end: all that are left, their exchanges with them. */
void mw_downloads_free(mw_runtime *rt);

/* A step of leg.c's: the server has another version than that of which the part is. Another leg
 * asks for all of it. */
bool mw_download_concerns(const mw_exchange *x);
enum mw_judgement mw_download_judge(mw_exchange *x, struct mw_leg_plan *plan);

#endif
