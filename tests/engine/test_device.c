/* The processor is always there, and first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/device.h"

static void the_processor_is_first(void **state)
{
    struct engine_device devices[ENGINE_DEVICES_MAX];
    int n = engine_devices(devices);

    (void)state;
    assert_in_range(n, 1, ENGINE_DEVICES_MAX);
    assert_string_equal(devices[0].name, "cpu");
    assert_string_equal(devices[0].kind, "cpu");
    assert_true(strlen(devices[0].description) > 0);
    assert_null(strchr(devices[0].description, '\n'));
    assert_true(devices[0].memory_bytes > 64 << 20);
    for (int i = 1; i < n; i++)
        assert_memory_equal(devices[i].name, "cuda:", 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_processor_is_first)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
