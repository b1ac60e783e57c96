/* Timers: when they fire, how often, and what may be done in them.
 * SPDX-License-Identifier: MIT */
#include "test.h"

#include <math.h>

struct clock {
    mw_runtime *rt;
    mw_timer *timer, *other;
    int fired, wanted;
    double at;
};

static void count(mw_timer *timer, void *ud)
{
    struct clock *c = ud;
    CHECK(timer == c->timer);
    c->fired++;
    c->at = mw_now();
}

static mw_runtime *open_runtime(struct clock *c)
{
    memset(c, 0, sizeof *c);
    return c->rt = test_need(test_open(NULL));
}

static void note(mw_timer *timer, void *ud)
{
    (void)timer;
    ++*(int *)ud;
}

static void fires_once(void)
{
    struct clock c;
    open_runtime(&c);
    double start = mw_now();
    c.timer = mw_timer_start(c.rt, 0.02, 0, count, &c);
    CHECK_INT(mw_pending(c.rt), 1);
    CHECK_INT(c.fired, 0); /* never from inside the call */
    CHECK_INT(mw_run(c.rt), MW_OK);
    CHECK_INT(c.fired, 1);
    CHECK(c.at - start >= 0.015);
    CHECK_INT(mw_pending(c.rt), 0);
    test_turn(c.rt);
    CHECK_INT(c.fired, 1);
    mw_timer_free(c.timer); /* also one that has fired */
    mw_timer_free(NULL);
    mw_close(c.rt);
}

static void fires_at_once_without_a_time(void)
{
    static const double times[] = {0, -1, 1e-9, -INFINITY, NAN};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        struct clock c;
        open_runtime(&c);
        c.timer = mw_timer_start(c.rt, times[i], 0, count, &c);
        CHECK(c.timer != NULL);
        WAIT(c.rt, c.fired);
        CHECK_INT(c.fired, 1);
        mw_timer_free(c.timer);
        mw_close(c.rt);
    }
}

static void takes_a_time_beyond_all_times(void)
{
    static const double times[] = {1e10, 1e300, INFINITY};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        struct clock c;
        open_runtime(&c);
        c.timer = mw_timer_start(c.rt, times[i], 0, count, &c);
        CHECK(c.timer != NULL);
        test_turn(c.rt);
        CHECK_INT(c.fired, 0);
        CHECK_INT(mw_pending(c.rt), 1);
        mw_timer_free(c.timer);
        CHECK_INT(mw_pending(c.rt), 0);
        mw_close(c.rt);
    }
}

static void free_after(mw_timer *timer, void *ud)
{
    struct clock *c = ud;
    CHECK(timer == c->timer);
    if (++c->fired == c->wanted)
        mw_timer_free(timer);
}

static void repeats_until_it_is_freed(void)
{
    static const double times[] = {0.001, 0};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        struct clock c;
        open_runtime(&c);
        c.wanted = 5;
        c.timer = mw_timer_start(c.rt, times[i], 1, free_after, &c);
        CHECK_INT(mw_run(c.rt), MW_OK);
        CHECK_INT(c.fired, 5);
        test_turn(c.rt);
        CHECK_INT(c.fired, 5);
        CHECK_INT(mw_pending(c.rt), 0);
        mw_close(c.rt);
    }
}

static void can_be_freed_before_it_fires(void)
{
    struct clock c;
    open_runtime(&c);
    mw_timer_free(mw_timer_start(c.rt, 0, 0, count, &c));
    mw_timer_free(mw_timer_start(c.rt, 0, 1, count, &c));
    CHECK_INT(mw_pending(c.rt), 0);
    test_turn(c.rt);
    CHECK_INT(c.fired, 0);
    mw_close(c.rt);
}

static void free_the_other(mw_timer *timer, void *ud)
{
    struct clock *c = ud;
    (void)timer;
    mw_timer_free(timer == c->timer ? c->other : c->timer);
    c->fired++;
}

static void can_free_another_that_is_due(void)
{
    struct clock c;
    open_runtime(&c);
    c.timer = mw_timer_start(c.rt, 0, 0, free_the_other, &c);
    c.other = mw_timer_start(c.rt, 0, 0, free_the_other, &c);
    CHECK_INT(mw_run(c.rt), MW_OK);
    CHECK_INT(c.fired, 1); /* whichever came first */
    mw_close(c.rt);
}

