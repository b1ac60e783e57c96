/* The registry: the one place where an engine is named.
 * SPDX-License-Identifier: MIT */
#include "core/engine.h"

#include <string.h>

extern const struct mw_engine mw_evhttp_engine;

static const struct mw_engine *const engines[] = {&mw_evhttp_engine};

const struct mw_engine *mw_engine_find(const char *name)
{
    if (name == NULL)
        return engines[0];
    for (size_t i = 0; i < sizeof engines / sizeof engines[0]; i++) {
        if (strcmp(engines[i]->name, name) == 0)
            return engines[i];
    }
    return NULL;
}
