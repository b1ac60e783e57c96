/* digest_test.c: Digest, bit by bit as the RFCs have it; and what auth.c makes of challenges.
 * SPDX-License-Identifier: MIT */
#include "test.h"

#include "core/auth.h"
#include "core/auth_space.h"
#include "core/digest.h"

static const struct mw_allocator *const heap = &mw_default_allocator;

/* Reads one challenge; false where it cannot be answered. */
static bool read_challenge(struct mw_digest *d, const char *field)
{
    struct mw_challenge c;
    CHECK(mw_challenge_next(&field, &c));
    return mw_digest_read(d, heap, &c);
}

static const char *answer(struct mw_digest *d, const struct mw_digest_request *r, char *proof)
{
    static char copy[2000];
    char *value = test_need(mw_digest_answer(d, heap, r, proof));
    CHECK(strlen(value) < sizeof copy);
    snprintf(copy, sizeof copy, "%s", value);
    mw_dealloc(heap, value);
    return copy;
}

/* ---- the RFCs' examples ------------------------------------------------------------------------
 */

struct example {
    const char *challenge;
    struct mw_digest_request request;
    const char *value;
};

#define MUFASA "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
#define MUFASAS "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
#define DOE "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK"
#define DOES "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v"

static const struct example examples[] = {
    /* RFC 7616, 3.9.1 */
    {"Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=MD5, "
     "nonce=\"" MUFASA "\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
     {"GET", "/dir/index.html", "Mufasa", "Circle of Life", NULL, 0, true, MUFASAS},
     "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", "
     "algorithm=MD5, nonce=\"" MUFASA "\", nc=00000001, cnonce=\"" MUFASAS "\", qop=auth, "
     "response=\"8ca523f5e9506fed4657c9700eebdbec\", "
     "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""},
    {"Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=SHA-256, "
     "nonce=\"" MUFASA "\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
     {"GET", "/dir/index.html", "Mufasa", "Circle of Life", NULL, 0, true, MUFASAS},
     "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", "
     "algorithm=SHA-256, nonce=\"" MUFASA "\", nc=00000001, cnonce=\"" MUFASAS "\", qop=auth, "
     "response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\", "
     "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""},
    /* 3.9.2, with the hashes of its erratum 4897 */
    {"Digest realm=\"api@example.org\", qop=\"auth\", algorithm=SHA-512-256, nonce=\"" DOE
     "\", opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\", charset=UTF-8, userhash=true",
     {"GET", "/doe.json", "J\xc3\xa4s\xc3\xb8n Doe", "Secret, or not?", NULL, 0, true, DOES},
     "Digest username=\"793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b\", "
     "realm=\"api@example.org\", uri=\"/doe.json\", algorithm=SHA-512-256, nonce=\"" DOE
     "\", nc=00000001, cnonce=\"" DOES "\", qop=auth, "
     "response=\"3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5\", "
     "opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\", userhash=true"},
    {"Digest realm=\"api@example.org\", qop=\"auth\", algorithm=SHA-512-256, nonce=\"" DOE
     "\", opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\", charset=UTF-8",
     {"GET", "/doe.json", "J\xc3\xa4s\xc3\xb8n Doe", "Secret, or not?", NULL, 0, true, DOES},
     "Digest username*=UTF-8''J%C3%A4s%C3%B8n%20Doe, "
     "realm=\"api@example.org\", uri=\"/doe.json\", algorithm=SHA-512-256, nonce=\"" DOE
     "\", nc=00000001, cnonce=\"" DOES "\", qop=auth, "
     "response=\"3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5\", "
     "opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\""},
    /* RFC 2617, 3.5: no algorithm in the challenge, none in the answer */
    {"Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", "
     "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
     {"GET", "/dir/index.html", "Mufasa", "Circle Of Life", NULL, 0, true, "0a4f113b"},
     "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", uri=\"/dir/index.html\", "
     "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", nc=00000001, cnonce=\"0a4f113b\", qop=auth, "
     "response=\"6629fae49393a05397450978507c4ef1\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\""},
    /* RFC 2069, 2.4, with the hash of its erratum 749 */
    {"Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", "
     "opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
     {"GET", "/dir/index.html", "Mufasa", "CircleOfLife", NULL, 0, true, "0a4f113b"},
     "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", uri=\"/dir/index.html\", "
     "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", "
     "response=\"1949323746fe6a43ef61f9606e7febea\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\""},
    /* what needs a backslash */
    {"Digest realm=\"a \\\"b\\\" \\\\\", nonce=n",
     {"GET", "/", "u\"\\", "p", NULL, 0, true, "c"},
     "Digest username=\"u\\\"\\\\\", realm=\"a \\\"b\\\" \\\\\", uri=\"/\", nonce=\"n\", "
     "response=\"e3fdd7eb54f633b08d53b4b912dc290b\""},
};

static void answers_as_the_rfcs_do(void)
{
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        struct mw_digest d;
        char proof[MW_DIGEST_HEX];
        CHECK(read_challenge(&d, examples[i].challenge));
        CHECK(mw_digest_can(&d, &examples[i].request));
        CHECK_TEXT(answer(&d, &examples[i].request, proof), examples[i].value);
        mw_digest_free(&d, heap);
    }
}

/* ---- every algorithm with every qop
 * -------------------------------------------------------------- */

struct cell {
    const char *algorithm, *qop, *response, *proof;
};

/* Made with Python's hashlib: user "user", password "pass", realm 're"al', nonce "NONCE", cnonce
 * "CNONCE", "POST /p?q=1" with the body "the body". */
static const struct cell cells[] = {
    {"MD5", NULL, "8e7dbc81e79485d172916f984133e02a", ""},
    {"MD5", "auth", "7af44899d471f7e95c77d6eb3e59404d", "7c992cdbb498f1f2d69d180bd48cb698"},
    {"MD5", "auth-int", "c9a2e66e0707b966cb17a96b9f3435e7", ""},
    {"MD5-sess", NULL, "46aa7aff991a53cdf26332ae9b327c98", ""},
    {"MD5-sess", "auth", "bf9dcfe11449f8736b079bd80b7d3b20", "1fdc0280656bf21bee69e91a8c5be00a"},
    {"MD5-sess", "auth-int", "1413971024f0963f19a4ddc7a62eabd4", ""},
    {"SHA-256", NULL, "92a4fb111474b55a912bbd9fa15e124cf2b20cdf2e2322b6966f3018f3b7bceb", ""},
    {"SHA-256", "auth", "6d310e1ab2ac4322ec24e254bc1bad851e62d5e78f193a9729d64863e59dbcb8",
     "815cce303a43f13a1856770f645f04e6dbc9aaccffedc82b06c17306d3c625f3"},
    {"SHA-256", "auth-int", "cd94eaff7b95d4e6e3929e12205a96a32e105c3a136f3cc0249702fee15c9de3", ""},
    {"SHA-256-sess", NULL, "6652712bad49770bd9b0d97bc322c140af183948f2edbcce19bdaeb9856ff23e", ""},
    {"SHA-256-sess", "auth", "8b8a56f8b5dcd0f6763050272566ab8bbc78f5c7853881c4f4f2d13c91a41a1d",
     "224aa158e1d5e5946767c5702e14a51252478e3f72de1181e085bc00ee3ce0bd"},
    {"SHA-256-sess", "auth-int", "f1fd2afe35cce067f4b3e9da9d34a2f5a5475d087fcc3f60c22085709f39edb4",
     ""},
    {"SHA-512-256", NULL, "f3b04f70a8a1cc82f1831d87c9cfccd4a4d9fbb67c6146afb91201e9f5d79156", ""},
    {"SHA-512-256", "auth", "4bfa723b06c0b521fa1f3282ca4dfcb0477eed54f59200981d172617f356fae7",
     "93e991962b3a6482eeee6b0b6d0bdc89469cdad41dbd51fd3295a217ea5249b4"},
    {"SHA-512-256", "auth-int", "52de9ae10c3804d307cdd763c4bee77c3f1561e308ede4d28092824503d563f0",
     ""},
    {"SHA-512-256-sess", NULL, "b2c0b6cc605f5db9c4ab91a7ff9a6e7bc094f0b43c254e154c92a4fcba585a09",
     ""},
    {"SHA-512-256-sess", "auth", "0812da2ca6c3fbd1a779ff2c8af1ebb4856bb595103c9f8b3ceb813fa56f62ca",
     "344cd42bbc554f05a6eaa053998ecb8ec8bb194b1a000a38cff65ed42aaf7611"},
    {"SHA-512-256-sess", "auth-int",
     "63240b4fede99e9b7c270b42e05aa1b261aa3fa38684f3b3c67f2dc3819fed92", ""},
};

static const struct mw_digest_request post = {"POST",     "/p?q=1", "user", "pass",
                                              "the body", 8,        true,   "CNONCE"};

static void computes_every_algorithm_with_every_qop(void)
{
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        const struct cell *cell = &cells[i];
        struct mw_digest d;
        char field[200], part[120], proof[MW_DIGEST_HEX];
        snprintf(field, sizeof field,
                 "Digest realm=\"re\\\"al\", nonce=NONCE, algorithm=\"%s\"%s%s", cell->algorithm,
                 cell->qop ? ", qop=" : "", cell->qop ? cell->qop : "");
        CHECK(read_challenge(&d, field));
        const char *value = answer(&d, &post, proof);
        snprintf(part, sizeof part, " response=\"%s\"", cell->response);
        CHECK_HAS(value, part);
        snprintf(part, sizeof part, " algorithm=%s,", cell->algorithm);
        CHECK_HAS(value, part);
        snprintf(part, sizeof part, " qop=%s,", cell->qop ? cell->qop : "");
        CHECK_INT(strstr(value, part) != NULL, cell->qop != NULL);
        CHECK_INT(strstr(value, "nc=00000001") != NULL, cell->qop != NULL);
        CHECK_TEXT(proof, cell->proof);
        mw_digest_free(&d, heap);
    }
}

