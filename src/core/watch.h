/* A watch on a descriptor of somebody else's: for the command's prompt, which reads the terminal
 * while the loop turns. It is not part of moonwire.h: hosts have loops of their own.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_WATCH_H
#define MW_CORE_WATCH_H

#include "moonwire.h"

struct mw_watch;

/* Calls fn(ud) from the loop in every turn in which there is something to read from fd, until
 * mw_watch_free, which fn may call. It does not count as pending: the loop does not go on for it.
 * The watch must go before its runtime does; fd stays the caller's. NULL without memory, or if fd
 * cannot be watched. */
typedef void (*mw_watch_fn)(void *ud);
struct mw_watch *mw_watch_new(mw_runtime *rt, int fd, mw_watch_fn fn, void *ud);
void mw_watch_free(struct mw_watch *watch); /* NULL is fine */

#endif
