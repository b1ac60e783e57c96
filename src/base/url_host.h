/* Hosts in their one form: names in ASCII and small letters, addresses as everybody writes them.
 * SPDX-License-Identifier: MIT */
#ifndef MW_BASE_URL_HOST_H
#define MW_BASE_URL_HOST_H

#include "base/span.h"

#include <stdbool.h>

enum { MW_HOST_SIZE = 256 }; /* of the longest, with its NUL */

/* A host as it stands in a URL, without brackets: percent-encodings are decoded, what is not ASCII
 * goes through IDNA (UTS 46, non-transitional), and a name that ends in a number is an address of
 * IPv4 in one of the forms that inet_aton takes ("0x7f.1"). Returns NULL, or words for what is
 * wrong. */
const char *mw_host_normalize(struct mw_span text, char host[MW_HOST_SIZE]);

/* Whether a host, without brackets, may have another form than the one in which it stands: it is
 * not ASCII, it holds a percent sign, or it ends in a number. */
bool mw_host_may_change(struct mw_span host);

/* An address of IPv6 without brackets and zone, in the form of RFC 5952. Returns NULL, or words. */
const char *mw_host_normalize_ipv6(struct mw_span text, char host[MW_HOST_SIZE]);

/* If the last part of the name is a number, then the name is an address of IPv4 or nothing: writes
 * it as four decimal numbers. Returns NULL when it is done, or is no number; else words. */
const char *mw_host_normalize_ipv4(char host[MW_HOST_SIZE]);

#endif
