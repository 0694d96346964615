/* The work that a bench says is in a layer, counted by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/bench_line.h"
#include "engine/network.h"

static void work_of_a_row(void **state)
{
    static const struct {
        const char *name;
        int layer;
        const char *precision;
        double gflop, bytes;
    } cases[] = {
        {"pixels in, f32 out", L_IN,        "f32",  0,                          512 * 512 * 3 * 5.0          },
        {"stem",               L_F0,        "f32",  2e-9 * 256 * 256 * 32 * 27,
         4.0 * (512 * 512 * 3 + 256 * 256 * 32 + 32 * 27)                                                    },
        {"stem, bf16",         L_F0,        "bf16", 2e-9 * 256 * 256 * 32 * 27,
         2.0 * (512 * 512 * 3 + 256 * 256 * 32 + 32 * 27)                                                    },
        {"depthwise, int8",    L_F2D,       "int8", 2e-9 * 64 * 64 * 128 * 9,
         128 * 128 * 128 + 64 * 64 * 128 + 128 * 9.0                                                         },
        {"concat",             L_F2,        "f32",  0,                          4.0 * 2 * 64 * 64 * 256      },
        {"classes",            LAYER_COUNT, "f32",  0,                          4.0 * 64 * 64 * 8 + 512 * 512},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct layer_work work = bench_layer_work(cases[i].layer, 512, cases[i].precision);
        if (work.gflop - cases[i].gflop > 1e-12 || cases[i].gflop - work.gflop > 1e-12)
            fail_msg("%s: %.9f GFLOP, not %.9f", cases[i].name, work.gflop, cases[i].gflop);
        if (work.bytes != cases[i].bytes)
            fail_msg("%s: %.0f bytes, not %.0f", cases[i].name, work.bytes, cases[i].bytes);
    }
}

static void the_network_is_11_4_gflop(void **state)
{
    double gflop = 0;

    (void)state;
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++)
        gflop += bench_layer_work(i, 512, "f32").gflop;
    assert_float_equal(gflop, 11.42, 0.005); /* the specification's count */
}

static void the_middle_of_values(void **state)
{
    double one[] = {3}, odd[] = {9, 1, 4}, even[] = {8, 1, 2, 5};

    (void)state;
    assert_float_equal(bench_median(one, 1), 3, 0);
    assert_float_equal(bench_median(odd, 3), 4, 0);
    assert_float_equal(bench_median(even, 4), 3.5, 0);
    assert_float_equal(even[0], 1, 0); /* sorted: best first */
    assert_float_equal(even[3], 8, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_middle_of_values),
        cmocka_unit_test(work_of_a_row),
        cmocka_unit_test(the_network_is_11_4_gflop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
