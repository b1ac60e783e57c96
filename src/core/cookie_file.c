/* Cookies in the file format of Netscape's browser, which curl and many others share: a line for
 * each, of seven fields with tabs between them.
 *
 *     domain   below-too   path   secure   expires   name   value
 * SPDX-License-Identifier: MIT */
#include "core/cookie_jar.h"

#include "base/grammar.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HTTP_ONLY "#HttpOnly_"

enum { DOMAIN, BELOW, PATH, SECURE, EXPIRES, NAME, VALUE, FIELDS };

/* The longest line of ours, and some more. */
enum { LONGEST_LINE = MW_COOKIE_LONGEST + 2 * MW_COOKIE_ATTRIBUTE_LONGEST + 256 };

static int fail_system(mw_cookie_jar *jar, const char *what, const char *path)
{
    return mw_cookie_jar_fail(jar, MW_ESYSTEM, "cannot %s %.120s: %s", what, path, strerror(errno));
}

static int fail_irregular(mw_cookie_jar *jar, const char *path)
{
    return mw_cookie_jar_fail(jar, MW_EINVAL, "%.120s is not a regular file", path);
}

/* ---- writing ------------------------------------------------------------------------------- */

static bool can_be_written(const mw_cookie *c, bool session)
{
    return (session || c->expires != 0) && strchr(c->name, '\t') == NULL &&
           strchr(c->path, '\t') == NULL && strchr(c->value, '\t') == NULL;
}

static bool write_all(mw_cookie_jar *jar, FILE *file, bool session)
{
    fputs("# Netscape HTTP Cookie File\n# Written by moonwire. Do not edit while it runs.\n\n",
          file);
    for (const mw_cookie *c = NULL; (c = mw_cookie_jar_next(jar, c)) != NULL;) {
        if (!can_be_written(c, session))
            continue;
        fprintf(file, "%s%s%s\t%s\t%s\t%s\t%" PRId64 "\t%s\t%s\n", c->http_only ? HTTP_ONLY : "",
                c->host_only ? "" : ".", c->domain, c->host_only ? "FALSE" : "TRUE", c->path,
                c->secure ? "TRUE" : "FALSE", c->expires, c->name, c->value);
    }
    return fflush(file) == 0 && fsync(fileno(file)) == 0;
}

/* Writes to the new file of that descriptor, which is closed in the end. Returns 0 or an errno. */
static int write_file(mw_cookie_jar *jar, int fd, bool session)
{
    FILE *file = fdopen(fd, "w");
    int error = 0;
    if (file == NULL) {
        error = errno;
        close(fd);
        return error;
    }
    errno = 0;
    if (!write_all(jar, file, session) || ferror(file))
        error = errno != 0 ? errno : EIO;
    if (fclose(file) != 0 && error == 0)
        error = errno;
    return error;
}

int mw_cookie_jar_save(mw_cookie_jar *jar, const char *path, int session)
{
    struct stat at;
    char target[PATH_MAX], beside[PATH_MAX];
    bool there = stat(path, &at) == 0;
    if (there && !S_ISREG(at.st_mode))
        return fail_irregular(jar, path);
    if (!there || realpath(path, target) == NULL) /* what a link points to is replaced, not it */
        snprintf(target, sizeof target, "%s", path);
    int length = snprintf(beside, sizeof beside, "%s.XXXXXX", target);
    if (length < 0 || (size_t)length >= sizeof beside) {
        errno = ENAMETOOLONG;
        return fail_system(jar, "write", path);
    }
    int fd = mkostemp(beside, O_CLOEXEC); /* for its owner alone */
    if (fd < 0)
        return fail_system(jar, "write", path);
    errno = write_file(jar, fd, session != 0);
    if (errno == 0 && rename(beside, target) == 0)
        return MW_OK;
    int error = errno;
    unlink(beside);
    errno = error;
    return fail_system(jar, "write", path);
}

/* ---- reading ------------------------------------------------------------------------------- */

/* Cuts the line into its fields. */
static bool split(struct mw_span line, struct mw_span *fields)
{
    for (int i = 0; i < FIELDS - 1; i++) {
        const char *tab = line.length > 0 ? memchr(line.at, '\t', line.length) : NULL;
        if (tab == NULL && i == NAME) { /* who trims lines takes the tab before an empty value */
            fields[NAME] = line;
            fields[VALUE] = (struct mw_span){"", 0};
            return true;
        }
        if (tab == NULL)
            return false;
        fields[i] = (struct mw_span){line.at, (size_t)(tab - line.at)};
        line.length -= fields[i].length + 1;
        line.at = tab + 1;
    }
    fields[VALUE] = line;
    return line.length == 0 || memchr(line.at, '\t', line.length) == NULL;
}

static bool read_flag(struct mw_span field, bool *flag)
{
    *flag = field.length == 4 && strncasecmp(field.at, "TRUE", 4) == 0;
    return *flag || (field.length == 5 && strncasecmp(field.at, "FALSE", 5) == 0);
}

