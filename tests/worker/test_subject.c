#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/analyst.h"

/* As many lanes as a machine of 1024 processors has: the decoder opens no more slots than this. */
static void large_machines_keep_to_the_limits(void **state)
{
    struct worker_shape shape;
    struct settings s = {.jobs = 1024, .batch = 1024};

    (void)state;
    worker_shape_of(&shape, &s);
    assert_int_equal(shape.lanes, 1024);
    assert_int_equal(shape.batch, ANALYST_BATCH_MAX);
    assert_in_range(shape.decoders, 1, DECODE_CHILDREN_MAX);
    assert_int_equal(shape.slots, DECODE_SLOTS_MAX);
}

static void settings_win(void **state)
{
    struct worker_shape shape;
    struct settings s = {.jobs = 2, .batch = 4, .decoders = 3, .slots = 40};

    (void)state;
    worker_shape_of(&shape, &s);
    assert_int_equal(shape.lanes, 2);
    assert_int_equal(shape.batch, 4);
    assert_int_equal(shape.decoders, 3);
    assert_int_equal(shape.slots, 40);
    s.slots = 0;
    worker_shape_of(&shape, &s);
    assert_int_equal(shape.slots, 3 + 2 * 2 * 4);
    assert_int_equal(shape.urgent_slots, 1);
    s.slots = 1; /* none to spare */
    worker_shape_of(&shape, &s);
    assert_int_equal(shape.urgent_slots, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_machines_keep_to_the_limits),
        cmocka_unit_test(settings_win),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
