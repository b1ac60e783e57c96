/* Which credentials are shown, when, and whether a refusal is the last word.
 * SPDX-License-Identifier: MIT */
#include "core/auth.h"

#include "base/base64.h"
#include "core/auth_space.h"

#include <string.h>

enum { MOST_STALE = 2 }; /* so often a nonce may be too old by the time it is used */

enum sent { NOTHING, BASIC, DIGEST, BEARER };

struct mw_auth {
    mw_runtime *rt;
    size_t size; /* of this block, with its texts */
    mw_auth_scheme scheme;
    const char *where, *user, *password, *bearer; /* in the same block */
    char secret[MW_DIGEST_HEX];
    struct mw_space *space; /* NULL: it has not asked for anything yet */
    enum sent sent;         /* with the last request */
    bool fresh;             /* the challenge that this answered had come in this exchange */
    int stale;              /* how often it was too old nevertheless */
    char proof[MW_DIGEST_HEX];
};

/* ---- credentials --------------------------------------------------------------------------- */

/* RFC 7617, 2 forbids them in both; no field could carry most of them. */
static bool has_control(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return true;
    }
    return false;
}

const char *mw_credentials_bad(const struct mw_credentials *c)
{
    if (c->bearer != NULL) {
        if (c->bearer[0] == '\0')
            return "the token is empty";
        if (has_control(c->bearer) || strchr(c->bearer, ' ') != NULL)
            return "the token holds a blank or a control character";
        return NULL;
    }
    if (has_control(c->user))
        return "the user name holds a control character";
    if (c->password != NULL && has_control(c->password))
        return "the password holds a control character";
    if (c->scheme != MW_AUTH_DIGEST && strchr(c->user, ':') != NULL)
        return "the user name holds a \":\", which Basic cannot send (Digest can)";
    return NULL;
}

static char *put_text(char *at, const char *text)
{
    size_t length = strlen(text);
    memcpy(at, text, length);
    return at + length;
}

static const char *keep(char **at, const char *text)
{
    char *kept = *at;
    if (text == NULL)
        return NULL;
    *at = put_text(kept, text) + 1; /* the block is zeroed */
    return kept;
}

