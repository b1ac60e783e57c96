/* pool_test.c: connections by origin: keys, order, limits, turns, idleness; failing memory.
 * SPDX-License-Identifier: MIT */
#include "net/pool.h"

#include "pool.h"

/* ---- keys ---------------------------------------------------------------------------------- */

static void tells_origins_apart(void)
{
    static const struct mw_origin_key keys[] = {
        {.host = "a.test", .port = 80},
        {.host = "b.test", .port = 80},
        {.host = "a.test", .port = 81},
        {.host = "a.test", .port = 80, .secure = true},
        {.host = "a.test", .port = 80, .secure = true, .tls = {.insecure = true}},
        {.host = "a.test", .port = 80, .secure = true, .tls = {.ca_file = "ca"}},
        {.host = "a.test", .port = 80, .secure = true, .tls = {.cert_file = "ca"}},
        {.host = "a.test", .port = 80, .secure = true, .tls = {.pins = "ca"}},
        {.host = "a.test", .port = 80, .unix_path = "/run/a"},
        {.host = "a.test", .port = 80, .unix_path = "/run/b"},
        {.host = "a.test", .port = 80, .local_address = "127.0.0.2"},
        {.host = "a.test", .port = 80, .proxy = "http://p"},
        {.host = "a.test", .port = 80, .proxy = "http://q"},
        {.host = "a.test", .port = 80, .proxy = "http://p", .tunnel = true},
    };
    enum { COUNT = sizeof keys / sizeof keys[0] };
    struct asker askers[COUNT] = {0}, other = {0};
    begin(100, 100, 100, 30);
    for (int i = 0; i < COUNT; i++) {
        CHECK_INT(ask(&askers[i], &keys[i]), MW_POOL_OPEN);
        park(&askers[i]);
    }
    for (int i = COUNT - 1; i >= 0; i--) {
        CHECK_INT(ask(&askers[i], &keys[i]), MW_POOL_FOUND);
        CHECK_INT(askers[i].got->number, i + 1);
        CHECK_INT(ask(&other, &keys[i]), MW_POOL_OPEN);
        leave(&other);
    }
    for (int i = 0; i < COUNT; i++)
        park(&askers[i]);
    CHECK_INT(opened, 2 * COUNT);
    end();
}

static void copies_its_keys(void)
{
    char host[] = "Some.Test", file[] = "/a/file";
    struct mw_origin_key key = {.host = host, .port = 443, .secure = true, .tls.ca_file = file};
    struct asker asker = {0};
    begin(10, 10, 10, 30);
    CHECK_INT(ask(&asker, &key), MW_POOL_OPEN);
    park(&asker);
    memset(host, 'x', sizeof host - 1);
    memset(file, 'x', sizeof file - 1);
    key.host = "sOME.tEST";
    key.tls.ca_file = "/a/file";
    CHECK_INT(ask(&asker, &key), MW_POOL_FOUND);
    park(&asker);
    key.tls.ca_file = "/a/File";
    CHECK_INT(ask(&asker, &key), MW_POOL_OPEN);
    park(&asker);
    end();
}

/* What concerns TLS makes no difference to a plain connection. */
static void plain_ones_have_no_trust(void)
{
    struct mw_origin_key key = key_of("a.test");
    struct asker asker = {0};
    begin(10, 10, 10, 30);
    ask(&asker, &key);
    park(&asker);
    key.tls.insecure = true;
    CHECK_INT(ask(&asker, &key), MW_POOL_FOUND);
    park(&asker);
    end();
}

static void finds_one_of_many_origins(void)
{
    enum { MANY = 500 };
    char host[20];
    struct asker asker = {0};
    begin(2 * MANY, 1, 2 * MANY, 30);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY; i++) {
            snprintf(host, sizeof host, "h%d.test", i);
            struct mw_origin_key key = key_of(host);
            CHECK_INT(ask(&asker, &key), round == 0 ? MW_POOL_OPEN : MW_POOL_FOUND);
            CHECK_INT(asker.got->number, i + 1);
            park(&asker);
        }
    }
    CHECK_INT(mw_pool_idle(pool), MANY);
    end();
    CHECK_INT(closed, MANY);
}

/* ---- order --------------------------------------------------------------------------------- */

static void gives_the_last_used(void)
{
    const struct mw_origin_key key = key_of("a.test");
    struct asker a[3] = {0};
    begin(10, 10, 10, 30);
    for (int i = 0; i < 3; i++)
        ask(&a[i], &key);
    park(&a[2]);
    park(&a[0]);
    park(&a[1]);
    ask(&a[0], &key);
    CHECK_INT(a[0].got->number, 2);
    ask(&a[1], &key);
    CHECK_INT(a[1].got->number, 1);
    park(&a[0]);
    park(&a[1]);
    end();
}

static void keeps_so_many_idle(void)
{
    const struct mw_origin_key keys[] = {key_of("a.test"), key_of("b.test"), key_of("c.test")};
    struct asker asker[3] = {0};
    begin(10, 10, 2, 30);
    for (int i = 0; i < 3; i++)
        ask(&asker[i], &keys[i]);
    for (int i = 0; i < 3; i++)
        park(&asker[i]);
    CHECK_INT(mw_pool_idle(pool), 2);
    CHECK_INT(closed, 1);
    CHECK_INT(closed_numbers[0], 1);
    end();
}

