/* Reference values: the sRGB primaries and greys in CIELAB under D65, as published by Lindbloom's
 * calculator (brucelindbloom.com, 2-degree observer). */
#include "scene.h"

#include "lesion/lab.h"

static void primaries_and_greys(void **state)
{
    static const struct {
        uint8_t r, g, b;
        double l, a, bb;
    } cases[] = {
        {255, 255, 255, 100.000, 0,       0       },
        {0,   0,   0,   0,       0,       0       },
        {255, 0,   0,   53.241,  80.093,  67.203  },
        {0,   255, 0,   87.735,  -86.183, 83.179  },
        {0,   0,   255, 32.297,  79.188,  -107.860},
        {128, 128, 128, 53.585,  0,       0       },
        {20,  20,  20,  6.319,   0,       0       },
    };
    struct lab_table t;

    (void)state;
    lab_table_init(&t);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct lab c = lab_of_rgb(&t, cases[i].r, cases[i].g, cases[i].b);
        assert_true(fabs(c.l - cases[i].l) < 0.1);
        assert_true(fabs(c.a - cases[i].a) < 0.1);
        assert_true(fabs(c.b - cases[i].bb) < 0.1);
    }
}

static double exact_root(double x)
{
    return x > 216.0 / 24389 ? cbrt(x) : (24389.0 / 27 * x + 16) / 116;
}

/* Every 7th colour against the formula in doubles. */
static void table_is_close_everywhere(void **state)
{
    struct lab_table t;
    double linear[256], worst = 0;

    (void)state;
    lab_table_init(&t);
    for (int i = 0; i < 256; i++)
        linear[i] = i <= 10 ? i / 255.0 / 12.92 : pow((i / 255.0 + 0.055) / 1.055, 2.4);
    for (int i = 0; i < 1 << 24; i += 7) {
        int r = i >> 16, g = i >> 8 & 255, b = i & 255;
        double x = 0.4124564 * linear[r] + 0.3575761 * linear[g] + 0.1804375 * linear[b];
        double y = 0.2126729 * linear[r] + 0.7151522 * linear[g] + 0.0721750 * linear[b];
        double z = 0.0193339 * linear[r] + 0.1191920 * linear[g] + 0.9503041 * linear[b];
        double fx = exact_root(x / 0.95047), fy = exact_root(y), fz = exact_root(z / 1.08883);
        struct lab c = lab_of_rgb(&t, (uint8_t)r, (uint8_t)g, (uint8_t)b);
        worst = fmax(worst, fabs(c.l - (116 * fy - 16)));
        worst = fmax(worst, fabs(c.a - 500 * (fx - fy)));
        worst = fmax(worst, fabs(c.b - 200 * (fy - fz)));
    }
    assert_true(worst < 0.1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(primaries_and_greys),
        cmocka_unit_test(table_is_close_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