/* ---- the challenge
 * --------------------------------------------------------------------------------- */

static void refuses_what_it_cannot_answer(void)
{
    static const char *const fields[] = {
        "Basic realm=r, nonce=n",
        "Digest realm=r",
        "Digest nonce=n",
        "Digest abc=",
        "Digest",
        "Digest realm=r, nonce=n, algorithm=SHA-1",
        "Digest realm=r, nonce=n, algorithm=MD5-ses",
        "Digest realm=r, nonce=n, algorithm=\"\"",
        "Digest realm=r, nonce=n, qop=auth-conf",
        "Digest realm=r, nonce=n, qop=\"\"",
        "Digest realm=r, nonce=n, qop=\"authint,au\"",
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        struct mw_digest d;
        if (!CHECK(!read_challenge(&d, fields[i])))
            printf("    %s\n", fields[i]);
        mw_digest_free(&d, heap);
    }
}

static void reads_flags_whatever_their_case_and_quotes(void)
{
    struct mw_digest d;
    CHECK(read_challenge(&d, "DIGEST Realm=\"r\", NONCE=n, Algorithm=\"sha-256-SESS\", "
                             "qop=\"AUTH , foo\", Stale=\"TRUE\", userhash=True, charset=utf-8"));
    CHECK(d.hash == MW_SHA256 && d.session && d.auth && !d.auth_int);
    CHECK(d.stale && d.userhash && d.utf8 && d.opaque == NULL);
    mw_digest_free(&d, heap);
    CHECK(read_challenge(&d, "Digest realm=\"\", nonce=\"\", stale=false, opaque=\"\""));
    CHECK(d.hash == MW_MD5 && !d.session && !d.auth && !d.stale && !d.userhash && !d.utf8);
    CHECK_TEXT(d.opaque, "");
    mw_digest_free(&d, heap);
}

