/* raw_tls.c: TLS below the connections of test peers. Every failure is put into words in
 * conn->detail, and the thread's OpenSSL error queue, which the runtime shares, is left empty.
 * SPDX-License-Identifier: MIT */
#include "raw.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

/* ---- options ---- */

static int version_number(lua_State *L, int index, const char *field)
{
    static const char *const names[] = {"1.0", "1.1", "1.2", "1.3", NULL};
    static const int numbers[] = {TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION};
    lua_getfield(L, index, field);
    const char *name = lua_tostring(L, -1);
    if (!name)
        return 0; /* OpenSSL: any */
    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], name) == 0)
            return numbers[i];
    }
    return luaL_error(L, "tls.%s: \"1.0\" to \"1.3\" expected, got \"%s\"", field, name);
}

static void load_files(lua_State *L, SSL_CTX *ctx, const char *cert, const char *key)
{
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(ctx, cert) == 1 &&
        SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1)
        return;
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    luaL_error(L, "tls: %s, %s: %s", cert, key, reason ? reason : "cannot be used");
}

/* The protocols of ALPN, "h2,http/1.1", as the wire has them; returns their length. */
static unsigned protocols(lua_State *L, const char *names, unsigned char *wire, size_t size)
{
    size_t length = 0;
    while (*names) {
        size_t one = strcspn(names, ",");
        if (one == 0 || one > 255 || length + one + 1 > size)
            luaL_error(L, "tls.alpn: \"%s\" is not a list of names", names);
        wire[length++] = (unsigned char)one;
        memcpy(wire + length, names, one);
        length += one;
        names += one + (names[one] == ',');
    }
    return (unsigned)length;
}

/* Client certificates are asked for and must be signed by one of these. */
static void ask_clients(lua_State *L, SSL_CTX *ctx, const char *ca_file)
{
    if (!ca_file)
        return;
    if (SSL_CTX_load_verify_locations(ctx, ca_file, NULL) != 1)
        luaL_error(L, "tls.client_ca_file: %s cannot be used", ca_file);
    SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(ca_file));
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"raw", 3);
}

static int select_protocol(SSL *ssl, const unsigned char **out, unsigned char *length,
                           const unsigned char *in, unsigned in_length, void *arg)
{
    (void)ssl;
    (void)arg;
    *out = in + 1; /* the client's first */
    *length = in[0];
    return in_length > in[0] ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

void raw_tls_server(lua_State *L, int index, SSL_CTX **out)
{
    luaL_checktype(L, index, LUA_TTABLE);
    lua_getfield(L, index, "cert_file");
    lua_getfield(L, index, "key_file");
    const char *cert = luaL_checkstring(L, -2);
    const char *key = luaL_optstring(L, -1, cert);
    int min = version_number(L, index, "min_version");
    int max = version_number(L, index, "max_version");
    SSL_CTX *ctx = *out = SSL_CTX_new(TLS_server_method());
    if (!ctx)
        luaL_error(L, "tls: out of memory");
    if (max && max < TLS1_2_VERSION) /* below it, the default level allows no cipher at all */
        SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_min_proto_version(ctx, min);
    SSL_CTX_set_max_proto_version(ctx, max);
    load_files(L, ctx, cert, key);
    lua_getfield(L, index, "client_ca_file");
    ask_clients(L, ctx, lua_tostring(L, -1));
    SSL_CTX_set_alpn_select_cb(ctx, select_protocol, NULL);
    lua_pop(L, 5);
}

void raw_tls_free_context(SSL_CTX *ctx)
{
    SSL_CTX_free(ctx);
}

/* ---- a connection ---- */

static int attach(raw_conn *conn, SSL_CTX *ctx)
{
    conn->ssl = SSL_new(ctx);
    if (!conn->ssl || SSL_set_fd(conn->ssl, conn->fd) != 1)
        return -1;
    SSL_set_mode(conn->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    conn->handshaking = 1;
    return 0;
}

int raw_tls_accept(raw_conn *conn, SSL_CTX *ctx)
{
    if (attach(conn, ctx) != 0)
        return -1;
    SSL_set_accept_state(conn->ssl);
    return 0;
}

static const char *text_field(lua_State *L, int index, const char *name)
{
    lua_getfield(L, index, name);
    return lua_tostring(L, -1); /* the caller pops it */
}

static void set_client(lua_State *L, int index, SSL *ssl)
{
    unsigned char wire[200];
    const char *server_name = text_field(L, index, "server_name");
    const char *alpn = text_field(L, index, "alpn");
    const char *cert = text_field(L, index, "cert_file");
    const char *key = text_field(L, index, "key_file");
    int max = version_number(L, index, "max_version");
    if (max && max < TLS1_2_VERSION)
        SSL_set_security_level(ssl, 0);
    SSL_set_max_proto_version(ssl, max);
    if (server_name && SSL_set_tlsext_host_name(ssl, server_name) != 1)
        luaL_error(L, "tls.server_name: \"%s\" is no name", server_name);
    if (alpn && SSL_set_alpn_protos(ssl, wire, protocols(L, alpn, wire, sizeof wire)) != 0)
        luaL_error(L, "tls.alpn: \"%s\" is no list", alpn);
    if (cert && (SSL_use_certificate_chain_file(ssl, cert) != 1 ||
                 SSL_use_PrivateKey_file(ssl, key ? key : cert, SSL_FILETYPE_PEM) != 1))
        luaL_error(L, "tls: %s cannot be used", cert);
    ERR_clear_error();
    lua_pop(L, 5);
}

/* Verifies nothing: the client of a hostile test has no reason to. */
int raw_tls_connect(lua_State *L, int index, raw_conn *conn)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (!ctx)
        return -1;
    SSL_CTX_set_min_proto_version(ctx, 0);
    int result = attach(conn, ctx);
    SSL_CTX_free(ctx); /* the connection keeps it */
    if (result != 0)
        return -1;
    SSL_set_connect_state(conn->ssl);
    if (lua_istable(L, index))
        set_client(L, index, conn->ssl);
    return 0;
}

void raw_tls_free(raw_conn *conn)
{
    SSL_free(conn->ssl);
    conn->ssl = NULL;
}

static ssize_t again(raw_conn *conn, int writing)
{
    conn->want_write = writing ? 1 : 0;
    return RAW_AGAIN;
}

/* What a call that did not succeed means. */
static ssize_t explain(raw_conn *conn, int result)
{
    int saved = errno;
    int code = SSL_get_error(conn->ssl, result);
    if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE)
        return again(conn, code == SSL_ERROR_WANT_WRITE);

    unsigned long error = ERR_peek_last_error();
    const char *words = ERR_reason_error_string(error);
    ssize_t kind = RAW_ERROR;
    if (code == SSL_ERROR_ZERO_RETURN) {
        words = "close_notify";
        kind = RAW_EOF;
    } else if (ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING ||
               (code == SSL_ERROR_SYSCALL && saved == 0)) {
        words = "no close_notify";
        kind = RAW_EOF;
    } else if (code == SSL_ERROR_SYSCALL) {
        words = strerror(saved);
    }
    snprintf(conn->detail, sizeof conn->detail, "%s", words ? words : "unknown TLS error");
    ERR_clear_error();
    return kind;
}

