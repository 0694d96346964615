/* Rates from the first image on: a short upload, a long one, a slow one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scheduler/pace.h"

static const int64_t start = 5000; /* ms */

static void end_images(struct pace *p, int n, int64_t at_ms)
{
    for (int i = 0; i < n; i++)
        pace_end(p, at_ms);
}

static void assert_rate(double rate, double wanted)
{
    if (!(fabs(rate - wanted) < 1e-6))
        fail_msg("%f images a second, not %f", rate, wanted);
}

static void none_ended_is_unknown_in_the_mean(void **state)
{
    struct pace p = {0};
    struct stats st = {0};

    (void)state;
    pace_advance(&p, &st, start);
    pace_begin(&p, start);
    assert_true(isnan(pace_mean(&p, start + 400)));
    assert_rate(pace_recent(&p, &st, 10, start + 400), 0);
}

/* The whole upload ends before the first second of the history does. */
static void upload_of_half_a_second_has_a_rate(void **state)
{
    struct pace p = {0};
    struct stats st = {0};

    (void)state;
    pace_advance(&p, &st, start);
    pace_begin(&p, start + 100);
    pace_begin(&p, start + 300); /* only the first one counts */
    end_images(&p, 12, start + 500);
    pace_advance(&p, &st, start + 700);
    assert_int_equal(st.n_history, 0);
    assert_rate(pace_recent(&p, &st, 10, start + 700), 12 / 0.6);
    assert_rate(pace_mean(&p, p.ended_ms), 12 / 0.4);
}

static void all_in_one_millisecond_is_finite(void **state)
{
    struct pace p = {0};

    (void)state;
    pace_begin(&p, start);
    end_images(&p, 3, start);
    assert_rate(pace_mean(&p, p.ended_ms), 3000);
}

/* Before the first image there was nothing to do: that time is not counted. */
static void waiting_for_the_first_is_not_counted(void **state)
{
    struct pace p = {0};
    struct stats st = {0};

    (void)state;
    pace_advance(&p, &st, start);
    pace_advance(&p, &st, start + 60000);
    assert_int_equal(st.n_history, 60);
    pace_begin(&p, start + 60000);
    end_images(&p, 30, start + 61500);
    pace_advance(&p, &st, start + 62000);
    assert_rate(pace_recent(&p, &st, 10, start + 62000), 15);
}

static void old_seconds_fall_out_of_the_recent_rate(void **state)
{
    struct pace p = {0};
    struct stats st = {0};
    int64_t now = start;

    (void)state;
    pace_advance(&p, &st, now);
    pace_begin(&p, now);
    for (int s = 0; s < 2 * STATS_HISTORY; s++) {
        end_images(&p, s < 2 * STATS_HISTORY - 10 ? 100 : 7, now + 500);
        pace_advance(&p, &st, now += 1000);
    }
    assert_int_equal(st.n_history, STATS_HISTORY);
    assert_rate(pace_recent(&p, &st, 10, now), 7);
    pace_advance(&p, &st, now += 20000);
    assert_rate(pace_recent(&p, &st, 10, now), 0);
    assert_true(pace_mean(&p, now) > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_ended_is_unknown_in_the_mean),
        cmocka_unit_test(upload_of_half_a_second_has_a_rate),
        cmocka_unit_test(all_in_one_millisecond_is_finite),
        cmocka_unit_test(waiting_for_the_first_is_not_counted),
        cmocka_unit_test(old_seconds_fall_out_of_the_recent_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
