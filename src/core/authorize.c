/* Authorization along the legs of an exchange: which credentials count where it is, the field for
 * each request, and what comes of a 401.
 * SPDX-License-Identifier: MIT */
#include "core/authorize.h"

#include "base/grammar.h"
#include "base/url_percent.h"
#include "core/auth.h"
#include "core/exchange.h"

#include <string.h>

/* So often a function is asked again because what it gave was refused. */
enum { MOST_QUESTIONS = 5 };

/* What a function of the user's was asked and has said. */
enum asked { NOT_ASKED, ASKED, ANSWERED };

struct mw_authorize {
    mw_exchange *x;
    struct mw_credentials given; /* its texts lie in `texts`; neither user nor bearer: none */
    char *texts;
    size_t size;
    const char *netrc_file; /* there, too; NULL: none */
    const char *login;      /* whom to look for in it; NULL: anybody */
    bool netrc_optional;

    char *where;          /* "https://host": where x goes now */
    struct mw_auth *auth; /* for there; NULL: nothing */
    bool answering;       /* the leg that is composed next answers a challenge */
    bool sets;            /* the field is ours */
    struct mw_failure *unusable;

    mw_auth_fn ask;
    enum asked asked;
    bool in_ask; /* its function is on the stack */
    int questions;
    bool paused;           /* the engine, while it is thought about */
    char *answer, *value;  /* what it has said; what was sent of that */
    struct mw_deferred go; /* the first leg */
};

/* ---- preparation --------------------------------------------------------------------------- */

/* Percent-decoded in place of the URL's own text, to be cleared by the caller. */
struct userinfo {
    char *block;
    size_t size;
    const char *user, *password; /* NULL: it has none */
    bool bad;                    /* a byte 0 would cut them off */
};

static char *decode(char *at, struct mw_span text, struct userinfo *u)
{
    char *end = mw_percent_decode(at, text);
    u->bad = u->bad || memchr(at, '\0', (size_t)(end - at)) != NULL;
    *end = '\0';
    return end + 1;
}

static bool read_userinfo(const struct mw_allocator *a, const char *url, struct userinfo *u)
{
    struct mw_url_parts parts;
    memset(u, 0, sizeof *u);
    if (url == NULL || strchr(url, '@') == NULL || mw_url_split(url, &parts) != NULL ||
        !parts.has_user || (parts.user.length == 0 && parts.password.length == 0))
        return true;
    u->size = parts.user.length + parts.password.length + 2;
    u->block = mw_alloc(a, u->size);
    if (u->block == NULL)
        return false;
    u->user = u->block;
    char *password = decode(u->block, parts.user, u);
    if (parts.has_password)
        u->password = password;
    decode(password, parts.password, u);
    return true;
}

static void forget_userinfo(const struct mw_allocator *a, struct userinfo *u)
{
    if (u->block != NULL)
        explicit_bzero(u->block, u->size);
    mw_dealloc(a, u->block);
}

static int check_choice(mw_runtime *rt, const mw_options *o)
{
    int sources = (o->auth_user != NULL) + (o->auth_bearer != NULL) + (o->on_auth != NULL);
    if (sources + (o->no_auth != 0) > 1)
        return mw_fail(rt, MW_EINVAL,
                       "bad auth: only one of auth_user, auth_bearer, on_auth and "
                       "no_auth can be given");
    if (o->auth_password != NULL && o->auth_user == NULL)
        return mw_fail(rt, MW_EINVAL, "bad auth: a password without a user");
    if ((unsigned)o->auth_scheme > MW_AUTH_ANY)
        return mw_fail(rt, MW_EINVAL, "bad auth_scheme: %d is none", (int)o->auth_scheme);
    return MW_OK;
}

