/* A file that comes in parts, on the disk.
 *
 * Everything is named relative to the folder, which stays open: neither a process that goes
 * elsewhere nor a folder that is renamed lets the part and its target fall apart.
 * SPDX-License-Identifier: MIT */
#include "core/part_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* After so many bytes the disk is told to begin, so that not all of them wait for the last sync. */
static const uint64_t flush_every = 8 << 20;

/* ---- trouble ------------------------------------------------------------------------------- */

void mw_trouble_set(struct mw_trouble *t, const char *code, const char *format, ...)
{
    va_list args;
    t->system_errno = 0;
    snprintf(t->code, sizeof t->code, "%s", code);
    va_start(args, format);
    vsnprintf(t->text, sizeof t->text, format, args);
    va_end(args);
}

static const char *code_of(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: /* of the file system, or a limit of the process's */
        return "no_space";
    case EACCES:
    case EPERM:
    case EROFS:
        return "no_access";
    case ENOENT:
    case ENOTDIR:
        return "no_folder";
    case EISDIR:
    case ELOOP:
    case ENXIO:
        return "not_a_file";
    case EEXIST:
        return "exists";
    default:
        return "io";
    }
}

/* "cannot write FOLDER/NAME.part: No space left on device"; always false. */
static bool fail(const struct mw_part *p, struct mw_trouble *t, const char *doing, const char *name)
{
    int error = errno;
    mw_trouble_set(t, code_of(error), "cannot %s %.*s%s: %s", doing, (int)(p->name - p->path),
                   p->path, name, strerror(error));
    t->system_errno = error;
    return false;
}

/* ---- opening ------------------------------------------------------------------------------- */

/* One block: the path, and the names of what lies beside it. */
static bool make_names(struct mw_part *p, const char *path)
{
    size_t whole = strlen(path);
    const char *slash = strrchr(path, '/');
    size_t folder = slash != NULL ? (size_t)(slash - path) + 1 : 0, name = whole - folder;
    static const char *const endings[] = {".part", ".part.note", ".part.new"};
    const char **names[] = {&p->part_name, &p->note_name, &p->new_name};
    size_t size = whole + 1;
    for (size_t i = 0; i < 3; i++)
        size += name + strlen(endings[i]) + 1;
    p->path = mw_alloc(p->allocator, size);
    if (p->path == NULL)
        return false;
    memcpy(p->path, path, whole + 1);
    p->name = p->path + folder;
    char *at = p->path + whole + 1;
    for (size_t i = 0; i < 3; i++) {
        *names[i] = at;
        memcpy(at, p->name, name);
        memcpy(at + name, endings[i], strlen(endings[i]) + 1);
        at += name + strlen(endings[i]) + 1;
    }
    return true;
}

