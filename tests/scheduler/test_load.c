/* How busy stages were: over the last samples, over all children, unknown when nobody told. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scheduler/load.h"

static void add(struct load *l, int64_t s, int64_t items, int64_t busy_us, int lanes)
{
    struct wire_stage_stats stages[STAGE_COUNT] = {0};

    stages[STAGE_NETWORK] = (struct wire_stage_stats){items, busy_us, lanes, 5};
    load_add(l, s * 1000000, stages);
}

static void shares_are_of_all_lanes(void **state)
{
    struct load a = {0}, b = {0};
    const struct load *both[] = {&a, &b};
    struct stats_stage out[STAGE_COUNT];

    (void)state;
    load_sum(both, 2, out);
    assert_true(isnan(out[STAGE_NETWORK].busy));
    add(&a, 10, 100, 1000000, 2);
    load_sum(both, 2, out);
    assert_true(isnan(out[STAGE_NETWORK].busy)); /* one sample is no difference */
    add(&a, 12, 200, 3000000, 2);                /* 2 s busy of 4 */
    add(&b, 10, 0, 0, 2);
    add(&b, 12, 100, 4000000, 2); /* 4 s busy of 4 */
    load_sum(both, 2, out);
    assert_true(fabs(out[STAGE_NETWORK].busy - 0.75) < 1e-9);
    assert_true(fabs(out[STAGE_NETWORK].ms_per_item - 30) < 1e-9);
    assert_int_equal(out[STAGE_NETWORK].lanes, 4);
    assert_int_equal(out[STAGE_NETWORK].waiting, 10);
    assert_true(isnan(out[STAGE_DECODE].busy));
}

static void old_samples_are_forgotten(void **state)
{
    struct load l = {0};
    const struct load *one[] = {&l};
    struct stats_stage out[STAGE_COUNT];

    (void)state;
    for (int s = 0; s < 20; s++)
        add(&l, s, s, s < 10 ? 0 : (s - 10) * 1000000, 1);
    load_sum(one, 1, out);
    assert_true(fabs(out[STAGE_NETWORK].busy - 1) < 1e-9);
    load_forget(&l);
    load_sum(one, 1, out);
    assert_true(isnan(out[STAGE_NETWORK].busy));
    assert_int_equal(out[STAGE_NETWORK].lanes, 0);
}

static void the_tightest_stage_is_named_with_its_share(void **state)
{
    const int64_t looks[STAGE_COUNT] = {[STAGE_DECODE] = 30, [STAGE_NETWORK] = 10};
    const int64_t none[STAGE_COUNT] = {0};
    double share;

    (void)state;
    assert_int_equal(load_tightest(looks, &share), STAGE_DECODE);
    assert_true(fabs(share - 0.75) < 1e-9);
    assert_int_equal(load_tightest(none, &share), STAGE_COUNT);
    assert_true(isnan(share));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_of_all_lanes),
        cmocka_unit_test(old_samples_are_forgotten),
        cmocka_unit_test(the_tightest_stage_is_named_with_its_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
