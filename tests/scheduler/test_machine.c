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

static void a_gpu_is_a_share_or_unknown(void **state)
{
    struct machine m;
    double load = -1, memory = -1;

    (void)state;
    machine_open(&m);
    machine_gpu(&m, &load, &memory);
    if (!m.nvml) {
        assert_true(isnan(load) && isnan(memory));
        assert_null(getenv("REQUIRE_GPU"));
    } else {
        assert_share(load);
        assert_share(memory);
    }
    machine_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processors_are_a_share_of_time),
        cmocka_unit_test(a_gpu_is_a_share_or_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
