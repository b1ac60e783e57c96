/* connect_test.c: connecting by Happy Eyeballs: which address wins and when, what a failure says,
 * and that every end leaves nothing behind. SPDX-License-Identifier: MIT */
#include "net.h"
#include "net/connect.h"

#include <netinet/tcp.h>
#include <sys/resource.h>

static struct event_base *base;
static int own_network;

struct outcome {
    int calls, fd;
    char address[120];
    struct mw_failure failure;
    double at;
};

static void on_dialled(int fd, const char *address, const struct mw_failure *f, void *ud)
{
    struct outcome *o = ud;
    o->calls++;
    o->fd = fd;
    o->at = mw_now();
    snprintf(o->address, sizeof o->address, "%s", address);
    if (f != NULL)
        o->failure = *f;
    CHECK((fd < 0) == (f != NULL));
}

static struct mw_addresses list(const char *a, const char *b, const char *c)
{
    const char *texts[] = {a, b, c};
    struct mw_addresses found = {.count = 0};
    for (int i = 0; i < 3 && texts[i] != NULL; i++)
        snprintf(found.text[found.count++], MW_ADDRESS_SIZE, "%s", texts[i]);
    return found;
}

static struct mw_dial *start(struct outcome *o, const struct mw_dial_options *how)
{
    memset(o, 0, sizeof *o);
    struct mw_dial *dial = mw_dial_start(&mw_default_allocator, base, how, on_dialled, o);
    test_need(dial);
    CHECK_INT(o->calls, 0);
    return dial;
}

