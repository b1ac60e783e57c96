/* Happy Eyeballs (RFC 8305, section 5) over non-blocking sockets.
 * SPDX-License-Identifier: MIT */
#include "net/connect.h"

#include "net/address.h"

#include <event2/event.h>
#include <event2/event_struct.h>

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct timeval stagger = {0, 250000};
static const struct timeval at_once = {0, 0};
static const struct timeval file_again = {0, 10000};

enum { NAME_SIZE = sizeof(((struct sockaddr_un *)NULL)->sun_path) };

struct attempt {
    struct mw_dial *dial;
    struct event event;
    int fd; /* -1: not begun, or failed */
    struct mw_endpoint to;
    char name[NAME_SIZE]; /* with its port */
};

struct mw_dial {
    struct mw_allocator allocator;
    struct event_base *base;
    mw_dial_fn fn;
    void *ud;
    struct mw_endpoint from;           /* size 0: the system's choice */
    char local[INET6_ADDRSTRLEN + 20]; /* the same in words */
    struct event timer;                /* for the next attempt, or for an end known already */
    struct attempt *winner;            /* connected; it is to be told from the loop */
    int running;                       /* attempts */
    unsigned begun, count;
    struct mw_failure failure; /* the one that says most so far */
    int weight;                /* how much; 0: there is none */
    struct attempt attempts[];
};

/* ---- the end ------------------------------------------------------------------------------- */

static void close_attempt(struct attempt *a)
{
    if (a->fd < 0)
        return;
    event_del(&a->event);
    close(a->fd);
    a->fd = -1;
    a->dial->running--;
}

void mw_dial_cancel(struct mw_dial *dial)
{
    struct mw_allocator allocator = dial->allocator;
    for (unsigned i = 0; i < dial->begun; i++)
        close_attempt(&dial->attempts[i]);
    event_del(&dial->timer);
    mw_dealloc(&allocator, dial);
}

/* Everything is freed before fn is called, which may do as it likes. */
static void succeed(struct mw_dial *dial, struct attempt *a)
{
    char name[NAME_SIZE];
    mw_dial_fn fn = dial->fn;
    void *ud = dial->ud;
    int fd = a->fd;
    event_del(&a->event);
    a->fd = -1; /* so that it is not closed with the others */
    memcpy(name, a->name, sizeof name);
    mw_dial_cancel(dial);
    fn(fd, name, NULL, ud);
}

static void give_up(struct mw_dial *dial)
{
    struct mw_failure f = dial->failure;
    mw_dial_fn fn = dial->fn;
    void *ud = dial->ud;
    mw_dial_cancel(dial);
    fn(-1, f.address, &f, ud);
}

/* ---- failures ------------------------------------------------------------------------------ */

/* How much an error says of the host: one that was reached says more than one that was not. */
static int weight_of(int system_errno)
{
    switch (system_errno) {
    case ECONNREFUSED:
        return 4;
    case ECONNRESET:
    case ETIMEDOUT:
    case EACCES: /* a packet filter answered, as it may with EPERM */
    case EPERM:
        return 3;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
        return 1;
    default:
        return 2;
    }
}

/* Of two that say as much the later one counts. Returns whether this one does. */
static bool note(struct mw_dial *dial, const struct attempt *a, int system_errno)
{
    struct mw_failure *f = &dial->failure;
    int weight = weight_of(system_errno);
    if (weight < dial->weight)
        return false;
    dial->weight = weight;
    mw_failure_system(f, system_errno, MW_PHASE_CONNECT);
    if (a->to.at.any.sa_family == AF_UNIX && system_errno == ENOENT)
        f->code = MW_HOST_NOT_FOUND_ERROR;
    snprintf(f->address, sizeof f->address, "%.79s", a->name);
    mw_failure_text(f, "cannot connect to %s: %s", a->name, strerror(system_errno));
    return true;
}

static void note_local(struct mw_dial *dial, const struct attempt *a, int system_errno)
{
    if (note(dial, a, system_errno))
        mw_failure_text(&dial->failure, "cannot connect to %s from %s: %s", a->name, dial->local,
                        strerror(system_errno));
}

