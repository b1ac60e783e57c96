/* What the command's arguments ask for.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CLI_COMMAND_H
#define MW_CLI_COMMAND_H

#include <signal.h>
#include <stdbool.h>

enum { EXIT_SCRIPT = 1, EXIT_USAGE = 2, EXIT_INTERRUPTED = 128 + SIGINT };

struct command {
    const char *code;   /* -e CODE */
    const char *file;   /* FILE; NULL with "-", and at the prompt alone */
    const char *name;   /* arg[0] */
    const char *engine; /* --engine NAME */
    const char *har;    /* --har FILE */
    bool trace;         /* --trace */
    bool prompt;        /* after the file, if there is one */
    int argc;
    char **argv;
    int first; /* index in argv of the script's first argument */
};

/* Returns -1 to go on, or the status to exit with. */
int command_parse(int argc, char **argv, struct command *c);

#endif
