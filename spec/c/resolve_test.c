/* resolve_test.c: looking names up: what is asked and kept, when who waits is told, and that every
 * end leaves nothing behind. SPDX-License-Identifier: MIT */
#include "net.h"
#include "net/cache.h"
#include "net/order.h"
#include "net/resolve.h"

#include "../support/dns_wire.h"

static struct event_base *base;
static int own_network;
static char folder[] = "/tmp/resolve_test.XXXXXX";
static char resolv_conf[60], hosts_file[60];

/* ---- a name server ------------------------------------------------------------------------- */

static struct {
    struct event *event;
    int fd, questions;
    int silent;   /* a type; -1: both */
    unsigned ttl; /* of its answers */
    const char *v4, *v6;
} server;

static void on_question(evutil_socket_t fd, short what, void *arg)
{
    unsigned char bytes[600];
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    struct dns_question q;
    struct dns_reply reply;
    (void)what;
    (void)arg;
    ssize_t n = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &size);
    if (n <= 0 || !dns_read(&q, bytes, (size_t)n))
        return;
    server.questions++;
    if (server.silent == -1 || server.silent == q.type)
        return;
    dns_begin(&reply, &q, 0, server.v4 == NULL && server.v6 == NULL ? 3 : 0);
    if (server.v4 != NULL)
        dns_add_address(&reply, q.name, q.type, server.ttl, server.v4);
    if (server.v6 != NULL)
        dns_add_address(&reply, q.name, q.type, server.ttl, server.v6);
    CHECK(sendto(fd, reply.bytes, reply.length, 0, (struct sockaddr *)&from, size) > 0);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = test_need(fopen(path, "w"));
    fputs(text, file);
    fclose(file);
}

static void open_server(void)
{
    char text[80];
    struct mw_endpoint e;
    CHECK(mw_endpoint_address(&e, "127.0.0.1", 0));
    server.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    CHECK_INT(bind(server.fd, &e.at.any, e.size), 0);
    getsockname(server.fd, &e.at.any, &e.size);
    server.event = test_need(event_new(base, server.fd, EV_READ | EV_PERSIST, on_question, NULL));
    event_add(server.event, NULL);
    snprintf(text, sizeof text, "nameserver 127.0.0.1:%u\n", ntohs(e.at.v4.sin_port));
    write_file(resolv_conf, text);
}

static void answers(const char *v4, const char *v6, int silent)
{
    server.v4 = v4;
    server.v6 = v6;
    server.silent = silent;
    server.ttl = 60;
    server.questions = 0;
}

/* ---- look-ups ------------------------------------------------------------------------------ */

struct outcome {
    int calls;
    struct mw_addresses found;
    const char *wrong;
    double at;
    struct mw_resolver *to_free;
    struct mw_lookup *to_cancel;
    struct outcome *again; /* looks the same name up once more */
};

static struct mw_resolver *resolver;

static void on_found(const struct mw_addresses *found, const char *wrong, void *ud)
{
    struct outcome *o = ud;
    o->calls++;
    o->found = *found;
    o->wrong = wrong;
    o->at = mw_now();
    CHECK((found->count == 0) == (wrong != NULL));
    if (o->to_cancel != NULL)
        mw_lookup_cancel(o->to_cancel);
    if (o->again != NULL)
        CHECK(mw_lookup_start(resolver, "here.test", on_found, o->again) != NULL);
    if (o->to_free != NULL)
        mw_resolver_free(o->to_free);
}

static struct mw_lookup *start(struct outcome *o, const char *name)
{
    memset(o, 0, sizeof *o);
    struct mw_lookup *lookup = test_need(mw_lookup_start(resolver, name, on_found, o));
    CHECK_INT(o->calls, 0);
    return lookup;
}

static void look_up(struct outcome *o, const char *name)
{
    start(o, name);
    CHECK(net_wait(base, &o->calls, 20));
    CHECK_INT(o->calls, 1);
}

static int events_before, descriptors_before;