static void chain(mw_timer *timer, void *ud)
{
    struct clock *c = ud;
    mw_timer_free(timer);
    if (++c->fired < c->wanted)
        mw_timer_start(c->rt, 0, 0, chain, c);
}

static void can_start_the_next(void)
{
    struct clock c;
    open_runtime(&c);
    c.wanted = 1000;
    mw_timer_start(c.rt, 0, 0, chain, &c);
    CHECK_INT(mw_run(c.rt), MW_OK);
    CHECK_INT(c.fired, 1000);
    mw_close(c.rt);
}

static void does_not_starve_the_loop(void)
{
    struct clock c;
    open_runtime(&c);
    c.wanted = 1000000;
    mw_timer *timer = mw_timer_start(c.rt, 0, 0, chain, &c);
    CHECK(timer != NULL);
    mw_poll(c.rt, 0); /* one that starts the next waits for the next turn */
    mw_poll(c.rt, 0);
    CHECK(c.fired <= 2);
    mw_close(c.rt); /* the rest goes with the runtime */
}

enum { MANY = 1000 };

struct order {
    int next, right;
};

struct place {
    struct order *order;
    int number;
};

static void in_order(mw_timer *timer, void *ud)
{
    struct place *p = ud;
    mw_timer_free(timer);
    p->order->right += p->number == p->order->next++;
}

static void fire_in_order(double first, double step)
{
    struct order order = {0, 0};
    static struct place places[MANY];
    mw_runtime *rt = test_need(test_open(NULL));
    for (int i = 0; i < MANY; i++) {
        places[i] = (struct place){&order, i};
        mw_timer_start(rt, first + i * step, 0, in_order, &places[i]);
    }
    CHECK_INT(mw_pending(rt), MANY);
    CHECK_INT(mw_run(rt), MW_OK);
    CHECK_INT(order.next, MANY);
    CHECK_INT(order.right, MANY);
    mw_close(rt);
}

static void fire_in_the_order_of_their_times(void)
{
    fire_in_order(0, 1e-4);
}

static void fire_in_the_order_of_their_starts(void)
{
    fire_in_order(0, 0);
    fire_in_order(0.01, 0);
}

static void go_with_their_runtime(void)
{
    struct clock c;
    open_runtime(&c);
    for (int i = 0; i < MANY; i++)
        c.timer = mw_timer_start(c.rt, i % 2, i % 3 == 0, count, &c);
    CHECK_INT(mw_pending(c.rt), MANY);
    mw_close(c.rt);
    CHECK_INT(c.fired, 0);
}

static void *count_blocks(void *ud, void *block, size_t size)
{
    *(long *)ud += size == 0 ? -(block != NULL) : block == NULL;
    if (size > 0)
        return realloc(block, size);
    free(block);
    return NULL;
}

static void go_with_their_runtime_when_they_have_fired_too(void)
{
    long blocks = 0;
    int fired = 0;
    mw_config config = {.alloc = count_blocks, .ud = &blocks};
    mw_runtime *rt = test_need(test_open(&config));
    for (int i = 0; i < 3; i++)
        mw_timer_start(rt, 0, 0, note, &fired);
    CHECK_INT(mw_run(rt), MW_OK);
    CHECK_INT(fired, 3);
    mw_close(rt);
    CHECK_INT(blocks, 0);
}

int main(void)
{
    TEST(fires_once);
    TEST(fires_at_once_without_a_time);
    TEST(takes_a_time_beyond_all_times);
    TEST(repeats_until_it_is_freed);
    TEST(can_be_freed_before_it_fires);
    TEST(can_free_another_that_is_due);
    TEST(can_start_the_next);
    TEST(does_not_starve_the_loop);
    TEST(fire_in_the_order_of_their_times);
    TEST(fire_in_the_order_of_their_starts);
    TEST(go_with_their_runtime);
    TEST(go_with_their_runtime_when_they_have_fired_too);
    return test_end();
}
