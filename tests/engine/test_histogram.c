/* Ranges of histograms whose answer is known. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/histogram.h"
#include "tests/engine/support.h"

static struct histogram h;

static void add_one(float value)
{
    histogram_add(&h, &value, 1);
}

static void begin(void)
{
    memset(&h, 0, sizeof(h));
}

static void counts_survive_growing(void **state)
{
    uint64_t sum = 0;

    (void)state;
    begin();
    for (int i = 0; i < 1000; i++) /* each larger than all before, by much at first */
        add_one((float)(i % 2 ? -1 : 1) * (float)i * 0.37F);
    for (int i = 0; i < HISTOGRAM_BINS; i++)
        sum += h.bins[i];
    assert_int_equal(sum, 999);
    assert_int_equal(h.zeros, 1);
    assert_int_equal(h.count, 1000);
    assert_float_equal(h.max, 999 * 0.37, 1e-3);
    assert_true(h.width <= h.max / 2048 + 1e-9);
}

static void percentiles_leave_out_zeros(void **state)
{
    (void)state;
    begin();
    for (int i = 1; i <= 100000; i++)
        add_one((float)i / 1000);
    for (int i = 0; i < 300000; i++) /* ReLU's; they would move every percentile */
        add_one(0);
    assert_float_equal(histogram_range(&h, RANGE_MAX, 255), 100, 1e-4);
    assert_float_equal(histogram_range(&h, RANGE_P999, 255), 99.9, 0.06); /* a bin's width */
    assert_float_equal(histogram_range(&h, RANGE_P9999, 255), 99.99, 0.06);
    assert_true(histogram_range(&h, RANGE_P99999, 255) <= 100);
}

/* The sum over the values themselves, each rounded to the nearest step. */
static double exact_error(const float *values, size_t n, double range, int steps)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        double size = fabs((double)values[i]);
        double kept = fmin(nearbyint(size / range * steps), steps) * range / steps;
        sum += (size - kept) * (size - kept);
    }
    return sum;
}

static void mse_is_the_least(void **state)
{
    enum { N = 200000 };
    static float values[N];
    uint64_t seed = 3;

    (void)state;
    for (int steps = 15; steps <= 255; steps = steps * 2 + 1) {
        begin();
        for (int i = 0; i < N; i++) /* a long tail: some values many times the usual size */
            values[i] = random_normal(&seed) * (i % 5000 ? 1.0F : 8.0F);
        histogram_add(&h, values, N);
        double range = histogram_range(&h, RANGE_MSE, steps);
        double least = exact_error(values, N, range, steps);
        for (double r = 0.2; r <= 1; r += 0.05)
            if (exact_error(values, N, r * h.max, steps) < 0.97 * least)
                fail_msg("%d steps: %g is worse than %g", steps, range, r * h.max);
        assert_true(steps > 15 || range < 0.5 * h.max); /* few steps: the tail is cut off */
    }
    begin();
    for (int i = 1; i <= 10000; i++) /* even: nothing to cut off */
        add_one((float)i);
    assert_float_equal(histogram_range(&h, RANGE_MSE, 255), 10000, 100);
}

static void zeros_have_some_range(void **state)
{
    (void)state;
    begin();
    add_one(0);
    for (int rule = 0; rule < RANGE_RULES; rule++) {
        assert_float_equal(histogram_range(&h, (enum range_rule)rule, 255), 1, 0);
        assert_true(strlen(range_rule_word((enum range_rule)rule)) > 0);
    }
    add_one(-2.5F); /* one value: its size */
    for (int rule = 0; rule < RANGE_RULES; rule++)
        assert_float_equal(histogram_range(&h, (enum range_rule)rule, 127), 2.5, 0.02);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_survive_growing),
        cmocka_unit_test(percentiles_leave_out_zeros),
        cmocka_unit_test(mse_is_the_least),
        cmocka_unit_test(zeros_have_some_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
