/* What the files of TLS share and nobody else sees. SPDX-License-Identifier: MIT */
#ifndef MW_NET_TLS_CONTEXT_H
#define MW_NET_TLS_CONTEXT_H

#include "base/list.h"
#include "net/tls.h"

struct ssl_st;
struct ssl_ctx_st;
struct x509_store_ctx_st;

struct mw_tls_store {
    struct mw_allocator allocator;
    struct mw_link trusts;
    struct mw_link sessions; /* of all trusts, the newest first */
    int trust_count, session_count;
    unsigned long uses; /* of trusts, in all */
    int keylog;         /* a descriptor; -1: none */
};

/* One kind of trust: the context of all connections that have the same options. */
struct mw_tls_trust {
    struct mw_link link; /* in no list once it has been given up */
    struct mw_tls_store *store;
    struct ssl_ctx_st *ctx;
    struct mw_tls_options options;
    unsigned long used; /* the store's `uses` by then */
    int users;          /* the store is one of them */
};

/* Which certificate failed a check, and why; noted at the one moment at which OpenSSL tells. */
struct mw_tls_fault {
    int depth;
    char reason[120];
    char subject[128];
};

/* The other end of a connection: the app data of its SSL. */
struct mw_tls_peer {
    struct mw_allocator allocator;
    struct mw_tls_trust *trust; /* NULL at a server */
    struct mw_tls_fault *fault; /* NULL while there is none */
    const char *host;           /* a client's, and its port */
    unsigned short port;
};
void mw_tls_peer_end(struct mw_tls_peer *peer); /* frees what it holds; the SSL goes before it */

/* tls_context.c */
/* Adds a user, who releases it. NULL with *f filled. */
struct mw_tls_trust *mw_tls_trust_get(struct mw_tls_store *store, const struct mw_tls_options *o,
                                      struct mw_failure *f);
void mw_tls_trust_release(struct mw_tls_trust *trust);
/* What contexts of clients and servers have in common. */
struct ssl_ctx_st *mw_tls_context_new(struct mw_tls_store *store, bool server);
/* A certificate with its chain and its key. False with words, which name the file. */
bool mw_tls_load_own(struct ssl_ctx_st *ctx, const char *cert_file, const char *key_file,
                     char *wrong, size_t size);

/* tls_verify.c */
/* Checks a peer's certificate, and notes what is wrong with it. `arg` is the trust, NULL at a
 * server. */
int mw_tls_verify(struct x509_store_ctx_st *chain, void *arg);

/* tls_session.c */
void mw_tls_sessions_keep(struct ssl_ctx_st *ctx); /* from now on, of a client */
void mw_tls_session_offer(struct ssl_st *ssl, const struct mw_tls_peer *peer);
void mw_tls_sessions_drop(const struct mw_tls_trust *trust);

/* tls_client.c */
/* An SSL that lacks but the way to the peer, whose host and port are set. NULL with *f filled. */
struct ssl_st *mw_tls_client_ssl(struct mw_tls_store *store, const struct mw_tls_options *o,
                                 struct mw_tls_peer *peer, struct mw_failure *f);

/* tls_server.c */
struct ssl_st *mw_tls_server_ssl(struct mw_tls_server *server); /* NULL without memory */

/* tls_socket.c */
/* A socket's TLS with the room for the host's name. The SSL is set by mw_tls_socket. */
struct mw_tls *mw_tls_new(const struct mw_allocator *a, const char *host, unsigned short port);
struct mw_tls_peer *mw_tls_peer_of(struct mw_tls *tls);
void mw_tls_free(struct mw_tls *tls); /* with its SSL, if it has one */
bool mw_tls_socket(struct mw_socket *s, int fd, struct mw_tls *tls, struct ssl_st *ssl);
/* The same over a socket that leads to the peer by way of another, and is taken over. */
bool mw_tls_socket_over(struct mw_socket *s, struct mw_socket *under, struct mw_tls *tls,
                        struct ssl_st *ssl);

/* tls_words.c */
unsigned long mw_tls_take_error(void); /* the oldest of the thread's, all of which are cleared */
void mw_tls_reason(unsigned long error, char *text, size_t size); /* OpenSSL's words for it */
bool mw_tls_cut_off(unsigned long error); /* the peer went without close_notify */
/* Adds to a failure what is known of it: which certificate, or the error (0: none), with
 * MW_PHASE_TLS where the peer has refused us when the handshake seemed to be over. True if TLS
 * itself failed, and not the transport beneath it. */
bool mw_tls_tell(const struct mw_tls_peer *peer, unsigned long error, struct mw_failure *f);

#endif
