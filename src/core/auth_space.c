/* A short list of places, the one used last in front; where it is full, the one in the rear goes.
 * SPDX-License-Identifier: MIT */
#include "core/auth_space.h"

#include "core/auth.h"

#include <string.h>

struct mw_space *mw_space_find(mw_runtime *rt, const char *where, const char *secret)
{
    for (struct mw_link *l = rt->auth_spaces.next; l != &rt->auth_spaces; l = l->next) {
        struct mw_space *space = MW_ITEM(l, struct mw_space, link);
        if (strcmp(space->where, where) != 0 || strcmp(space->secret, secret) != 0)
            continue;
        if (l != rt->auth_spaces.next) {
            mw_unlink(l);
            mw_list_prepend(&rt->auth_spaces, l);
        }
        space->holders++;
        return space;
    }
    return NULL;
}

static void destroy(mw_runtime *rt, struct mw_space *space)
{
    mw_digest_free(&space->digest, &rt->allocator);
    explicit_bzero(space->secret, sizeof space->secret);
    mw_dealloc(&rt->allocator, space);
}

static void drop_last(mw_runtime *rt)
{
    struct mw_space *space = MW_ITEM(rt->auth_spaces.previous, struct mw_space, link);
    mw_unlink(&space->link);
    rt->auth_space_count--;
    if (space->holders == 0)
        destroy(rt, space);
}

struct mw_space *mw_space_add(mw_runtime *rt, const char *where, const char *secret)
{
    size_t length = strlen(where) + 1;
    struct mw_space *space = mw_zalloc(&rt->allocator, sizeof *space + length);
    if (space == NULL)
        return NULL;
    memcpy(space->where, where, length);
    memcpy(space->secret, secret, strlen(secret) + 1);
    space->holders = 1;
    mw_list_prepend(&rt->auth_spaces, &space->link);
    if (++rt->auth_space_count > MW_MOST_SPACES)
        drop_last(rt);
    return space;
}

void mw_space_release(mw_runtime *rt, struct mw_space *space)
{
    if (space != NULL && --space->holders == 0 && !mw_linked(&space->link))
        destroy(rt, space);
}

void mw_auth_forget_all(mw_runtime *rt)
{
    while (!mw_list_empty(&rt->auth_spaces))
        drop_last(rt);
}
