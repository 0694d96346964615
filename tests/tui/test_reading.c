#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/tui/fake_stats.h"
#include "tui/chart.h"
#include "tui/reading.h"

static struct reading reading;
static struct stats sum;

static int two_machines(void **state)
{
    (void)state;
    memset(&reading, 0, sizeof(reading));
    reading.n = 2;
    fake_stats(&reading.nodes[0], FAKE_USUAL, 0);
    fake_stats(&reading.nodes[1], FAKE_USUAL, 4);
    snprintf(reading.nodes[1].node, sizeof(reading.nodes[1].node), "clinic-b");
    return 0;
}

static void counts_add_up(void **state)
{
    const struct stats *a = &reading.nodes[0], *b = &reading.nodes[1];

    (void)state;
    reading_sum(&sum, &reading);
    assert_int_equal(sum.received, a->received + b->received);
    assert_int_equal(sum.done, a->done + b->done);
    assert_int_equal(sum.cores, 32);
    assert_int_equal(sum.memory_kb, a->memory_kb + b->memory_kb);
    assert_int_equal(sum.n_workers, 6);
    assert_int_equal(sum.n_flagged, 182);
    assert_int_equal(sum.at_ms, b->at_ms);
    assert_true(fabs(sum.images_per_s - a->images_per_s - b->images_per_s) < 1e-9);
    assert_string_equal(sum.state, "running");
    assert_int_equal(sum.size, 512);
    assert_int_equal(sum.classes[1].ready, a->classes[1].ready); /* one queue, seen twice */
}

static void shares_are_weighted(void **state)
{
    struct stats_stage *a = &reading.nodes[0].stages[STAGE_DECODE];
    struct stats_stage *b = &reading.nodes[1].stages[STAGE_DECODE];

    (void)state;
    reading.nodes[0].cpu = 1;
    reading.nodes[0].cores = 2;
    reading.nodes[1].cpu = 0.5;
    reading.nodes[1].cores = 6;
    *a = (struct stats_stage){.busy = 1, .ms_per_item = 10, .lanes = 1, .waiting = 3};
    *b = (struct stats_stage){.busy = 0.5, .ms_per_item = 5, .lanes = 3, .waiting = 4};
    reading_sum(&sum, &reading);
    assert_true(fabs(sum.cpu - 0.625) < 1e-9);
    assert_true(fabs(sum.stages[STAGE_DECODE].busy - 0.625) < 1e-9);
    /* per second of work: 100 items in 1 s and 300 items in 1.5 s: 2.5 s / 400 */
    assert_true(fabs(sum.stages[STAGE_DECODE].ms_per_item - 6.25) < 1e-9);
    assert_int_equal(sum.stages[STAGE_DECODE].lanes, 4);
    assert_int_equal(sum.stages[STAGE_DECODE].waiting, 7);
}

static void unknown_parts_are_left_out(void **state)
{
    (void)state;
    reading.nodes[0].cpu = NAN;
    reading.nodes[1].cpu = 0.5;
    reading.nodes[1].eta_s = NAN;
    reading.nodes[1].history[STATS_HISTORY - 1] = NAN;
    reading_sum(&sum, &reading);
    assert_true(fabs(sum.cpu - 0.5) < 1e-9);
    assert_true(isnan(sum.gpu));
    assert_true(fabs(sum.eta_s - 72.4) < 1e-9);
    assert_true(isfinite(sum.history[STATS_HISTORY - 1]));
}

static void histories_are_aligned_at_their_ends(void **state)
{
    (void)state;
    reading.nodes[0].n_history = 2;
    reading.nodes[0].history[0] = 1;
    reading.nodes[0].history[1] = 2;
    reading.nodes[1].n_history = 3;
    for (int i = 0; i < 3; i++)
        reading.nodes[1].history[i] = 10;
    reading_sum(&sum, &reading);
    assert_int_equal(sum.n_history, 3);
    assert_int_equal((int)sum.history[0], 10);
    assert_int_equal((int)sum.history[1], 11);
    assert_int_equal((int)sum.history[2], 12);
}

static void lists_are_bounded(void **state)
{
    (void)state;
    reading.n = READING_NODES_MAX;
    for (int i = 0; i < reading.n; i++)
        fake_stats(&reading.nodes[i], FAKE_WIDEST, 0);
    reading_sum(&sum, &reading);
    assert_int_equal(sum.n_workers, STATS_WORKERS_MAX);
    assert_int_equal(sum.n_flagged, STATS_CASES_MAX);
    assert_int_equal(sum.n_aside, STATS_CASES_MAX);
}

static void a_tab_shows_its_machine(void **state)
{
    (void)state;
    reading_select(&sum, &reading, 2);
    assert_string_equal(sum.node, "clinic-b");
    reading_select(&sum, &reading, 0);
    assert_string_equal(sum.node, "2 machines");
    reading.n = 1;
    reading_select(&sum, &reading, 0);
    assert_string_equal(sum.node, "clinic-a");
}

static void chart_scales_are_round(void **state)
{
    static const struct {
        double max, scale;
    } cases[] = {
        {0,    1   },
        {0.8,  0.8 },
        {0.81, 1   },
        {1,    1   },
        {58,   60  },
        {67,   80  },
        {81,   100 },
        {1001, 2000}
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_true(fabs(chart_scale(cases[i].max) - cases[i].scale) < 1e-9);
    assert_int_equal(chart_braille(0, 0), ' ');
    assert_int_equal(chart_braille(4, 4), 0x28ff);
    assert_int_equal(chart_braille(9, -2), 0x2847);
}

/* A point once drawn stays: the mean looks back only. */
static void a_mean_looks_back_only(void **state)
{
    struct stats s = {
        .n_history = 8, .history = {0, 0, 5, 0, 0, 0, 0, 10}
    };
    double means[STATS_HISTORY];

    (void)state;
    assert_int_equal(chart_means(&s, means), 8);
    assert_true(fabs(means[1] - 0) < 1e-9);
    assert_true(fabs(means[2] - 5.0 / 3) < 1e-9);
    assert_true(fabs(means[6] - 1) < 1e-9);
    assert_true(fabs(means[7] - 2) < 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(counts_add_up, two_machines),
        cmocka_unit_test_setup(shares_are_weighted, two_machines),
        cmocka_unit_test_setup(unknown_parts_are_left_out, two_machines),
        cmocka_unit_test_setup(histories_are_aligned_at_their_ends, two_machines),
        cmocka_unit_test_setup(lists_are_bounded, two_machines),
        cmocka_unit_test_setup(a_tab_shows_its_machine, two_machines),
        cmocka_unit_test(chart_scales_are_round),
        cmocka_unit_test(a_mean_looks_back_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
