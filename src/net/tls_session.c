/* Sessions of a client, kept to be resumed: those of one origin under one set of options.
 *
 * A session holds what was found when its certificate was checked, and that is not checked again.
 * So it belongs to the trust that checked it, and another's never sees it. SPDX-License-Identifier:
 * MIT */
#include "net/tls_context.h"

#include <openssl/ssl.h>

#include <string.h>

enum { MOST_SESSIONS = 256, MOST_OF_ORIGIN = 4 };

struct session {
    struct mw_link link;
    const struct mw_tls_trust *trust;
    SSL_SESSION *session;
    unsigned short port;
    char host[];
};

static void forget(struct mw_tls_store *store, struct session *s)
{
    mw_unlink(&s->link);
    store->session_count--;
    SSL_SESSION_free(s->session);
    mw_dealloc(&store->allocator, s);
}

static bool is_of(const struct session *s, const struct mw_tls_peer *peer)
{
    return s->trust == peer->trust && s->port == peer->port && strcmp(s->host, peer->host) == 0;
}

/* Several of one origin serve connections that begin together: a ticket of TLS 1.3 serves one. One
 * of TLS 1.2 serves all, so that a newer one takes its place. */
static void make_room(struct mw_tls_store *store, const struct mw_tls_peer *peer, bool single)
{
    int count = 0;
    struct mw_link *next;
    for (struct mw_link *l = store->sessions.next; l != &store->sessions; l = next) {
        struct session *s = MW_ITEM(l, struct session, link);
        next = l->next;
        if (is_of(s, peer) && (single || ++count >= MOST_OF_ORIGIN))
            forget(store, s);
    }
    if (store->session_count >= MOST_SESSIONS)
        forget(store, MW_ITEM(store->sessions.previous, struct session, link));
}

/* OpenSSL has a session for us: at the end of a handshake, or as tickets come in, later. Returns 1
 * if it is ours to free. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    const struct mw_tls_peer *peer = SSL_get_app_data(ssl);
    if (peer == NULL || peer->trust == NULL || !mw_linked(&peer->trust->link) ||
        !SSL_SESSION_is_resumable(session))
        return 0;
    struct mw_tls_store *store = peer->trust->store;
    size_t length = strlen(peer->host);
    struct session *s = mw_alloc(&store->allocator, sizeof *s + length + 1);
    if (s == NULL)
        return 0;
    make_room(store, peer, SSL_SESSION_get_protocol_version(session) < TLS1_3_VERSION);
    memset(s, 0, sizeof *s);
    s->trust = peer->trust;
    s->session = session;
    s->port = peer->port;
    memcpy(s->host, peer->host, length + 1);
    mw_list_prepend(&store->sessions, &s->link);
    store->session_count++;
    return 1;
}

void mw_tls_sessions_keep(SSL_CTX *ctx)
{
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_session);
}

static bool is_over(const SSL_SESSION *session)
{
    time_t end = (time_t)SSL_SESSION_get_time(session) + (time_t)SSL_SESSION_get_timeout(session);
    return !SSL_SESSION_is_resumable(session) || time(NULL) >= end;
}

/* A ticket of TLS 1.3 is used once, lest an onlooker tell that two connections are one client's
 * (RFC 8446, C.4). */
void mw_tls_session_offer(SSL *ssl, const struct mw_tls_peer *peer)
{
    struct mw_tls_store *store = peer->trust->store;
    struct mw_link *next;
    bool offered = false;
    for (struct mw_link *l = store->sessions.next; l != &store->sessions && !offered; l = next) {
        struct session *s = MW_ITEM(l, struct session, link);
        next = l->next;
        if (!is_of(s, peer))
            continue;
        bool over = is_over(s->session);
        offered = !over && SSL_set_session(ssl, s->session) == 1;
        if (over || SSL_SESSION_get_protocol_version(s->session) >= TLS1_3_VERSION)
            forget(store, s);
    }
}

void mw_tls_sessions_drop(const struct mw_tls_trust *trust)
{
    struct mw_tls_store *store = trust->store;
    struct mw_link *next;
    for (struct mw_link *l = store->sessions.next; l != &store->sessions; l = next) {
        struct session *s = MW_ITEM(l, struct session, link);
        next = l->next;
        if (s->trust == trust)
            forget(store, s);
    }
}
