/* Contexts: one for each kind of trust, kept in a runtime's store.
 * SPDX-License-Identifier: MIT */
#include "net/tls_context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_TRUSTS = 64 };

/* ---- the store ----------------------------------------------------------------------------- */

struct mw_tls_store *mw_tls_store_new(const struct mw_allocator *a)
{
    struct mw_tls_store *store = mw_zalloc(a, sizeof *store);
    if (store == NULL)
        return NULL;
    store->allocator = *a;
    store->keylog = -1;
    mw_list_init(&store->trusts);
    mw_list_init(&store->sessions);
    return store;
}

/* Connections that use it keep it; no new one will. */
static void give_up(struct mw_tls_trust *trust)
{
    mw_unlink(&trust->link);
    trust->store->trust_count--;
    mw_tls_sessions_drop(trust);
    mw_tls_trust_release(trust);
}

void mw_tls_store_free(struct mw_tls_store *store)
{
    if (store == NULL)
        return;
    while (!mw_list_empty(&store->trusts))
        give_up(MW_ITEM(store->trusts.next, struct mw_tls_trust, link));
    if (store->keylog >= 0)
        close(store->keylog);
    mw_dealloc(&store->allocator, store);
}

/* ---- the log of keys ----------------------------------------------------------------------- */

/* In one call, since other processes may write to the same file. */
static void on_keylog(const SSL *ssl, const char *line)
{
    const struct mw_tls_store *store = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    char text[512];
    int length = snprintf(text, sizeof text, "%s\n", line);
    if (store->keylog < 0 || length < 0 || (size_t)length >= sizeof text)
        return;
    ssize_t written = write(store->keylog, text, (size_t)length);
    (void)written; /* a full disk must not end a connection */
}

bool mw_tls_store_log_keys(struct mw_tls_store *store, const char *file)
{
    int fd = -1;
    if (file != NULL) {
        fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (fd < 0)
            return false;
    }
    if (store->keylog >= 0)
        close(store->keylog);
    store->keylog = fd;
    for (struct mw_link *l = store->trusts.next; l != &store->trusts; l = l->next)
        SSL_CTX_set_keylog_callback(MW_ITEM(l, struct mw_tls_trust, link)->ctx,
                                    fd >= 0 ? on_keylog : NULL);
    return true;
}

/* ---- contexts ------------------------------------------------------------------------------ */

/* A key that wants a password: the terminal is not ours to ask at. */
static int no_password(char *text, int size, int writing, void *ud)
{
    (void)writing;
    (void)ud;
    if (size > 0)
        text[0] = '\0';
    return -1;
}

SSL_CTX *mw_tls_context_new(struct mw_tls_store *store, bool server)
{
    SSL_CTX *ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    if (ctx == NULL)
        return NULL;
    SSL_CTX_set_app_data(ctx, store);
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_default_passwd_cb(ctx, no_password);
    if (store->keylog >= 0)
        SSL_CTX_set_keylog_callback(ctx, on_keylog);
    return ctx;
}

bool mw_tls_load_own(SSL_CTX *ctx, const char *cert_file, const char *key_file, char *wrong,
                     size_t size)
{
    char reason[120];
    const char *failed = NULL;
    if (key_file == NULL)
        key_file = cert_file;
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1)
        failed = cert_file;
    else if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1)
        failed = key_file;
    if (failed == NULL)
        return true;
    unsigned long error = mw_tls_take_error();
    mw_tls_reason(error, reason, sizeof reason);
    bool unread = failed == key_file && ERR_GET_LIB(error) == ERR_LIB_OSSL_DECODER;
    snprintf(wrong, size, "cannot use %.120s: %s", failed,
             unread ? "there is no private key in it that can be read" : reason);
    return false;
}

/* ---- whom to trust ------------------------------------------------------------------------- */

static bool cannot_read(const char *what, struct mw_failure *f)
{
    f->system_errno = errno;
    mw_tls_reason(mw_tls_take_error(), f->tls, sizeof f->tls);
    mw_failure_text(f, "cannot read the authorities in %.150s: %s", what,
                    f->system_errno != 0 ? strerror(f->system_errno) : f->tls);
    return false;
}

/* OpenSSL looks into a folder when it needs one of its files, and does not mind that there is no
 * such folder. */
static bool load_folder(SSL_CTX *ctx, const char *path, struct mw_failure *f)
{
    struct stat folder;
    if (stat(path, &folder) == 0 && !S_ISDIR(folder.st_mode))
        errno = ENOTDIR;
    if (errno != 0 || SSL_CTX_load_verify_dir(ctx, path) != 1)
        return cannot_read(path, f);
    return true;
}