static void begin_with(double deadline)
{
    events_before = event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED);
    descriptors_before = test_descriptors();
    write_file(hosts_file, "127.0.0.4 hosts.test\n");
    resolver = test_need(
        mw_resolver_new(&mw_default_allocator, base,
                        &(struct mw_resolver_options){resolv_conf, hosts_file, deadline}));
}

static void nothing_is_left(void)
{
    CHECK_INT(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), events_before);
    CHECK_INT(test_descriptors(), descriptors_before);
}

static void end(void)
{
    mw_resolver_free(resolver);
    nothing_is_left();
    net_pass(base, 0.02);
}

/* ---- what is found ------------------------------------------------------------------------- */

static void both_families_come_ipv6_first(void)
{
    struct outcome o;
    answers("127.0.0.1", "::1", 0);
    begin_with(0);
    look_up(&o, "here.test");
    CHECK_INT(o.found.count, 2);
    CHECK_TEXT(o.found.text[0], "::1");
    CHECK_TEXT(o.found.text[1], "127.0.0.1");
    CHECK(!mw_resolver_busy(resolver));
    nothing_is_left(); /* although the resolver lives */
    end();
}

static void answers_are_kept_and_told_from_the_loop(void)
{
    struct outcome o;
    answers("127.0.0.1", NULL, 0);
    begin_with(0);
    look_up(&o, "here.test");
    look_up(&o, "HERE.test");
    CHECK_INT(server.questions, 2);
    CHECK_INT(o.found.count, 1);
    look_up(&o, "Hosts.Test");
    CHECK_TEXT(o.found.text[0], "127.0.0.4");
    look_up(&o, "hosts.test.");
    CHECK_INT(server.questions, 2);
    end();
}

static void look_ups_at_once_share_their_questions(void)
{
    struct outcome o[5];
    answers("127.0.0.1", "::1", 0);
    begin_with(0);
    for (int i = 0; i < 5; i++)
        start(&o[i], i % 2 == 0 ? "here.test" : "HERE.TEST");
    CHECK(mw_resolver_busy(resolver));
    CHECK(net_wait(base, &o[4].calls, 20));
    for (int i = 0; i < 5; i++)
        CHECK_INT(o[i].calls, 1);
    CHECK_INT(server.questions, 2);
    end();
}

static void late_family_is_waited_for_50_ms(void)
{
    struct outcome o;
    answers("127.0.0.1", "::1", DNS_AAAA);
    begin_with(10);
    double begun = mw_now();
    look_up(&o, "here.test");
    CHECK_INT(o.found.count, 1);
    CHECK(o.at - begun >= 0.045);
    CHECK(o.at - begun < 4);
    int asked = server.questions;
    look_up(&o, "here.test"); /* the other one is still being asked for */
    CHECK_INT(o.found.count, 1);
    CHECK_INT(server.questions, asked);
    end();
}

static void address_without_a_way_to_it_hastens_nothing(void)
{
    struct outcome o;
    if (!own_network)
        return;
    answers("127.0.0.1", "2001:db8::1", DNS_A);
    begin_with(0.4);
    double begun = mw_now();
    look_up(&o, "here.test");
    CHECK_TEXT(o.found.text[0], "2001:db8::1");
    CHECK(o.at - begun >= 0.39); /* at the deadline: better than nothing */
    end();
}

static void silence_ends_at_the_deadline(void)
{
    struct outcome o;
    answers("127.0.0.1", "::1", -1);
    begin_with(0.15);
    double begun = mw_now();
    look_up(&o, "here.test");
    CHECK_HAS(o.wrong, "in time");
    CHECK(o.at - begun >= 0.14);
    nothing_is_left();
    int asked = server.questions;
    look_up(&o, "here.test"); /* a failure is kept, too */
    CHECK_HAS(o.wrong, "in time");
    CHECK_INT(server.questions, asked);
    end();
}

