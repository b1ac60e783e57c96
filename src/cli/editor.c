/* The line that is typed.
 *
 * libedit waits for keys in a function of ours, which turns the loop instead: so handlers run at
 * any time, also in the middle of a key that sends several bytes. When something is printed
 * meanwhile, what was typed is taken off the screen, and shown again below.
 * SPDX-License-Identifier: MIT */
#include "cli/editor.h"

#include "cli/history.h"
#include "cli/layout.h"
#include "cli/terminal.h"
#include "core/watch.h"

#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

static struct {
    EditLine *el;
    mw_runtime *rt;
    const volatile sig_atomic_t *interrupted;
    editor_complete_fn complete;
    void *ud;
    const char *prompt;
    char *line; /* the last one read */
    bool shown; /* the prompt and what was typed are on the screen */
    bool ready; /* there is a byte to read */
    volatile sig_atomic_t resized, continued;
} editor;

static char *prompt(EditLine *el)
{
    (void)el;
    return (char *)editor.prompt;
}

/* ---- taking the line off the screen -------------------------------------------------------- */

static int cursor_row(void)
{
    const LineInfoW *line = el_wline(editor.el);
    return layout_row((int)strlen(editor.prompt), line->buffer, line->cursor, terminal_columns());
}

static bool has_capability(const char *name)
{
    char *value = NULL;
    return el_get(editor.el, EL_GETTC, name, &value) == 0 && value != NULL && value[0] != '\0';
}

static void hide(void)
{
    char up[32];
    if (!editor.shown)
        return;
    editor.shown = false;
    if (!has_capability("up") || !has_capability("cd")) {
        terminal_write("\n", 1);
        return;
    }
    int row = cursor_row();
    int length = snprintf(up, sizeof up, row > 0 ? "\r\033[%dA\033[J" : "\r\033[J", row);
    terminal_write(up, (size_t)length);
}

static void show(void)
{
    if (editor.shown)
        return;
    terminal_settle();
    el_set(editor.el, EL_REFRESH);
    editor.shown = true;
}

/* Leaves the line where it is, with the cursor behind it. */
static void abandon(const char *mark)
{
    const LineInfoW *line = el_wline(editor.el);
    hide();
    el_cursor(editor.el, (int)(line->lastchar - line->cursor));
    show();
    terminal_write(mark, strlen(mark));
    editor.shown = false;
}

/* ---- keys ---------------------------------------------------------------------------------- */

static void on_key(void *ud)
{
    (void)ud;
    editor.ready = true;
}

/* SIGWINCH and SIGCONT have come since we last looked. */
static void adapt(void)
{
    if (editor.continued) { /* the shell has set other modes meanwhile, and has written, too */
        editor.continued = 0;
        editor.shown = false;
        terminal_write("\r", 1);
        el_set(editor.el, EL_PREP_TERM, 0);
        el_set(editor.el, EL_PREP_TERM, 1);
    }
    if (editor.resized) {
        editor.resized = 0;
        hide();
        el_resize(editor.el);
    }
}

/* Turns the loop until there is a byte. Returns false on Ctrl-C. */
static bool wait_for_key(void)
{
    static const double long_time = 3600;
    editor.ready = false;
    while (!editor.ready && !*editor.interrupted) {
        if (mw_poll(editor.rt, long_time) < 0)
            return false;
        adapt();
        fflush(stdout);
        show();
    }
    return !*editor.interrupted;
}

/* What libedit reads a character with: 1, 0 at the end, -1. */
static int get_character(EditLine *el, wchar_t *c)
{
    mbstate_t state;
    memset(&state, 0, sizeof state);
    (void)el;
    editor.shown = true; /* libedit has just drawn it */
    for (;;) {
        char byte;
        if (!wait_for_key()) {
            errno = EINTR;
            return -1;
        }
        ssize_t length = read(STDIN_FILENO, &byte, 1);
        if (length < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (length <= 0)
            return (int)length;
        size_t result = mbrtowc(c, &byte, 1, &state);
        if (result == (size_t)-1)
            memset(&state, 0, sizeof state); /* no character: leave it out */
        else if (result != (size_t)-2)
            return 1;
    }
}

static unsigned char complete(EditLine *el, int key)
{
    const LineInfo *line = el_line(el);
    size_t length = (size_t)(line->cursor - line->buffer);
    (void)key;
    char *text = strndup(line->buffer, length);
    if (text == NULL)
        return CC_ERROR;
    editor.shown = true;
    const char *rest = editor.complete(text, editor.ud);
    free(text);
    fflush(stdout);
    show();
    if (rest == NULL || rest[0] == '\0' || el_insertstr(el, rest) != 0)
        return CC_NORM;
    return CC_REFRESH;
}

/* ---- opening and reading ------------------------------------------------------------------- */

static void on_signal(int signal_number)
{
    if (signal_number == SIGWINCH)
        editor.resized = 1;
    else
        editor.continued = 1;
    mw_stop(editor.rt);
}

static void catch_signals(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGWINCH, &action, NULL);
    sigaction(SIGCONT, &action, NULL);
}