/* ---- the choice of a qop
 * ----------------------------------------------------------------------------- */

static const char *qop_for(const char *offered, bool known, size_t length)
{
    struct mw_digest d;
    struct mw_digest_request r = post;
    char field[100], proof[MW_DIGEST_HEX];
    const char *found = "none";
    snprintf(field, sizeof field, "Digest realm=r, nonce=n, qop=\"%s\"", offered);
    CHECK(read_challenge(&d, field));
    r.body_known = known;
    r.body_length = length;
    if (mw_digest_can(&d, &r))
        found = strstr(answer(&d, &r, proof), "qop=auth-int") != NULL ? "auth-int" : "auth";
    mw_digest_free(&d, heap);
    return found;
}

static void hashes_the_body_where_it_can(void)
{
    CHECK_TEXT(qop_for("auth", true, 8), "auth");
    CHECK_TEXT(qop_for("auth,auth-int", true, 8), "auth-int");
    CHECK_TEXT(qop_for("auth-int,auth", true, 0), "auth");
    CHECK_TEXT(qop_for("auth,auth-int", false, 8), "auth");
    CHECK_TEXT(qop_for("auth-int", true, 8), "auth-int");
    CHECK_TEXT(qop_for("auth-int", true, 0), "auth-int");
    CHECK_TEXT(qop_for("auth-int", false, 0), "none");
}

