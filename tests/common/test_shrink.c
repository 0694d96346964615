#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/shrink.h"

enum { ROOM = 3 * 1200 + 8 };

static uint8_t pixel(int x, int y, int c)
{
    uint32_t v = (uint32_t)x * 73856093u ^ (uint32_t)y * 19349663u ^ (uint32_t)c * 83492791u;

    return (uint8_t)((v ^ v >> 13) * 0x5bd1e995u >> 24);
}

static int edge(int i, int from, int to, bool is_mirrored)
{
    return is_mirrored ? from - edge(to - i, from, to, false) : (int)((int64_t)i * from / to);
}

/* Straight from the definition. */
static int mean(const struct shrink *s, int x, int y, int c)
{
    int x0 = edge(x, s->w, s->to_w, s->is_mirrored_x);
    int x1 = edge(x + 1, s->w, s->to_w, s->is_mirrored_x);
    int y0 = edge(y, s->h, s->to_h, s->is_mirrored_y);
    int y1 = edge(y + 1, s->h, s->to_h, s->is_mirrored_y);
    uint32_t sum = 0;

    for (int j = y0; j < y1; j++)
        for (int i = x0; i < x1; i++)
            sum += pixel(i, j, c);
    return (int)((float)sum * (1.0f / (float)((x1 - x0) * (y1 - y0))) + 0.5f);
}

static void check(int w, int h, int to_w, int to_h, bool mirror_x, bool mirror_y)
{
    static uint8_t row[ROOM], out[ROOM];
    uint32_t *sums = calloc(shrink_sums(w), sizeof(*sums)); /* heap: sanitizers see its end */
    struct shrink s = {.w = w,
                       .h = h,
                       .to_w = to_w,
                       .to_h = to_h,
                       .is_mirrored_x = mirror_x,
                       .is_mirrored_y = mirror_y,
                       .sums = sums};
    int made = 0;

    assert_non_null(sums);
    for (int y = 0; y < h; y++) {
        for (int i = 0; i < 3 * w; i++)
            row[i] = pixel(i / 3, y, i % 3);
        out[3 * to_w] = 77;
        if (!shrink_push(&s, row, out))
            continue;
        assert_int_equal(out[3 * to_w], 77);
        for (int i = 0; i < 3 * to_w; i++)
            assert_int_equal(out[i], mean(&s, i / 3, made, i % 3));
        made++;
        assert_int_equal(s.made, made);
    }
    assert_int_equal(made, to_h);
    free(sums);
}

static void means_are_those_of_the_definition(void **state)
{
    static const int sizes[][4] = {
        {512,  384,  256, 192}, /* half */
        {600,  450,  256, 192}, /* nothing divides */
        {256,  77,   256, 77 }, /* as it is */
        {1024, 9,    256, 3  },
        {1025, 3,    256, 1  },
        {1,    1,    1,   1  },
        {700,  2,    1,   1  },
        {3,    1000, 1,   2  }, /* 500 rows in one */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
        for (int mirrored = 0; mirrored < 4; mirrored++)
            check(sizes[i][0], sizes[i][1], sizes[i][2], sizes[i][3], mirrored & 1, mirrored & 2);
}

static void tallest_white_does_not_overflow(void **state)
{
    uint8_t row[6], out[3];
    uint32_t sums[8];
    struct shrink s = {.w = 2, .h = 65535, .to_w = 1, .to_h = 1, .sums = sums};

    (void)state;
    memset(row, 255, sizeof(row));
    for (int y = 0; y < s.h; y++)
        assert_int_equal(shrink_push(&s, row, out), y == s.h - 1);
    assert_int_equal(out[0], 255);
    assert_int_equal(out[2], 255);
}

static void sides_keep_the_proportion(void **state)
{
    (void)state;
    assert_int_equal(shrink_side(600, 600, 256), 256);
    assert_int_equal(shrink_side(450, 600, 256), 192);
    assert_int_equal(shrink_side(341, 512, 256), 171); /* half a pixel up */
    assert_int_equal(shrink_side(200, 200, 256), 200);
    assert_int_equal(shrink_side(1, 65535, 256), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_are_those_of_the_definition),
        cmocka_unit_test(tallest_white_does_not_overflow),
        cmocka_unit_test(sides_keep_the_proportion),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
