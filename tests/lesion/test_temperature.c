#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lesion/temperature.h"

static void near(double got, double want)
{
    if (!(fabs(got - want) < 1e-6))
        fail_msg("got %.9f, want %.9f", got, want);
}

#define REST (0.1 / 6)

/* All pictures give 0.9 to one class and the rest to the six others alike; three of four are right. The
 * best score is then 0.75, so T = ln(6 0.9/0.1) / ln(6 0.75/0.25). */
static void like_pictures_have_a_closed_form(void **state)
{
    const double one[LESION_CLASSES] = {0, 0.9, REST, REST, REST, REST, REST, REST};
    const int truth[] = {1, 1, 5, 1};
    double scores[4][LESION_CLASSES], q[LESION_CLASSES];

    (void)state;
    for (int i = 0; i < 4; i++)
        memcpy(scores[i], one, sizeof(one));
    memcpy(q, one, sizeof(one));
    double t = temperature_fit(scores[0], truth, 4);
    near(t, log(54) / log(18));
    temperature_apply(q, t);
    near(q[1], 0.75);
    near(q[7], 0.25 / 6);
}

static double log_loss(const double (*scores)[LESION_CLASSES], const int *truth, int n, double t)
{
    double sum = 0;

    for (int i = 0; i < n; i++) {
        double q[LESION_CLASSES];
        for (int k = 0; k < LESION_CLASSES; k++)
            q[k] = scores[i][k];
        temperature_apply(q, t);
        sum -= log(q[truth[i]]);
    }
    return sum;
}

/* No other temperature is better. */
static void the_log_loss_is_least(void **state)
{
    const double scores[3][LESION_CLASSES] = {
        {0, 0.5,  0.2,  0.1,  0.05, 0.05, 0.05, 0.05},
        {0, 0.1,  0.7,  0.05, 0.05, 0.04, 0.03, 0.03},
        {0, 0.02, 0.03, 0.8,  0.05, 0.04, 0.03, 0.03}
    };
    const int truth[] = {1, 3, 3};

    (void)state;
    double best = temperature_fit(scores[0], truth, 3), least = log_loss(scores, truth, 3, best);
    assert_true(best > 0.2 && best < 10);
    for (double t = 0.1; t < 15; t *= 1.1)
        assert_true(log_loss(scores, truth, 3, t) >= least - 1e-12);
}

static void odd_scores(void **state)
{
    double certain[LESION_CLASSES] = {0, 1}, tiny[LESION_CLASSES] = {0, 1e-300, 1 - 1e-16},
           none[LESION_CLASSES] = {0, NAN, NAN, NAN, NAN, NAN, NAN, NAN},
           same[LESION_CLASSES] = {0, 0.13, 0.4, 0.11, 0.09, 0.07, 0.17, 0.03},
           as_it_was[LESION_CLASSES];
    const double low[LESION_CLASSES] = {0, 0.1, 0.15, 0.15, 0.15, 0.15, 0.15, 0.15};
    const int truth[] = {1};

    (void)state;
    temperature_apply(certain, 3);
    assert_true(certain[1] > 0.99);
    assert_true(certain[2] < 1.1e-3 && certain[2] > 0); /* 1e-9 to the power of a third */
    temperature_apply(tiny, 0.05);
    near(tiny[2], 1);
    temperature_apply(none, 2);
    assert_true(isnan(none[1]));
    memcpy(as_it_was, same, sizeof(same));
    temperature_apply(same, 1);
    assert_memory_equal(same, as_it_was, sizeof(same));
    near(temperature_fit(certain, truth, 1), TEMPERATURE_MIN);
    near(temperature_fit(low, truth, 1), TEMPERATURE_MAX); /* the right class comes last */
    near(temperature_fit(same, truth, 0), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(like_pictures_have_a_closed_form),
        cmocka_unit_test(the_log_loss_is_least),
        cmocka_unit_test(odd_scores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
