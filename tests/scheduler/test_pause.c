#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scheduler/pause.h"

static void doubles_up_to_its_limit(void **state)
{
    static const int64_t pauses[] = {200, 400, 800, 1600, 3200, 6400, 10000, 10000};

    (void)state;
    for (int i = 0; i < 8; i++)
        assert_int_equal(pause_after_ms(i), pauses[i]);
    assert_int_equal(pause_after_ms(INT32_MAX), 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(doubles_up_to_its_limit)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
