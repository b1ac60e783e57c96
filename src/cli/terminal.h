/* The terminal under the prompt: its modes come back whatever ends the process, and what Lua and C
 * print to the standard streams passes through here, so that it can be set above the prompt.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CLI_TERMINAL_H
#define MW_CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Notes the terminal's modes and replaces stdout and stderr by streams of ours. To be called before
 * a Lua state is made: Lua's io.stdout keeps the stream that it finds. Returns false with errno. */
bool terminal_open(void);

/* The stream that was stdout: it writes past all of this. */
FILE *terminal_stream(void);

/* `clear` will be called before output of others reaches the terminal, to take the prompt away. */
void terminal_before_output(void (*clear)(void));

/* Brings out what waits in stdout, and ends the line if one was left open. */
void terminal_settle(void);

/* Bytes for the terminal itself, past the streams. May be called in a signal handler. */
void terminal_write(const char *bytes, size_t size);

/* The modes of the beginning. May be called in a signal handler. */
void terminal_restore(void);

int terminal_columns(void);

#endif
