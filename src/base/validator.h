/* What tells one version of a file from another: entity tags and dates (RFC 9110, 8.8).
 * SPDX-License-Identifier: MIT */
#ifndef MW_BASE_VALIDATOR_H
#define MW_BASE_VALIDATOR_H

#include <stdbool.h>

/* An entity tag in its quotes that is not marked as weak (8.8.3). */
bool mw_etag_is_strong(const char *tag);

/* A file's Last-Modified tells its versions apart only where the reply's Date is a second later, or
 * the file may have changed twice in that second (8.8.2.2). NULL: the field was not there. */
bool mw_date_is_strong(const char *last_modified, const char *date);

#endif
