/* Where libedit puts the characters of a line.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CLI_LAYOUT_H
#define MW_CLI_LAYOUT_H

#include <wchar.h>

/* The row of the cursor, counted from that of the prompt, in a terminal of so many columns: behind
 * a prompt of `start` columns stand the characters from `from` to `to`. */
int layout_row(int start, const wchar_t *from, const wchar_t *to, int columns);

#endif