static void note_words(struct mw_dial *dial, int system_errno, const char *words)
{
    dial->weight = 1;
    mw_failure_system(&dial->failure, system_errno, MW_PHASE_CONNECT);
    mw_failure_text(&dial->failure, "%s", words);
}

/* ---- attempts ------------------------------------------------------------------------------ */

/* Where nobody listens on a port that the system also gives to clients, a socket can connect to
 * itself (RFC 9293, 3.5: simultaneous open). */
static bool to_itself(const struct attempt *a)
{
    struct mw_endpoint own;
    memset(&own, 0, sizeof own);
    own.size = sizeof own.at;
    if (a->to.at.any.sa_family == AF_UNIX || getsockname(a->fd, &own.at.any, &own.size) != 0)
        return false;
    if (own.at.any.sa_family == AF_INET)
        return own.at.v4.sin_port == a->to.at.v4.sin_port &&
               own.at.v4.sin_addr.s_addr == a->to.at.v4.sin_addr.s_addr;
    return own.at.v6.sin6_port == a->to.at.v6.sin6_port &&
           memcmp(&own.at.v6.sin6_addr, &a->to.at.v6.sin6_addr, sizeof own.at.v6.sin6_addr) == 0;
}

static int outcome(const struct attempt *a)
{
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        return errno;
    return error == 0 && to_itself(a) ? ECONNREFUSED : error;
}

static void go_on(struct mw_dial *dial);

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct attempt *a = arg;
    struct mw_dial *dial = a->dial;
    (void)fd;
    (void)what;
    int error = outcome(a);
    if (error == 0) {
        succeed(dial, a);
        return;
    }
    note(dial, a, error);
    close_attempt(a);
    go_on(dial);
}