static void keeps_none_where_none_may_be(void)
{
    const struct mw_origin_key key = key_of("a.test");
    struct asker asker = {0};
    begin(10, 10, 0, 30);
    ask(&asker, &key);
    park(&asker);
    CHECK_INT(closed, 1);
    CHECK_INT(ask(&asker, &key), MW_POOL_OPEN);
    park(&asker);
    end();
}

static void closes_what_is_idle_for_long(void)
{
    const struct mw_origin_key key = key_of("a.test");
    struct asker asker = {0};
    begin(10, 10, 10, 0.06);
    ask(&asker, &key);
    park(&asker);
    for (double deadline = mw_now() + 5; closed == 0 && mw_now() < deadline;)
        event_base_loop(base, EVLOOP_ONCE);
    CHECK_INT(closed, 1);
    CHECK_INT(mw_pool_connections(pool), 0);
    end();
}

/* ---- limits -------------------------------------------------------------------------------- */

static void lets_wait_in_order(void)
{
    const struct mw_origin_key key = key_of("a.test");
    struct asker a[5] = {0};
    begin(10, 2, 10, 30);
    for (int i = 0; i < 5; i++)
        CHECK_INT(ask(&a[i], &key), i < 2 ? MW_POOL_OPEN : MW_POOL_WAIT);
    park(&a[1]);
    CHECK_INT(a[2].got->number, 2);
    leave(&a[0]); /* a place for a new one */
    CHECK_INT(a[3].got->number, 3);
    CHECK_INT(a[4].turns, 0);
    mw_pool_leave(pool, &a[4].waiting);
    mw_pool_leave(pool, &a[4].waiting);
    park(&a[2]);
    CHECK_INT(a[4].turns, 0);
    CHECK_INT(mw_pool_idle(pool), 1);
    leave(&a[3]);
    end();
}

/* Nobody overtakes those that wait. */
static void newcomers_wait_behind(void)
{
    const struct mw_origin_key key = key_of("a.test");
    struct asker first = {0}, second = {.fails = 1}, third = {0}, late = {0};
    begin(10, 1, 10, 30);
    ask(&first, &key);
    ask(&second, &key);
    ask(&third, &key);
    leave(&first);
    CHECK_INT(second.turns, 1); /* it failed at once, and the place went on */
    CHECK_INT(third.turns, 1);
    CHECK_INT(ask(&late, &key), MW_POOL_WAIT);
    leave(&third);
    CHECK_INT(late.turns, 1);
    leave(&late);
    end();
}

static void many_failures_need_no_stack(void)
{
    enum { MANY = 20000 };
    const struct mw_origin_key key = key_of("a.test");
    struct asker first = {0}, *others = test_need(calloc(MANY, sizeof *others));
    int turns = 0;
    begin(10, 1, 10, 30);
    ask(&first, &key);
    for (int i = 0; i < MANY; i++) {
        others[i].fails = i % 2 == 0;
        others[i].passes = 1;
        CHECK_INT(ask(&others[i], &key), MW_POOL_WAIT);
    }
    leave(&first);
    for (int i = 0; i < MANY; i++)
        turns += others[i].turns;
    CHECK_INT(turns, MANY);
    CHECK(opened <= 1 + MANY);
    end();
    free(others);
}

static void makes_room_for_others(void)
{
    const struct mw_origin_key keys[] = {key_of("a.test"), key_of("b.test"), key_of("c.test")};
    struct asker a[3] = {0}, more = {0};
    begin(2, 2, 10, 30);
    ask(&a[0], &keys[0]);
    ask(&a[1], &keys[1]);
    CHECK_INT(ask(&a[2], &keys[2]), MW_POOL_WAIT); /* both are busy */
    park(&a[1]);
    CHECK_INT(closed, 1); /* as soon as one is idle it goes */
    CHECK_INT(closed_numbers[0], 2);
    CHECK_INT(a[2].turns, 1);
    park(&a[0]);
    CHECK_INT(ask(&more, &keys[1]), MW_POOL_OPEN);
    CHECK_INT(closed, 2);
    CHECK_INT(closed_numbers[1], 1);
    CHECK_INT(mw_pool_connections(pool), 2);
    leave(&a[2]);
    leave(&more);
    end();
}

/* Of origins that wait for a place each gets one in turn. */
static void shares_what_is_free(void)
{
    const struct mw_origin_key a = key_of("a.test"), b = key_of("b.test");
    struct asker busy = {0}, of_a[2] = {0}, of_b[2] = {0};
    begin(1, 10, 10, 30);
    ask(&busy, &a);
    ask(&of_a[0], &a);
    ask(&of_a[1], &a);
    ask(&of_b[0], &b);
    ask(&of_b[1], &b);
    leave(&busy);
    CHECK_INT(of_a[0].turns, 1);
    leave(&of_a[0]);
    CHECK_INT(of_b[0].turns, 1);
    leave(&of_b[0]);
    CHECK_INT(of_a[1].turns, 1);
    leave(&of_a[1]);
    CHECK_INT(of_b[1].turns, 1);
    leave(&of_b[1]);
    end();
}

