/* The way through a proxy: what is between "TCP is connected" and "the host is there". TLS with the
 * proxy, if it wants that; CONNECT (RFC 9110, 9.3.6) or SOCKS 5, if a tunnel is needed.
 * SPDX-License-Identifier: MIT */
#ifndef MW_HTTP1_TUNNEL_H
#define MW_HTTP1_TUNNEL_H

#include "http1/client.h"

/* NULL without memory. */
struct http1_tunnel *http1_tunnel_new(const struct mw_allocator *a, const struct mw_via *via);
void http1_tunnel_free(struct http1_tunnel *t, const struct mw_allocator *a); /* or NULL */

/* Whether the host's addresses must be looked up here, and are not known yet; those that were. */
bool http1_tunnel_needs_addresses(const struct http1_tunnel *t);
void http1_tunnel_know(struct http1_tunnel *t, const struct mw_addresses *addresses);

/* Over a connection to the proxy, which is taken over: http1_client_arrived follows, or again, or a
 * failure. c may be gone on return. */
void http1_tunnel_begin(struct http1_client *c, int fd);

/* Puts a failure of the way to or through the proxy into the proxy's terms: codes, phase, words.
 * Those of a host that is connected to, or of no proxy, stay as they are. */
void http1_tunnel_blame(const struct http1_client *c, struct mw_failure *f);

#endif
