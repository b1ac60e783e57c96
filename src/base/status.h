/* The registered status codes and their phrases.
 * SPDX-License-Identifier: MIT */
#ifndef MW_BASE_STATUS_H
#define MW_BASE_STATUS_H

/* "Not Found" for 404; "" for a code that nobody registered. */
const char *mw_status_phrase(int status);

#endif
