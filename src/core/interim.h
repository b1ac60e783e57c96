/* Heads of 1xx that wait for the user to be told of them.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_INTERIM_H
#define MW_CORE_INTERIM_H

#include "moonwire.h"

#include <stdbool.h>

/* Tells of the first; there must be one. */
void mw_interim_tell(mw_exchange *x, void *ud);

/* Forgets the first, whether or not it was told of; true if another waits. */
bool mw_interim_next(mw_exchange *x);

void mw_interims_free(mw_exchange *x);

#endif
