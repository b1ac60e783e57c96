/* Whether a file of the system's is still the one that was read.
 * SPDX-License-Identifier: MIT */
#ifndef MW_NET_FILE_STATE_H
#define MW_NET_FILE_STATE_H

#include <stdbool.h>
#include <sys/stat.h>

/* Zeroed: never looked at. */
struct mw_file_state {
    bool known, there;
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

/* Looks at it; true the first time and whenever it is not the same as the last time. */
bool mw_file_changed(struct mw_file_state *state, const char *path);

#endif
