/* Where libedit puts the characters of a line: it has no function that tells.
 * SPDX-License-Identifier: MIT */
#include "cli/layout.h"

#include <wctype.h>

enum { TAB = 8 };

struct place {
    int row, column, columns;
};

static void next_row(struct place *place)
{
    place->row++;
    place->column = 0;
}

static void step(struct place *place, int columns)
{
    for (int i = 0; i < columns; i++) {
        if (++place->column == place->columns)
            next_row(place);
    }
}

static void put(struct place *place, wchar_t c)
{
    if (c == L'\n') {
        next_row(place);
    } else if (c == L'\t') {
        do {
            step(place, 1);
        } while (place->column % TAB != 0);
    } else if (iswcntrl((wint_t)c)) {
        step(place, 2); /* ^A */
    } else if (wcwidth(c) < 0) {
        step(place, c > 0xffff ? 8 : 7); /* \U+12345 */
    } else {
        if (place->column + wcwidth(c) > place->columns)
            next_row(place); /* no half of it stays above */
        step(place, wcwidth(c));
    }
}

int layout_row(int start, const wchar_t *from, const wchar_t *to, int columns)
{
    struct place place = {0, 0, columns};
    step(&place, start);
    for (; from < to; from++)
        put(&place, *from);
    return place.row;
}