/* Whoever always has one more request must not keep the others out. */
static void one_origin_does_not_starve_the_others(void)
{
    const struct mw_origin_key keys[] = {key_of("a.test"), key_of("b.test"), key_of("c.test")};
    struct asker a[2] = {0}, others[2] = {0};
    int rounds = 0, now = 0;
    begin(1, 10, 10, 30);
    ask(&a[0], &keys[0]);
    CHECK_INT(ask(&a[1], &keys[0]), MW_POOL_WAIT);
    for (int i = 0; i < 2; i++)
        CHECK_INT(ask(&others[i], &keys[i + 1]), MW_POOL_WAIT);
    for (; rounds < 100 && others[0].turns == 0; rounds++, now = !now) {
        park(&a[now]);
        ask(&a[now], &keys[0]);
    }
    CHECK_INT(others[0].turns, 1);
    CHECK(rounds >= 10 && rounds <= 20);
    CHECK_INT(mw_pool_connections(pool), 1);
    CHECK_INT(others[1].turns, 0);
    leave(&others[0]);
    CHECK_INT(others[1].turns, 1);
    leave(&others[1]);
    for (now = 0; a[now].got == NULL;)
        now++;
    park(&a[now]);
    leave(&a[!now]);
    CHECK_INT(opened, 4);
    end();
}

/* Where nobody else waits a connection goes on and on. */
static void stays_with_who_is_alone(void)
{
    const struct mw_origin_key key = key_of("a.test");
    struct asker a[2] = {0};
    int now = 0;
    begin(1, 10, 10, 30);
    ask(&a[0], &key);
    ask(&a[1], &key);
    for (int i = 0; i < 100; i++, now = !now) {
        park(&a[now]);
        CHECK_INT(ask(&a[now], &key), MW_POOL_WAIT);
    }
    CHECK_INT(opened, 1);
    mw_pool_leave(pool, &a[!now].waiting);
    leave(&a[now]);
    end();
}

static void limits_may_be_raised(void)
{
    const struct mw_origin_key key = key_of("a.test");
    const struct mw_pool_limits more = {10, 3, 10, 30};
    struct asker a[4] = {0};
    begin(10, 1, 10, 30);
    for (int i = 0; i < 4; i++)
        ask(&a[i], &key);
    mw_pool_set_limits(pool, &more);
    CHECK_INT(a[1].turns + a[2].turns, 2);
    CHECK_INT(a[3].turns, 0);
    mw_pool_leave(pool, &a[3].waiting);
    for (int i = 0; i < 3; i++)
        leave(&a[i]);
    end();
}

/* ---- memory -------------------------------------------------------------------------------- */

static int budget;

static void *scarce(void *ud, void *block, size_t size)
{
    (void)ud;
    if (size == 0) {
        free(block);
        return NULL;
    }
    return budget-- > 0 ? realloc(block, size) : NULL;
}

static void lives_with_little_memory(void)
{
    const struct mw_allocator allocator = {scarce, NULL};
    const struct mw_pool_limits limits = {10, 10, 10, 30};
    const struct mw_origin_key key = {.host = "a.test",
                                      .port = 443,
                                      .secure = true,
                                      .tls = {.ca_file = "x", .pins = "y"},
                                      .local_address = "127.0.0.1"};
    int done = 0;
    base = test_need(event_base_new());
    for (int allowed = 0; !done && allowed < 50; allowed++) {
        struct mw_waiting w = {0};
        struct mw_pooled p = {0}, *found;
        budget = allowed;
        pool = mw_pool_new(&allocator, base, &limits, &events);
        if (pool == NULL)
            continue;
        if (mw_pool_ask(pool, &key, &w, &found) == MW_POOL_OPEN) {
            budget = allowed % 2 == 0 ? 0 : 50; /* the origin is known by now */
            CHECK(mw_pool_add(pool, &key, &p));
            mw_pool_remove(pool, &p);
            done = 1;
        }
        mw_pool_free(pool);
    }
    CHECK(done);
    event_base_free(base);
}

int main(void)
{
    TEST(tells_origins_apart);
    TEST(copies_its_keys);
    TEST(plain_ones_have_no_trust);
    TEST(finds_one_of_many_origins);
    TEST(gives_the_last_used);
    TEST(keeps_so_many_idle);
    TEST(keeps_none_where_none_may_be);
    TEST(closes_what_is_idle_for_long);
    TEST(lets_wait_in_order);
    TEST(newcomers_wait_behind);
    TEST(many_failures_need_no_stack);
    TEST(makes_room_for_others);
    TEST(shares_what_is_free);
    TEST(one_origin_does_not_starve_the_others);
    TEST(stays_with_who_is_alone);
    TEST(limits_may_be_raised);
    TEST(lives_with_little_memory);
    return test_end();
}
