/* The terminal under the prompt.
 *
 * Output of handlers is caught in the streams rather than in Lua's print: that way io.write, the
 * runtime's reports and C modules go the same way. glibc lets a program assign stdout and stderr.
 * SPDX-License-Identifier: MIT */
#include "cli/terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct {
    struct termios modes; /* as we found them */
    FILE *stream;         /* what stdout was */
    void (*clear)(void);
    bool open_line; /* the last output did not end with a newline */
} terminal;

/* Returns false when nobody is there to read it any more. */
static bool write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno != EINTR)
            return false;
        if (written > 0) {
            bytes += written;
            size -= (size_t)written;
        }
    }
    return true;
}

static ssize_t write_output(int fd, const char *bytes, size_t size)
{
    if (size == 0)
        return 0;
    if (terminal.clear != NULL)
        terminal.clear();
    terminal.open_line = bytes[size - 1] != '\n';
    return write_all(fd, bytes, size) ? (ssize_t)size : 0;
}

static ssize_t write_stdout(void *cookie, const char *bytes, size_t size)
{
    (void)cookie;
    return write_output(STDOUT_FILENO, bytes, size);
}

static ssize_t write_stderr(void *cookie, const char *bytes, size_t size)
{
    (void)cookie;
    fflush(stdout); /* it came first */
    return write_output(STDERR_FILENO, bytes, size);
}

static FILE *stream_of(cookie_write_function_t *write_to, int buffering)
{
    FILE *stream = fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_to});
    if (stream != NULL)
        setvbuf(stream, NULL, buffering, 0);
    return stream;
}

static void on_end(int signal_number)
{
    terminal_restore();
    raise(signal_number); /* SA_RESETHAND: it ends the process now */
}

static void catch_ends(void)
{
    static const int ends[] = {SIGHUP, SIGQUIT, SIGTERM};
    struct sigaction action, old;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_end;
    action.sa_flags = (int)SA_RESETHAND;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        if (sigaction(ends[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(ends[i], &action, NULL);
    }
}

bool terminal_open(void)
{
    if (tcgetattr(STDIN_FILENO, &terminal.modes) != 0)
        return false;
    FILE *out = stream_of(write_stdout, _IOLBF);
    FILE *err = isatty(STDERR_FILENO) ? stream_of(write_stderr, _IONBF) : stderr;
    if (out == NULL || err == NULL)
        return false;
    terminal.stream = stdout;
    stdout = out;
    stderr = err;
    catch_ends();
    return atexit(terminal_restore) == 0; /* a script may call os.exit anywhere */
}

FILE *terminal_stream(void)
{
    return terminal.stream;
}

void terminal_before_output(void (*clear)(void))
{
    terminal.clear = clear;
}

void terminal_settle(void)
{
    fflush(stdout);
    if (terminal.open_line)
        terminal_write("\n", 1);
    terminal.open_line = false;
}

void terminal_write(const char *bytes, size_t size)
{
    int saved = errno;
    write_all(STDOUT_FILENO, bytes, size);
    errno = saved;
}

void terminal_restore(void)
{
    int saved = errno;
    tcsetattr(STDIN_FILENO, TCSANOW, &terminal.modes);
    errno = saved;
}

int terminal_columns(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 80;
    return size.ws_col;
}
