/* .netrc, read word by word in place.
 * SPDX-License-Identifier: MIT */
#include "base/netrc.h"

#include "base/grammar.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct cursor {
    char *at;
    int line;
    bool line_over; /* the last word was the last of its line */
    const char *wrong;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_blanks(struct cursor *c)
{
    for (; is_blank(*c->at); c->at++)
        c->line += *c->at == '\n';
}

/* What is left of the line, which may be nothing, with its end. */
static void skip_line(struct cursor *c)
{
    c->at += strcspn(c->at, "\n");
    if (*c->at == '\n') {
        c->line++;
        c->at++;
    }
}

static char unescaped(char c)
{
    switch (c) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c;
    }
}

/* Writes the word to its own place, which is never shorter. */
static char *quoted_word(struct cursor *c)
{
    char *word = ++c->at, *to = word;
    for (; *c->at != '"'; c->at++) {
        bool escaped = *c->at == '\\';
        c->at += escaped;
        if (*c->at == '\0') {
            c->wrong = "a quote is not closed";
            return NULL;
        }
        c->line += *c->at == '\n';
        *to++ = escaped ? unescaped(*c->at) : *c->at;
    }
    c->at++;
    *to = '\0';
    if (*c->at != '\0' && !is_blank(*c->at)) {
        c->wrong = "a blank is missing behind a quote";
        return NULL;
    }
    return word;
}

/* The next word, NULL at the end of the text. */
static char *next_word(struct cursor *c)
{
    skip_blanks(c);
    if (*c->at == '\0')
        return NULL;
    char *word = c->at;
    if (*word == '"')
        word = quoted_word(c);
    else
        c->at += strcspn(c->at, " \t\r\n");
    if (word == NULL)
        return NULL;
    c->line_over = *c->at == '\n' || *c->at == '\0';
    if (*c->at != '\0') {
        c->line += *c->at == '\n';
        *c->at++ = '\0';
    }
    return word;
}

static const char *value_of(struct cursor *c, const char *missing)
{
    const char *word = next_word(c);
    if (word == NULL && c->wrong == NULL)
        c->wrong = missing;
    return word;
}

/* Up to an empty line. */
static void skip_macro(struct cursor *c)
{
    if (value_of(c, "macdef has no name") == NULL)
        return;
    if (!c->line_over)
        skip_line(c);
    while (*c->at != '\0' && strncmp(c->at, "\n", 1) != 0 && strncmp(c->at, "\r\n", 2) != 0)
        skip_line(c);
}

struct entry {
    bool begun, fits;
    const char *login, *password;
};

/* Whether the entry that is over is the one. */
static bool is_wanted(const struct entry *e, const char *login)
{
    if (!e->begun || !e->fits || e->login == NULL)
        return false;
    return login == NULL || strcmp(e->login, login) == 0;
}

/* One keyword that belongs to an entry, or to none. */
static void read_keyword(struct cursor *c, const char *word, struct entry *e)
{
    bool login = strcmp(word, "login") == 0, password = strcmp(word, "password") == 0;
    if (strcmp(word, "macdef") == 0)
        skip_macro(c);
    else if (*word == '#' && c->line_over)
        return; /* a comment of one word */
    else if (*word == '#')
        skip_line(c);
    else if (!login && !password && strcmp(word, "account") != 0)
        c->wrong = "a word is none of machine, default, login, password, account and macdef";
    else if (!e->begun)
        c->wrong = "login, password and account must stand behind machine or default";
    else if (login)
        e->login = value_of(c, "login has no value");
    else if (password)
        e->password = value_of(c, "password has no value");
    else
        value_of(c, "account has no value");
}

const char *mw_netrc_find(char *text, const char *host, const char *login, struct mw_netrc *found)
{
    struct cursor c = {.line = 1};
    struct entry e = {false, false, NULL, NULL};
    const char *word;
    c.at = text;
    while (c.wrong == NULL && (word = next_word(&c)) != NULL) {
        bool machine = strcmp(word, "machine") == 0;
        if (!machine && strcmp(word, "default") != 0) {
            read_keyword(&c, word, &e);
            continue;
        }
        if (is_wanted(&e, login))
            break;
        e = (struct entry){true, true, NULL, NULL};
        const char *name = machine ? value_of(&c, "machine has no name") : NULL;
        e.fits = !machine || (name != NULL && mw_same_name(name, host));
    }
    bool wanted = c.wrong == NULL && is_wanted(&e, login);
    found->login = wanted ? e.login : NULL;
    found->password = wanted ? e.password : NULL;
    found->line = c.line;
    return c.wrong;
}
