/* The command's arguments, and its help.
 * SPDX-License-Identifier: MIT */
#include "cli/command.h"

#include "core/engine.h"
#include "moonwire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usages[] =
    "usage: moonwire FILE [ARGS]     run a script\n"
    "       moonwire -e CODE [ARGS]  run code given here\n"
    "       moonwire - [ARGS]        run a script from standard input\n"
    "       moonwire                 at a terminal: a prompt for Lua; Ctrl-D leaves it\n"
    "       moonwire -i FILE [ARGS]  run a script, then the prompt\n"
    "       moonwire --version       print the version\n"
    "       moonwire --help          print this\n"
    "\n"
    "in front of these:\n"
    "       --trace       prints what happens to requests, without their secrets\n"
    "       --har FILE    writes it to a file as an HTTP archive when the script has ended\n"
    "       --engine NAME chooses who speaks HTTP on the wire: ";

static const char rest[] =
    ".\n"
    "Without it the environment does, by MOONWIRE_ENGINE; else it is the first of these.\n"
    "\n"
    "A script finds the module http in the global of that name, and its arguments in arg. The "
    "command\n"
    "ends when the script has ended and nothing is pending any more: no request, timer or server.\n"
    "\n"
    "The prompt keeps its history in $XDG_STATE_HOME/moonwire/history, or in the file that\n"
    "MOONWIRE_HISTORY names; set to nothing, in none.\n"
    "\n"
    "exit status: 0, 1 after an error in the script or a handler, 2 for wrong usage, 130 after "
    "Ctrl-C\n";

static void print_help(FILE *stream)
{
    const char *name;
    fputs(usages, stream);
    for (size_t i = 0; (name = mw_engine_at(i)) != NULL; i++)
        fprintf(stream, "%s%s", i > 0 ? ", " : "", name);
    fputs(rest, stream);
}

static int usage(const char *wrong, const char *what)
{
    fprintf(stderr, "moonwire: %s%s\n", wrong, what);
    print_help(stderr);
    return EXIT_USAGE;
}

/* Takes "--option VALUE" or "--option=VALUE" from the front of the arguments. Returns false if it
 * is another option; *value is NULL where it has none. */
static bool take_value(struct command *c, const char *option, const char **value)
{
    const size_t length = strlen(option);
    const char *word = c->argv[c->first];
    if (strncmp(word, option, length) != 0 || (word[length] != '\0' && word[length] != '='))
        return false;
    c->first++;
    if (word[length] == '=')
        *value = word + length + 1;
    else
        *value = c->first < c->argc ? c->argv[c->first++] : NULL;
    return true;
}

/* The options in front of what is to be run. */
static int parse_front(struct command *c)
{
    char words[200];
    c->first = 1;
    while (c->first < c->argc) {
        if (take_value(c, "--engine", &c->engine)) {
            if (c->engine == NULL)
                return usage("--engine", " needs NAME");
            if (!mw_engine_known(c->engine, words, sizeof words)) {
                fprintf(stderr, "moonwire: --engine: %s\n", words);
                return EXIT_USAGE;
            }
        } else if (take_value(c, "--har", &c->har)) {
            if (c->har == NULL || *c->har == '\0')
                return usage("--har", " needs FILE");
        } else if (strcmp(c->argv[c->first], "--trace") == 0) {
            c->trace = true;
            c->first++;
        } else {
            break;
        }
    }
    return -1;
}

static int parse_prompt(struct command *c, const char *wrong)
{
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return usage(wrong, "; the prompt needs a terminal for its input and output");
    c->prompt = true;
    return -1;
}

int command_parse(int argc, char **argv, struct command *c)
{
    *c = (struct command){.name = argc > 0 ? argv[0] : "moonwire", .argc = argc, .argv = argv};
    int status = parse_front(c);
    if (status >= 0)
        return status;
    const int at = c->first;
    if (at >= argc) {
        c->first = argc;
        return parse_prompt(c, "nothing to run");
    }
    const char *word = argv[at];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        print_help(stdout);
        return EXIT_SUCCESS;
    }
    if (strcmp(word, "--version") == 0) {
        puts("moonwire " MW_VERSION);
        return EXIT_SUCCESS;
    }
    c->first = at + 1;
    if (strcmp(word, "-e") == 0 || strcmp(word, "-i") == 0) {
        bool code = word[1] == 'e';
        if (at + 1 >= argc)
            return usage(word, code ? " needs CODE" : " needs FILE");
        c->first = at + 2;
        c->name = code ? word : argv[at + 1];
        *(code ? &c->code : &c->file) = argv[at + 1];
        return code ? -1 : parse_prompt(c, "-i cannot be had here");
    }
    c->name = word;
    if (strcmp(word, "-") == 0)
        return -1;
    if (word[0] == '-')
        return usage("unknown option ", word);
    c->file = word;
    return -1;
}
