#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataset/metrics.h"

static void near(double got, double want)
{
    if (!(fabs(got - want) < 1e-9))
        fail_msg("got %.12f, want %.12f", got, want);
}

static double figure(const struct metrics *m, const char *key)
{
    json_t *object = metrics_to_json(m);
    double value = json_number_or(object, key, NAN);

    json_decref(object);
    return value;
}

/* Four pixels, two of them lesion of class 1; one hit, one miss, one false alarm:
 * Jaccard 1/3, Dice 2/4. */
static void counts_one_small_picture(void **state)
{
    const uint8_t predicted[] = {1, 0, 1, 0}, lesion[] = {1, 1, 0, 0};
    const double scores[METRICS_CLASSES] = {0, 0.7, 0.3};
    struct metrics m = {0};
    struct err err = {0};

    (void)state;
    assert_int_equal(
        metrics_add(&m, &(struct metrics_case){predicted, lesion, 2, 2, 1, scores}, &err), 0);
    near(figure(&m, "mean_jaccard"), 0.3333);
    near(figure(&m, "dice"), 0.5);
    near(figure(&m, "failure_rate"), 1);
    near(figure(&m, "thresholded_jaccard"), 0);
    near(figure(&m, "lesion_iou"), 0.3333);
    near(figure(&m, "miou2"), 0.3333);
    near(figure(&m, "balanced_accuracy"), 1);
    metrics_release(&m);
}

/* An empty prediction of an empty mask is no division by zero. */
static void nothing_on_both_sides(void **state)
{
    const uint8_t none[] = {0, 0};
    const double scores[METRICS_CLASSES] = {0, 1};
    struct metrics m = {0};
    struct err err = {0};

    (void)state;
    assert_int_equal(metrics_add(&m, &(struct metrics_case){none, none, 2, 1, 1, scores}, &err), 0);
    near(figure(&m, "mean_jaccard"), 0);
    metrics_release(&m);
    near(figure(&m, "mean_jaccard"), 0);
}

static void auc_by_hand(void **state)
{
    struct metrics_ranked four[] = {
        {0.1,  false},
        {0.4,  false},
        {0.35, true },
        {0.8,  true }
    };
    struct metrics_ranked tied[] = {
        {0.5, false},
        {0.5, true }
    };
    struct metrics_ranked one_kind[] = {
        {0.1, false},
        {0.4, false}
    };

    (void)state;
    near(metrics_auc(four, 4), 0.75); /* 3 of 4 pairs in order */
    near(metrics_auc(tied, 2), 0.5);
    assert_true(isnan(metrics_auc(one_kind, 2)));
}

static void wrong_class_is_refused(void **state)
{
    const uint8_t pixel[] = {0};
    const double scores[METRICS_CLASSES] = {0};
    struct metrics m = {0};
    struct err err = {0};

    (void)state;
    assert_int_equal(metrics_add(&m, &(struct metrics_case){pixel, pixel, 1, 1, 8, scores}, &err),
                     -1);
    assert_int_equal(err.code, ERR_INPUT);
    assert_int_equal(m.n, 0);
    metrics_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_one_small_picture),
        cmocka_unit_test(nothing_on_both_sides),
        cmocka_unit_test(auc_by_hand),
        cmocka_unit_test(wrong_class_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
