/* Digest: what is hashed with what, and how it is written.
 * SPDX-License-Identifier: MIT */
#include "core/digest.h"

#include "base/grammar.h"

#include <stdio.h>
#include <string.h>

/* ---- the challenge ------------------------------------------------------------------------- */

struct algorithm {
    const char *name;
    enum mw_hash hash;
    bool session;
};

static const struct algorithm algorithms[] = {
    {"MD5", MW_MD5, false},
    {"MD5-sess", MW_MD5, true},
    {"SHA-256", MW_SHA256, false},
    {"SHA-256-sess", MW_SHA256, true},
    {"SHA-512-256", MW_SHA512_256, false},
    {"SHA-512-256-sess", MW_SHA512_256, true},
};

static bool read_algorithm(struct mw_digest *d, const struct mw_param *p)
{
    d->hash = MW_MD5; /* RFC 7616, 3.3: where there is none */
    if (p == NULL)
        return true;
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++) {
        if (!mw_param_is(p, algorithms[i].name))
            continue;
        d->hash = algorithms[i].hash;
        d->session = algorithms[i].session;
        return true;
    }
    return false;
}

/* A list that names nothing we know cannot be answered; no list at all is RFC 2069. */
static bool read_qop(struct mw_digest *d, const struct mw_allocator *a, const struct mw_param *p)
{
    if (p == NULL)
        return true;
    char *list = mw_alloc(a, p->value.length + 1);
    if (list == NULL)
        return false;
    mw_param_text(p, list);
    d->auth = mw_list_has(list, "auth");
    d->auth_int = mw_list_has(list, "auth-int");
    mw_dealloc(a, list);
    return d->auth || d->auth_int;
}

static bool is_true(const struct mw_challenge *c, const char *name)
{
    const struct mw_param *p = mw_challenge_find(c, name);
    return p != NULL && mw_param_is(p, "true");
}

static size_t room_for(const struct mw_param *p)
{
    return p != NULL ? p->value.length + 1 : 0;
}

static char *take(char **at, const struct mw_param *p)
{
    char *text = *at;
    if (p == NULL)
        return NULL;
    *at += mw_param_text(p, text) + 1;
    return text;
}

bool mw_digest_read(struct mw_digest *d, const struct mw_allocator *a, const struct mw_challenge *c)
{
    const struct mw_param *realm = mw_challenge_find(c, "realm");
    const struct mw_param *nonce = mw_challenge_find(c, "nonce");
    const struct mw_param *opaque = mw_challenge_find(c, "opaque");
    const struct mw_param *algorithm = mw_challenge_find(c, "algorithm");
    const struct mw_param *charset = mw_challenge_find(c, "charset");
    memset(d, 0, sizeof *d);
    if (!mw_challenge_is(c, "Digest") || realm == NULL || nonce == NULL ||
        !read_algorithm(d, algorithm) || !read_qop(d, a, mw_challenge_find(c, "qop")))
        return false;
    d->stale = is_true(c, "stale");
    d->userhash = is_true(c, "userhash");
    d->utf8 = charset != NULL && mw_param_is(charset, "UTF-8");
    char *at =
        mw_alloc(a, room_for(realm) + room_for(nonce) + room_for(opaque) + room_for(algorithm));
    if (at == NULL)
        return false;
    d->realm = take(&at, realm); /* never NULL: the block's beginning */
    d->nonce = take(&at, nonce);
    d->opaque = take(&at, opaque);
    d->algorithm = take(&at, algorithm);
    return true;
}

static void clear(void *bytes, size_t length)
{
    explicit_bzero(bytes, length);
}

void mw_digest_free(struct mw_digest *d, const struct mw_allocator *a)
{
    mw_dealloc(a, d->realm);
    mw_dealloc(a, d->next_nonce);
    clear(d, sizeof *d);
}

/* ---- the hashes ---------------------------------------------------------------------------- */

/* The texts with ":" between them, hashed; up to a NULL. */
static bool hash_joined(const struct mw_digest *d, const char *const *texts, char *hex)
{
    struct mw_span spans[12];
    size_t count = 0;
    for (; *texts != NULL; texts++) {
        if (count > 0)
            spans[count++] = mw_span(":");
        spans[count++] = mw_span(*texts);
    }
    return mw_hash_hex(d->hash, spans, count, hex);
}

