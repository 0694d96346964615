/* Figures of a known library (fake_nvml.c, found through LD_LIBRARY_PATH): each arrives in its unit,
 * and what a GPU does not tell stays unknown. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "scheduler/nvml.h"

static int setup(void **state)
{
    (void)state;
    setenv("FAKE_GPUS", "3", 1);
    unsetenv("FAKE_LOST");
    unsetenv("FAKE_SILENT");
    unsetenv("FAKE_MIG");
    return 0;
}

static struct stats_gpu look_at(int gpu)
{
    struct stats_gpu out;
    struct nvml *n = nvml_open();

    assert_non_null(n);
    assert_int_equal(nvml_count(n), 3);
    nvml_look(n, gpu, &out);
    nvml_close(n);
    return out;
}

static void assert_near(double a, double b)
{
    if (!(fabs(a - b) < 1e-9))
        fail_msg("%f, not %f", a, b);
}

static void each_figure_arrives_in_its_unit(void **state)
{
    struct stats_gpu g = look_at(1);

    (void)state;
    assert_int_equal(g.number, 1);
    assert_string_equal(g.name, "Fake GPU of the year");
    assert_string_equal(g.state, "ok");
    assert_near(g.load, 0.51);
    assert_near(g.memory, 0.25);
    assert_int_equal(g.memory_kb, 8 << 20);
    assert_near(g.temperature_c, 71);
    assert_near(g.power_w, 412.5);
    assert_near(g.power_limit_w, 700);
    assert_string_equal(g.throttle, "heat, power cap");
    assert_int_equal(g.ecc_errors, 3);
}

static void an_idle_clock_is_no_trouble(void **state)
{
    (void)state;
    assert_string_equal(look_at(0).throttle, "");
}

static void what_is_not_told_is_unknown(void **state)
{
    (void)state;
    setenv("FAKE_SILENT", "2", 1);
    struct stats_gpu g = look_at(2);
    assert_string_equal(g.state, "ok");
    assert_string_equal(g.name, "");
    assert_string_equal(g.throttle, "");
    assert_true(isnan(g.load) && isnan(g.memory) && isnan(g.temperature_c));
    assert_true(isnan(g.power_w) && isnan(g.power_limit_w));
    assert_int_equal(g.memory_kb, -1);
    assert_int_equal(g.ecc_errors, -1);
}

/* Lost from the start, or while it was watched. */
static void a_lost_gpu_is_lost_and_the_others_keep_their_numbers(void **state)
{
    struct stats_gpu g;

    (void)state;
    setenv("FAKE_LOST", "1", 1);
    assert_string_equal(look_at(1).state, "lost");
    assert_near(look_at(2).load, 0.52);
    unsetenv("FAKE_LOST");
    struct nvml *n = nvml_open();
    setenv("FAKE_LOST", "1", 1);
    nvml_look(n, 1, &g);
    assert_string_equal(g.state, "lost");
    assert_true(isnan(g.load));
    nvml_close(n);
}

static void without_gpus_there_is_nothing(void **state)
{
    (void)state;
    setenv("FAKE_GPUS", "0", 1);
    assert_null(nvml_open());
    assert_int_equal(nvml_count(NULL), 0);
    nvml_close(NULL);
}

static void a_divided_gpu_has_instances(void **state)
{
    struct nvml_parts parts;

    (void)state;
    setenv("FAKE_MIG", "1", 1);
    struct nvml *n = nvml_open();
    nvml_parts(n, 0, &parts);
    assert_false(parts.is_divided);
    assert_string_equal(parts.uuid, "GPU-0-bbbb");
    nvml_parts(n, 1, &parts);
    assert_true(parts.is_divided);
    assert_int_equal(parts.n, 2);
    assert_string_equal(parts.instances[1], "MIG-12-aaaa");
    nvml_close(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_figure_arrives_in_its_unit, setup),
        cmocka_unit_test_setup(an_idle_clock_is_no_trouble, setup),
        cmocka_unit_test_setup(what_is_not_told_is_unknown, setup),
        cmocka_unit_test_setup(a_lost_gpu_is_lost_and_the_others_keep_their_numbers, setup),
        cmocka_unit_test_setup(without_gpus_there_is_nothing, setup),
        cmocka_unit_test_setup(a_divided_gpu_has_instances, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