static size_t room_for(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

struct mw_auth *mw_auth_new(mw_runtime *rt, const char *where, const struct mw_credentials *c)
{
    const char *password = c->password != NULL ? c->password : "";
    size_t size = sizeof(struct mw_auth) + room_for(where) + room_for(c->user) +
                  room_for(password) + room_for(c->bearer);
    struct mw_auth *auth = mw_zalloc(&rt->allocator, size);
    if (auth == NULL)
        return NULL;
    auth->rt = rt;
    auth->size = size;
    auth->scheme = c->scheme;
    char *at = (char *)(auth + 1);
    auth->where = keep(&at, where);
    auth->user = keep(&at, c->user);
    auth->password = keep(&at, password);
    auth->bearer = keep(&at, c->bearer);
    if (c->bearer != NULL)
        return auth;
    struct mw_span both[] = {mw_span(c->user), mw_span("\n"), mw_span(password)};
    if (!mw_hash_hex(MW_SHA256, both, 3, auth->secret)) {
        mw_auth_free(auth);
        return NULL;
    }
    auth->space = mw_space_find(rt, where, auth->secret);
    return auth;
}

void mw_auth_free(struct mw_auth *auth)
{
    if (auth == NULL)
        return;
    mw_runtime *rt = auth->rt;
    mw_space_release(rt, auth->space);
    explicit_bzero(auth, auth->size);
    mw_dealloc(&rt->allocator, auth);
}

/* ---- what to send -------------------------------------------------------------------------- */

void mw_auth_begin(struct mw_auth *auth)
{
    auth->fresh = false;
    auth->stale = 0;
}

static char *basic_value(const struct mw_auth *auth)
{
    const struct mw_allocator *a = &auth->rt->allocator;
    size_t length = strlen(auth->user) + 1 + strlen(auth->password);
    char *both = mw_alloc(a, length), *value = mw_alloc(a, 6 + mw_base64_size(length) + 1);
    if (both != NULL && value != NULL) {
        put_text(put_text(put_text(both, auth->user), ":"), auth->password);
        *mw_base64_put(put_text(value, "Basic "), both, length) = '\0';
        explicit_bzero(both, length);
    } else {
        mw_dealloc(a, value);
        value = NULL;
    }
    mw_dealloc(a, both);
    return value;
}

static char *bearer_value(const struct mw_auth *auth)
{
    char *value = mw_alloc(&auth->rt->allocator, 7 + strlen(auth->bearer) + 1);
    if (value != NULL)
        *put_text(put_text(value, "Bearer "), auth->bearer) = '\0';
    return value;
}

static struct mw_digest_request with_names(const struct mw_auth *auth,
                                           const struct mw_digest_request *what)
{
    struct mw_digest_request r = *what;
    r.user = auth->user;
    r.password = auth->password;
    return r;
}

/* A server that is known to take a Digest is not shown the password itself. */
static enum sent choose(const struct mw_auth *auth, const struct mw_digest_request *what)
{
    enum mw_space_wants wants = auth->space != NULL ? auth->space->wants : MW_WANTS_UNKNOWN;
    if (auth->bearer != NULL)
        return BEARER;
    if (auth->scheme == MW_AUTH_BASIC)
        return BASIC;
    if (wants == MW_WANTS_DIGEST)
        return mw_digest_can(&auth->space->digest, what) ? DIGEST : NOTHING;
    if (auth->scheme == MW_AUTH_DIGEST)
        return NOTHING;
    return auth->scheme == MW_AUTH_DEFAULT || wants == MW_WANTS_BASIC ? BASIC : NOTHING;
}

bool mw_auth_value(struct mw_auth *auth, const struct mw_digest_request *what, char **value)
{
    struct mw_digest_request r = with_names(auth, what);
    auth->sent = choose(auth, &r);
    switch (auth->sent) {
    case BASIC:
        *value = basic_value(auth);
        break;
    case DIGEST:
        *value = mw_digest_answer(&auth->space->digest, &auth->rt->allocator, &r, auth->proof);
        break;
    case BEARER:
        *value = bearer_value(auth);
        break;
    default:
        *value = NULL;
        return true;
    }
    return *value != NULL;
}

void mw_auth_free_value(mw_runtime *rt, char *value)
{
    if (value == NULL)
        return;
    explicit_bzero(value, strlen(value));
    mw_dealloc(&rt->allocator, value);
}

/* ---- what comes back ----------------------------------------------------------------------- */

/* The best that a server offers: 0 is nothing that we could answer. */
struct offer {
    int rank;
    struct mw_digest digest;
};

static int rank_of(const struct mw_digest *d)
{
    static const int ranks[] = {[MW_MD5] = 2, [MW_SHA256] = 3, [MW_SHA512_256] = 4};
    return ranks[d->hash];
}

/* Of two that are alike the first one stays: the server prefers it (RFC 7616, 3.7). */
static void consider(const struct mw_auth *auth, const struct mw_challenge *c,
                     const struct mw_digest_request *what, struct offer *best)
{
    const struct mw_allocator *a = &auth->rt->allocator;
    struct mw_digest d;
    if (mw_challenge_is(c, "Basic")) {
        if (best->rank == 0 && auth->scheme != MW_AUTH_DIGEST)
            best->rank = 1;
        return;
    }
    if (auth->scheme == MW_AUTH_BASIC || !mw_digest_read(&d, a, c))
        return;
    if (rank_of(&d) <= best->rank || !mw_digest_can(&d, what)) {
        mw_digest_free(&d, a);
        return;
    }
    mw_digest_free(&best->digest, a);
    best->rank = rank_of(&d);
    best->digest = d;
}

static void find_best(const struct mw_auth *auth, const struct mw_headers *reply, const char *field,
                      const struct mw_digest_request *what, struct offer *best)
{
    struct mw_challenge c;
    memset(best, 0, sizeof *best);
    for (const struct mw_header *h = mw_headers_find(reply, field, NULL); h != NULL;
         h = mw_headers_find(reply, field, h)) {
        const char *at = h->value;
        while (mw_challenge_next(&at, &c))
            consider(auth, &c, what, best);
    }
}

/* Whether the server may think otherwise of what it is offered now. */
static bool is_new(struct mw_auth *auth, const struct offer *best)
{
    if (best->rank == 0)
        return false;
    if (auth->sent == DIGEST && auth->fresh) /* and never Basic behind a Digest */
        return best->digest.stale && ++auth->stale <= MOST_STALE;
    return best->rank > 1 || auth->sent != BASIC;
}

static bool remember(struct mw_auth *auth, struct offer *best)
{
    struct mw_space *space = auth->space;
    if (space == NULL)
        space = mw_space_find(auth->rt, auth->where, auth->secret); /* another exchange's */
    if (space == NULL)
        space = mw_space_add(auth->rt, auth->where, auth->secret);
    if (space == NULL)
        return false;
    auth->space = space;
    mw_digest_free(&space->digest, &auth->rt->allocator);
    space->wants = best->rank > 1 ? MW_WANTS_DIGEST : MW_WANTS_BASIC;
    space->digest = best->digest;
    memset(&best->digest, 0, sizeof best->digest);
    return true;
}

bool mw_auth_challenged(struct mw_auth *auth, const struct mw_headers *reply, const char *field,
                        const struct mw_digest_request *what)
{
    struct offer best;
    if (auth->bearer != NULL)
        return false;
    find_best(auth, reply, field, what, &best);
    bool again = is_new(auth, &best) && remember(auth, &best);
    if (again)
        auth->fresh = true;
    else if (auth->space != NULL)
        auth->space->wants = MW_WANTS_UNKNOWN; /* refused: the next request begins anew */
    mw_digest_free(&best.digest, &auth->rt->allocator);
    return again;
}

bool mw_auth_confirmed(struct mw_auth *auth, const struct mw_headers *reply, const char *field)
{
    if (auth->sent != DIGEST)
        return true;
    const struct mw_header *info = mw_headers_find(reply, field, NULL);
    return info == NULL ||
           mw_digest_info(&auth->space->digest, &auth->rt->allocator, info->value, auth->proof);
}
