// SPDX-License-Identifier: MIT
// Runs a command pinned to one core and writes what it took: the CPU time and peak memory that the
// kernel charged, and the time on the clock.

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct usage {
    int64_t user;   // microseconds
    int64_t system; // microseconds
    int64_t rss;    // KiB, the peak
    int64_t wall;   // microseconds
};

static const char help[] =
    "usage: cpu [-c CORE] [-n RUNS] -o FILE COMMAND [ARGUMENT...]\n"
    "Writes to FILE: user and system microseconds, peak resident KiB, and microseconds of the\n"
    "clock, of COMMAND.\n"
    "With -n, of the run whose total is the median.\n"
    "Exit status: COMMAND's; 128 + the signal that ended it; 2 for a wrong call.\n";

static int64_t microseconds(struct timeval t)
{
    return (int64_t)t.tv_sec * 1000000 + (int64_t)t.tv_usec;
}

static int64_t clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + (int64_t)t.tv_nsec / 1000;
}

static int by_total(const void *a, const void *b)
{
    const struct usage *x = a, *y = b;
    int64_t tx = x->user + x->system, ty = y->user + y->system;
    return (tx > ty) - (tx < ty);
}

static void run_child(char **command, int core)
{
    // Who ends this program (a Ctrl-C during a long run) ends what it measures.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (core >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((size_t)core, &set);
        if (sched_setaffinity(0, sizeof(set), &set) != 0) {
            fprintf(stderr, "cpu: core %d: %s\n", core, strerror(errno));
            _exit(126);
        }
    }
    execvp(command[0], command);
    fprintf(stderr, "cpu: %s: %s\n", command[0], strerror(errno));
    _exit(127);
}

// Fills *u; returns the command's exit status as a shell would tell it.
static int measure(char **command, int core, struct usage *u)
{
    struct rusage r;
    int status;
    int64_t begin = clock_now();
    pid_t pid = fork();

    if (pid < 0) {
        perror("cpu: fork");
        return 126;
    }
    if (pid == 0)
        run_child(command, core);
    while (wait4(pid, &status, 0, &r) < 0) {
        if (errno != EINTR) {
            perror("cpu: wait4");
            return 126;
        }
    }
    u->wall = clock_now() - begin;
    u->user = microseconds(r.ru_utime);
    u->system = microseconds(r.ru_stime);
    u->rss = r.ru_maxrss;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int write_usage(const char *path, const struct usage *u)
{
    FILE *f = fopen(path, "w");
    if (!f) {
        fprintf(stderr, "cpu: %s: %s\n", path, strerror(errno));
        return -1;
    }
    fprintf(f, "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n", u->user, u->system, u->rss,
            u->wall);
    return fclose(f);
}

int main(int argc, char **argv)
{
    const char *path = NULL;
    struct usage *runs;
    int core = -1, count = 1, status = 0, option;

    // The leading + stops at COMMAND, whose own options are not ours.
    while ((option = getopt(argc, argv, "+c:n:o:")) != -1) {
        if (option == 'c')
            core = atoi(optarg);
        else if (option == 'n')
            count = atoi(optarg);
        else if (option == 'o')
            path = optarg;
        else
            path = NULL, optind = argc;
    }
    if (!path || optind == argc || count < 1 || core >= CPU_SETSIZE) {
        fputs(help, stderr);
        return 2;
    }

    runs = calloc((size_t)count, sizeof(*runs));
    if (!runs) {
        perror("cpu");
        return 126;
    }
    for (int i = 0; i < count && status == 0; i++)
        status = measure(argv + optind, core, &runs[i]);
    if (status == 0) {
        qsort(runs, (size_t)count, sizeof(*runs), by_total);
        if (write_usage(path, &runs[count / 2]) != 0)
            status = 126;
    }
    free(runs);
    return status;
}
