#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/resample.h"
#include "dataset/roc.h"

enum { N = 120, REPLICATES = 2000 };

static double a[N], b[N];
static uint8_t is_positive[N];

static void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("got %.9f, want %.9f", got, want);
}

/* Two scores that know something, agree in part and have ties. */
static void draw_scores(void)
{
    unsigned short seed[3] = {1, 2, 3};

    for (int i = 0; i < N; i++) {
        double shared = erand48(seed);
        is_positive[i] = erand48(seed) < 0.3;
        a[i] = round(20 * (0.4 * is_positive[i] + shared + 0.3 * erand48(seed))) / 20;
        b[i] = round(20 * (0.2 * is_positive[i] + shared + 0.3 * erand48(seed))) / 20;
    }
}

static double order(double positive, double negative)
{
    return positive > negative ? 1 : positive == negative ? 0.5 : 0;
}

/* What DeLong's paper says, pair by pair: covariance of the areas of s and t. */
static double slow_covariance(const double *s, const double *t, double *area)
{
    double part[2] = {0, 0}, areas[2] = {0, 0};
    int count[2] = {0, 0};

    for (int i = 0; i < N; i++)
        count[is_positive[i]]++;
    for (int i = 0; i < N; i++)
        for (int k = 0; k < N; k++)
            if (is_positive[i] && !is_positive[k]) {
                areas[0] += order(s[i], s[k]) / count[0] / count[1];
                areas[1] += order(t[i], t[k]) / count[0] / count[1];
            }
    for (int i = 0; i < N; i++) {
        double v[2] = {0, 0};
        for (int k = 0; k < N; k++)
            if (is_positive[i] && !is_positive[k]) {
                v[0] += order(s[i], s[k]) / count[0];
                v[1] += order(t[i], t[k]) / count[0];
            } else if (!is_positive[i] && is_positive[k]) {
                v[0] += order(s[k], s[i]) / count[1];
                v[1] += order(t[k], t[i]) / count[1];
            }
        part[is_positive[i]] += (v[0] - areas[0]) * (v[1] - areas[1]);
    }
    *area = areas[0];
    return part[0] / (count[0] - 1) / count[0] + part[1] / (count[1] - 1) / count[1];
}

static void delong_is_what_the_pairs_say(void **state)
{
    struct roc_pair got;
    struct err err = {0};
    double area_a, area_b, unused;

    (void)state;
    draw_scores();
    assert_int_equal(roc_delong(&got, a, b, is_positive, N, &err), 0);
    double aa = slow_covariance(a, a, &area_a), bb = slow_covariance(b, b, &area_b);
    double ab = slow_covariance(a, b, &unused);
    near(got.a.area, area_a, 1e-12);
    near(got.b.area, area_b, 1e-12);
    near(got.a.error, sqrt(aa), 1e-12);
    near(got.b.error, sqrt(bb), 1e-12);
    near(got.difference_error, sqrt(aa + bb - 2 * ab), 1e-12);
    assert_int_equal(roc_delong(&got, a, a, is_positive, N, &err), 0);
    near(got.difference_error, 0, 0);
}

/* Drawing pictures again must see the same spread. */
static void delong_and_bootstrap_agree(void **state)
{
    static double areas[REPLICATES];
    static const char *keys[N];
    double s[N];
    uint8_t flags[N];
    struct roc_pair all, one;
    struct resampler r;
    struct err err = {0};

    (void)state;
    draw_scores();
    assert_int_equal(roc_delong(&all, a, b, is_positive, N, &err), 0);
    assert_int_equal(resampler_init(&r, NULL, N, keys, 3, &err), 0);
    for (int k = 0; k < REPLICATES; k++) {
        int n = resampler_draw(&r, (uint32_t)k);
        for (int i = 0; i < n; i++) {
            s[i] = a[r.drawn[i]];
            flags[i] = is_positive[r.drawn[i]];
        }
        assert_int_equal(roc_delong(&one, s, s, flags, n, &err), 0);
        areas[k] = one.a.area;
    }
    resampler_release(&r);
    struct interval range = interval_of(areas, REPLICATES);
    near((range.high - range.low) / (2 * 1.96), all.a.error, 0.1 * all.a.error);
}

static void curve_by_hand(void **state)
{
    const double scores[] = {0.9, 0.5, 0.5, 0.1}, alone[] = {0.3};
    const uint8_t flags[] = {1, 0, 1, 0};
    struct roc_point p[5];
    struct err err = {0};

    (void)state;
    assert_int_equal(roc_curve(scores, flags, 4, p, &err), 4);
    assert_true(isinf(p[0].threshold) && p[0].sensitivity == 0 && p[0].false_positive == 0);
    assert_true(p[1].threshold == 0.9 && p[1].sensitivity == 0.5 && p[1].false_positive == 0);
    assert_true(p[2].threshold == 0.5 && p[2].sensitivity == 1 && p[2].false_positive == 0.5);
    assert_true(p[3].threshold == 0.1 && p[3].sensitivity == 1 && p[3].false_positive == 1);
    assert_int_equal(roc_curve(alone, flags, 1, p, &err), 0);
}

static void one_kind_has_no_area(void **state)
{
    const double scores[] = {0.1, 0.2, 0.3};
    const uint8_t none[] = {0, 0, 0}, one[] = {0, 1, 0};
    struct roc_pair got;
    struct err err = {0};

    (void)state;
    assert_int_equal(roc_delong(&got, scores, scores, none, 3, &err), 0);
    assert_true(isnan(got.a.area) && isnan(got.difference_error));
    assert_int_equal(roc_delong(&got, scores, scores, one, 3, &err), 0);
    near(got.a.area, 0.5, 0);
    assert_true(isnan(got.a.error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delong_is_what_the_pairs_say),
        cmocka_unit_test(delong_and_bootstrap_agree),
        cmocka_unit_test(curve_by_hand),
        cmocka_unit_test(one_kind_has_no_area),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
