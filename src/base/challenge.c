/* Challenges read from a field's text, in place.
 *
 * A comma stands between two parameters as well as between two challenges. What follows decides: a
 * name with "=" and a value behind it is a parameter of the challenge that is being read, any other
 * word begins the next one (RFC 9110, 11.6.1).
 * SPDX-License-Identifier: MIT */
#include "base/challenge.h"

#include "base/grammar.h"

#include <string.h>
#include <strings.h>

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

/* List elements may be empty (RFC 9110, 5.6.1.2). */
static const char *skip_commas(const char *at)
{
    return at + strspn(at, " \t,");
}

static struct mw_span token(const char *at)
{
    size_t length = 0;
    while (mw_byte_is(at[length], MW_TOKEN))
        length++;
    return (struct mw_span){at, length};
}

static bool is_digit68(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~+/", c) != NULL);
}

/* A token68 reaches up to a comma or the end, and no parameter looks like that: those have a value.
 */
static struct mw_span token68(const char *at)
{
    size_t length = 0;
    while (is_digit68(at[length]))
        length++;
    if (length > 0)
        length += strspn(at + length, "=");
    const char *behind = skip_blanks(at + length);
    if (*behind != ',' && *behind != '\0')
        length = 0;
    return (struct mw_span){at, length};
}

/* Behind the opening quote. Returns where the text goes on, NULL where no quote closes it. */
static const char *quoted(const char *at, struct mw_span *value)
{
    const char *end = at;
    for (; *end != '"'; end++) {
        if (*end == '\\')
            end++;
        if (!mw_byte_is(*end, MW_VALUE)) /* the end of the text is none either */
            return NULL;
    }
    *value = (struct mw_span){at, (size_t)(end - at)};
    return end + 1;
}

enum reading { PARAM, OTHER, BROKEN };

/* Reads one parameter and moves *at behind it, if it is one. */
static enum reading read_param(const char **at, struct mw_param *p)
{
    p->name = token(*at);
    const char *next = skip_blanks(*at + p->name.length);
    if (p->name.length == 0)
        return BROKEN;
    if (*next != '=')
        return OTHER;
    next = skip_blanks(next + 1);
    p->quoted = *next == '"';
    if (p->quoted) {
        next = quoted(next + 1, &p->value);
        if (next == NULL)
            return BROKEN;
    } else {
        p->value = token(next);
        if (p->value.length == 0)
            return BROKEN;
        next += p->value.length;
    }
    next = skip_blanks(next);
    if (*next != ',' && *next != '\0')
        return BROKEN;
    *at = next;
    return PARAM;
}

static bool same(struct mw_span a, struct mw_span b)
{
    return a.length == b.length && strncasecmp(a.at, b.at, a.length) == 0;
}

static bool add(struct mw_challenge *c, const struct mw_param *p)
{
    for (size_t i = 0; i < c->count; i++) {
        if (same(c->params[i].name, p->name))
            return false; /* RFC 9110, 11.2: only once */
    }
    if (c->count == MW_MOST_PARAMS)
        return false;
    c->params[c->count++] = *p;
    return true;
}

/* Parameters up to the end or to what is none. False: they cannot be read. */
static bool read_params(const char **at, struct mw_challenge *c)
{
    struct mw_param p;
    for (;;) {
        const char *next = skip_commas(*at);
        *at = next;
        if (*next == '\0')
            return true;
        enum reading what = read_param(&next, &p);
        if (what == OTHER)
            return true;
        if (what == BROKEN || !add(c, &p))
            return false;
        *at = next;
    }
}

bool mw_challenge_next(const char **at, struct mw_challenge *c)
{
    const char *next = skip_commas(*at);
    c->count = 0;
    c->scheme = token(next);
    c->token68 = (struct mw_span){next, 0};
    next += c->scheme.length;
    bool read = c->scheme.length > 0 && (*next == '\0' || strchr(" \t,", *next) != NULL);
    if (read && *next != ',') {
        next = skip_blanks(next);
        c->token68 = token68(next);
        next += c->token68.length;
        if (c->token68.length == 0)
            read = read_params(&next, c);
    }
    *at = read ? next : strchr(next, '\0');
    return read;
}

bool mw_params_read(const char *text, struct mw_challenge *c)
{
    c->scheme = c->token68 = (struct mw_span){text, 0};
    c->count = 0;
    return read_params(&text, c) && *text == '\0';
}

bool mw_challenge_is(const struct mw_challenge *c, const char *scheme)
{
    return same(c->scheme, (struct mw_span){scheme, strlen(scheme)});
}

const struct mw_param *mw_challenge_find(const struct mw_challenge *c, const char *name)
{
    struct mw_span wanted = {name, strlen(name)};
    for (size_t i = 0; i < c->count; i++) {
        if (same(c->params[i].name, wanted))
            return &c->params[i];
    }
    return NULL;
}

size_t mw_param_text(const struct mw_param *p, char *text)
{
    size_t length = 0;
    for (size_t i = 0; i < p->value.length; i++) {
        if (p->quoted && p->value.at[i] == '\\')
            i++; /* never the last byte: the closing quote would be escaped */
        text[length++] = p->value.at[i];
    }
    text[length] = '\0';
    return length;
}

bool mw_param_is(const struct mw_param *p, const char *word)
{
    size_t length = 0;
    for (size_t i = 0; i < p->value.length; i++, length++) {
        if (p->quoted && p->value.at[i] == '\\')
            i++;
        if (word[length] == '\0' || strncasecmp(p->value.at + i, word + length, 1) != 0)
            return false;
    }
    return word[length] == '\0';
}

char *mw_put_quoted(char *at, const char *text)
{
    *at++ = '"';
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            *at++ = '\\';
        *at++ = *text;
    }
    *at++ = '"';
    return at;
}
