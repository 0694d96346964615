#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/size_fit.h"

enum { N = 400 };

static struct size_sample at[N][SIZE_FIT_SIZES];
static uint8_t is_malignant[N];
static const struct size_samples samples = {&at[0][0], is_malignant, N};

static int index_of(int size)
{
    for (int k = 0; k < SIZE_FIT_SIZES; k++)
        if (size_fit_sizes[k] == size)
            return k;
    fail_msg("%d is no candidate", size);
    return -1;
}

static double score_of(int i)
{
    return is_malignant[i] ? 0.5 + 0.001 * (i % 100) : 0.1 + 0.001 * (i % 97);
}

/* Every size is right about every image, every fourth of which is malignant. */
static void setup_perfect(void)
{
    for (int i = 0; i < N; i++) {
        is_malignant[i] = i % 4 == 0;
        for (int k = 0; k < SIZE_FIT_SIZES; k++)
            at[i][k] = (struct size_sample){
                .jaccard = 0.9,
                .expected = 0.9,
                .malignant = score_of(i),
                .pixels = (double)size_fit_sizes[k] * size_fit_sizes[k],
            };
    }
}

/* Sizes up to `size` fail on images i with i % 10 == 1, and know it when `knows`. */
static void spoil(int size, bool knows)
{
    for (int i = 1; i < N; i += 10)
        for (int k = 0; k <= index_of(size); k++) {
            at[i][k].jaccard = 0.3;
            at[i][k].expected = knows ? 0.4 + 0.0001 * i : 0.9;
        }
}

static struct size_fit fit(void)
{
    struct size_fit out;
    struct err err = {0};

    if (size_fit(&out, &samples, &err))
        fail_msg("%s", err.msg);
    return out;
}

static void smallest_size_wins_when_all_are_right(void **state)
{
    (void)state;
    setup_perfect();
    struct size_fit f = fit();
    assert_int_equal(f.best_size, 128);
    assert_int_equal(f.plan.coarse, 128);
    assert_true(f.plan.fine_share == 0);
    assert_true(fabs(f.chosen.pixels - 128 * 128) < 1e-6);
}

static void doubt_sends_the_failures_to_a_fine_pass(void **state)
{
    (void)state;
    setup_perfect();
    spoil(192, true);
    struct size_fit f = fit();
    assert_int_equal(f.best_size, 224);
    assert_int_equal(f.plan.coarse, 128);
    assert_int_equal(f.plan.fine, 224);
    assert_true(f.plan.fine_share >= 0.09 && f.plan.fine_share <= 0.13);
    assert_true(f.chosen.failure_rate <= 0.005);
    for (int i = 0; i < N; i++)
        if (at[i][0].jaccard < 0.65 && f.chosen.failure_rate == 0)
            assert_int_equal(size_fit_last(&samples, &f.plan, i), index_of(224));
    assert_int_equal(size_fit_last(&samples, &f.plan, 0), 0);
}

/* Who does not know when it fails cannot be the coarse pass. */
static void blind_sizes_are_not_taken(void **state)
{
    (void)state;
    setup_perfect();
    spoil(192, false);
    struct size_fit f = fit();
    assert_int_equal(f.plan.coarse, 224);
    assert_true(f.plan.fine_share == 0);
}

/* Scores of small sizes near the line are wrong; the contour says nothing of it. */
static void scores_near_the_line_are_doubt_too(void **state)
{
    (void)state;
    setup_perfect();
    for (int i = 0; i < N; i++)
        for (int k = 0; k <= index_of(192); k++)
            if (i % 20 == 0 || i % 20 == 1)
                at[i][k].malignant = is_malignant[i] ? 0.3 - 0.0001 * i : 0.31 + 0.0001 * i;
    struct size_fit f = fit();
    assert_int_equal(f.plan.coarse, 128);
    assert_true(f.plan.score_high > f.plan.score_low);
    assert_true(f.plan.fine_share > 0.02 && f.plan.fine_share < 0.2);
    assert_true(f.chosen.auc_malignant > 0.99);
}

static void tolerance_has_a_standard_error_to_spare(void **state)
{
    (void)state;
    setup_perfect();
    at[1][index_of(128)].jaccard = 0.3; /* 1 of 400 = 0.0025, error 0.0025: just within 0.005 */
    struct size_fit f = fit();
    assert_int_equal(f.best_size, 160);
    assert_int_equal(f.plan.coarse, 128);
    at[2][index_of(128)].jaccard = 0.3; /* 0.005 itself is within, but not with its error */
    f = fit();
    assert_int_equal(f.plan.coarse, 160);
}

static void last_resort_is_the_best_size_for_all(void **state)
{
    (void)state;
    setup_perfect();
    for (int i = 1; i < N; i += 10)
        for (int k = 0; k < SIZE_FIT_SIZES - 1; k++)
            at[i][k].jaccard = 0.3;
    struct size_fit f = fit();
    assert_int_equal(f.best_size, 512);
    assert_int_equal(f.plan.fine, 512);
    assert_true(f.plan.fine_share > 0.999);
}

static void same_samples_same_plan(void **state)
{
    (void)state;
    setup_perfect();
    spoil(224, true);
    struct size_fit a = fit(), b = fit();
    assert_memory_equal(&a, &b, sizeof(a));
}

static void both_kinds_are_needed(void **state)
{
    const struct size_samples none = {&at[0][0], is_malignant, 0};
    struct size_fit out;
    struct err err = {0};

    (void)state;
    setup_perfect();
    memset(is_malignant, 0, sizeof(is_malignant));
    assert_int_equal(size_fit(&out, &samples, &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
    err = (struct err){0};
    assert_int_equal(size_fit(&out, &none, &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(smallest_size_wins_when_all_are_right),
        cmocka_unit_test(doubt_sends_the_failures_to_a_fine_pass),
        cmocka_unit_test(blind_sizes_are_not_taken),
        cmocka_unit_test(scores_near_the_line_are_doubt_too),
        cmocka_unit_test(tolerance_has_a_standard_error_to_spare),
        cmocka_unit_test(last_resort_is_the_best_size_for_all),
        cmocka_unit_test(same_samples_same_plan),
        cmocka_unit_test(both_kinds_are_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
