/* The registry: the one place where an engine is named; and the choice among them.
 * SPDX-License-Identifier: MIT */
#include "core/engine.h"
#include "core/exchange.h"
#include "core/runtime.h"
#include "core/server.h"

#include <stdio.h>
#include <string.h>

extern const struct mw_engine mw_evhttp_engine, mw_http1_engine, mw_inproc_engine;

/* The first is the default. */
static const struct mw_engine *const engines[] = {&mw_http1_engine, &mw_evhttp_engine};
enum { ENGINES = sizeof engines / sizeof engines[0] };

/* In no list: nobody chooses it. */
const struct mw_engine *mw_engine_in_process(void)
{
    return &mw_inproc_engine;
}

static const struct {
    const char *name;
    enum mw_capability bit;
} capabilities[] = {
    {"stream_upload", MW_CAN_STREAM_UPLOAD},
    {"upgrade", MW_CAN_UPGRADE},
    {"stream_request", MW_CAN_STREAM_REQUEST},
    {"interim", MW_CAN_INTERIM},
    {"be_strict", MW_CAN_BE_STRICT},
    {"any_method", MW_CAN_ANY_METHOD},
    {"drain", MW_CAN_DRAIN},
    {"trailers", MW_CAN_TRAILERS},
    {"connect_anyhow", MW_CAN_CONNECT_ANYHOW},
    {"proxy", MW_CAN_PROXY},
    {"agent", MW_CAN_KEEP_APART},
};
enum { CAPABILITIES = sizeof capabilities / sizeof capabilities[0] };

/* Its place; ENGINES if there is none of that name. */
static size_t place_of(const char *name)
{
    size_t i = 0;
    while (i < ENGINES && strcmp(engines[i]->name, name) != 0)
        i++;
    return i;
}

const struct mw_engine *mw_engine_find(const char *name)
{
    size_t i = name != NULL ? place_of(name) : 0;
    return i < ENGINES ? engines[i] : NULL;
}

const char *mw_engine_at(size_t index)
{
    return index < ENGINES ? engines[index]->name : NULL;
}

bool mw_engine_known(const char *name, char *words, size_t size)
{
    const char *known;
    if (name == NULL || place_of(name) < ENGINES)
        return true;
    int length = snprintf(words, size, "there is no engine \"%.60s\"; there %s", name,
                          ENGINES > 1 ? "are" : "is");
    for (size_t i = 0; (known = mw_engine_at(i)) != NULL && (size_t)length < size; i++) {
        const char *between = i == 0 ? "" : i + 1 < ENGINES ? "," : " and";
        length += snprintf(words + length, size - (size_t)length, "%s %s", between, known);
    }
    return false;
}

const char *mw_capability_at(size_t index)
{
    return index < CAPABILITIES ? capabilities[index].name : NULL;
}

const char *mw_engine_name(const mw_runtime *rt)
{
    return rt->engine->name;
}

int mw_engine_can(const mw_runtime *rt, const char *capability)
{
    for (size_t i = 0; i < CAPABILITIES; i++) {
        if (strcmp(capabilities[i].name, capability) == 0)
            return (rt->engine->can & capabilities[i].bit) != 0;
    }
    return MW_EINVAL;
}

/* What the engine in use has not let go of; NULL if there is nothing. An exchange that has ended is
 * the core's alone. */
static const char *in_hand(const mw_runtime *rt)
{
    for (struct mw_link *l = rt->exchanges.next; l != &rt->exchanges; l = l->next) {
        if (!MW_ITEM(l, mw_exchange, link)->finished) /* its next leg may be the engine's */
            return "requests are";
    }
    for (struct mw_link *l = rt->servers.next; l != &rt->servers; l = l->next) {
        if (MW_ITEM(l, mw_server, link)->engine == rt->engine)
            return "a server is";
    }
    return mw_list_empty(&rt->requests) ? NULL : "requests of a server are";
}

int mw_set_engine(mw_runtime *rt, const char *name)
{
    char words[200];
    if (!mw_engine_known(name, words, sizeof words))
        return mw_fail(rt, MW_EINVAL, "%s", words);
    const struct mw_engine *engine = mw_engine_find(name);
    if (engine == rt->engine)
        return MW_OK;
    const char *what = in_hand(rt);
    if (what != NULL)
        return mw_fail(rt, MW_EINVAL,
                       "%s in the hands of the %s engine; choose another before the first, or "
                       "after the last",
                       what, rt->engine->name);
    void *state = engine->open(rt);
    if (state == NULL)
        return mw_fail(rt, MW_ENOMEM, "no memory for the %s engine", engine->name);
    mw_requests_free_spare(rt); /* each has room for what was the old engine's */
    mw_exchanges_free_spare(rt);
    rt->engine->close(rt->engine_state);
    rt->engine = engine;
    rt->engine_state = state;
    return MW_OK;
}