static void failures_are_told(void)
{
    struct outcome o;
    char label[80];
    answers(NULL, NULL, 0);
    begin_with(0);
    look_up(&o, "nobody.test");
    CHECK_TEXT(o.wrong, "no such name");
    memset(label, 'x', sizeof label);
    snprintf(label + 70, sizeof label - 70, ".test");
    look_up(&o, label);
    CHECK_HAS(o.wrong, "cannot be a name");
    look_up(&o, "x.onion");
    CHECK_TEXT(o.wrong, "no such name");
    CHECK_INT(server.questions, 2);
    end();
}

static void nonsense_in_resolv_conf_is_passed_over(void)
{
    static const char *const lines[] = {"nameserver [::1",         "nameserver 127.0.0.1:",
                                        "nameserver 127.0.0.1:0",  "nameserver 127.0.0.1:99999",
                                        "nameserver [127.0.0.1]x", "nameserver",
                                        "nameserver fe80::1%lo",   "nameserver ::g:53",
                                        "nameserver :::::",        "nameserver []:53"};
    struct outcome o;
    char text[1000], ours[80];
    FILE *file = test_need(fopen(resolv_conf, "r"));
    test_need(fgets(ours, sizeof ours, file));
    fclose(file);
    answers("127.0.0.1", NULL, 0);
    size_t length = 0;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%s\n", lines[i]);
    snprintf(text + length, sizeof text - length, "%s", ours);
    write_file(resolv_conf, text);
    begin_with(5);
    look_up(&o, "here.test");
    CHECK_INT(o.found.count, 1);
    end();
    write_file(resolv_conf, ours);
}

/* ---- ends ---------------------------------------------------------------------------------- */

static void cancelled_at_every_stage(void)
{
    struct outcome o, other;
    answers("127.0.0.1", "::1", 0);
    begin_with(0);
    mw_lookup_cancel(start(&o, "here.test")); /* the questions have just been sent */
    CHECK(!mw_resolver_busy(resolver));
    nothing_is_left();
    mw_lookup_cancel(start(&o, "hosts.test")); /* the answer is there, but not told */
    net_pass(base, 0.02);
    CHECK_INT(o.calls, 0);

    server.silent = -1;
    server.questions = 0;
    struct mw_lookup *lookup = start(&o, "here.test");
    struct mw_lookup *second = start(&other, "here.test");
    net_pass(base, 0.05); /* the server has them */
    CHECK_INT(server.questions, 2);
    mw_lookup_cancel(lookup);
    CHECK(mw_resolver_busy(resolver));
    mw_lookup_cancel(second);
    nothing_is_left();

    server.silent = DNS_AAAA;
    lookup = start(&o, "here.test");
    net_pass(base, 0.01); /* one half is in, maybe */
    if (o.calls == 0)
        mw_lookup_cancel(lookup);
    nothing_is_left();
    CHECK_INT(o.calls + other.calls, 0);

    server.silent = 0;
    look_up(&o, "here.test"); /* and it can be looked up afterwards */
    CHECK_INT(o.found.count, 2);
    end();
}

static void cancelled_one_does_not_end_another(void)
{
    struct outcome o, other;
    answers("127.0.0.1", "::1", 0);
    begin_with(0);
    struct mw_lookup *lookup = start(&o, "one.test");
    start(&other, "two.test");
    mw_lookup_cancel(lookup);
    CHECK(net_wait(base, &other.calls, 20));
    CHECK_INT(other.found.count, 2);
    CHECK_INT(o.calls, 0);
    nothing_is_left();
    end();
}

static void callback_may_do_as_it_likes(void)
{
    struct outcome first, second, third;
    answers("127.0.0.1", "::1", 0);
    begin_with(0);
    start(&first, "here.test");
    first.to_cancel = start(&second, "here.test");
    first.again = &third;
    memset(&third, 0, sizeof third);
    CHECK(net_wait(base, &third.calls, 20));
    CHECK_INT(first.calls, 1);
    CHECK_INT(second.calls, 0);
    CHECK_INT(server.questions, 2);
    end();
}