static void finish(struct outcome *o)
{
    CHECK(net_wait(base, &o->calls, 20));
    CHECK_INT(o->calls, 1);
    CHECK_INT(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
    if (o->fd >= 0)
        close(o->fd);
}

static void dial(struct outcome *o, const struct mw_addresses *addresses, unsigned short port)
{
    start(o, &(struct mw_dial_options){.addresses = addresses, .port = port});
    finish(o);
}

static void with_port(char *to, const char *address, unsigned short port)
{
    mw_address_with_port(to, 120, address, port);
}

/* ---- one address --------------------------------------------------------------------------- */

static void socket_is_as_promised(void)
{
    struct outcome o;
    char name[120];
    unsigned short port = 0;
    int listening = net_listen("127.0.0.1", &port, 5);
    struct mw_addresses a = list("127.0.0.1", NULL, NULL);
    start(&o, &(struct mw_dial_options){.addresses = &a, .port = port});
    CHECK(net_wait(base, &o.calls, 20));
    with_port(name, "127.0.0.1", port);
    CHECK_TEXT(o.address, name);
    CHECK(fcntl(o.fd, F_GETFL) & O_NONBLOCK);
    CHECK(fcntl(o.fd, F_GETFD) & FD_CLOEXEC);
    int on = 0;
    socklen_t size = sizeof on;
    CHECK_INT(getsockopt(o.fd, IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
    CHECK(on);
    CHECK_INT(write(o.fd, "x", 1), 1);
    finish(&o);
    close(listening);
}

static void address_of_ipv6_has_brackets(void)
{
    struct outcome o;
    char name[120];
    unsigned short port = 0;
    int listening = net_listen("::1", &port, 5);
    struct mw_addresses a = list("::1", NULL, NULL);
    if (listening < 0)
        return;
    dial(&o, &a, port);
    CHECK(o.fd >= 0);
    with_port(name, "::1", port);
    CHECK_TEXT(o.address, name);
    CHECK(name[0] == '[');
    close(listening);
}

/* struct in6_ifreq, which glibc and the kernel define at odds. */
struct address_of_interface {
    struct in6_addr address;
    uint32_t prefix;
    int interface;
    char rest[sizeof(struct ifreq)]; /* valgrind takes it for one of IPv4 */
};

static void zone_is_connected_to(void)
{
    struct outcome o;
    unsigned short port = 0;
    struct mw_endpoint e;
    if (!own_network)
        return;
    CHECK(mw_endpoint_address(&e, "fe80::1%lo", 0));
    struct address_of_interface set = {e.at.v6.sin6_addr, 64, (int)if_nametoindex("lo"), ""};
    int control = socket(AF_INET6, SOCK_DGRAM, 0);
    CHECK_INT(ioctl(control, SIOCSIFADDR, &set), 0);
    close(control);
    int listening = -1;
    for (int tries = 0; tries < 500 && listening < 0; tries++) { /* the system takes its time */
        net_pass(base, 0.01);
        listening = net_listen("fe80::1%lo", &port, 5);
    }
    CHECK(listening >= 0);
    const char *const hosts[] = {"fe80::1%lo", "fe80::1%1"};
    for (size_t i = 0; i < 2; i++) {
        struct mw_addresses a = list(hosts[i], NULL, NULL);
        dial(&o, &a, port);
        CHECK(o.fd >= 0);
        CHECK_HAS(o.address, hosts[i]);
    }
    close(listening);
}

static void bad_zone_or_address_is_told(void)
{
    static const char *const hosts[] = {"fe80::1%nosuch", "fe80::1%", "fe80::1%99999999999",
                                        "name"};
    struct outcome o;
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        struct mw_addresses a = list(hosts[i], NULL, NULL);
        dial(&o, &a, 80);
        CHECK_INT(o.fd, -1);
        CHECK_HAS(o.failure.text, "no such address or interface");
        CHECK_HAS(o.failure.text, hosts[i]);
    }
}

static void refusal_is_told(void)
{
    struct outcome o;
    char words[200];
    unsigned short port = net_refused();
    struct mw_addresses a = list("127.0.0.1", NULL, NULL);
    dial(&o, &a, port);
    CHECK_INT(o.failure.code, MW_CONNECTION_REFUSED_ERROR);
    CHECK_INT(o.failure.phase, MW_PHASE_CONNECT);
    CHECK_INT(o.failure.system_errno, ECONNREFUSED);
    with_port(words, "127.0.0.1", port);
    CHECK_TEXT(o.failure.address, words);
    CHECK_TEXT(o.address, words);
    snprintf(words, sizeof words, "cannot connect to 127.0.0.1:%u: Connection refused", port);
    CHECK_TEXT(o.failure.text, words);
}

static void no_address_is_told(void)
{
    struct outcome o;
    struct mw_addresses a = list(NULL, NULL, NULL);
    dial(&o, &a, 80);
    CHECK_INT(o.fd, -1);
    CHECK_HAS(o.failure.text, "no address to connect to");
    CHECK_TEXT(o.address, "");
}

static void without_descriptors_is_told(void)
{
    struct outcome o;
    struct rlimit old;
    getrlimit(RLIMIT_NOFILE, &old);
    struct rlimit none = {0, old.rlim_max};
    struct mw_addresses a = list("127.0.0.1", "127.0.0.2", NULL);
    setrlimit(RLIMIT_NOFILE, &none);
    dial(&o, &a, 80);
    setrlimit(RLIMIT_NOFILE, &old);
    CHECK_INT(o.failure.system_errno, EMFILE);
    CHECK_HAS(o.failure.text, "Too many open files");
}

/* Where the only port of clients is the one that is connected to. */
static void socket_does_not_connect_to_itself(void)
{
    struct outcome o;
    int file = own_network ? open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY) : -1;
    if (file < 0)
        return;
    if (write(file, "45001 45001", 11) == 11) {
        struct mw_addresses a = list("127.0.0.1", NULL, NULL);
        dial(&o, &a, 45001);
        CHECK_INT(o.failure.system_errno, ECONNREFUSED);
        CHECK(pwrite(file, "32768 60999", 11, 0) == 11);
    }
    close(file);
}

/* ---- several ------------------------------------------------------------------------------- */

static void next_follows_a_refusal_at_once(void)
{
    struct outcome o;
    unsigned short port = 0;
    int listening = net_listen("127.0.0.3", &port, 5);
    struct mw_addresses a = list("127.0.0.1", "127.0.0.2", "127.0.0.3");
    double begun = mw_now();
    dial(&o, &a, port);
    CHECK(o.fd >= 0);
    CHECK_HAS(o.address, "127.0.0.3:");
    CHECK(o.at - begun < 0.25);
    close(listening);
}

static void second_starts_while_first_is_slow(void)
{
    struct outcome o;
    struct net_full full;
    if (!net_full_open(&full, "127.0.0.1", 0))
        return;
    unsigned short port = full.port;
    int listening = net_listen("127.0.0.2", &port, 5);
    struct mw_addresses a = list("127.0.0.1", "127.0.0.2", NULL);
    double begun = mw_now();
    dial(&o, &a, port);
    CHECK(o.fd >= 0);
    CHECK_HAS(o.address, "127.0.0.2:");
    CHECK(o.at - begun >= 0.24);
    close(listening);
    net_full_close(&full);
}

static void first_is_not_given_up(void)
{
    struct outcome o;
    struct net_full first, second;
    if (!net_full_open(&first, "127.0.0.1", 0))
        return;
    test_need(net_full_open(&second, "127.0.0.2", first.port) ? &second : NULL);
    struct mw_addresses a = list("127.0.0.1", "127.0.0.2", NULL);
    struct mw_dial *d = start(&o, &(struct mw_dial_options){.addresses = &a, .port = first.port});
    CHECK_HAS(mw_dial_address(d), "127.0.0.1:");
    net_pass(base, 0.4);
    CHECK_INT(o.calls, 0);
    CHECK_HAS(mw_dial_address(d), "127.0.0.2:");
    net_full_drain(&first); /* its SYN comes again after a second */
    finish(&o);
    CHECK(o.fd >= 0);
    CHECK_HAS(o.address, "127.0.0.1:");
    net_full_close(&first);
    net_full_close(&second);
}

/* The last that is tried is the one told of, which shows the order. */
static void families_take_turns(void)
{
    static const struct {
        const char *of[3], *last;
    } cases[] = {
        {{"127.0.0.1", "127.0.0.2", "::1"}, "127.0.0.2:"},
        {{"127.0.0.1", "::1", "127.0.0.2"}, "127.0.0.2:"},
        {{"::1", "127.0.0.1", "127.0.0.2"}, "127.0.0.2:"},
        {{"127.0.0.1", "127.0.0.2", "127.0.0.3"}, "127.0.0.3:"},
        {{"127.0.0.1", "::1", NULL}, "[::1]:"},
    };
    struct outcome o;
    unsigned short port = 0;
    int v6 = net_listen("::1", &port, 1);
    if (v6 < 0)
        return;
    close(v6);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mw_addresses a = list(cases[i].of[0], cases[i].of[1], cases[i].of[2]);
        dial(&o, &a, port);
        CHECK_INT(o.failure.system_errno, ECONNREFUSED);
        CHECK_HAS(o.failure.address, cases[i].last);
    }
}

