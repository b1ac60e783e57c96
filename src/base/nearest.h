/* The nearest of some names to a word that was misspelled.
 * SPDX-License-Identifier: MIT */
#ifndef MW_BASE_NEAREST_H
#define MW_BASE_NEAREST_H

#include <stddef.h>

struct mw_nearest {
    const char *word;
    const char *name; /* the nearest so far; NULL: none is near enough */
    size_t distance;  /* of that one */
};

/* Begins a search. The word, and the names that follow, must stay where they are until its end. */
void mw_nearest_init(struct mw_nearest *n, const char *word);

/* Tries one more name. Of two that are equally near it keeps the one that begins more as the word
 * does, or the first by the alphabet, so that the order of trying does not matter. */
void mw_nearest_try(struct mw_nearest *n, const char *name);

#endif