#define HASH(d, hex, ...) hash_joined((d), (const char *const[]){__VA_ARGS__, NULL}, (hex))

static const char *nonce_of(const struct mw_digest *d)
{
    return d->next_nonce != NULL ? d->next_nonce : d->nonce;
}

/* H(A1) (RFC 7616, 3.4.2). That of a session is made with its first answer and then stays. */
static bool hash_key(struct mw_digest *d, const struct mw_digest_request *r, const char *cnonce,
                     char *key)
{
    bool done = true;
    if (!d->session)
        return HASH(d, key, r->user, d->realm, r->password);
    if (d->session_key[0] == '\0') {
        done = HASH(d, key, r->user, d->realm, r->password) &&
               HASH(d, d->session_key, key, nonce_of(d), cnonce);
    }
    memcpy(key, d->session_key, sizeof d->session_key);
    return done;
}

/* H(A2) (3.4.3), with the method or, for the proof, without. */
static bool hash_what(const struct mw_digest *d, const char *method,
                      const struct mw_digest_request *r, bool with_body, char *hex)
{
    char body[MW_DIGEST_HEX];
    struct mw_span all = {r->body_length > 0 ? r->body : "", r->body_length};
    if (!with_body)
        return HASH(d, hex, method, r->uri);
    return mw_hash_hex(d->hash, &all, 1, body) && HASH(d, hex, method, r->uri, body);
}

/* ---- the answer ---------------------------------------------------------------------------- */

struct answer {
    const char *qop; /* NULL: RFC 2069 */
    char count[9];
    char cnonce[MW_CNONCE_HEX + 96]; /* those of tests may be longer than ours */
    char key[MW_DIGEST_HEX], user[MW_DIGEST_HEX], response[MW_DIGEST_HEX];
};

/* auth-int is for bodies: without one it proves no more than auth. */
static const char *choose_qop(const struct mw_digest *d, const struct mw_digest_request *r)
{
    if (d->auth_int && r->body_known && (r->body_length > 0 || !d->auth))
        return "auth-int";
    return d->auth ? "auth" : NULL;
}

bool mw_digest_can(const struct mw_digest *d, const struct mw_digest_request *r)
{
    return (!d->auth && !d->auth_int) || choose_qop(d, r) != NULL;
}

static bool choose_cnonce(struct mw_digest *d, const char *given, char *cnonce, size_t size)
{
    unsigned char bytes[(MW_CNONCE_HEX - 1) / 2];
    if (given != NULL) {
        snprintf(cnonce, size, "%s", given);
        return true;
    }
    if (d->session && d->cnonce[0] != '\0') { /* as in the session's key: some compute that anew */
        memcpy(cnonce, d->cnonce, sizeof d->cnonce);
        return true;
    }
    if (!mw_random_bytes(bytes, sizeof bytes))
        return false;
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(cnonce + 2 * i, 3, "%02x", bytes[i]);
    if (d->session)
        memcpy(d->cnonce, cnonce, sizeof d->cnonce);
    return true;
}

/* request-digest (3.4.1); `what` is H(A2). */
static bool hash_response(const struct mw_digest *d, const struct answer *s, const char *what,
                          char *hex)
{
    if (s->qop == NULL)
        return HASH(d, hex, s->key, nonce_of(d), what);
    return HASH(d, hex, s->key, nonce_of(d), s->count, s->cnonce, s->qop, what);
}

static bool fill(struct mw_digest *d, const struct mw_digest_request *r, struct answer *s,
                 char *proof)
{
    char what[MW_DIGEST_HEX];
    s->qop = choose_qop(d, r);
    bool whole = s->qop != NULL && strcmp(s->qop, "auth-int") == 0;
    bool done = choose_cnonce(d, r->cnonce, s->cnonce, sizeof s->cnonce);
    snprintf(s->count, sizeof s->count, "%08x", (unsigned)++d->count);
    done = done && hash_key(d, r, s->cnonce, s->key) && hash_what(d, r->method, r, whole, what) &&
           hash_response(d, s, what, s->response) &&
           (!d->userhash || HASH(d, s->user, r->user, d->realm));
    *proof = '\0';
    if (done && s->qop != NULL && !whole)
        done = hash_what(d, "", r, false, what) && hash_response(d, s, what, proof);
    return done;
}

static bool is_ascii(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text >= 0x80)
            return false;
    }
    return true;
}