static bool load_data(SSL_CTX *ctx, const char *text, struct mw_failure *f)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    BIO *bio = BIO_new_mem_buf(text, -1);
    int count = 0;
    bool added = true;
    X509 *cert;
    while (bio != NULL && added &&
           (cert = PEM_read_bio_X509(bio, NULL, no_password, NULL)) != NULL) {
        added = X509_STORE_add_cert(store, cert) == 1;
        X509_free(cert);
        count++;
    }
    BIO_free(bio);
    /* What comes behind the last one is an error as well, and only this one is none. */
    bool whole = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    if (count == 0 || !added || !whole)
        return cannot_read("ca_data", f);
    ERR_clear_error();
    return true;
}

static bool load_authorities(SSL_CTX *ctx, const struct mw_tls_options *o, struct mw_failure *f)
{
    ERR_clear_error();
    errno = 0;
    if (o->ca_file == NULL && o->ca_path == NULL && o->ca_data == NULL)
        return SSL_CTX_set_default_verify_paths(ctx) == 1 || cannot_read("the system's store", f);
    if (o->ca_file != NULL && SSL_CTX_load_verify_file(ctx, o->ca_file) != 1)
        return cannot_read(o->ca_file, f);
    errno = 0;
    return (o->ca_path == NULL || load_folder(ctx, o->ca_path, f)) &&
           (o->ca_data == NULL || load_data(ctx, o->ca_data, f));
}

static bool load(SSL_CTX *ctx, const struct mw_tls_options *o, struct mw_failure *f)
{
    if (!o->insecure && !load_authorities(ctx, o, f))
        return false;
    if (o->cert_file == NULL)
        return true;
    return mw_tls_load_own(ctx, o->cert_file, o->key_file, f->text, sizeof f->text);
}

/* ---- trusts -------------------------------------------------------------------------------- */

static struct mw_tls_trust *find(struct mw_tls_store *store, const struct mw_tls_options *o)
{
    for (struct mw_link *l = store->trusts.next; l != &store->trusts; l = l->next) {
        struct mw_tls_trust *trust = MW_ITEM(l, struct mw_tls_trust, link);
        if (mw_tls_options_same(&trust->options, o))
            return trust;
    }
    return NULL;
}

void mw_tls_trust_release(struct mw_tls_trust *trust)
{
    if (trust == NULL || --trust->users > 0)
        return;
    const struct mw_allocator *a = &trust->store->allocator;
    SSL_CTX_free(trust->ctx);
    mw_tls_options_free(&trust->options, a);
    mw_dealloc(a, trust);
}

static struct mw_tls_trust *make(struct mw_tls_store *store, const struct mw_tls_options *o,
                                 struct mw_failure *f)
{
    static const unsigned char protocols[] = "\x08http/1.1"; /* as ALPN wants them */
    struct mw_tls_trust *trust = mw_zalloc(&store->allocator, sizeof *trust);
    if (trust == NULL)
        return NULL;
    trust->store = store;
    trust->users = 1;
    trust->ctx = mw_tls_context_new(store, false);
    if (trust->ctx == NULL || !mw_tls_options_copy(&trust->options, o, &store->allocator) ||
        SSL_CTX_set_alpn_protos(trust->ctx, protocols, sizeof protocols - 1) != 0 ||
        !load(trust->ctx, o, f)) {
        mw_tls_trust_release(trust);
        return NULL;
    }
    SSL_CTX_set_verify(trust->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(trust->ctx, mw_tls_verify, trust);
    mw_tls_sessions_keep(trust->ctx);
    return trust;
}

/* The one that was not used for longest; there are some. */
static struct mw_tls_trust *oldest(struct mw_tls_store *store)
{
    struct mw_tls_trust *found = MW_ITEM(store->trusts.next, struct mw_tls_trust, link);
    for (struct mw_link *l = store->trusts.next; l != &store->trusts; l = l->next) {
        struct mw_tls_trust *trust = MW_ITEM(l, struct mw_tls_trust, link);
        if (trust->used < found->used)
            found = trust;
    }
    return found;
}

struct mw_tls_trust *mw_tls_trust_get(struct mw_tls_store *store, const struct mw_tls_options *o,
                                      struct mw_failure *f)
{
    mw_failure_init(f, MW_SSL_HANDSHAKE_FAILED_ERROR, MW_PHASE_TLS);
    mw_failure_text(f, "no memory for TLS");
    struct mw_tls_trust *trust = find(store, o);
    if (trust == NULL) {
        trust = make(store, o, f);
        if (trust == NULL)
            return NULL;
        if (++store->trust_count > MOST_TRUSTS)
            give_up(oldest(store));
        mw_list_append(&store->trusts, &trust->link);
    }
    trust->used = ++store->uses;
    trust->users++;
    return trust;
}