static void resolver_may_be_freed_in_a_callback(void)
{
    static const char *const names[] = {"here.test", "hosts.test"};
    struct outcome first, second, third;
    for (int i = 0; i < 2; i++) {
        answers("127.0.0.1", "::1", 0);
        begin_with(0);
        start(&first, names[i]);
        start(&second, names[i]);
        start(&third, "other.test");
        first.to_free = resolver;
        CHECK(net_wait(base, &first.calls, 20));
        nothing_is_left();
        net_pass(base, 0.05);
        CHECK_INT(second.calls, 0);
        CHECK(third.calls <= 1);
    }
}

static void freed_while_somebody_waits(void)
{
    struct outcome o, other;
    answers("127.0.0.1", "::1", -1);
    begin_with(0);
    start(&o, "here.test");
    start(&other, "hosts.test");
    net_pass(base, 0);
    mw_resolver_free(resolver);
    nothing_is_left();
    begin_with(0);
    start(&o, "here.test");
    net_pass(base, 0.05);
    end();
    CHECK_INT(o.calls, 0);
    mw_resolver_free(NULL);
}

static void without_memory_it_fails_in_good_order(void)
{
    struct outcome o;
    int told = 0;
    for (long left = 0; left < 40; left++) {
        struct net_memory memory = {left, 0};
        struct mw_allocator allocator = {net_alloc, &memory};
        answers("127.0.0.1", "::1", 0);
        begin_with(0);
        mw_resolver_free(resolver);
        resolver = mw_resolver_new(&allocator, base,
                                   &(struct mw_resolver_options){resolv_conf, hosts_file, 5});
        if (resolver == NULL)
            continue;
        memset(&o, 0, sizeof o);
        if (mw_lookup_start(resolver, "here.test", on_found, &o) != NULL) {
            CHECK(net_wait(base, &o.calls, 20));
            told += o.found.count > 0;
        }
        end();
        CHECK_INT(memory.blocks, 0);
    }
    CHECK(told > 5); /* from some number on there was enough */
}

/* ---- the parts ----------------------------------------------------------------------------- */

static void cache_keeps_the_last_used(void)
{
    struct mw_cache cache;
    struct mw_addresses found = {.count = 1, .text = {"127.0.0.1"}};
    const char *wrong = NULL;
    char name[20];
    mw_cache_init(&cache, &mw_default_allocator);
    for (int i = 0; i < 2 * MW_CACHE_NAMES; i++) {
        snprintf(name, sizeof name, "name%d", i);
        mw_cache_put(&cache, name, &found, NULL, 100);
        CHECK(mw_cache_get(&cache, "name0", 0, &found, &wrong)); /* used all the time */
    }
    CHECK_INT(cache.count, MW_CACHE_NAMES);
    CHECK(!mw_cache_get(&cache, "name1", 0, &found, &wrong));
    CHECK(mw_cache_get(&cache, name, 99.9, &found, &wrong));
    CHECK_TEXT(found.text[0], "127.0.0.1");
    CHECK(!mw_cache_get(&cache, name, 100, &found, &wrong));
    CHECK_INT(cache.count, MW_CACHE_NAMES - 1);
    found.count = 0;
    mw_cache_put(&cache, "name0", &found, "no such name", 100);
    CHECK_INT(cache.count, MW_CACHE_NAMES - 1);
    CHECK(mw_cache_get(&cache, "name0", 0, &found, &wrong));
    CHECK_TEXT(wrong, "no such name");
    mw_cache_clear(&cache);
    CHECK_INT(cache.count, 0);
}

