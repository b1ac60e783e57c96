/* TLS as libevent carries it: contexts, verification, and words for what went wrong.
 * The one place that knows OpenSSL.
 * SPDX-License-Identifier: MIT */
#ifndef MW_NET_TLS_H
#define MW_NET_TLS_H

#include "base/alloc.h"
#include "base/error.h"

#include <stdbool.h>

struct bufferevent;
struct event_base;
struct mw_tls_store;
struct mw_tls_server;

/* One client connection's TLS: the bufferevent that carries it, and what verification found. */
struct mw_tls {
    struct bufferevent *bev; /* owns the SSL; freed by whoever frees the connection */
    int depth;               /* of the certificate that failed, -1 for none */
    char reason[96];         /* why it failed */
    char subject[128];
};

/* Contexts of a runtime, one for each kind of trust, made when first needed. */
struct mw_tls_store *mw_tls_store_new(const struct mw_allocator *a);
void mw_tls_store_free(struct mw_tls_store *store);

/* Prepares a client connection that verifies `host` (a name or an address) against `ca_file`, or
 * the system's authorities where that is NULL; `insecure` verifies nothing. TLS 1.2 at least.
 * Returns false with *f filled. `tls` must stay where it is while the bufferevent lives. */
bool mw_tls_connect(struct mw_tls_store *store, struct event_base *base, const char *host,
                    bool insecure, const char *ca_file, struct mw_tls *tls, struct mw_failure *f);

bool mw_tls_heard(const struct mw_tls *tls); /* the peer has sent at least a byte */

/* Adds what OpenSSL knows of a failed connection. True if TLS itself failed, and not the transport
 * beneath it. */
bool mw_tls_explain(const struct mw_tls *tls, struct mw_failure *f);

/* Whether a bufferevent speaks TLS. */
bool mw_tls_on(struct bufferevent *bev);

/* Says close_notify, so that a strict peer does not take the end for a truncation. */
void mw_tls_goodbye(struct bufferevent *bev);

/* A server's certificate. Returns NULL with words in `wrong`, which stay "" where there was no
 * memory. */
struct mw_tls_server *mw_tls_server_new(const struct mw_allocator *a, const char *cert_file,
                                        const char *key_file, char *wrong, size_t size);
void mw_tls_server_free(struct mw_tls_server *server);
struct bufferevent *mw_tls_accept(struct mw_tls_server *server, struct event_base *base);

#endif
