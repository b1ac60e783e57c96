/* TLS as libevent's bufferevents carry it, for the engine that speaks through them.
 * SPDX-License-Identifier: MIT */
#ifndef MW_NET_TLS_BUFFEREVENT_H
#define MW_NET_TLS_BUFFEREVENT_H

#include "net/tls.h"

struct bufferevent;
struct event_base;

/* One client connection's TLS: the bufferevent that carries it, and what is known of the peer. */
struct mw_tls_bev {
    struct bufferevent *bev; /* owns the SSL; freed by whoever frees the connection */
    struct mw_tls_peer *peer;
};

/* Prepares a client connection, as mw_tls_client does for a socket. False with *f filled. */
bool mw_tls_bev_connect(struct mw_tls_store *store, struct event_base *base,
                        const struct mw_tls_options *o, const char *host, unsigned short port,
                        struct mw_tls_bev *tls, struct mw_failure *f);
void mw_tls_bev_end(struct mw_tls_bev *tls); /* before the bufferevent is freed */

bool mw_tls_bev_heard(const struct mw_tls_bev *tls); /* the peer has sent at least a byte */

/* Adds what OpenSSL knows of a failed connection, whose words mw_tls_words finds then. True if TLS
 * itself failed, and not the transport beneath it. */
bool mw_tls_bev_explain(const struct mw_tls_bev *tls, struct mw_failure *f);

bool mw_tls_bev_on(struct bufferevent *bev); /* whether it speaks TLS */

/* Says close_notify, so that a strict peer does not take the end for a truncation. */
void mw_tls_bev_goodbye(struct bufferevent *bev);

struct bufferevent *mw_tls_bev_accept(struct mw_tls_server *server, struct event_base *base);

#endif
