/* Names by edit distance: letters added, lost, changed, or two neighbours swapped; case ignored.
 * SPDX-License-Identifier: MIT */
#include "base/nearest.h"

#include <string.h>

enum { LONGEST = 32, FARTHEST = 3 }; /* a longer word is no misspelled name of an option */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static size_t cost_at(const char *a, const char *b, size_t i, size_t j, size_t rows[3][LONGEST + 1])
{
    size_t changed = rows[1][j - 1] + (lower(a[i - 1]) != lower(b[j - 1]));
    size_t best = least(changed, least(rows[1][j], rows[2][j - 1]) + 1);
    if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
        best = least(best, rows[0][j - 2] + 1);
    return best;
}

/* The optimal string alignment distance; only the last three rows of its table are kept. */
static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[3][LONGEST + 1] = {{0}};
    for (size_t j = 0; j <= b_length; j++)
        rows[2][j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        memmove(rows[0], rows[1], 2 * sizeof rows[0]);
        rows[2][0] = i;
        for (size_t j = 1; j <= b_length; j++)
            rows[2][j] = cost_at(a, b, i, j, rows);
    }
    return rows[2][b_length];
}

/* Half of a short word may be wrong, three letters of a long one. */
static size_t farthest(size_t length)
{
    return least((length + 1) / 2, FARTHEST);
}

static size_t shared(const char *a, const char *b)
{
    size_t length = 0;
    while (a[length] != '\0' && lower(a[length]) == lower(b[length]))
        length++;
    return length;
}

/* Of two names that are equally near: who begins as the word does was more likely meant. */
static int is_better(const struct mw_nearest *n, const char *name)
{
    size_t theirs = shared(n->word, name), ours = shared(n->word, n->name);
    return theirs != ours ? theirs > ours : strcmp(name, n->name) < 0;
}

void mw_nearest_init(struct mw_nearest *n, const char *word)
{
    n->word = word;
    n->name = NULL;
    n->distance = farthest(strlen(word)) + 1;
}

void mw_nearest_try(struct mw_nearest *n, const char *name)
{
    size_t word_length = strlen(n->word), name_length = strlen(name);
    if (word_length == 0 || word_length > LONGEST || name_length > LONGEST)
        return;
    size_t d = distance(n->word, word_length, name, name_length);
    if (word_length > 2 && strncmp(n->word, name, word_length) == 0)
        d = least(d, farthest(word_length)); /* the beginning of a name: "cert" for "cert_file" */
    if (d > n->distance || (d == n->distance && (n->name == NULL || !is_better(n, name))))
        return;
    n->name = name;
    n->distance = d;
}