/* ---- counts, sessions, chance
 * ------------------------------------------------------------------------ */

/* The text behind `name` up to its quote or comma. */
static const char *part_of(const char *value, const char *name)
{
    static char parts[4][200];
    static int next;
    char *part = parts[next++ % 4];
    const char *at = strstr(value, name);
    part[0] = '\0';
    if (CHECK(at != NULL)) {
        at += strlen(name);
        at += *at == '"';
        snprintf(part, 200, "%.*s", (int)strcspn(at, "\","), at);
    }
    return part;
}

static void counts_the_uses_of_a_nonce(void)
{
    struct mw_digest d;
    struct mw_digest_request r = post;
    char proof[MW_DIGEST_HEX], number[9];
    r.cnonce = NULL;
    CHECK(read_challenge(&d, "Digest realm=r, nonce=n, qop=auth"));
    for (unsigned i = 1; i <= 20; i++) {
        snprintf(number, sizeof number, "%08x", i);
        CHECK_TEXT(part_of(answer(&d, &r, proof), ", nc="), number);
    }
    CHECK(mw_digest_info(&d, heap, "nextnonce=\"n\"", proof)); /* the same one */
    CHECK_TEXT(part_of(answer(&d, &r, proof), ", nc="), "00000015");
    CHECK(mw_digest_info(&d, heap, "nextnonce=\"m\\\"\"", proof));
    const char *value = answer(&d, &r, proof);
    CHECK_TEXT(part_of(value, ", nc="), "00000001");
    CHECK_HAS(value, "nonce=\"m\\\"\"");
    CHECK(mw_digest_info(&d, heap, "nextnonce=\"\"", proof)); /* says nothing */
    CHECK_TEXT(part_of(answer(&d, &r, proof), ", nc="), "00000002");
    mw_digest_free(&d, heap);
}

static void takes_its_cnonce_by_chance(void)
{
    struct mw_digest d;
    struct mw_digest_request r = post;
    char proof[MW_DIGEST_HEX];
    r.cnonce = NULL;
    CHECK(read_challenge(&d, "Digest realm=r, nonce=n, qop=auth"));
    const char *first = part_of(answer(&d, &r, proof), "cnonce=");
    const char *second = part_of(answer(&d, &r, proof), "cnonce=");
    CHECK(strlen(first) == 32);
    CHECK(strcmp(first, second) != 0);
    mw_digest_free(&d, heap);
}

/* The key of a session is made once (RFC 7616, 3.4.2): what follows differs by its count alone, and
 * by its nonce where the server names another. */
static void keeps_the_key_of_a_session(void)
{
    struct mw_digest d;
    struct mw_digest_request r = post;
    char proof[MW_DIGEST_HEX], key[MW_DIGEST_HEX];
    r.cnonce = NULL;
    CHECK(read_challenge(&d, "Digest realm=r, nonce=n, qop=auth, algorithm=MD5-sess"));
    const char *first = part_of(answer(&d, &r, proof), "cnonce=");
    memcpy(key, d.session_key, sizeof key);
    CHECK(strlen(key) == 32);
    CHECK(mw_digest_info(&d, heap, "nextnonce=m", proof));
    const char *value = answer(&d, &r, proof);
    CHECK_TEXT(part_of(value, "cnonce="), first);
    CHECK_TEXT(part_of(value, " nonce="), "m");
    CHECK_TEXT(d.session_key, key);
    mw_digest_free(&d, heap);
}

