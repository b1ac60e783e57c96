/* The table of origins that servers in the process answer for.
 * SPDX-License-Identifier: MIT */
#include "core/local.h"

#include "base/grammar.h"
#include "base/url.h"
#include "base/url_host.h"
#include "core/engine.h"
#include "core/server.h"

#include <string.h>

struct mw_local {
    struct mw_link link;
    mw_server *server;
    bool any;          /* every origin */
    struct mw_url url; /* else this one */
};

/* ---- entries ------------------------------------------------------------------------------- */

static int bad(mw_runtime *rt, const char *origin, const char *why)
{
    return mw_fail(rt, MW_EINVAL, "bad origin \"%.80s\": %s", origin, why);
}

static int read_origin(mw_runtime *rt, const char *text, struct mw_url *url)
{
    char name[MW_HOST_SIZE];
    struct mw_url_parts parts;
    const char *wrong = mw_url_split(text, &parts);
    if (wrong != NULL)
        return bad(rt, text, wrong);
    if (parts.has_user)
        return bad(rt, "", "user and password are no part of it");
    size_t path = parts.path.length;
    if (path > 1 || (path == 1 && parts.path.at[0] != '/') || parts.has_query)
        return bad(rt, text, "it is a scheme, a host and perhaps a port, without a path");
    if (!parts.bracketed && mw_host_may_change(parts.host)) { /* as exchanges do with theirs */
        if ((wrong = mw_host_normalize(parts.host, name)) != NULL)
            return bad(rt, text, wrong);
        parts.host = (struct mw_span){name, strlen(name)};
    }
    if (mw_bad_host(parts.host.at, parts.host.length) >= 0)
        return bad(rt, text, "its host has a byte that is not allowed");
    if (!mw_url_join(url, &rt->allocator, &parts))
        return mw_fail(rt, MW_ENOMEM, "no memory for an origin");
    return url->known ? MW_OK : bad(rt, text, "it is neither http nor https");
}

static void destroy(mw_runtime *rt, struct mw_local *origin)
{
    mw_unlink(&origin->link);
    mw_url_free(&origin->url, &rt->allocator);
    mw_dealloc(&rt->allocator, origin);
}

int mw_server_add_origin(mw_server *server, const char *text)
{
    mw_runtime *rt = server->rt;
    if (server->engine != mw_engine_in_process())
        return mw_fail(rt, MW_EINVAL,
                       "bad origin: the server listens on a socket; one that has mw_listen.origin "
                       "answers in the process");
    struct mw_local *origin = mw_zalloc(&rt->allocator, sizeof *origin);
    if (origin == NULL)
        return mw_fail(rt, MW_ENOMEM, "no memory for an origin");
    origin->server = server;
    origin->any = strcmp(text, "*") == 0;
    int result = origin->any ? MW_OK : read_origin(rt, text, &origin->url);
    if (result != MW_OK)
        destroy(rt, origin);
    else
        mw_list_prepend(&rt->local, &origin->link);
    return result;
}

void mw_local_drop(mw_server *server)
{
    struct mw_link *all = &server->rt->local;
    for (struct mw_link *l = all->next, *next; l != all; l = next) {
        struct mw_local *origin = MW_ITEM(l, struct mw_local, link);
        next = l->next;
        if (origin->server == server)
            destroy(server->rt, origin);
    }
}

/* ---- looking up ---------------------------------------------------------------------------- */

static bool answers_for(const struct mw_local *origin, const struct mw_url *url)
{
    return origin->any || (origin->url.port == url->port && origin->url.secure == url->secure &&
                           strcmp(origin->url.host, url->host) == 0);
}

mw_server *mw_local_find(const mw_runtime *rt, const struct mw_url *url, const mw_server *below)
{
    bool past = below == NULL;
    for (const struct mw_link *l = rt->local.next; l != &rt->local; l = l->next) {
        struct mw_local *origin = MW_ITEM(l, struct mw_local, link);
        if (!answers_for(origin, url))
            continue;
        if (past && origin->server != below)
            return origin->server;
        past = past || origin->server == below;
    }
    return NULL;
}

int mw_local_check(mw_runtime *rt, const struct mw_listen *how)
{
    const char *alien = how->unix_path != NULL        ? "unix_path"
                        : how->host != NULL           ? "host"
                        : how->port != 0              ? "port"
                        : how->cert_file != NULL      ? "cert_file"
                        : how->certificate_count > 0  ? "certificates"
                        : how->client_ca_file != NULL ? "client_ca_file"
                        : how->key_file != NULL       ? "key_file"
                        : how->reuse_port             ? "reuse_port"
                                                      : NULL;
    if (alien != NULL)
        return mw_fail(rt, MW_EINVAL, "bad %s: a server in the process has no socket", alien);
    return MW_OK;
}