static char *put(char *at, const char *text)
{
    size_t length = strlen(text);
    memcpy(at, text, length);
    return at + length;
}

static char *put_named(char *at, const char *name, const char *text)
{
    return put(put(at, name), text);
}

static char *put_named_quoted(char *at, const char *name, const char *text)
{
    return mw_put_quoted(put(at, name), text);
}

/* ext-value (RFC 8187, 3.2). */
static char *put_extended(char *at, const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x80 && mw_byte_is(*text, MW_TOKEN) && strchr("*'%", c) == NULL) {
            *at++ = *text;
        } else {
            *at++ = '%';
            *at++ = digits[c >> 4];
            *at++ = digits[c & 15];
        }
    }
    return at;
}

/* Who asks: hashed where the server wants that, or as extended text where it reads UTF-8. */
static char *put_user(char *at, const struct mw_digest *d, const char *user, const char *hashed)
{
    if (d->userhash)
        return put_named_quoted(at, "username=", hashed);
    if (d->utf8 && !is_ascii(user))
        return put_extended(put(at, "username*=UTF-8''"), user);
    return put_named_quoted(at, "username=", user);
}

static size_t room_of(const struct mw_digest *d, const struct mw_digest_request *r)
{
    const size_t names = 256; /* of parameters, with all that has a known length */
    size_t texts = strlen(r->user) + strlen(d->realm) + strlen(nonce_of(d)) + strlen(r->uri);
    if (d->opaque != NULL)
        texts += strlen(d->opaque);
    if (d->algorithm != NULL)
        texts += strlen(d->algorithm);
    return names + 3 * texts + sizeof(struct answer);
}

/* What is quoted and what is not: RFC 7616, 3.4. */
static char *write_answer(char *at, const struct mw_digest *d, const struct mw_digest_request *r,
                          const struct answer *s)
{
    at = put_user(put(at, "Digest "), d, r->user, s->user);
    at = put_named_quoted(at, ", realm=", d->realm);
    at = put_named_quoted(at, ", uri=", r->uri);
    if (d->algorithm != NULL)
        at = put_named(at, ", algorithm=", d->algorithm);
    at = put_named_quoted(at, ", nonce=", nonce_of(d));
    if (s->qop != NULL) {
        at = put_named(at, ", nc=", s->count);
        at = put_named_quoted(at, ", cnonce=", s->cnonce);
        at = put_named(at, ", qop=", s->qop);
    } else if (d->session) { /* nobody could know the key without it */
        at = put_named_quoted(at, ", cnonce=", s->cnonce);
    }
    at = put_named_quoted(at, ", response=", s->response);
    if (d->opaque != NULL)
        at = put_named_quoted(at, ", opaque=", d->opaque);
    return put(at, d->userhash ? ", userhash=true" : "");
}

char *mw_digest_answer(struct mw_digest *d, const struct mw_allocator *a,
                       const struct mw_digest_request *r, char proof[MW_DIGEST_HEX])
{
    struct answer s;
    char *value = fill(d, r, &s, proof) ? mw_alloc(a, room_of(d, r)) : NULL;
    if (value != NULL)
        *write_answer(value, d, r, &s) = '\0';
    clear(&s, sizeof s);
    return value;
}

/* ---- what the server says afterwards ------------------------------------------------------- */

static void take_next_nonce(struct mw_digest *d, const struct mw_allocator *a,
                            const struct mw_param *p)
{
    char *nonce = mw_alloc(a, p->value.length + 1);
    if (nonce == NULL)
        return; /* the one that there is will be called stale, which is no harm */
    mw_param_text(p, nonce);
    if (strcmp(nonce, nonce_of(d)) == 0) {
        mw_dealloc(a, nonce);
        return;
    }
    mw_dealloc(a, d->next_nonce);
    d->next_nonce = nonce;
    d->count = 0;
}

bool mw_digest_info(struct mw_digest *d, const struct mw_allocator *a, const char *info,
                    const char *proof)
{
    struct mw_challenge c;
    if (!mw_params_read(info, &c))
        return true;
    const struct mw_param *next = mw_challenge_find(&c, "nextnonce");
    const struct mw_param *rspauth = mw_challenge_find(&c, "rspauth");
    if (next != NULL && next->value.length > 0)
        take_next_nonce(d, a, next);
    return rspauth == NULL || proof[0] == '\0' || mw_param_is(rspauth, proof);
}
