#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/resample.h"

enum { ROWS = 400, REPLICATES = 2000 };

static char names[ROWS][16];
static const char *keys[ROWS];

/* `per_lesion` rows side by side share a lesion; 0: no row has a name. */
static void name_rows(int per_lesion)
{
    for (int i = 0; i < ROWS; i++) {
        snprintf(names[i], sizeof(names[i]), "L%d", per_lesion ? i / per_lesion : 0);
        keys[i] = per_lesion ? names[i] : "";
    }
}

/* Value of row i: 1 for three in ten, the same for all four rows of a block. */
static double value_of(int i)
{
    return i / 4 % 10 < 3;
}

static struct interval mean_interval(void)
{
    static double means[REPLICATES];
    struct resampler r;
    struct err err = {0};

    assert_int_equal(resampler_init(&r, NULL, ROWS, keys, 1, &err), 0);
    for (int k = 0; k < REPLICATES; k++) {
        int n = resampler_draw(&r, (uint32_t)k);
        means[k] = 0;
        for (int i = 0; i < n; i++)
            means[k] += value_of(r.drawn[i]) / n;
    }
    resampler_release(&r);
    return interval_of(means, REPLICATES);
}

static void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("got %.6f, want %.6f", got, want);
}

/* The mean of n draws of 0 and 1: 1.96 sqrt(p (1 - p) / n) on each side. */
static void mean_of_a_known_distribution(void **state)
{
    double half = 1.96 * sqrt(0.3 * 0.7 / ROWS);

    (void)state;
    name_rows(0);
    struct interval got = mean_interval();
    near(got.low, 0.3 - half, 0.1 * half);
    near(got.high, 0.3 + half, 0.1 * half);
}

/* Four pictures of a lesion that say the same are worth one: the interval is twice as wide. */
static void pictures_of_one_lesion_stay_together(void **state)
{
    double half = 1.96 * sqrt(0.3 * 0.7 / (ROWS / 4.0));

    (void)state;
    name_rows(4);
    /* means of 100 lesions go in steps of 0.01 */
    struct interval got = mean_interval();
    near(got.low, 0.3 - half, 0.012);
    near(got.high, 0.3 + half, 0.012);
}

static bool same_draw(uint64_t seed_a, uint64_t seed_b, uint32_t a, uint32_t b)
{
    struct resampler one, two;
    struct err err = {0};

    assert_int_equal(resampler_init(&one, NULL, ROWS, keys, seed_a, &err), 0);
    assert_int_equal(resampler_init(&two, NULL, ROWS, keys, seed_b, &err), 0);
    int n = resampler_draw(&one, a), m = resampler_draw(&two, b);
    bool is_same = n == m && !memcmp(one.drawn, two.drawn, (size_t)n * sizeof(*one.drawn));
    resampler_release(&one);
    resampler_release(&two);
    return is_same;
}

static void seed_and_number_decide(void **state)
{
    (void)state;
    name_rows(0);
    assert_true(same_draw(7, 7, 5, 5));
    assert_false(same_draw(7, 8, 5, 5));
    assert_false(same_draw(7, 7, 5, 6));
}

static void groups_of_chosen_rows(void **state)
{
    static const char *const some[] = {"b", "", "a", "b", "", "a", "x"};
    static const int rows[] = {5, 0, 1, 4, 2, 3};
    static const int members[] = {5, 2, 0, 3, 1, 4}; /* a: 5 2; b: 0 3; two of their own */
    struct resampler r;
    struct err err = {0};

    (void)state;
    assert_int_equal(resampler_init(&r, rows, 6, some, 1, &err), 0);
    assert_int_equal(r.n_groups, 4);
    assert_memory_equal(r.members, members, sizeof(members));
    for (uint32_t k = 0; k < 50; k++) {
        int n = resampler_draw(&r, k), of[7] = {0};
        for (int i = 0; i < n; i++)
            of[r.drawn[i]]++;
        assert_int_equal(of[6], 0);
        assert_int_equal(of[5], of[2]);
        assert_int_equal(of[0], of[3]);
        assert_int_equal(of[0] + of[5] + of[1] + of[4], 4);
    }
    resampler_release(&r);
    assert_int_equal(resampler_init(&r, NULL, 0, some, 1, &err), 0);
    assert_int_equal(resampler_draw(&r, 0), 0);
    resampler_release(&r);
}

static void quantiles_by_hand(void **state)
{
    double values[] = {NAN, 41, 1, 21, 11, NAN, 31}; /* 1 11 21 31 41 */
    double none[] = {NAN, NAN};

    (void)state;
    struct interval got = interval_of(values, 7);
    near(got.low, 2, 1e-12); /* a tenth of the way from the first to the second */
    near(got.high, 40, 1e-12);
    assert_true(isnan(values[5]) && isnan(values[6]));
    assert_true(isnan(interval_of(none, 2).low));
    assert_true(isnan(interval_of(none, 0).high));
}

static void p_by_hand(void **state)
{
    const double up[] = {1, 2, 3, -1, 4, 5, 6, 7, 8}, zero[] = {0, 0}, none[] = {NAN};

    (void)state;
    near(resample_p(up, 9), 0.4, 1e-12); /* 2 (1 + 1) / (1 + 9) */
    near(resample_p(zero, 2), 1, 1e-12);
    assert_true(isnan(resample_p(none, 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mean_of_a_known_distribution),
        cmocka_unit_test(pictures_of_one_lesion_stay_together),
        cmocka_unit_test(seed_and_number_decide),
        cmocka_unit_test(groups_of_chosen_rows),
        cmocka_unit_test(quantiles_by_hand),
        cmocka_unit_test(p_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