static void compares_rspauth_with_the_proof(void)
{
    struct mw_digest d;
    char proof[MW_DIGEST_HEX], info[200];
    CHECK(read_challenge(&d, "Digest realm=r, nonce=n, qop=auth"));
    answer(&d, &post, proof);
    snprintf(info, sizeof info, "qop=auth, rspauth=\"%s\", cnonce=\"CNONCE\", nc=00000001", proof);
    CHECK(mw_digest_info(&d, heap, info, proof));
    CHECK(!mw_digest_info(&d, heap, "rspauth=\"00000000000000000000000000000000\"", proof));
    CHECK(!mw_digest_info(&d, heap, "rspauth=\"\"", proof));
    CHECK(mw_digest_info(&d, heap, "rspauth=\"0\"", "")); /* cannot be told */
    CHECK(mw_digest_info(&d, heap, "qop=auth", proof));
    CHECK(mw_digest_info(&d, heap, "", proof));
    CHECK(mw_digest_info(&d, heap, "rspauth=\"0", proof)); /* not a field that can be read */
    mw_digest_free(&d, heap);
}

/* ---- the policy: what is sent, and what comes of a refusal
 * ------------------------------------------- */

static mw_runtime *rt;
static const struct mw_digest_request get = {"GET", "/", NULL, NULL, NULL, 0, true, NULL};

static struct mw_auth *have(const char *where, const char *user, mw_auth_scheme scheme)
{
    struct mw_credentials c = {scheme, user, "pass", NULL};
    CHECK(mw_credentials_bad(&c) == NULL);
    return test_need(mw_auth_new(rt, where, &c));
}

/* The scheme of what would be sent, "" for nothing. */
static const char *next_value(struct mw_auth *auth)
{
    static char copy[1000];
    char *value = NULL;
    CHECK(mw_auth_value(auth, &get, &value));
    snprintf(copy, sizeof copy, "%s", value != NULL ? value : "");
    mw_auth_free_value(rt, value);
    return copy;
}

static const char *next_scheme(struct mw_auth *auth)
{
    char *value = (char *)next_value(auth);
    value[strcspn(value, " ")] = '\0';
    return value;
}

/* A refusal with up to two fields. */
static bool refuse(struct mw_auth *auth, const char *one, const char *two)
{
    struct mw_headers h = {0};
    CHECK(mw_headers_reserve(&h, heap, 2, 2000));
    mw_headers_add(&h, "WWW-Authenticate", one);
    if (two != NULL)
        mw_headers_add(&h, "www-authenticate", two);
    bool again = mw_auth_challenged(auth, &h, "WWW-Authenticate", &get);
    mw_headers_free(&h, heap);
    return again;
}

#define BASIC "Basic realm=r"
#define MD5 "Digest realm=r, nonce=n, qop=auth"
#define SHA MD5 ", algorithm=SHA-256"
#define SHA512 MD5 ", algorithm=SHA-512-256"

struct policy {
    mw_auth_scheme scheme;
    const char *first; /* sent by itself */
    const char *challenge;
    const char *second; /* sent then; NULL: the refusal is the end */
};

static const struct policy policies[] = {
    {MW_AUTH_DEFAULT, "Basic", BASIC, NULL},
    {MW_AUTH_DEFAULT, "Basic", MD5, "Digest"},
    {MW_AUTH_DEFAULT, "Basic", BASIC ", " MD5, "Digest"},
    {MW_AUTH_DEFAULT, "Basic", "Negotiate", NULL},
    {MW_AUTH_DEFAULT, "Basic", "", NULL},
    {MW_AUTH_BASIC, "Basic", BASIC, NULL},
    {MW_AUTH_BASIC, "Basic", MD5, NULL},
    {MW_AUTH_DIGEST, "", BASIC, NULL},
    {MW_AUTH_DIGEST, "", MD5, "Digest"},
    {MW_AUTH_DIGEST, "", "Digest realm=r, nonce=n, algorithm=X", NULL},
    {MW_AUTH_ANY, "", BASIC, "Basic"},
    {MW_AUTH_ANY, "", "Negotiate, " BASIC, "Basic"},
    {MW_AUTH_ANY, "", MD5, "Digest"},
    {MW_AUTH_ANY, "", BASIC ", " MD5, "Digest"},
    {MW_AUTH_ANY, "", MD5 ", " BASIC, "Digest"},
    {MW_AUTH_ANY, "", "Digest realm=r, nonce=n, algorithm=X, " BASIC, "Basic"},
    {MW_AUTH_ANY, "", "Negotiate", NULL},
    {MW_AUTH_ANY, "", "", NULL},
};