static void most_telling_failure_is_told(void)
{
    static const char *const orders[][3] = {{"127.0.0.1", "192.0.2.1", NULL},
                                            {"192.0.2.1", "127.0.0.1", NULL},
                                            {"192.0.2.1", "127.0.0.1", "2001:db8::1"}};
    struct outcome o;
    unsigned short port = net_refused();
    if (!own_network)
        return;
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        struct mw_addresses a = list(orders[i][0], orders[i][1], orders[i][2]);
        dial(&o, &a, port);
        CHECK_INT(o.failure.system_errno, ECONNREFUSED);
        CHECK_HAS(o.failure.address, "127.0.0.1:");
    }
    struct mw_addresses a = list("192.0.2.1", "192.0.2.2", NULL);
    dial(&o, &a, port);
    CHECK_INT(o.failure.system_errno, ENETUNREACH);
    CHECK_INT(o.failure.code, MW_NETWORK_SESSION_FAILED_ERROR);
    CHECK_HAS(o.failure.address, "192.0.2.2:");
}

/* ---- from a chosen address ----------------------------------------------------------------- */

static void local_address_is_used(void)
{
    struct outcome o;
    struct mw_endpoint peer = {.size = sizeof peer.at};
    unsigned short port = 0;
    int listening = net_listen("127.0.0.1", &port, 5);
    struct mw_addresses a = list("::1", "127.0.0.1", NULL);
    start(&o,
          &(struct mw_dial_options){.addresses = &a, .port = port, .local_address = "127.0.0.77"});
    finish(&o);
    CHECK(o.fd >= 0);
    int fd = accept(listening, &peer.at.any, &peer.size);
    CHECK_INT(ntohl(peer.at.v4.sin_addr.s_addr), 0x7f00004d);
    close(fd);
    close(listening);
}