static size_t room_for(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

static const char *keep(char **at, const char *text)
{
    char *kept = *at;
    if (text == NULL)
        return NULL;
    size_t size = strlen(text) + 1;
    memcpy(kept, text, size);
    *at += size;
    return kept;
}

static bool keep_all(struct mw_authorize *z, const struct mw_allocator *a,
                     const struct mw_credentials *c, const char *netrc_file)
{
    z->size =
        1 + room_for(c->user) + room_for(c->password) + room_for(c->bearer) + room_for(netrc_file);
    char *at = z->texts = mw_zalloc(a, z->size);
    if (at == NULL)
        return false;
    z->given.scheme = c->scheme;
    z->given.user = keep(&at, c->user);
    z->given.password = keep(&at, c->password);
    z->given.bearer = keep(&at, c->bearer);
    z->netrc_file = keep(&at, netrc_file);
    return true;
}

static void begin(struct mw_deferred *self);

static int take_over(mw_exchange *x, const mw_options *o, const struct mw_credentials *c)
{
    const struct mw_allocator *a = &x->rt->allocator;
    struct mw_authorize *z = x->authorize = mw_zalloc(a, sizeof *z);
    bool named = c->user != NULL || c->bearer != NULL || o->on_auth != NULL;
    bool half = o->auth_user == NULL && c->user != NULL && c->password == NULL;
    if (z == NULL)
        return mw_fail(x->rt, MW_ENOMEM, "no memory for credentials");
    z->x = x;
    z->go.run = begin;
    z->ask = o->on_auth;
    z->netrc_optional = o->netrc_optional != 0;
    if (!keep_all(z, a, c, !named || half ? o->netrc_file : NULL))
        return mw_fail(x->rt, MW_ENOMEM, "no memory for credentials");
    if (half && z->netrc_file != NULL)
        z->login = z->given.user; /* of the URL, which leaves the password to the file */
    return MW_OK;
}

/* What the user has put into the fields himself stands in place of everything else. */
int mw_authorize_prepare(mw_exchange *x, const mw_options *o)
{
    struct userinfo u;
    struct mw_credentials c = {o->auth_scheme, o->auth_user, o->auth_password, o->auth_bearer};
    const struct mw_allocator *a = &x->rt->allocator;
    const char *what = "auth", *wrong = NULL;
    int result = check_choice(x->rt, o);
    if (result != MW_OK)
        return result;
    bool named = o->auth_user != NULL || o->auth_bearer != NULL || o->on_auth != NULL;
    if (!read_userinfo(a, o->url, &u))
        return mw_fail(x->rt, MW_ENOMEM, "no memory for credentials");
    if (!named && !o->no_auth && u.user != NULL) {
        what = "url";
        c.user = u.user;
        c.password = u.password;
        wrong = u.bad ? "user or password holds a byte 0x00" : NULL;
    }
    if (wrong == NULL && (c.user != NULL || c.bearer != NULL))
        wrong = mw_credentials_bad(&c);
    bool any = c.user != NULL || c.bearer != NULL || o->on_auth != NULL || o->netrc_file != NULL;
    if (wrong != NULL)
        result = mw_fail(x->rt, MW_EINVAL, "bad %s: %s", what, wrong);
    else if (any && !o->no_auth && mw_headers_find(&x->fields, "Authorization", NULL) == NULL)
        result = take_over(x, o, &c);
    forget_userinfo(a, &u);
    return result;
}

/* ---- where it is --------------------------------------------------------------------------- */

/* Credentials are for the origin that was asked for, and nobody else. */
static bool is_at_home(const mw_exchange *x)
{
    return x->legs.origin == NULL || mw_same_origin(&x->url, x->legs.origin);
}

static char *where_of(const mw_exchange *x)
{
    const char *scheme = x->url.secure ? "https://" : "http://";
    size_t first = strlen(scheme), second = strlen(x->url.authority) + 1;
    char *where = mw_alloc(&x->rt->allocator, first + second);
    if (where != NULL) {
        memcpy(where, scheme, first);
        memcpy(where + first, x->url.authority, second);
    }
    return where;
}

static bool note_unusable(struct mw_authorize *z, const struct mw_failure *f)
{
    z->unusable = mw_alloc(&z->x->rt->allocator, sizeof *f);
    if (z->unusable != NULL)
        *z->unusable = *f;
    return z->unusable != NULL;
}

/* False without memory. */
static bool look_up(struct mw_authorize *z, const char *login)
{
    mw_exchange *x = z->x;
    const struct mw_allocator *a = &x->rt->allocator;
    struct mw_netrc_found found;
    struct mw_failure f;
    bool done = true;
    if (!mw_netrc_ask(a, z->netrc_file, z->netrc_optional, x->url.host, login, &found, &f))
        return note_unusable(z, &f);
    struct mw_credentials c = {z->given.scheme, found.login, found.password, NULL};
    const char *wrong = found.login != NULL ? mw_credentials_bad(&c) : NULL;
    if (wrong != NULL) {
        mw_failure_init(&f, MW_UNKNOWN_CONTENT_ERROR, MW_PHASE_SEND);
        mw_failure_text(&f, "the netrc file \"%.100s\" has credentials that cannot be sent: %s",
                        z->netrc_file, wrong);
        done = note_unusable(z, &f);
    } else if (found.login != NULL) {
        z->auth = mw_auth_new(x->rt, z->where, &c);
        done = z->auth != NULL;
    }
    mw_netrc_forget(a, &found);
    return done;
}

/* Finds the credentials for where x goes now, unless it has been there. False without memory. */
static bool arrive(struct mw_authorize *z)
{
    mw_exchange *x = z->x;
    char *where = where_of(x);
    bool home = is_at_home(x);
    if (where == NULL)
        return false;
    if (z->where != NULL && strcmp(where, z->where) == 0) {
        mw_dealloc(&x->rt->allocator, where);
        return true;
    }
    mw_dealloc(&x->rt->allocator, z->where);
    z->where = where;
    mw_auth_free(z->auth);
    z->auth = NULL;
    if (z->netrc_file != NULL && (z->login == NULL || home) && !look_up(z, z->login))
        return false;
    bool given = z->given.user != NULL || z->given.bearer != NULL;
    if (!home || !given || z->auth != NULL)
        return true;
    z->auth = mw_auth_new(x->rt, z->where, &z->given);
    return z->auth != NULL;
}

/* ---- the field ----------------------------------------------------------------------------- */

static struct mw_digest_request message_of(const mw_exchange *x)
{
    const struct mw_outgoing *out = &x->outgoing;
    bool known = !out->has_body || (x->body.kind == MW_BODY_MEMORY && !out->in_chunks);
    return (struct mw_digest_request){.method = x->method,
                                      .uri = x->url.target,
                                      .body = out->body,
                                      .body_length = known ? (size_t)out->body_length : 0,
                                      .body_known = known};
}

static void clear_field(mw_exchange *x)
{
    const struct mw_header *h = mw_headers_find(&x->fields, "Authorization", NULL);
    if (h != NULL)
        explicit_bzero((char *)h->value, strlen(h->value));
    mw_headers_remove(&x->fields, "Authorization");
}

static bool set_field(mw_exchange *x, const char *value)
{
    clear_field(x);
    return value == NULL || mw_headers_set(&x->fields, &x->rt->allocator, "Authorization", value);
}

int mw_authorize_compose(mw_exchange *x)
{
    struct mw_authorize *z = x->authorize;
    char *value = NULL;
    if (z == NULL)
        return MW_OK;
    bool done = arrive(z);
    struct mw_digest_request what = message_of(x);
    if (z->auth != NULL && !z->answering)
        mw_auth_begin(z->auth);
    z->answering = false;
    if (done && z->auth != NULL)
        done = mw_auth_value(z->auth, &what, &value);
    z->sets = z->auth != NULL || (z->ask != NULL && is_at_home(x));
    done = done && set_field(x, z->ask != NULL && z->sets ? z->value : value);
    mw_auth_free_value(x->rt, value);
    return done ? MW_OK : mw_fail(x->rt, MW_ENOMEM, "no memory for credentials");
}

const struct mw_failure *mw_authorize_unusable(const mw_exchange *x)
{
    return x->authorize != NULL ? x->authorize->unusable : NULL;
}

/* ---- the judgement ------------------------------------------------------------------------- */

bool mw_authorize_concerns(const mw_exchange *x)
{
    const struct mw_authorize *z = x->authorize;
    if (z == NULL || !z->sets)
        return false;
    return x->status == 401 ||
           (z->auth != NULL && mw_headers_find(&x->response, "Authentication-Info", NULL) != NULL);
}

static void put_question(mw_exchange *x, void *ud)
{
    x->authorize->ask(x, ud);
}

/* False: the function has freed x. */
static bool ask(struct mw_authorize *z)
{
    mw_exchange *x = z->x;
    z->asked = ASKED;
    z->in_ask = true;
    if (!mw_exchange_call(x, put_question))
        return false;
    if (x->authorize != NULL) /* it may have been cancelled */
        z->in_ask = false;
    return true;
}

/* The rest of a short reply still comes: the function may need the connection that it is on. */
static void hold_still(struct mw_authorize *z, bool on)
{
    mw_exchange *x = z->x;
    x->paused = z->paused = on;
    if (!on && x->on_wire)
        x->engine->pause(x, false);
    mw_clocks_change(x);
}

/* Whether there is an answer other than the one that was refused; it is then the one to send. */
static bool take_answer(struct mw_authorize *z)
{
    bool other = z->answer != NULL && (z->value == NULL || strcmp(z->answer, z->value) != 0);
    z->asked = NOT_ASKED;
    if (other) {
        mw_auth_free_value(z->x->rt, z->value);
        z->value = z->answer;
    } else {
        mw_auth_free_value(z->x->rt, z->answer);
    }
    z->answer = NULL;
    return other;
}

static enum mw_judgement judge_by_function(struct mw_authorize *z, struct mw_leg_plan *plan)
{
    mw_exchange *x = z->x;
    if (z->asked == NOT_ASKED && z->questions++ >= MOST_QUESTIONS)
        return MW_JUDGE_FINAL;
    if (z->asked == NOT_ASKED && !ask(z))
        return MW_JUDGE_GONE;
    if (x->ended)
        return MW_JUDGE_FINAL;
    if (z->asked == ASKED) {
        hold_still(z, true);
        return MW_JUDGE_LATER;
    }
    if (z->paused)
        hold_still(z, false);
    if (!take_answer(z))
        return MW_JUDGE_FINAL;
    plan->why = "authenticate";
    return MW_JUDGE_AGAIN;
}

enum mw_judgement mw_authorize_judge(mw_exchange *x, struct mw_leg_plan *plan)
{
    struct mw_authorize *z = x->authorize;
    struct mw_digest_request what = message_of(x);
    if (z->ask != NULL)
        return judge_by_function(z, plan);
    if (x->status != 401) {
        if (mw_auth_confirmed(z->auth, &x->response, "Authentication-Info"))
            return MW_JUDGE_FINAL;
        mw_failure_init(&plan->failure, MW_PROTOCOL_FAILURE, MW_PHASE_HEAD);
        mw_failure_text(&plan->failure, "the server does not prove that it knows the password: "
                                        "rspauth in Authentication-Info is wrong");
        return MW_JUDGE_FAIL;
    }
    if (!mw_auth_challenged(z->auth, &x->response, "WWW-Authenticate", &what))
        return MW_JUDGE_FINAL;
    z->answering = true;
    plan->why = "authenticate";
    return MW_JUDGE_AGAIN;
}

/* ---- a function's answer ------------------------------------------------------------------- */

bool mw_authorize_waits(mw_exchange *x)
{
    if (x->authorize == NULL || x->authorize->ask == NULL)
        return false;
    mw_leg_wait(x);
    mw_defer(x->rt, &x->authorize->go);
    return true;
}

/* From the loop: asks for the first time, or goes with what was answered. */
static void begin(struct mw_deferred *self)
{
    struct mw_authorize *z = MW_ITEM(self, struct mw_authorize, go);
    mw_exchange *x = z->x;
    if (z->asked == NOT_ASKED && (!ask(z) || x->ended))
        return;
    if (z->asked == ASKED)
        return;
    take_answer(z);
    mw_leg_go(x);
}

static int refuse_answer(mw_runtime *rt, const char *value)
{
    ssize_t at = mw_bad_field_value(value, strlen(value));
    if (at >= 0)
        return mw_fail(rt, MW_EINVAL,
                       "bad value of Authorization: byte 0x%02X at byte %zd is not allowed there",
                       (unsigned char)value[at], at + 1);
    return MW_OK;
}

int mw_exchange_authorize(mw_exchange *x, const char *value)
{
    struct mw_authorize *z = x->authorize;
    if (x->ended)
        return MW_OK;
    if (z == NULL || z->asked != ASKED)
        return mw_fail(x->rt, MW_EINVAL, "nobody waits for a value of Authorization");
    int result = value != NULL ? refuse_answer(x->rt, value) : MW_OK;
    if (result != MW_OK)
        return result;
    if (value != NULL) {
        z->answer = mw_strdup(&x->rt->allocator, value);
        if (z->answer == NULL)
            return mw_fail(x->rt, MW_ENOMEM, "no memory for credentials");
    }
    z->asked = ANSWERED;
    if (z->in_ask)
        return MW_OK;
    mw_defer(x->rt, x->legs.state == MW_LEG_WAITS ? &z->go : &x->legs.next);
    return MW_OK;
}

/* ---- the end ------------------------------------------------------------------------------- */

void mw_authorize_free(mw_exchange *x)
{
    struct mw_authorize *z = x->authorize;
    if (z == NULL)
        return;
    const struct mw_allocator *a = &x->rt->allocator;
    x->authorize = NULL;
    if (z->sets)
        clear_field(x);
    mw_undefer(&z->go);
    mw_auth_free(z->auth);
    mw_auth_free_value(x->rt, z->answer);
    mw_auth_free_value(x->rt, z->value);
    if (z->texts != NULL)
        explicit_bzero(z->texts, z->size);
    mw_dealloc(a, z->texts);
    mw_dealloc(a, z->where);
    mw_dealloc(a, z->unusable);
    mw_dealloc(a, z);
}