static void begin(raw_conn *conn)
{
    ERR_clear_error();
    errno = 0;
    conn->want_write = 0;
}

ssize_t raw_tls_handshake(raw_conn *conn)
{
    begin(conn);
    int result = SSL_do_handshake(conn->ssl);
    if (result != 1)
        return explain(conn, result);
    const char *name = SSL_get_servername(conn->ssl, TLSEXT_NAMETYPE_host_name);
    const unsigned char *protocol;
    unsigned length;
    const X509 *peer = SSL_get0_peer_certificate(conn->ssl);
    if (peer)
        X509_NAME_oneline(X509_get_subject_name(peer), conn->tls.subject, sizeof conn->tls.subject);
    SSL_get0_alpn_selected(conn->ssl, &protocol, &length);
    snprintf(conn->tls.alpn, sizeof conn->tls.alpn, "%.*s", (int)length, (const char *)protocol);
    conn->tls.version = SSL_get_version(conn->ssl);
    conn->tls.resumed = SSL_session_reused(conn->ssl);
    snprintf(conn->tls.server_name, sizeof conn->tls.server_name, "%s", name ? name : "");
    return 1;
}

ssize_t raw_tls_read(raw_conn *conn, void *bytes, size_t size)
{
    size_t n = 0;
    begin(conn);
    int result = SSL_read_ex(conn->ssl, bytes, size, &n);
    return result == 1 ? (ssize_t)n : explain(conn, result);
}

ssize_t raw_tls_write(raw_conn *conn, const void *bytes, size_t length)
{
    size_t n = 0;
    begin(conn);
    int result = SSL_write_ex(conn->ssl, bytes, length, &n);
    if (result == 1)
        return (ssize_t)n;
    ssize_t kind = explain(conn, result);
    return kind == RAW_EOF ? RAW_ERROR : kind;
}

void raw_tls_notify(raw_conn *conn)
{
    ERR_clear_error();
    SSL_shutdown(conn->ssl);
    ERR_clear_error();
}

int raw_tls_pending(const raw_conn *conn)
{
    return SSL_pending(conn->ssl) > 0;
}
