/* agent_test.c: connections of one's own in the pool: kept apart, limited, closed with their agent.
 * SPDX-License-Identifier: MIT */
#include "net/pool.h"

#include "pool.h"

static struct mw_agent *new_agent(unsigned per_origin, unsigned idle_per_origin,
                                  unsigned idle_origins)
{
    struct mw_agent *agent = test_need(calloc(1, sizeof *agent));
    agent->allocator = mw_default_allocator;
    agent->references = 1;
    agent->per_origin = per_origin;
    agent->idle_per_origin = idle_per_origin;
    agent->idle_origins = idle_origins;
    mw_list_init(&agent->origins);
    return agent;
}

static struct mw_origin_key key_for(struct mw_agent *agent, const char *host)
{
    struct mw_origin_key key = key_of(host);
    key.agent = agent;
    return key;
}

/* As its owner does. */
static void free_agent(struct mw_agent *agent)
{
    agent->closed = true;
    mw_pool_drop_idle(pool, agent);
    CHECK_INT(agent->origin_count, 0);
    mw_agent_release(agent);
}

static void has_connections_of_its_own(void)
{
    struct mw_agent *one = new_agent(0, 0, 0), *two = new_agent(0, 0, 0);
    const struct mw_origin_key keys[] = {key_of("a.test"), key_for(one, "a.test"),
                                         key_for(two, "a.test")};
    struct asker a[3] = {0};
    begin(10, 10, 10, 30);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(ask(&a[i], &keys[i]), MW_POOL_OPEN);
        park(&a[i]);
    }
    for (int i = 0; i < 3; i++) {
        CHECK_INT(ask(&a[i], &keys[i]), MW_POOL_FOUND);
        CHECK_INT(a[i].got->number, i + 1);
    }
    for (int i = 0; i < 3; i++)
        park(&a[i]);
    mw_pool_drop_idle(pool, one);
    CHECK_INT(closed, 1);
    CHECK_INT(closed_numbers[0], 2);
    CHECK_INT(mw_pool_idle(pool), 2);
    free_agent(one);
    free_agent(two);
    CHECK_INT(closed, 2);
    end();
}

static void keeps_so_many_to_an_origin(void)
{
    struct mw_agent *agent = new_agent(0, 2, 0);
    const struct mw_origin_key key = key_for(agent, "a.test"), other = key_for(agent, "b.test");
    struct asker a[4] = {0}, b = {0};
    begin(10, 10, 10, 30);
    ask(&b, &other);
    for (int i = 0; i < 4; i++)
        CHECK_INT(ask(&a[i], &key), MW_POOL_OPEN); /* 2 to 5: it limits those that are kept */
    for (int i = 0; i < 4; i++)
        park(&a[i]);
    park(&b);
    CHECK_INT(closed, 2); /* those that are idle for longest */
    CHECK_INT(closed_numbers[0], 2);
    CHECK_INT(closed_numbers[1], 3);
    CHECK_INT(mw_pool_idle(pool), 3);
    free_agent(agent);
    end();
}

static void keeps_them_to_so_many_origins(void)
{
    struct mw_agent *agent = new_agent(0, 0, 2);
    const struct mw_origin_key keys[] = {key_for(agent, "a.test"), key_for(agent, "b.test"),
                                         key_for(agent, "c.test")};
    struct asker a[3] = {0}, again = {0};
    begin(10, 10, 10, 30);
    ask(&again, &keys[0]);
    for (int i = 0; i < 3; i++)
        ask(&a[i], &keys[i]);
    park(&again);
    park(&a[0]); /* a: 1 and 2 */
    park(&a[1]); /* b: 3 */
    CHECK_INT(closed, 0);
    ask(&again, &keys[0]);
    park(&again); /* a was used after b */
    park(&a[2]);
    CHECK_INT(closed, 1);
    CHECK_INT(closed_numbers[0], 3);
    ask(&a[1], &keys[1]);
    park(&a[1]); /* now a goes, with all that it has */
    CHECK_INT(closed, 3);
    CHECK_INT(agent->origin_count, 2);
    free_agent(agent);
    end();
}

static void limits_those_to_an_origin(void)
{
    struct mw_agent *agent = new_agent(2, 0, 0);
    const struct mw_origin_key key = key_for(agent, "a.test"), other = key_for(agent, "b.test"),
                               everybodys = key_of("a.test");
    struct asker a[4] = {0}, b = {0}, c = {0};
    begin(10, 3, 10, 30);
    for (int i = 0; i < 4; i++)
        CHECK_INT(ask(&a[i], &key), i < 2 ? MW_POOL_OPEN : MW_POOL_WAIT);
    CHECK_INT(ask(&b, &other), MW_POOL_OPEN);
    CHECK_INT(ask(&c, &everybodys), MW_POOL_OPEN);
    park(&a[0]);
    CHECK_INT(a[2].got->number, 1);
    leave(&a[1]);
    CHECK_INT(a[3].turns, 1);
    leave(&a[2]);
    leave(&a[3]);
    leave(&b);
    leave(&c);
    free_agent(agent);
    end();
}

