/* What the parts of the preparation of an exchange share (request.c).
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_REQUEST_H
#define MW_CORE_REQUEST_H

#include "base/span.h"
#include "core/exchange.h"

#include <string.h>
#include <sys/types.h>

/* Where it goes: fills x->url (request_url.c). MW_EINVAL or MW_ENOMEM, with mw_message set. */
int mw_exchange_prepare_url(mw_exchange *x, const mw_options *options);

/* The user's header fields, and those that HTTP needs, in x->fields (request_fields.c); URL, method
 * and body are settled. Likewise. */
int mw_exchange_prepare_fields(mw_exchange *x, const mw_options *options);

/* MW_EINVAL, with words for the byte at `at`, or for the empty text; `what` names that. */
int mw_refuse_byte(mw_runtime *rt, const char *what, struct mw_span text, ssize_t at);

/* The same for a text in which `bad` finds a byte. */
int mw_check_bytes(mw_runtime *rt, const char *what, ssize_t (*bad)(const char *, size_t),
                   struct mw_span text);

/* "" where the text is NULL. */
static inline struct mw_span mw_text_span(const char *text)
{
    return text != NULL ? (struct mw_span){text, strlen(text)} : (struct mw_span){"", 0};
}

static inline bool mw_is_connect(const char *method)
{
    return method != NULL && strcmp(method, "CONNECT") == 0;
}

#endif
