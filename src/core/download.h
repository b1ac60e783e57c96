/* Downloads of the runtime's.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_DOWNLOAD_H
#define MW_CORE_DOWNLOAD_H

#include "moonwire.h"

/* At the runtime's end: all that are left, their exchanges with them. */
void mw_downloads_free(mw_runtime *rt);

#endif
