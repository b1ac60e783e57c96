/* What was typed, in this session and before: libedit's history, kept in a file.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CLI_HISTORY_H
#define MW_CLI_HISTORY_H

#include <histedit.h>
#include <stdbool.h>

/* Reads the file, which is $MOONWIRE_HISTORY, or moonwire/history in $XDG_STATE_HOME or in
 * ~/.local/state. Without one that can be used, the history lasts as long as the process. Returns
 * false without memory. */
bool history_open(EditLine *el);
void history_close(void);

/* Adds what was typed, of one line or more, also to the file: there at once, since a session may
 * end in any way, and behind what sessions next to this one add. */
void history_remember(const char *text);

#endif
