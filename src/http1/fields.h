/* What fields say of their message: how long it is, and whether its connection stays.
 * SPDX-License-Identifier: MIT */
#ifndef MW_HTTP1_FIELDS_H
#define MW_HTTP1_FIELDS_H

#include "http1/parse.h"

/* Says why a head is BAD; returns false. */
bool http1_refuse(struct http1_head *h, int refusal, const char *wrong);

/* Takes notice of a field whose bytes have been checked. Returns false when it is BAD. */
bool http1_take_field(struct http1_head *h, const char *bytes, const struct http1_field *field);

/* Looks at all fields together. Returns false when they are BAD. */
bool http1_take_end(struct http1_head *h, const char *bytes);

/* Whether the bytes are a host, perhaps with a port: brackets around IPv6, a port of digits. */
bool http1_is_authority(const char *bytes, size_t length, bool with_port);

#endif