static void addresses_are_put_in_order(void)
{
    static const struct {
        const char *given, *wanted;
    } cases[] = {
        {"127.0.0.1,::1", "::1,127.0.0.1"},
        {"::1,127.0.0.1", "::1,127.0.0.1"},
        {"127.0.0.3,127.0.0.1,127.0.0.2", "127.0.0.3,127.0.0.1,127.0.0.2"},
        {"2001:db8::1,127.0.0.1", "127.0.0.1,2001:db8::1"}, /* no way to the first */
        {"fd00::1,192.0.2.1", "192.0.2.1,fd00::1"},         /* to neither */
        {"2002::1,192.0.2.1,2001::1", "192.0.2.1,2002::1,2001::1"},
        {"192.0.2.1,2001:db8::1", "2001:db8::1,192.0.2.1"},
        {"127.0.0.1", "127.0.0.1"},
    };
    if (!own_network)
        return;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mw_addresses list, wanted;
        mw_addresses_read(&list, cases[i].given);
        mw_addresses_read(&wanted, cases[i].wanted);
        mw_addresses_order(&list);
        CHECK_INT(list.count, wanted.count);
        for (unsigned k = 0; k < list.count && k < wanted.count; k++)
            CHECK_TEXT(list.text[k], wanted.text[k]);
    }
}

static void literals_need_no_look_up(void)
{
    static const struct {
        const char *host, *first; /* NULL: it needs one */
        unsigned count;
    } cases[] = {
        {"127.0.0.1", "127.0.0.1", 1},
        {"::1", "::1", 1},
        {"fe80::1%lo", "fe80::1%lo", 1},
        {"fe80::1%nosuch", "fe80::1%nosuch", 1},
        {"localhost", "127.0.0.1", 2},
        {"LocalHost.", "127.0.0.1", 2},
        {"a.localhost", "127.0.0.1", 2},
        {"a.b.LOCALHOST.", "127.0.0.1", 2},
        {"notlocalhost", NULL, 0},
        {"localhost.test", NULL, 0},
        {"1.2.3", NULL, 0},
        {"127.0.0.1%lo", NULL, 0},
        {"", NULL, 0},
        {"0x7f.1", NULL, 0},
        {"127.0.0.01", NULL, 0},
        {"::1%", "::1%", 1},
    };
    struct mw_addresses found;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_INT(mw_resolve_literal(cases[i].host, &found), cases[i].first != NULL);
        CHECK_INT(found.count, cases[i].count);
        if (cases[i].first != NULL)
            CHECK_TEXT(found.text[0], cases[i].first);
    }
}

static void list_of_addresses_is_bounded(void)
{
    struct mw_addresses found;
    char list[300] = "";
    for (int i = 1; i <= 20; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s10.0.0.%d", i > 1 ? "," : "",
                 i);
    mw_addresses_read(&found, list);
    CHECK_INT(found.count, MW_MAX_ADDRESSES);
    mw_addresses_read(&found, "127.0.0.1,127.0.0.1,x,,::1");
    CHECK_INT(found.count, 2);
}

int main(void)
{
    own_network = net_unshare();
    if (!own_network)
        printf("no network of its own: some tests are left out\n");
    test_need(mkdtemp(folder));
    snprintf(resolv_conf, sizeof resolv_conf, "%s/resolv.conf", folder);
    snprintf(hosts_file, sizeof hosts_file, "%s/hosts", folder);
    base = test_need(event_base_new());
    open_server();
    TEST(both_families_come_ipv6_first);
    TEST(answers_are_kept_and_told_from_the_loop);
    TEST(look_ups_at_once_share_their_questions);
    TEST(late_family_is_waited_for_50_ms);
    TEST(address_without_a_way_to_it_hastens_nothing);
    TEST(silence_ends_at_the_deadline);
    TEST(failures_are_told);
    TEST(nonsense_in_resolv_conf_is_passed_over);
    TEST(cancelled_at_every_stage);
    TEST(cancelled_one_does_not_end_another);
    TEST(callback_may_do_as_it_likes);
    TEST(resolver_may_be_freed_in_a_callback);
    TEST(freed_while_somebody_waits);
    TEST(without_memory_it_fails_in_good_order);
    TEST(cache_keeps_the_last_used);
    TEST(addresses_are_put_in_order);
    TEST(literals_need_no_look_up);
    TEST(list_of_addresses_is_bounded);
    event_free(server.event);
    close(server.fd);
    event_base_free(base);
    unlink(resolv_conf);
    unlink(hosts_file);
    rmdir(folder);
    return test_end();
}
