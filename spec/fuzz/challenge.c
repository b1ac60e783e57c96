/* Challenges of authentication, and .netrc: what is read lies within the text, and a challenge that
 * is written anew is read as the same again. SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include "base/challenge.h"
#include "base/netrc.h"

static void must_lie_within(struct mw_span s, const char *text, size_t length)
{
    MUST(s.length == 0 || (s.at >= text && s.at + s.length <= text + length));
}

static char *put(char *at, struct mw_span s)
{
    memcpy(at, s.at, s.length);
    return at + s.length;
}

/* All of it in the plainest form there is. */
static void write_again(char *at, const struct mw_challenge *c)
{
    at = put(at, c->scheme);
    *at++ = ' ';
    at = put(at, c->token68);
    for (size_t i = 0; i < c->count; i++) {
        char *value = fuzz_copy(c->params[i].value.at, c->params[i].value.length, 1);
        MUST(mw_param_text(&c->params[i], value) <= c->params[i].value.length);
        MUST(mw_param_is(&c->params[i], value));
        at = put(at, c->params[i].name);
        *at++ = '=';
        at = mw_put_quoted(at, value);
        *at++ = ',';
        free(value);
    }
    *at = '\0';
}

static int same(const struct mw_challenge *a, const struct mw_challenge *b)
{
    int equal = a->count == b->count && a->scheme.length == b->scheme.length &&
                a->token68.length == b->token68.length &&
                memcmp(a->scheme.at, b->scheme.at, a->scheme.length) == 0 &&
                memcmp(a->token68.at, b->token68.at, a->token68.length) == 0;
    for (size_t i = 0; i < a->count && equal; i++) {
        char *value = fuzz_copy(a->params[i].value.at, a->params[i].value.length, 1);
        mw_param_text(&a->params[i], value);
        equal = a->params[i].name.length == b->params[i].name.length &&
                mw_param_is(&b->params[i], value);
        free(value);
    }
    return equal;
}

static void try_challenges(const char *text, size_t length)
{
    struct mw_challenge c, again;
    const char *at = text, *before = text;
    while (mw_challenge_next(&at, &c)) {
        MUST(at > before && at <= text + length);
        before = at;
        must_lie_within(c.scheme, text, length);
        must_lie_within(c.token68, text, length);
        MUST(c.scheme.length > 0 && c.count <= MW_MOST_PARAMS);
        MUST(c.count == 0 || c.token68.length == 0);
        for (size_t i = 0; i < c.count; i++) {
            must_lie_within(c.params[i].name, text, length);
            must_lie_within(c.params[i].value, text, length);
            MUST(mw_challenge_find(&c, "realm") == NULL || c.count > 0);
        }
        char *copy = malloc(4 * length + 16);
        MUST(copy != NULL);
        write_again(copy, &c);
        const char *from = copy;
        MUST(mw_challenge_next(&from, &again) && same(&c, &again));
        MUST(!mw_challenge_next(&from, &again));
        free(copy);
    }
    MUST(*at == '\0');
}

static void try_netrc(const char *text, size_t length, const char *host)
{
    struct mw_netrc found;
    char *copy = fuzz_copy(text, length, 1);
    const char *words = mw_netrc_find(copy, host, NULL, &found);
    MUST(words == NULL || found.login == NULL);
    MUST(found.login != NULL || found.password == NULL);
    MUST(found.login == NULL || (found.login > copy && found.login <= copy + length));
    MUST(found.password == NULL || (found.password > copy && found.password <= copy + length));
    MUST(found.line >= 1 && (size_t)found.line <= length + 1);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_copy((const char *)data, size, 1);
    size_t length = strlen(text);
    struct mw_challenge c;
    try_challenges(text, length);
    if (mw_params_read(text, &c))
        MUST(c.scheme.length == 0 && c.token68.length == 0);
    try_netrc(text, length, "h");
    free(text);
    return 0;
}
