/* Texts without the secrets in them: what is known to be one goes, all else stays as it is.
 * SPDX-License-Identifier: MIT */
#include "base/redact.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

struct sink {
    char *out; /* NULL: only count */
    size_t length;
};

static void put(struct sink *s, const char *bytes, size_t length)
{
    if (s->out != NULL)
        memcpy(s->out + s->length, bytes, length);
    s->length += length;
}

static void put_mark(struct sink *s)
{
    put(s, MW_REDACTED, sizeof MW_REDACTED - 1);
}

static size_t end(struct sink *s)
{
    put(s, "", 1);
    return s->length - 1;
}

static bool one_of(const char *name, size_t length, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (strlen(*list) == length && strncasecmp(*list, name, length) == 0)
            return true;
    }
    return false;
}

/* Behind "//", as far as an authority reaches; the last "@" in there ends user and password. What
 * looks like one without being one loses nothing that matters. */
static void put_text(struct sink *s, const char *text)
{
    for (const char *slashes; (slashes = strstr(text, "//")) != NULL;) {
        const char *from = slashes + 2;
        const char *at = NULL;
        size_t length = strcspn(from, "/?# \t\"'<>,;\\");
        for (size_t i = 0; i < length; i++) {
            if (from[i] == '@')
                at = from + i;
        }
        put(s, text, (size_t)(from - text));
        if (at != NULL)
            put_mark(s);
        text = at != NULL ? at : from;
    }
    put(s, text, strlen(text));
}

/* "Basic dXNlcg==": the scheme says what was tried. A word that is no scheme may be the secret. */
static void put_credentials(struct sink *s, const char *value)
{
    static const char *const schemes[] = {"Basic", "Bearer", "Digest",        "Negotiate",   "NTLM",
                                          "HOBA",  "Mutual", "SCRAM-SHA-256", "SCRAM-SHA-1", NULL};
    size_t length = strcspn(value, " ");
    if (value[length] == ' ' && one_of(value, length, schemes))
        put(s, value, length + 1);
    put_mark(s);
}

/* "a=1; b=2": a piece without a name is a value. Of Set-Cookie only the first piece is a cookie. */
static void put_cookies(struct sink *s, const char *value, bool all)
{
    while (*value != '\0') {
        size_t piece = strcspn(value, ";");
        size_t name = strcspn(value, "=;");
        if (name < piece)
            put(s, value, name + 1);
        put_mark(s);
        value += piece;
        if (!all)
            break;
        size_t gap = strspn(value, "; ");
        put(s, value, gap);
        value += gap;
    }
    put_text(s, value);
}

size_t mw_redact_field(char *out, const char *name, const char *value)
{
    static const char *const credentials[] = {
        "Authorization", "Proxy-Authorization",  "X-Api-Key",     "Api-Key",       "X-Auth-Token",
        "X-Csrf-Token",  "X-Amz-Security-Token", "X-Vault-Token", "Private-Token", NULL};
    static const char *const cookies[] = {"Cookie", "Set-Cookie", "Cookie2", "Set-Cookie2", NULL};
    struct sink s = {NULL, 0};
    size_t length = strlen(name);
    s.out = out;
    if (one_of(name, length, credentials))
        put_credentials(&s, value);
    else if (one_of(name, length, cookies))
        put_cookies(&s, value, strncasecmp(name, "Set-", 4) != 0);
    else
        put_text(&s, value);
    return end(&s);
}

size_t mw_redact_text(char *out, const char *text)
{
    struct sink s = {NULL, 0};
    s.out = out;
    put_text(&s, text);
    return end(&s);
}