static void local_address_that_cannot_be_is_told(void)
{
    static const struct {
        const char *local, *host, *words;
        int error;
    } cases[] = {
        {"127.0.0.1", "::1", "cannot connect from 127.0.0.1: the host has no address of IPv4",
         EAFNOSUPPORT},
        {"::1", "127.0.0.1", "cannot connect from ::1: the host has no address of IPv6",
         EAFNOSUPPORT},
        {"localhost", "127.0.0.1", "cannot connect from localhost: it is not an address",
         EADDRNOTAVAIL},
        {"192.0.2.9", "127.0.0.1", "from 192.0.2.9: Cannot assign requested address",
         EADDRNOTAVAIL},
    };
    struct outcome o;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mw_addresses a = list(cases[i].host, NULL, NULL);
        start(&o, &(struct mw_dial_options){
                      .addresses = &a, .port = 80, .local_address = cases[i].local});
        finish(&o);
        CHECK_HAS(o.failure.text, cases[i].words);
        CHECK_INT(o.failure.system_errno, cases[i].error);
        CHECK_INT(o.failure.code, MW_NETWORK_SESSION_FAILED_ERROR);
    }
}

/* ---- a socket's file ----------------------------------------------------------------------- */

static char folder[] = "/tmp/connect_test.XXXXXX";
static char path[60];

static int listen_file(int backlog)
{
    struct mw_endpoint e;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(mw_endpoint_file(&e, path));
    unlink(path);
    CHECK_INT(bind(fd, &e.at.any, e.size), 0);
    if (backlog >= 0)
        CHECK_INT(listen(fd, backlog), 0);
    return fd;
}

static void file_is_connected_to(void)
{
    struct outcome o;
    int listening = listen_file(5);
    start(&o, &(struct mw_dial_options){.unix_path = path, .local_address = "127.0.0.1"});
    finish(&o);
    CHECK(o.fd >= 0);
    CHECK_TEXT(o.address, path);
    close(listening);
}

static void file_that_fails_is_told(void)
{
    char words[200], longer[300];
    struct outcome o;
    close(listen_file(-1)); /* there is one, of which nobody is at the other end */
    start(&o, &(struct mw_dial_options){.unix_path = path});
    finish(&o);
    CHECK_INT(o.failure.code, MW_CONNECTION_REFUSED_ERROR);
    snprintf(words, sizeof words, "cannot connect to %s: Connection refused", path);
    CHECK_TEXT(o.failure.text, words);
    CHECK_TEXT(o.failure.address, path);

    unlink(path);
    start(&o, &(struct mw_dial_options){.unix_path = path});
    finish(&o);
    CHECK_INT(o.failure.code, MW_HOST_NOT_FOUND_ERROR);
    CHECK_INT(o.failure.system_errno, ENOENT);

    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    const char *const wrong[] = {"", longer};
    for (size_t i = 0; i < 2; i++) {
        start(&o, &(struct mw_dial_options){.unix_path = wrong[i]});
        finish(&o);
        CHECK_HAS(o.failure.text, "empty or too long");
    }
}

