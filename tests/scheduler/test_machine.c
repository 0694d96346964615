/* The machine's load: shares between 0 and 1, or unknown. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "scheduler/machine.h"

static void assert_share(double value)
{
    assert_true(value >= 0 && value <= 1);
}

static void processors_are_a_share_of_time(void **state)
{
    struct machine m;
    volatile double sink = 1;

    (void)state;
    machine_open(&m);
    assert_true(isnan(machine_cpu(&m))); /* there is no difference yet */
    for (int i = 0; i < 30000000; i++)
        sink = sink * 1.0000001;
    double share = machine_cpu(&m);
    assert_share(share);
    assert_true(share > 0);
    machine_close(&m);
}

/* Two GPUs by fake_nvml.c, one of them hidden. */
static void only_visible_gpus_are_shown(void **state)
{
    struct machine m;
    struct stats_gpu gpus[STATS_GPUS_MAX];

    (void)state;
    setenv("FAKE_GPUS", "2", 1);
    machine_open(&m);
    assert_int_equal(machine_gpus(&m, gpus), 2);
    machine_close(&m);
    setenv("CUDA_VISIBLE_DEVICES", "1", 1);
    machine_open(&m);
    assert_int_equal(machine_gpus(&m, gpus), 1);
    assert_int_equal(gpus[0].number, 1);
    machine_close(&m);
    setenv("FAKE_GPUS", "0", 1);
    machine_open(&m);
    assert_int_equal(machine_gpus(&m, gpus), 0);
    machine_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processors_are_a_share_of_time),
        cmocka_unit_test(only_visible_gpus_are_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
