/* The line that is typed: libedit, with the loop turning while it waits for a key.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CLI_EDITOR_H
#define MW_CLI_EDITOR_H

#include "moonwire.h"

#include <signal.h>
#include <stdbool.h>

enum editor_result { EDITOR_LINE, EDITOR_INTERRUPTED, EDITOR_END };

/* Completes the `text` before the cursor. Returns what is to be put in behind it, or NULL, and may
 * print. What it returns must stay until the next call. */
typedef const char *(*editor_complete_fn)(const char *text, void *ud);

/* terminal_open must have been called. A key is no longer waited for once *interrupted is set, by a
 * signal handler that also calls mw_stop. Returns false without memory. */
bool editor_open(mw_runtime *rt, const volatile sig_atomic_t *interrupted,
                 editor_complete_fn complete, void *ud);
void editor_close(void);

/* Reads a line behind the prompt `text`; other output that comes meanwhile is set above it. The
 * line has no newline at its end and stays until the next call. */
enum editor_result editor_read(const char *text, const char **line);

#endif