static void release_signals(void)
{
    signal(SIGWINCH, SIG_DFL);
    signal(SIGCONT, SIG_DFL);
}

static void bind_keys(EditLine *el)
{
    static const char *const keys[][2] = {
        {"\\e[3~", "ed-delete-next-char"}, {"\\e[H", "ed-move-to-beg"},
        {"\\e[F", "ed-move-to-end"},       {"\\e[1~", "ed-move-to-beg"},
        {"\\e[4~", "ed-move-to-end"},      {"\\eOH", "ed-move-to-beg"},
        {"\\eOF", "ed-move-to-end"},       {"\\e[1;5C", "em-next-word"},
        {"\\e[1;5D", "ed-prev-word"},      {"^R", "em-inc-search-prev"},
        {"^W", "ed-delete-prev-word"},     {"^I", "complete"},
    };
    el_set(el, EL_EDITOR, "emacs");
    /* Narrow strings it would turn into wide ones, and lose those. */
    el_wset(el, EL_ADDFN, L"complete", L"Complete a name", complete);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        el_set(el, EL_BIND, keys[i][0], keys[i][1], NULL);
    el_source(el, NULL); /* ~/.editrc has the last word */
}

bool editor_open(mw_runtime *rt, const volatile sig_atomic_t *interrupted,
                 editor_complete_fn complete_fn, void *ud)
{
    /* What a terminal sends is UTF-8 today. The user's own locale might change more than that: in
     * a Turkish one, strcasecmp no longer takes I for i. */
    setlocale(LC_CTYPE, "C.UTF-8");
    editor.rt = rt;
    editor.interrupted = interrupted;
    editor.complete = complete_fn;
    editor.ud = ud;
    editor.el = el_init("moonwire", stdin, terminal_stream(), terminal_stream());
    if (editor.el == NULL || !history_open(editor.el)) {
        editor_close();
        return false;
    }
    el_set(editor.el, EL_PROMPT, prompt);
    bind_keys(editor.el);
    el_wset(editor.el, EL_GETCFN, get_character);
    terminal_before_output(hide);
    catch_signals();
    return true;
}

void editor_close(void)
{
    terminal_before_output(NULL);
    if (editor.el != NULL) {
        release_signals();
        el_end(editor.el);
    }
    editor.el = NULL;
    history_close();
    free(editor.line);
    editor.line = NULL;
}

enum editor_result editor_read(const char *text, const char **line)
{
    int count = 0;
    struct mw_watch *watch = mw_watch_new(editor.rt, STDIN_FILENO, on_key, NULL);
    if (watch == NULL)
        return EDITOR_END;
    free(editor.line);
    editor.line = NULL;
    editor.prompt = text;
    editor.continued = 0; /* libedit sets the modes by itself at the beginning */
    terminal_settle();
    const char *typed = el_gets(editor.el, &count);
    mw_watch_free(watch);
    if (typed != NULL && count > 0) {
        size_t length = strlen(typed);
        while (length > 0 && (typed[length - 1] == '\n' || typed[length - 1] == '\r'))
            length--;
        editor.line = strndup(typed, length);
    }
    bool interrupted = *editor.interrupted != 0;
    if (editor.line == NULL)
        abandon(interrupted ? "^C\n" : "\n");
    editor.shown = false;
    *line = editor.line;
    if (editor.line != NULL)
        return EDITOR_LINE;
    return interrupted ? EDITOR_INTERRUPTED : EDITOR_END;
}