static int open_socket(const struct attempt *a)
{
    int family = a->to.at.any.sa_family, on = 1;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static int bind_local(const struct mw_dial *dial, int fd)
{
    if (dial->from.size == 0)
        return 0;
#ifdef IP_BIND_ADDRESS_NO_PORT
    int on = 1; /* the port is chosen by connect: each can then serve many peers */
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
#endif
    return bind(fd, &dial->from.at.any, dial->from.size);
}

/* Returns false if it has failed already; why is noted. */
static bool begin(struct mw_dial *dial, struct attempt *a)
{
    a->fd = open_socket(a);
    if (a->fd < 0) {
        note(dial, a, errno);
        return false;
    }
    dial->running++;
    event_assign(&a->event, dial->base, a->fd, EV_WRITE, on_ready, a);
    if (bind_local(dial, a->fd) != 0) {
        note_local(dial, a, errno);
    } else if (connect(a->fd, &a->to.at.any, a->to.size) == 0) {
        dial->winner = a;
        return true;
    } else if (errno == EAGAIN && a->to.at.any.sa_family == AF_UNIX) {
        /* As many wait to be taken as may; the system tells nobody when that is over. */
        close_attempt(a);
        dial->begun--;
        event_add(&dial->timer, &file_again);
        return true;
    } else if (errno != EINPROGRESS && errno != EINTR) {
        note(dial, a, errno);
    } else if (event_add(&a->event, NULL) == 0) {
        return true;
    } else {
        note(dial, a, ENOMEM);
    }
    close_attempt(a);
    return false;
}

/* Begins the next attempt, or those after it if it fails at once, and sets the timer. */
static void advance(struct mw_dial *dial)
{
    while (dial->begun < dial->count) {
        if (begin(dial, &dial->attempts[dial->begun++]))
            break;
    }
    if (dial->winner != NULL || (dial->running == 0 && dial->begun == dial->count))
        event_add(&dial->timer, &at_once);
    else if (dial->running > 0 && dial->begun < dial->count)
        event_add(&dial->timer, &stagger);
    else if (dial->running > 0)
        event_del(&dial->timer);
}

/* An attempt has failed, in the loop. */
static void go_on(struct mw_dial *dial)
{
    if (dial->begun < dial->count)
        advance(dial);
    else if (dial->running == 0)
        give_up(dial);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct mw_dial *dial = arg;
    (void)fd;
    (void)what;
    if (dial->winner != NULL)
        succeed(dial, dial->winner);
    else if (dial->begun < dial->count)
        advance(dial);
    else
        give_up(dial);
}

/* ---- the start ----------------------------------------------------------------------------- */

static void add(struct mw_dial *dial, const struct mw_endpoint *to, const char *address,
                unsigned short port)
{
    struct attempt *a = &dial->attempts[dial->count++];
    a->dial = dial;
    a->fd = -1;
    a->to = *to;
    if (to->at.any.sa_family == AF_UNIX)
        snprintf(a->name, sizeof a->name, "%s", address);
    else
        mw_address_with_port(a->name, sizeof a->name, address, port);
}

/* Puts the families in turns, the first one's first, each in its own order. */
static void interleave(struct mw_dial *dial)
{
    for (unsigned i = 1; i < dial->count; i++) {
        unsigned k = i;
        while (k < dial->count &&
               dial->attempts[k].to.at.any.sa_family == dial->attempts[i - 1].to.at.any.sa_family)
            k++;
        if (k == dial->count)
            return;
        struct attempt moved = dial->attempts[k];
        memmove(&dial->attempts[i + 1], &dial->attempts[i], (k - i) * sizeof moved);
        dial->attempts[i] = moved;
    }
}

static void add_addresses(struct mw_dial *dial, const struct mw_dial_options *how)
{
    char words[200];
    struct mw_endpoint to;
    sa_family_t family = dial->from.size > 0 ? dial->from.at.any.sa_family : AF_UNSPEC;
    for (unsigned i = 0; i < how->addresses->count; i++) {
        const char *text = how->addresses->text[i];
        if (!mw_endpoint_address(&to, text, how->port)) {
            snprintf(words, sizeof words, "cannot connect to %.80s: no such address or interface",
                     text);
            note_words(dial, EADDRNOTAVAIL, words);
        } else if (family == AF_UNSPEC || to.at.any.sa_family == family) {
            add(dial, &to, text, how->port);
        }
    }
    if (dial->count == 0 && dial->weight == 0 && family == AF_UNSPEC) {
        note_words(dial, EDESTADDRREQ, "there is no address to connect to");
    } else if (dial->count == 0 && dial->weight == 0) {
        snprintf(words, sizeof words,
                 "cannot connect from %s: the host has no address of IPv%d, only of the other "
                 "family",
                 dial->local, family == AF_INET ? 4 : 6);
        note_words(dial, EAFNOSUPPORT, words);
    }
    interleave(dial);
}

static void add_file(struct mw_dial *dial, const char *path)
{
    struct mw_endpoint to;
    if (mw_endpoint_file(&to, path))
        add(dial, &to, path, 0);
    else
        note_words(dial, ENAMETOOLONG, "the path of the unix socket is empty or too long");
}

static void set_local(struct mw_dial *dial, const char *address)
{
    char words[120];
    snprintf(dial->local, sizeof dial->local, "%s", address);
    if (mw_endpoint_address(&dial->from, address, 0))
        return;
    snprintf(words, sizeof words, "cannot connect from %s: it is not an address", dial->local);
    note_words(dial, EADDRNOTAVAIL, words);
}

struct mw_dial *mw_dial_start(const struct mw_allocator *a, struct event_base *base,
                              const struct mw_dial_options *how, mw_dial_fn fn, void *ud)
{
    unsigned room = how->unix_path != NULL ? 1 : how->addresses->count;
    struct mw_dial *dial = mw_zalloc(a, sizeof *dial + room * sizeof dial->attempts[0]);
    if (dial == NULL)
        return NULL;
    dial->allocator = *a;
    dial->base = base;
    dial->fn = fn;
    dial->ud = ud;
    event_assign(&dial->timer, base, -1, 0, on_timer, dial);
    if (how->unix_path == NULL && how->local_address != NULL)
        set_local(dial, how->local_address);
    if (how->unix_path != NULL)
        add_file(dial, how->unix_path);
    else if (dial->weight == 0)
        add_addresses(dial, how);
    advance(dial);
    return dial;
}

const char *mw_dial_address(const struct mw_dial *dial)
{
    return dial->begun > 0 ? dial->attempts[dial->begun - 1].name : "";
}
