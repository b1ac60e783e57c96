/* What was typed, in this session and before.
 * SPDX-License-Identifier: MIT */
#include "cli/history.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ENTRIES = 1000, FILE_MODE = 0600, DIRECTORY_MODE = 0700 };

static struct {
    History *list;
    char path[PATH_MAX]; /* empty: none */
} past;

/* Makes the directories that lead to the file. */
static void make_directories(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, DIRECTORY_MODE);
        *slash = '/';
    }
}

static bool is_set(const char *variable)
{
    return variable != NULL && variable[0] != '\0';
}

static void find_path(void)
{
    const char *path = getenv("MOONWIRE_HISTORY");
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    int length = 0;
    if (path != NULL)
        length = snprintf(past.path, sizeof past.path, "%s", path);
    else if (is_set(state))
        length = snprintf(past.path, sizeof past.path, "%s/moonwire/history", state);
    else if (is_set(home))
        length = snprintf(past.path, sizeof past.path, "%s/.local/state/moonwire/history", home);
    if (length < 0 || (size_t)length >= sizeof past.path)
        past.path[0] = '\0';
    if (past.path[0] != '\0' && path == NULL)
        make_directories(past.path);
}

/* The file grows by what is added to it; when it holds twice what we keep, it is written anew. */
static void load(void)
{
    HistEvent event;
    int loaded = past.path[0] != '\0' ? history(past.list, &event, H_LOAD, past.path) : 0;
    if (loaded >= 2 * ENTRIES)
        history(past.list, &event, H_SAVE, past.path);
}

bool history_open(EditLine *el)
{
    HistEvent event;
    past.list = history_init();
    if (past.list == NULL)
        return false;
    history(past.list, &event, H_SETSIZE, ENTRIES);
    history(past.list, &event, H_SETUNIQUE, 1); /* of the same entry in a row, one */
    el_set(el, EL_HIST, history, past.list);
    find_path();
    load();
    return true;
}

void history_close(void)
{
    if (past.list != NULL)
        history_end(past.list);
    past.list = NULL;
}

void history_remember(const char *text)
{
    HistEvent event;
    if (history(past.list, &event, H_ENTER, text) <= 0 || past.path[0] == '\0')
        return;
    int fd = open(past.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, FILE_MODE);
    FILE *file = fd >= 0 ? fdopen(fd, "a") : NULL;
    if (file == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    fseek(file, 0, SEEK_END); /* libedit writes its first line where it finds the beginning */
    history(past.list, &event, H_NSAVE_FP, (size_t)1, file);
    fclose(file);
}