static void sends_what_the_scheme_allows(void)
{
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        const struct policy *p = &policies[i];
        struct mw_auth *auth = have("http://x:80", "user", p->scheme);
        CHECK_TEXT(next_scheme(auth), p->first);
        CHECK_INT(refuse(auth, p->challenge, NULL), p->second != NULL);
        if (p->second != NULL) {
            CHECK_TEXT(next_scheme(auth), p->second);
            CHECK(!refuse(auth, p->challenge, NULL)); /* once is enough */
        }
        mw_auth_free(auth);
    }
}

static void prefers_the_strongest(void)
{
    static const struct {
        const char *one, *two, *algorithm;
    } all[] = {
        {MD5, SHA, "SHA-256"},
        {SHA, MD5, "SHA-256"},
        {SHA, SHA512, "SHA-512-256"},
        {SHA512 ", " SHA, MD5 ", " BASIC, "SHA-512-256"},
        {BASIC, "Negotiate, " SHA, "SHA-256"},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct mw_auth *auth = have("http://y:80", "user", MW_AUTH_ANY);
        CHECK_TEXT(next_scheme(auth), "");
        CHECK(refuse(auth, all[i].one, all[i].two));
        CHECK_TEXT(part_of(next_value(auth), "algorithm="), all[i].algorithm);
        CHECK(!refuse(auth, all[i].one, all[i].two)); /* it is forgotten, too */
        mw_auth_free(auth);
    }
}

static void answers_a_stale_nonce_a_few_times(void)
{
    struct mw_auth *auth = have("http://stale:80", "user", MW_AUTH_DIGEST);
    next_value(auth);
    CHECK(refuse(auth, MD5, NULL));
    for (int i = 0; i < 2; i++) {
        next_value(auth);
        CHECK(refuse(auth, "Digest realm=r, nonce=m, qop=auth, stale=true", NULL));
        CHECK_TEXT(part_of(next_value(auth), " nonce="), "m");
    }
    CHECK(!refuse(auth, "Digest realm=r, nonce=o, qop=auth, stale=true", NULL));
    mw_auth_free(auth);
}

static void remembers_what_a_server_wants(void)
{
    struct mw_headers none = {0};
    struct mw_auth *first = have("http://z:80", "user", MW_AUTH_DEFAULT);
    CHECK_TEXT(next_scheme(first), "Basic");
    CHECK(refuse(first, MD5, NULL));
    CHECK_TEXT(part_of(next_value(first), "nc="), "00000001");
    CHECK(mw_auth_confirmed(first, &none, "Authentication-Info"));
    struct mw_auth *second = have("http://z:80", "user", MW_AUTH_DEFAULT);
    CHECK_TEXT(part_of(next_value(second), "nc="), "00000002");
    CHECK_TEXT(part_of(next_value(first), "nc="), "00000003"); /* one count for all */
    struct mw_auth *other = have("http://z:80", "other", MW_AUTH_DIGEST);
    CHECK_TEXT(next_value(other), "");
    struct mw_auth *elsewhere = have("http://z:81", "user", MW_AUTH_DIGEST);
    CHECK_TEXT(next_value(elsewhere), "");
    /* its nonce has come to its end, which nobody need call stale: this challenge was not ours */
    mw_auth_begin(second);
    CHECK(refuse(second, "Digest realm=r, nonce=m, qop=auth", NULL));
    CHECK_TEXT(part_of(next_value(second), " nonce="), "m");
    CHECK(!refuse(second, "Digest realm=r, nonce=m, qop=auth", NULL));
    mw_auth_free(first);
    mw_auth_free(second);
    mw_auth_free(other);
    mw_auth_free(elsewhere);
    struct mw_auth *anew = have("http://z:80", "user", MW_AUTH_DIGEST);
    CHECK_TEXT(next_value(anew), ""); /* refused: forgotten */
    mw_auth_free(anew);
}

/* Behind a redirect, say: what it answered before is no refusal of what comes now. */
static void begins_anew_with_each_request(void)
{
    struct mw_auth *auth = have("http://anew:80", "user", MW_AUTH_DIGEST);
    for (int i = 0; i < 5; i++) {
        mw_auth_begin(auth);
        next_value(auth);
        CHECK(refuse(auth, MD5, NULL));
        CHECK_TEXT(part_of(next_value(auth), "nc="), "00000001");
    }
    CHECK(!refuse(auth, MD5, NULL));
    mw_auth_free(auth);
}

