/* The command's arguments, and its help.
 * SPDX-License-Identifier: MIT */
#include "cli/command.h"

#include "moonwire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: moonwire FILE [ARGS]     run a script\n"
    "       moonwire -e CODE [ARGS]  run code given here\n"
    "       moonwire - [ARGS]        run a script from standard input\n"
    "       moonwire                 at a terminal: a prompt for Lua; Ctrl-D leaves it\n"
    "       moonwire -i FILE [ARGS]  run a script, then the prompt\n"
    "       moonwire --version       print the version\n"
    "       moonwire --help          print this\n"
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

static int usage(const char *wrong, const char *what)
{
    fprintf(stderr, "moonwire: %s%s\n%s", wrong, what, help);
    return EXIT_USAGE;
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
    c->first = argc;
    if (argc < 2)
        return parse_prompt(c, "nothing to run");
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        fputs(help, stdout);
        return EXIT_SUCCESS;
    }
    if (strcmp(word, "--version") == 0) {
        puts("moonwire " MW_VERSION);
        return EXIT_SUCCESS;
    }
    c->first = 2;
    if (strcmp(word, "-e") == 0 || strcmp(word, "-i") == 0) {
        bool code = word[1] == 'e';
        if (argc < 3)
            return usage(word, code ? " needs CODE" : " needs FILE");
        c->first = 3;
        c->name = code ? word : argv[2];
        *(code ? &c->code : &c->file) = argv[2];
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
