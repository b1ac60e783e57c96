/* TLS for engines: what a runtime trusts, and the two ends of a connection. Files named tls… are
 * the only ones that know OpenSSL. SPDX-License-Identifier: MIT */
#ifndef MW_NET_TLS_H
#define MW_NET_TLS_H

#include "base/alloc.h"
#include "base/error.h"
#include "net/socket.h"
#include "net/tls_options.h"

#include <stdbool.h>

struct mw_tls_store;
struct mw_tls_server;

/* What the TLS of a runtime shares: contexts, one for each set of options, made when first needed;
 * the sessions that can be resumed; the log of keys. Its sockets must be closed before it is freed.
 */
struct mw_tls_store *mw_tls_store_new(const struct mw_allocator *a);
void mw_tls_store_free(struct mw_tls_store *store);

/* Appends the secrets of every connection that is made from now on to a file, in the format of
 * SSLKEYLOGFILE: who has it can read what was recorded of them. NULL ends it. Returns false, with
 * errno set, where the file cannot be opened. */
bool mw_tls_store_log_keys(struct mw_tls_store *store, const char *file);

/* Makes *s a client's socket over a connected descriptor; the handshake is the caller's to begin.
 * `host` is told to the server (SNI) and looked for in its certificate, be it a name or an address.
 * A session that the same options had with host and port before is resumed. Returns false with *f
 * filled; the descriptor is then the caller's still. */
bool mw_tls_client(struct mw_tls_store *store, struct mw_socket *s, int fd,
                   const struct mw_tls_options *o, const char *host, unsigned short port,
                   struct mw_failure *f);

/* The same through a proxy: over an open socket that leads to the host, plain or of TLS itself,
 * which is taken over. Returns false with *f filled; the socket is then the caller's still. */
bool mw_tls_client_over(struct mw_tls_store *store, struct mw_socket *s, struct mw_socket *under,
                        const struct mw_tls_options *o, const char *host, unsigned short port,
                        struct mw_failure *f);

/* The certificates of a listening server, and those that it wants to see: cert_file, key_file,
 * certificates and client_ca_file of `how`. Returns NULL with words in `wrong`, which stay "" where
 * there was no memory. */
struct mw_tls_server *mw_tls_server_new(struct mw_tls_store *store, const struct mw_listen *how,
                                        char *wrong, size_t size);
void mw_tls_server_free(struct mw_tls_server *server);

/* Makes *s a server's socket over an accepted descriptor. False without memory; the descriptor is
 * then the caller's still. */
bool mw_tls_serve(struct mw_tls_server *server, struct mw_socket *s, int fd);

/* Picks the code and the words for a failure with `host` (which may be an address) in MW_PHASE_TLS,
 * or of TLS itself later; of which the phase, the errno and what starts with `tls` are filled in.
 * `address` is where the peer is. */
void mw_tls_words(struct mw_failure *f, const char *host, const char *address);

/* The parts of the functions in socket.h that are for TLS. */
void mw_tls_spoil(struct mw_socket *s);
bool mw_tls_buffered(const struct mw_socket *s);
void mw_tls_explain(const struct mw_socket *s, enum mw_phase phase, struct mw_failure *f);

#endif
