/* .netrc: users and passwords by host, as ftp and curl keep them.
 * SPDX-License-Identifier: MIT */
#ifndef MW_BASE_NETRC_H
#define MW_BASE_NETRC_H

/* Both point into the text. */
struct mw_netrc {
    const char *login;    /* NULL: there is no entry that fits */
    const char *password; /* NULL: the entry has none */
    int line;             /* where reading has stopped */
};

/* Looks for the first entry for that host ("machine", whatever its case), else for any ("default"),
 * and, where `login` is not NULL, for that user. The text is cut up in place; it ends with a NUL.
 *
 * Words are parted by blanks and line ends. One in double quotes may hold these, and \n, \r, \t, \"
 * and \\. A "#" in the place of a keyword begins a comment, up to the end of the line. Macros
 * (macdef, up to an empty line) and accounts are passed over.
 *
 * Returns NULL; or words for what is wrong in found->line, in which nothing of the text stands.
 * What comes behind the entry that fits is not looked at. */
const char *mw_netrc_find(char *text, const char *host, const char *login, struct mw_netrc *found);

#endif
