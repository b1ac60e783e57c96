/* Dates as HTTP writes them.
 * SPDX-License-Identifier: MIT */
#ifndef MW_BASE_DATE_H
#define MW_BASE_DATE_H

#include <stdint.h>

/* Seconds since 1970 of an HTTP-date in any of its three forms (RFC 9110, 5.6.7); -1 where it is
 * none. A year of two digits is at most 50 years ahead. */
int64_t mw_date_read(const char *text);

#endif
