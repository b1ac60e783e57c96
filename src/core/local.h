/* Origins that servers of this runtime answer for: exchanges with them go to those servers, in the
 * process, and touch no network.
 *
 * The newest entry for an origin counts. A server in the process may let a request go on to the
 * next one below it, and in the end to the wire.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_LOCAL_H
#define MW_CORE_LOCAL_H

#include "core/runtime.h"

/* What mw_listen holds beside an origin. MW_EINVAL for what only a socket could have. */
int mw_local_check(mw_runtime *rt, const struct mw_listen *how);

/* The server for the URL, of those below `below` where that is not NULL; NULL: it goes to the wire.
 * Asked only where rt->local is not empty. */
struct mw_url;
mw_server *mw_local_find(const mw_runtime *rt, const struct mw_url *url, const mw_server *below);

/* Those of a server that is being freed. */
void mw_local_drop(mw_server *server);

#endif
