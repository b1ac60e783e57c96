/* What stat tells of a file, compared with what it told before.
 * SPDX-License-Identifier: MIT */
#include "net/file_state.h"

#include <string.h>

bool mw_file_changed(struct mw_file_state *state, const char *path)
{
    struct stat now;
    struct mw_file_state seen;
    memset(&seen, 0, sizeof seen);
    seen.known = true;
    seen.there = stat(path, &now) == 0;
    if (seen.there) {
        seen.device = now.st_dev;
        seen.inode = now.st_ino;
        seen.size = now.st_size;
        seen.changed = now.st_mtim;
    }
    bool same = state->known && state->there == seen.there && state->device == seen.device &&
                state->inode == seen.inode && state->size == seen.size &&
                state->changed.tv_sec == seen.changed.tv_sec &&
                state->changed.tv_nsec == seen.changed.tv_nsec;
    *state = seen;
    return !same;
}
