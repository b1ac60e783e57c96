/* test.h: what the C tests share: checks that say where they failed, and waiting on the loop.
 *
 *     int main(void)
 *     {
 *         TEST(opens_with_defaults);
 *         return test_end();
 *     }
 * SPDX-License-Identifier: MIT */
#ifndef MOONWIRE_SPEC_C_TEST_H
#define MOONWIRE_SPEC_C_TEST_H

#include "moonwire.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    const char *name; /* of the test that runs */
    int checks, failures;
} test_state;

static inline int test_report(int holds, const char *file, int line)
{
    test_state.checks++;
    if (!holds) {
        test_state.failures++;
        printf("%s:%d: in %s: ", file, line, test_state.name);
    }
    return holds;
}

static inline int test_check(int holds, const char *words, const char *file, int line)
{
    if (!test_report(holds, file, line))
        printf("%s does not hold\n", words);
    return holds;
}

static inline int test_int(long long actual, long long expected, const char *words,
                           const char *file, int line)
{
    if (!test_report(actual == expected, file, line))
        printf("%s is %lld, expected %lld\n", words, actual, expected);
    return actual == expected;
}

static inline int test_text(const char *actual, const char *expected, const char *words,
                            const char *file, int line)
{
    int same = actual != NULL && strcmp(actual, expected) == 0;
    if (!test_report(same, file, line))
        printf("%s is \"%s\", expected \"%s\"\n", words, actual ? actual : "(NULL)", expected);
    return same;
}

static inline int test_has(const char *actual, const char *part, const char *words,
                           const char *file, int line)
{
    int found = actual != NULL && strstr(actual, part) != NULL;
    if (!test_report(found, file, line))
        printf("%s is \"%s\", expected to say \"%s\"\n", words, actual ? actual : "(NULL)", part);
    return found;
}

/* Each counts and goes on when it fails; its value says whether it holds. */
#define CHECK(condition) test_check((condition) ? 1 : 0, #condition, __FILE__, __LINE__)
#define CHECK_INT(actual, expected) test_int((actual), (expected), #actual, __FILE__, __LINE__)
#define CHECK_TEXT(actual, expected) test_text((actual), (expected), #actual, __FILE__, __LINE__)
#define CHECK_HAS(actual, part) test_has((actual), (part), #actual, __FILE__, __LINE__)

/* Runs a function as a test of that name. */
#define TEST(function) (test_state.name = #function, (function)())

/* What a test cannot go on without. */
static inline void *test_need(void *value)
{
    if (value == NULL) {
        printf("in %s: cannot go on\n", test_state.name);
        exit(1);
    }
    return value;
}

/* As mw_open, with the engine that the suite is run with, unless the test chooses one. */
static inline mw_runtime *test_open(const mw_config *config)
{
    mw_config with;
    const char *engine = getenv("MOONWIRE_ENGINE");
    memset(&with, 0, sizeof with);
    if (config != NULL)
        with = *config;
    if (with.engine == NULL && engine != NULL && *engine != '\0')
        with.engine = engine;
    return mw_open(&with);
}

/* Says how much was checked and returns the status of the program. */
static inline int test_end(void)
{
    printf("%d checks, %d wrong\n", test_state.checks, test_state.failures);
    return test_state.failures == 0 ? 0 : 1;
}

/* Turns the loop until *flag is not 0. Gives up after many seconds, which is a failure. */
static inline int test_wait(mw_runtime *rt, const int *flag)
{
    double deadline = mw_now() + 30;
    while (*flag == 0 && mw_now() < deadline)
        mw_poll(rt, 0.05);
    return *flag;
}

#define WAIT(rt, flag) test_check(test_wait((rt), &(flag)), #flag " in time", __FILE__, __LINE__)

/* Turns the loop a few times, for what should not happen. */
static inline void test_turn(mw_runtime *rt)
{
    for (int i = 0; i < 5; i++)
        mw_poll(rt, 0);
}

/* The URL of a path on a port of 127.0.0.1; it lives until the next call. */
static inline const char *test_url(int port, const char *path)
{
    static char url[200];
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", port, path);
    return url;
}

/* Descriptors in use, but for the one that looks. */
static inline int test_descriptors(void)
{
    int count = -1;
    DIR *dir = (DIR *)test_need(opendir("/proc/self/fd"));
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

#endif