static void remembers_so_many_places_and_no_more(void)
{
    char where[40];
    struct mw_auth *held = have("http://held:80", "user", MW_AUTH_DIGEST);
    CHECK(refuse(held, MD5, NULL));
    for (int i = 0; i < 2 * MW_MOST_SPACES; i++) {
        snprintf(where, sizeof where, "http://many:%d", i + 1);
        struct mw_auth *auth = have(where, "user", MW_AUTH_ANY);
        CHECK(refuse(auth, BASIC, NULL));
        mw_auth_free(auth);
        CHECK(rt->auth_space_count <= MW_MOST_SPACES);
    }
    struct mw_auth *last = have(where, "user", MW_AUTH_ANY),
                   *early = have("http://many:1", "user", MW_AUTH_ANY);
    CHECK_TEXT(next_scheme(last), "Basic");
    CHECK_TEXT(next_scheme(early), "");
    CHECK_TEXT(next_scheme(held), "Digest"); /* it goes with who holds it */
    mw_auth_free(last);
    mw_auth_free(early);
    mw_auth_free(held);
}

static void shows_a_token_and_does_not_argue(void)
{
    struct mw_credentials c = {MW_AUTH_DEFAULT, NULL, NULL, "to.ken=="};
    CHECK(mw_credentials_bad(&c) == NULL);
    struct mw_auth *auth = test_need(mw_auth_new(rt, "http://b:80", &c));
    CHECK_TEXT(next_value(auth), "Bearer to.ken==");
    CHECK(!refuse(auth, "Bearer error=\"invalid_token\", " BASIC, NULL));
    mw_auth_free(auth);
}

static void refuses_credentials_that_no_field_can_carry(void)
{
    static const struct mw_credentials bad[] = {
        {MW_AUTH_DEFAULT, "a:b", "p", NULL},
        {MW_AUTH_BASIC, "a:b", "p", NULL},
        {MW_AUTH_ANY, "a:b", "p", NULL},
        {MW_AUTH_DEFAULT, "a\r\nX: y", "secret", NULL},
        {MW_AUTH_DIGEST, "a", "s\n", NULL},
        {MW_AUTH_BASIC, "a", "secret\x7f", NULL},
        {MW_AUTH_DEFAULT, NULL, NULL, ""},
        {MW_AUTH_DEFAULT, NULL, NULL, "secret b"},
        {MW_AUTH_DEFAULT, NULL, NULL, "secret\r\nX: y"},
    };
    static const struct mw_credentials good[] = {
        {MW_AUTH_DIGEST, "a:b", "p:q", NULL},
        {MW_AUTH_DEFAULT, "", "", NULL},
        {MW_AUTH_DEFAULT, "a", NULL, NULL},
        {MW_AUTH_DEFAULT, "\xc3\xa4", "\xc3\xb6:", NULL},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *words = mw_credentials_bad(&bad[i]);
        CHECK(words != NULL && strstr(words, "secret") == NULL);
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        CHECK(mw_credentials_bad(&good[i]) == NULL);
}

int main(void)
{
    TEST(answers_as_the_rfcs_do);
    TEST(computes_every_algorithm_with_every_qop);
    TEST(refuses_what_it_cannot_answer);
    TEST(reads_flags_whatever_their_case_and_quotes);
    TEST(hashes_the_body_where_it_can);
    TEST(counts_the_uses_of_a_nonce);
    TEST(takes_its_cnonce_by_chance);
    TEST(keeps_the_key_of_a_session);
    TEST(compares_rspauth_with_the_proof);
    rt = test_need(mw_open(NULL));
    TEST(sends_what_the_scheme_allows);
    TEST(prefers_the_strongest);
    TEST(answers_a_stale_nonce_a_few_times);
    TEST(remembers_what_a_server_wants);
    TEST(begins_anew_with_each_request);
    TEST(remembers_so_many_places_and_no_more);
    TEST(shows_a_token_and_does_not_argue);
    TEST(refuses_credentials_that_no_field_can_carry);
    mw_close(rt);
    return test_end();
}