/* The pool's own limits hold as well. */
static void does_not_raise_the_limits_of_the_pool(void)
{
    struct mw_agent *agent = new_agent(5, 5, 5);
    const struct mw_origin_key key = key_for(agent, "a.test");
    struct asker a[3] = {0};
    begin(10, 2, 1, 30);
    for (int i = 0; i < 3; i++)
        CHECK_INT(ask(&a[i], &key), i < 2 ? MW_POOL_OPEN : MW_POOL_WAIT);
    mw_pool_leave(pool, &a[2].waiting);
    park(&a[0]);
    park(&a[1]);
    CHECK_INT(closed, 1);
    free_agent(agent);
    end();
}

/* What is in use, or waits, outlives who made the agent; nothing is kept behind it. */
static void may_go_before_its_connections(void)
{
    struct mw_agent *agent = new_agent(1, 0, 0);
    const struct mw_origin_key key = key_for(agent, "a.test");
    struct asker a[2] = {0};
    begin(10, 10, 10, 30);
    mw_agent_retain(agent); /* as the requests do */
    ask(&a[0], &key);
    CHECK_INT(ask(&a[1], &key), MW_POOL_WAIT);
    free_agent(agent);
    CHECK_INT(closed, 0);
    park(&a[0]);
    CHECK_INT(a[1].got->number, 1);
    mw_agent_release(agent);
    park(&a[1]);
    CHECK_INT(closed, 1);
    CHECK_INT(mw_pool_connections(pool), 0);
    end();
}

static void an_origin_without_memory_keeps_no_agent(void)
{
    struct mw_agent *agent = new_agent(0, 0, 0);
    const struct mw_origin_key key = key_for(agent, "a.test");
    struct mw_waiting w = {0};
    struct mw_pooled *p;
    begin(10, 10, 10, 30);
    CHECK_INT(mw_pool_ask(pool, &key, &w, &p), MW_POOL_OPEN); /* and none is opened */
    CHECK_INT(agent->references, 2);
    mw_pool_free(pool);
    CHECK_INT(agent->references, 1);
    mw_agent_release(agent);
    event_base_free(base);
}

/* ---- by moonwire.h ------------------------------------------------------------------------- */

static void serves_its_own_runtime(void)
{
    mw_runtime *rt = test_need(mw_open(NULL)), *other = test_need(mw_open(NULL));
    mw_agent *agent = test_need(mw_agent_new(rt, NULL));
    const mw_options options = {.url = "http://127.0.0.1:1/", .agent = agent};
    CHECK_INT(mw_exchange_start(other, &options, NULL), MW_EINVAL);
    CHECK(strstr(mw_message(other), "bad agent: ") != NULL);
    CHECK_INT(agent->references, 1);
    mw_close(other);
    mw_agent_close_idle(agent);
    mw_agent_free(agent);
    mw_agent_free(NULL);
    mw_close(rt);
}

/* Whichever goes first: the agent, the exchange, the runtime. */
static void may_go_in_any_order(void)
{
    for (int order = 0; order < 4; order++) {
        mw_exchange *x = NULL;
        mw_runtime *rt = test_need(mw_open(NULL));
        mw_agent *agent = test_need(mw_agent_new(rt, &(mw_agent_options){1, 1, 1}));
        const mw_options options = {.url = "http://127.0.0.1:1/", .agent = agent};
        CHECK_INT(mw_exchange_start(rt, &options, &x), MW_OK);
        CHECK_INT(mw_exchange_start(rt, &options, NULL), MW_OK); /* waits for its turn */
        if (order == 0)
            mw_agent_free(agent);
        if (order <= 1)
            mw_exchange_free(x);
        if (order == 1)
            mw_agent_free(agent);
        if (order == 2)
            CHECK_INT(mw_run(rt), MW_OK);
        mw_close(rt);
    }
}

int main(void)
{
    TEST(has_connections_of_its_own);
    TEST(keeps_so_many_to_an_origin);
    TEST(keeps_them_to_so_many_origins);
    TEST(limits_those_to_an_origin);
    TEST(does_not_raise_the_limits_of_the_pool);
    TEST(may_go_before_its_connections);
    TEST(an_origin_without_memory_keeps_no_agent);
    TEST(serves_its_own_runtime);
    TEST(may_go_in_any_order);
    return test_end();
}
