/* The hosts file, kept as text: a name is searched for line by line.
 * SPDX-License-Identifier: MIT */
#include "net/hosts.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

void mw_hosts_init(struct mw_hosts *hosts, const struct mw_allocator *a, const char *path)
{
    memset(hosts, 0, sizeof *hosts);
    hosts->allocator = *a;
    hosts->path = path;
}

void mw_hosts_deinit(struct mw_hosts *hosts)
{
    mw_dealloc(&hosts->allocator, hosts->text);
    hosts->text = NULL;
}

static size_t read_all(int fd, char *to, size_t size)
{
    size_t length = 0;
    ssize_t n;
    while (length < size && (n = read(fd, to + length, size - length)) > 0)
        length += (size_t)n;
    return length;
}

static void load(struct mw_hosts *hosts)
{
    struct stat file;
    mw_hosts_deinit(hosts);
    int fd = open(hosts->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return;
    if (fstat(fd, &file) == 0 && S_ISREG(file.st_mode)) {
        size_t size = (size_t)file.st_size;
        hosts->text = mw_alloc(&hosts->allocator, size + 1);
        if (hosts->text != NULL)
            hosts->text[read_all(fd, hosts->text, size)] = '\0';
        else
            hosts->state.known = false; /* once more, when there may be memory again */
    }
    close(fd);
}

static const char blanks[] = " \t\r";

/* Whether one of the names in a line, which has no comment, is this. */
static bool names(const char *at, const char *end, const char *name, size_t length)
{
    while (at < end) {
        at += strspn(at, blanks);
        size_t word = strcspn(at, " \t\r\n#");
        if (word == 0)
            return false;
        if (word == length && strncasecmp(at, name, length) == 0)
            return true;
        at += word;
    }
    return false;
}

bool mw_hosts_find(struct mw_hosts *hosts, const char *name, struct mw_addresses *found)
{
    size_t length = strlen(name);
    found->count = 0;
    if (length > 0 && name[length - 1] == '.')
        length--;
    if (mw_file_changed(&hosts->state, hosts->path))
        load(hosts);
    for (const char *line = hosts->text; line != NULL && *line != '\0';) {
        char address[MW_ADDRESS_SIZE];
        const char *at = line + strspn(line, blanks);
        const char *end = at + strcspn(at, "#\n");
        size_t first = strcspn(at, " \t\r\n#");
        if (first > 0 && first < sizeof address && names(at + first, end, name, length)) {
            memcpy(address, at, first);
            address[first] = '\0';
            mw_addresses_add(found, address);
        }
        line = end + strcspn(end, "\n");
        line += *line == '\n';
    }
    return found->count > 0;
}