static void full_file_is_waited_for(void)
{
    struct outcome first, second, third;
    int listening = listen_file(0);
    struct mw_dial_options how = {.unix_path = path};
    start(&first, &how);
    finish(&first);
    start(&second, &how);
    net_pass(base, 0.05);
    CHECK_INT(second.calls, 0);
    close(accept(listening, NULL, NULL));
    finish(&second);
    CHECK(second.fd >= 0);

    struct mw_dial *d = start(&third, &how);
    net_pass(base, 0.05);
    CHECK_INT(third.calls, 0);
    mw_dial_cancel(d);
    CHECK_INT(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
    close(listening);
    unlink(path);
}

/* ---- ends ---------------------------------------------------------------------------------- */

static void cancelled_at_every_stage(void)
{
    struct outcome o;
    struct net_full full;
    unsigned short port = 0;
    int before = test_descriptors();
    int listening = net_listen("127.0.0.1", &port, 50), file = listen_file(5);
    struct mw_addresses good = list("127.0.0.1", NULL, NULL), none = list(NULL, NULL, NULL);
    mw_dial_cancel(start(&o, &(struct mw_dial_options){.addresses = &good, .port = port}));
    mw_dial_cancel(start(&o, &(struct mw_dial_options){.addresses = &none}));
    mw_dial_cancel(start(&o, &(struct mw_dial_options){.unix_path = path})); /* it is connected */
    mw_dial_cancel(start(&o, &(struct mw_dial_options){.unix_path = "/nowhere/at/all"}));
    close(listening);
    close(file);
    if (net_full_open(&full, "127.0.0.1", 0)) {
        struct mw_addresses a = list("127.0.0.2", "127.0.0.1", "127.0.0.1");
        struct mw_dial_options how = {.addresses = &a, .port = full.port};
        for (int turns = 0; turns < 60; turns += 6) { /* up to 600 ms: one, two, three attempts */
            struct mw_dial *d = start(&o, &how);
            net_pass(base, 0.01 * turns);
            CHECK_INT(o.calls, 0);
            mw_dial_cancel(d);
        }
        net_full_close(&full);
    }
    CHECK_INT(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
    event_base_loop(base, EVLOOP_NONBLOCK);
    CHECK_INT(o.calls, 0);
    CHECK_INT(test_descriptors(), before);
}

struct chain {
    const struct mw_dial_options *how;
    struct mw_dial *other;
    int calls;
};

/* Cancels one that is under way and starts another, from inside its own end. */
static void on_chained(int fd, const char *address, const struct mw_failure *f, void *ud)
{
    struct chain *chain = ud;
    (void)f;
    CHECK_HAS(address, "127.0.0.1:");
    close(fd);
    chain->calls++;
    if (chain->other != NULL)
        mw_dial_cancel(chain->other);
    chain->other = NULL;
    if (chain->calls < 5)
        mw_dial_start(&mw_default_allocator, base, chain->how, on_chained, chain);
}

static void callback_may_do_as_it_likes(void)
{
    struct outcome o;
    unsigned short port = 0;
    int listening = net_listen("127.0.0.1", &port, 50);
    struct mw_addresses a = list("127.0.0.1", NULL, NULL);
    struct mw_dial_options how = {.addresses = &a, .port = port};
    struct chain chain = {&how, NULL, 0};
    mw_dial_start(&mw_default_allocator, base, &how, on_chained, &chain);
    chain.other = start(&o, &how);
    for (double deadline = mw_now() + 20; chain.calls < 5 && mw_now() < deadline;)
        event_base_loop(base, EVLOOP_ONCE);
    CHECK_INT(chain.calls, 5);
    CHECK_INT(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
    close(listening);
}

static void without_memory_there_is_none(void)
{
    struct outcome o;
    struct net_memory memory = {0, 0};
    struct mw_allocator allocator = {net_alloc, &memory};
    struct mw_addresses a = list("127.0.0.1", NULL, NULL);
    struct mw_dial_options how = {.addresses = &a, .port = 1};
    CHECK(mw_dial_start(&allocator, base, &how, on_dialled, &o) == NULL);
    memory.left = 1;
    memset(&o, 0, sizeof o);
    CHECK(mw_dial_start(&allocator, base, &how, on_dialled, &o) != NULL);
    finish(&o);
    CHECK_INT(memory.blocks, 0);
}

int main(void)
{
    own_network = net_unshare();
    if (!own_network)
        printf("no network of its own: some tests are left out\n");
    test_need(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/socket", folder);
    base = test_need(event_base_new());
    TEST(socket_is_as_promised);
    TEST(address_of_ipv6_has_brackets);
    TEST(zone_is_connected_to);
    TEST(bad_zone_or_address_is_told);
    TEST(refusal_is_told);
    TEST(no_address_is_told);
    TEST(without_descriptors_is_told);
    TEST(socket_does_not_connect_to_itself);
    TEST(next_follows_a_refusal_at_once);
    TEST(second_starts_while_first_is_slow);
    TEST(first_is_not_given_up);
    TEST(families_take_turns);
    TEST(most_telling_failure_is_told);
    TEST(local_address_is_used);
    TEST(local_address_that_cannot_be_is_told);
    TEST(file_is_connected_to);
    TEST(file_that_fails_is_told);
    TEST(full_file_is_waited_for);
    TEST(cancelled_at_every_stage);
    TEST(callback_may_do_as_it_likes);
    TEST(without_memory_there_is_none);
    event_base_free(base);
    unlink(path);
    rmdir(folder);
    return test_end();
}
