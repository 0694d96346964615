/* The machine's own limit: every convolution gets a time, nothing else does. How long it is decides
 * nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/engine_debug.h"

enum { SIDE = 64 };

static void every_convolution_has_a_time_and_nothing_else(void **state)
{
    struct engine_limit limit[LAYER_COUNT];
    struct err err = {0};

    (void)state;
    assert_int_equal(engine_debug_limit("f32", SIDE, SIDE, 1, limit, &err), 0);
    for (int i = 0; i < LAYER_COUNT; i++) {
        bool timed = i < LAYER_COUNT_INFERENCE && network[i].op == LAYER_CONV;
        if (timed != (limit[i].ms > 0))
            fail_msg("%s: %f ms", network[i].name, limit[i].ms);
        if (!timed)
            continue;
        assert_true(limit[i].direct_ms >= limit[i].ms);
        assert_true(strlen(limit[i].implementation) > 0);
        assert_null(strstr(limit[i].implementation, "ref"));
    }
}

static void what_the_cpu_cannot_do_is_refused(void **state)
{
    static const char *const precisions[] = {"fp16", "auto", ""};
    struct engine_limit limit[LAYER_COUNT];

    (void)state;
    for (size_t i = 0; i < sizeof(precisions) / sizeof(*precisions); i++) {
        struct err err = {0};
        assert_int_equal(engine_debug_limit(precisions[i], SIDE, SIDE, 1, limit, &err), -1);
        assert_int_equal(err.code, ERR_CONFIG);
    }
}

/* Either done or refused; never a figure of emulated code. */
static void int8_and_bf16_are_done_or_refused(void **state)
{
    static const char *const precisions[] = {"bf16", "int8"};
    struct engine_limit limit[LAYER_COUNT];

    (void)state;
    for (size_t i = 0; i < sizeof(precisions) / sizeof(*precisions); i++) {
        struct err err = {0};
        if (engine_debug_limit(precisions[i], SIDE, SIDE, 1, limit, &err))
            assert_int_equal(err.code, ERR_CONFIG);
        else
            assert_true(limit[L_F1].ms > 0 && limit[L_F2D].ms > 0 && limit[L_LOGITS].ms > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_convolution_has_a_time_and_nothing_else),
        cmocka_unit_test(what_the_cpu_cannot_do_is_refused),
        cmocka_unit_test(int8_and_bf16_are_done_or_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
