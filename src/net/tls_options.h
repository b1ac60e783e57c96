/* What makes the TLS of two requests different: trust, our own certificate, pins.
 * SPDX-License-Identifier: MIT */
#ifndef MW_NET_TLS_OPTIONS_H
#define MW_NET_TLS_OPTIONS_H

#include "base/alloc.h"

#include <stdbool.h>

enum { MW_TLS_TEXTS = 6 };

struct mw_tls_options {
    bool insecure; /* verify nothing */
    union {
        struct {
            const char *ca_file;   /* PEM file of authorities; */
            const char *ca_path;   /* a folder of them, named by hash; */
            const char *ca_data;   /* PEM text; none of them: the system's */
            const char *cert_file; /* PEM: our own certificate and its chain, if one is asked for */
            const char *key_file;  /* PEM: its private key; NULL: in cert_file */
            const char *pins; /* "sha256//BASE64;sha256//…": public keys, one of which must be
                                 the server's */
        };
        const char *texts[MW_TLS_TEXTS];
    };
};

bool mw_tls_options_same(const struct mw_tls_options *a, const struct mw_tls_options *b);

/* Copies the texts as well; false without memory, with nothing to free. */
bool mw_tls_options_copy(struct mw_tls_options *to, const struct mw_tls_options *from,
                         const struct mw_allocator *a);
/* The first of the pins that is none, NULL if all are well. */
const char *mw_tls_bad_pin(const char *pins);

void mw_tls_options_free(struct mw_tls_options *o, const struct mw_allocator *a); /* of a copy */

#endif
