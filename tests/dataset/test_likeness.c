#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dataset/likeness.h"

enum { W = 90, H = 72 };

static uint8_t picture[H * W * 3], other[H * W * 3];

/* Slopes of grey that a seed decides, cell by cell. */
static void paint(uint8_t *rgb, uint32_t seed)
{
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            uint32_t cell = seed + (uint32_t)(x / 10 * 7919 + y / 8 * 104729);
            cell = (cell ^ cell >> 15) * 2246822519U;
            cell = (cell ^ cell >> 13) * 3266489917U;
            memset(rgb + 3 * (y * W + x), (int)(60 + (cell >> 16) % 120), 3);
        }
}

static void brighter_and_smaller_is_the_same(void **state)
{
    static uint8_t small[H / 2 * W / 2 * 3];

    (void)state;
    paint(picture, 1);
    for (size_t i = 0; i < sizeof(picture); i++)
        other[i] = (uint8_t)(picture[i] * 5 / 4 + 20);
    for (int y = 0; y < H / 2; y++)
        for (int x = 0; x < W / 2; x++)
            memcpy(small + 3 * (y * (W / 2) + x), picture + 3 * (2 * y * W + 2 * x), 3);
    struct likeness bits = likeness_of(picture, W, H);
    assert_int_equal(likeness_distance(bits, likeness_of(other, W, H)), 0);
    assert_int_equal(likeness_distance(bits, likeness_of(small, W / 2, H / 2)), 0);
}

static void another_picture_is_another(void **state)
{
    (void)state;
    paint(picture, 1);
    paint(other, 2);
    int far = likeness_distance(likeness_of(picture, W, H), likeness_of(other, W, H));
    assert_in_range(far, LIKENESS_BITS / 4, LIKENESS_BITS * 3 / 4);
}

static int count(void *ctx, int i, int j, struct err *err)
{
    (void)err;
    assert_int_equal(i, 0);
    assert_int_equal(j, 2);
    ++*(int *)ctx;
    return 0;
}

/* Blank pictures, and those too small to say anything, are like nothing. */
static void pairs_within_reach(void **state)
{
    const struct likeness all[] = {
        {0xff,         1   },
        {0,            0   },
        {0xfe,         3   },
        {0,            0   },
        {~UINT64_C(0), 0xff}
    };
    struct err err = {0};
    int n = 0;

    (void)state;
    assert_int_equal(likeness_pairs(all, 5, 2, count, &n, &err), 0);
    assert_int_equal(n, 1);
    n = 0;
    assert_int_equal(likeness_pairs(all, 5, 1, count, &n, &err), 0);
    assert_int_equal(n, 0);
    memset(picture, 200, sizeof(picture));
    assert_int_equal(likeness_of(picture, W, H).across | likeness_of(picture, W, H).down, 0);
    assert_int_equal(likeness_of(picture, 8, 8).across, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brighter_and_smaller_is_the_same),
        cmocka_unit_test(another_picture_is_another),
        cmocka_unit_test(pairs_within_reach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