static bool read_seconds(struct mw_span field, int64_t *seconds)
{
    char digits[20];
    if (field.length >= sizeof digits)
        return false;
    memcpy(digits, field.at, field.length);
    digits[field.length] = '\0';
    *seconds = mw_decimal(digits);
    return *seconds >= 0;
}

static bool read_domain(struct mw_span field, char *domain, size_t size)
{
    if (field.length > 0 && field.at[0] == '.') {
        field.at++;
        field.length--;
    }
    if (field.length >= size || mw_bad_host(field.at, field.length) >= 0)
        return false;
    for (size_t i = 0; i < field.length; i++) {
        char c = field.at[i];
        domain[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    domain[field.length] = '\0';
    return true;
}

/* What no server could have set is not taken from a file, either. */
static bool is_allowed(const struct mw_set_cookie *c, const char *domain, bool host_only)
{
    bool root = c->path.length == 1;
    if (mw_cookie_wrong(c->name, c->value) != NULL || (!host_only && mw_cookie_is_public(domain)))
        return false;
    if (mw_cookie_says_host(c->name))
        return c->secure && host_only && root;
    return c->secure || !mw_cookie_says_secure(c->name);
}

/* Puts in the cookie of one line: 1 taken, or expired; 0 refused; MW_ENOMEM. */
static int read_line(mw_cookie_jar *jar, struct mw_span line, bool http_only, int64_t now,
                     bool *expired)
{
    struct mw_span fields[FIELDS];
    struct mw_set_cookie c = {.http_only = http_only};
    char domain[256];
    bool below;
    if (!split(line, fields) || !read_domain(fields[DOMAIN], domain, sizeof domain) ||
        !read_flag(fields[BELOW], &below) || !read_flag(fields[SECURE], &c.secure) ||
        !read_seconds(fields[EXPIRES], &c.expires))
        return 0;
    c.name = fields[NAME];
    c.value = fields[VALUE];
    c.path = fields[PATH];
    if (c.path.length == 0 || c.path.at[0] != '/' || c.path.length > MW_COOKIE_ATTRIBUTE_LONGEST ||
        memchr(line.at, '\0', line.length) != NULL || !is_allowed(&c, domain, !below))
        return 0;
    c.persistent = c.expires != 0;
    c.expires = mw_cookie_limit(c.expires, now);
    *expired = c.persistent && c.expires <= now;
    return *expired ? 1 : mw_cookie_jar_put(jar, &c, domain, !below, c.path, now);
}

/* Where the cookie begins in a line; its length is 0 where it has none. */
static struct mw_span trim_line(const char *bytes, size_t length, bool *http_only)
{
    struct mw_span line = {bytes, length};
    while (line.length > 0 &&
           (line.at[line.length - 1] == '\n' || line.at[line.length - 1] == '\r'))
        line.length--;
    *http_only =
        line.length > strlen(HTTP_ONLY) && strncmp(line.at, HTTP_ONLY, strlen(HTTP_ONLY)) == 0;
    if (*http_only) {
        line.at += strlen(HTTP_ONLY);
        line.length -= strlen(HTTP_ONLY);
    } else if (line.length > 0 && line.at[0] == '#') {
        line.length = 0;
    }
    return line;
}

/* The next line, of which no more is kept than could be a cookie's; its whole length is told. */
static bool next_line(FILE *file, char *line, size_t size, size_t *length)
{
    int c = getc_unlocked(file);
    *length = 0;
    if (c == EOF)
        return false;
    for (; c != EOF && c != '\n'; c = getc_unlocked(file)) {
        if (*length < size)
            line[*length] = (char)c;
        ++*length;
    }
    return true;
}

static int read_all(mw_cookie_jar *jar, FILE *file, size_t *loaded, size_t *refused)
{
    char bytes[LONGEST_LINE];
    size_t length;
    int64_t now = (int64_t)time(NULL);
    mw_cookie_jar_sweep(jar, now);
    while (next_line(file, bytes, sizeof bytes, &length)) {
        bool http_only, expired = false, whole = length <= sizeof bytes;
        struct mw_span line = trim_line(bytes, whole ? length : sizeof bytes, &http_only);
        if (line.length == 0)
            continue;
        int result = whole ? read_line(jar, line, http_only, now, &expired) : 0;
        if (result < 0)
            return result;
        *refused += result == 0;
        *loaded += result == 1 && !expired;
    }
    return MW_OK;
}

int mw_cookie_jar_load(mw_cookie_jar *jar, const char *path, size_t *loaded, size_t *refused)
{
    struct stat at;
    size_t taken = 0, bad = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe would wait for its writer */
    if (fd < 0)
        return fail_system(jar, "read", path);
    if (fstat(fd, &at) != 0 || !S_ISREG(at.st_mode)) {
        close(fd);
        return fail_irregular(jar, path);
    }
    FILE *file = fdopen(fd, "r");
    if (file == NULL) {
        int result = fail_system(jar, "read", path);
        close(fd);
        return result;
    }
    int result = read_all(jar, file, &taken, &bad);
    if (result == MW_OK && ferror(file))
        result = fail_system(jar, "read", path);
    fclose(file);
    if (loaded != NULL)
        *loaded = taken;
    if (refused != NULL)
        *refused = bad;
    return result;
}