static bool open_folder(struct mw_part *p, struct mw_trouble *t)
{
    size_t length = (size_t)(p->name - p->path);
    char *folder = NULL;
    if (length > 0) {
        folder = mw_alloc(p->allocator, length + 1);
        if (folder == NULL) {
            errno = ENOMEM;
            return fail(p, t, "open the folder of", p->name);
        }
        memcpy(folder, p->path, length);
        folder[length] = '\0';
    }
    p->folder = open(folder != NULL ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = errno;
    mw_dealloc(p->allocator, folder);
    errno = error;
    return p->folder >= 0 || fail(p, t, "open the folder of", p->name);
}

/* What stands in the target's place now must be something that may be replaced: no folder, no
 * device. A symbolic link is replaced itself. */
static bool check_target(const struct mw_part *p, struct mw_trouble *t)
{
    struct stat st;
    bool folder = p->name[0] == '\0' || strcmp(p->name, ".") == 0 || strcmp(p->name, "..") == 0;
    if (!folder && fstatat(p->folder, p->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT || fail(p, t, "look at", p->name);
    if (folder || S_ISDIR(st.st_mode))
        mw_trouble_set(t, "not_a_file", "cannot write %s: it is a folder; name a file in it",
                       p->path);
    else if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
        mw_trouble_set(t, "not_a_file",
                       "cannot write %s: it is a device or a pipe, which a file does not replace",
                       p->path);
    else if (p->exclusive)
        mw_trouble_set(t, "exists", "%s is there already, and is not to be overwritten", p->path);
    else
        return true;
    return false;
}

static bool refuse_part(const struct mw_part *p, struct mw_trouble *t, const char *code,
                        const char *what)
{
    mw_trouble_set(t, code,
                   "cannot write %s: what has come in part would be kept in %s, which %s; remove "
                   "that",
                   p->path, p->part_name, what);
    return false;
}

/* A part that others can change is none that can be trusted, and one with a second name would
 * change what bears that name. */
static bool check_part(const struct mw_part *p, const struct stat *st, bool made,
                       struct mw_trouble *t)
{
    if (!S_ISREG(st->st_mode))
        return refuse_part(p, t, "not_a_file", "is no file");
    if (!made && st->st_uid != geteuid())
        return refuse_part(p, t, "no_access", "belongs to another user");
    if (st->st_nlink > 1)
        return refuse_part(p, t, "no_access", "has a second name (a hard link)");
    return true;
}

/* Whether what is open still bears the name: another process may have finished meanwhile. */
static bool still_there(const struct mw_part *p, const struct stat *st)
{
    struct stat now;
    return fstatat(p->folder, p->part_name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
           now.st_dev == st->st_dev && now.st_ino == st->st_ino;
}

enum outcome { OPENED, AGAIN, FAILED };

/* O_NONBLOCK: the open of a pipe would wait. */
static enum outcome try_open(struct mw_part *p, struct mw_trouble *t)
{
    static const int how = O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
    struct stat st;
    bool made = true;
    p->fd = openat(p->folder, p->part_name, how | O_CREAT | O_EXCL, 0600);
    if (p->fd < 0 && errno == EEXIST) {
        made = false;
        p->fd = openat(p->folder, p->part_name, how);
    }
    if (p->fd < 0 && errno == ENOENT && !made)
        return AGAIN;
    if (p->fd < 0 && errno == ELOOP) {
        refuse_part(p, t, "not_a_file", "is a symbolic link");
        return FAILED;
    }
    if (p->fd < 0 || fstat(p->fd, &st) != 0) {
        fail(p, t, "write", p->part_name);
        return FAILED;
    }
    if (!check_part(p, &st, made, t))
        return FAILED;
    if (flock(p->fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            mw_trouble_set(t, "busy", "another download is writing %s (it has locked %s)", p->path,
                           p->part_name);
        else
            fail(p, t, "lock", p->part_name);
        return FAILED;
    }
    if (!still_there(p, &st))
        return AGAIN;
    p->size = p->flushed = (uint64_t)st.st_size;
    return OPENED;
}

static bool open_part(struct mw_part *p, struct mw_trouble *t)
{
    enum outcome outcome = AGAIN;
    for (int i = 0; i < 20 && outcome == AGAIN; i++) {
        outcome = try_open(p, t);
        if (outcome != OPENED && p->fd >= 0) {
            close(p->fd);
            p->fd = -1;
        }
    }
    if (outcome == AGAIN)
        mw_trouble_set(t, "busy", "cannot write %s: %s comes and goes", p->path, p->part_name);
    return outcome == OPENED;
}

/* The file that a note is written to before it takes its name. What is left of an earlier one is
 * nobody's: the part is locked. */
static int make_new(const struct mw_part *p)
{
    unlinkat(p->folder, p->new_name, 0);
    return openat(p->folder, p->new_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                  0666);
}

/* What the umask (or the folder's access list) makes of a new file: asking for the umask means to
 * set it, which other threads would see. */
static bool find_mode(struct mw_part *p, struct mw_trouble *t)
{
    struct stat st;
    int fd = make_new(p);
    if (fd < 0 || fstat(fd, &st) != 0)
        fail(p, t, "write", p->new_name);
    else
        p->mode = st.st_mode & 0777;
    if (fd >= 0) {
        close(fd);
        unlinkat(p->folder, p->new_name, 0);
    }
    return t->code[0] == '\0';
}

bool mw_part_open(struct mw_part *p, const struct mw_allocator *a, const char *path, int mode,
                  bool exclusive, struct mw_trouble *t)
{
    *p = (struct mw_part){.allocator = a, .folder = -1, .fd = -1, .exclusive = exclusive};
    *t = (struct mw_trouble){.code = ""};
    if (!make_names(p, path)) {
        mw_trouble_set(t, "no_memory", "no memory for the path of a file");
        return false;
    }
    p->mode_given = mode >= 0;
    p->mode = (unsigned)mode & 0777;
    if (open_folder(p, t) && check_target(p, t) && open_part(p, t) &&
        (p->mode_given || find_mode(p, t))) {
        p->kept = true; /* what is there stays until something else is known of it */
        return true;
    }
    mw_part_close(p, true);
    return false;
}

/* ---- the note ------------------------------------------------------------------------------ */

static bool read_note(const struct mw_part *p, struct mw_part_note *note)
{
    char text[MW_LONGEST_NOTE];
    struct stat st;
    ssize_t length = -1;
    int fd = openat(p->folder, p->note_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        length = pread(fd, text, sizeof text - 1, 0);
    close(fd);
    if (length < 0)
        return false;
    text[length] = '\0';
    return strlen(text) == (size_t)length && mw_part_note_read(note, text);
}

bool mw_part_resume(struct mw_part *p, struct mw_part_note *note, const char *url)
{
    return p->size > 0 && read_note(p, note) && strcmp(note->url, url) == 0 &&
           (note->total < 0 || p->size <= (uint64_t)note->total);
}

/* A folder that cannot be synced (some file systems have no such thing) is as it is. */
static bool sync_folder(const struct mw_part *p)
{
    return fsync(p->folder) == 0 || errno == EINVAL || errno == ENOTSUP;
}

static bool write_note(struct mw_part *p, const struct mw_part_note *note)
{
    char text[MW_LONGEST_NOTE];
    size_t length = mw_part_note_write(note, text);
    int fd = make_new(p);
    if (fd < 0)
        return false;
    ssize_t written = write(fd, text, length);
    if (written >= 0 && (size_t)written < length)
        errno = ENOSPC;
    bool done = written == (ssize_t)length && fsync(fd) == 0;
    int error = errno;
    close(fd);
    if (done && renameat(p->folder, p->new_name, p->folder, p->note_name) == 0 && sync_folder(p))
        return true;
    if (done)
        error = errno;
    unlinkat(p->folder, p->new_name, 0);
    errno = error;
    return false;
}

bool mw_part_begin(struct mw_part *p, const struct mw_part_note *note, struct mw_trouble *t)
{
    p->kept = false;
    if (unlinkat(p->folder, p->note_name, 0) != 0 && errno != ENOENT)
        return fail(p, t, "remove", p->note_name);
    bool emptied = p->size == 0;
    if (!emptied && ftruncate(p->fd, 0) != 0)
        return fail(p, t, "empty", p->part_name);
    p->size = p->flushed = 0;
    if (note == NULL)
        return true;
    /* The new note must never lie beside the old bytes, not even if the power fails now. */
    if (!emptied && (fsync(p->fd) != 0 || !sync_folder(p)))
        return fail(p, t, "empty", p->part_name);
    if (!write_note(p, note))
        return fail(p, t, "write", p->note_name);
    p->kept = true;
    return true;
}

/* ---- bytes --------------------------------------------------------------------------------- */

static void flush(struct mw_part *p)
{
#ifdef SYNC_FILE_RANGE_WRITE
    if (p->size - p->flushed < flush_every)
        return;
    sync_file_range(p->fd, (off_t)p->flushed, (off_t)(p->size - p->flushed), SYNC_FILE_RANGE_WRITE);
    p->flushed = p->size;
#endif
}

bool mw_part_write(struct mw_part *p, const void *bytes, size_t length, struct mw_trouble *t)
{
    const char *at = bytes;
    while (length > 0) {
        ssize_t n = pwrite(p->fd, at, length, (off_t)p->size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = ENOSPC;
        if (n <= 0)
            return fail(p, t, "write", p->part_name);
        at += n;
        length -= (size_t)n;
        p->size += (uint64_t)n;
    }
    flush(p);
    return true;
}

bool mw_part_read(struct mw_part *p, uint64_t offset, void *bytes, size_t length,
                  struct mw_trouble *t)
{
    char *at = bytes;
    while (length > 0) {
        ssize_t n = pread(p->fd, at, length, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = EIO; /* somebody has cut it */
        if (n <= 0)
            return fail(p, t, "read", p->part_name);
        at += n;
        length -= (size_t)n;
        offset += (uint64_t)n;
    }
    return true;
}

/* ---- the end ------------------------------------------------------------------------------- */

/* File systems without modes refuse them; that matters only to who has asked for one. */
static bool set_mode(const struct mw_part *p)
{
    struct stat st;
    if (fchmod(p->fd, p->mode) == 0 || (!p->mode_given && errno == EPERM))
        return true;
    int error = errno;
    bool same = fstat(p->fd, &st) == 0 && (st.st_mode & 0777) == p->mode;
    errno = error;
    return same;
}

/* Fails with EEXIST where there is a target and must be none, even if it has just come. */
static bool move(const struct mw_part *p)
{
    if (!p->exclusive)
        return renameat(p->folder, p->part_name, p->folder, p->name) == 0;
#ifdef RENAME_NOREPLACE
    if (renameat2(p->folder, p->part_name, p->folder, p->name, RENAME_NOREPLACE) == 0)
        return true;
    if (errno != EINVAL && errno != ENOSYS)
        return false;
#endif
    return linkat(p->folder, p->part_name, p->folder, p->name, 0) == 0 &&
           unlinkat(p->folder, p->part_name, 0) == 0;
}

static bool commit(struct mw_part *p, struct mw_trouble *t)
{
    if (!check_target(p, t))
        return false;
    if (!set_mode(p))
        return fail(p, t, "set the mode of", p->part_name);
    if (fsync(p->fd) != 0) {
        p->kept = false; /* any of it may be lost, and nobody will be told of that again */
        return fail(p, t, "write", p->part_name);
    }
    if (!move(p))
        return fail(p, t, "write", p->name);
    unlinkat(p->folder, p->note_name, 0);
    return sync_folder(p) || fail(p, t, "write the folder of", p->name);
}

bool mw_part_commit(struct mw_part *p, struct mw_trouble *t)
{
    bool done = commit(p, t);
    mw_part_close(p, true);
    return done;
}

void mw_part_close(struct mw_part *p, bool keep)
{
    struct stat st;
    if (p->fd >= 0) {
        bool useless = !keep || !p->kept || p->size == 0;
        if (useless && fstat(p->fd, &st) == 0 && still_there(p, &st)) {
            unlinkat(p->folder, p->part_name, 0);
            unlinkat(p->folder, p->note_name, 0);
        }
        close(p->fd); /* and so unlocks it */
    }
    if (p->folder >= 0)
        close(p->folder);
    p->fd = p->folder = -1;
    mw_dealloc(p->allocator, p->path);
    p->path = NULL;
}
