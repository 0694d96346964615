#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker/flips.h"

enum { W = 4, H = 3, CW = 3, CH = 2 }; /* one column and one row of padding */

static void near(double got, double want)
{
    if (!(fabs(got - want) < 1e-12))
        fail_msg("got %.12f, want %.12f", got, want);
}

static void pictures_are_mirrored_within_their_content(void **state)
{
    static const uint8_t want[FLIPS][H * W] = {
        {1, 2, 3, 9, 4, 5, 6, 9, 9, 9, 9, 9},
        {3, 2, 1, 9, 6, 5, 4, 9, 9, 9, 9, 9},
        {4, 5, 6, 9, 1, 2, 3, 9, 9, 9, 9, 9},
        {6, 5, 4, 9, 3, 2, 1, 9, 9, 9, 9, 9},
    };
    uint8_t rgb[H * W * 3], out[H * W * 3];

    (void)state;
    for (int i = 0; i < H * W * 3; i++)
        rgb[i] = want[0][i / 3];
    const struct engine_image image = {.rgb = rgb, .content_w = CW, .content_h = CH};
    for (int flip = 1; flip < FLIPS; flip++) {
        flip_picture(&image, W, H, flip, out);
        for (int i = 0; i < H * W * 3; i++)
            assert_int_equal(out[i], want[flip][i / 3]);
    }
}

/* One content pixel for each case, the same map as each mirror image would give it. */
static void votes(void **state)
{
    static const struct {
        uint8_t said[FLIPS], want;
    } cases[] = {
        {{0, 0, 0, 0}, 0},
        {{1, 1, 1, 1}, 1},
        {{0, 1, 1, 1}, 1}, /* three against the picture itself */
        {{0, 0, 1, 1}, 0}, /* two and two: the picture's own word counts */
        {{2, 0, 0, 2}, 2},
        {{2, 0, 0, 3}, 2}, /* ... and its class */
        {{3, 5, 5, 3}, 3},
        {{5, 3, 3, 5}, 5},
        {{5, 3, 3, 0}, 3}, /* two against one */
        {{0, 6, 2, 4}, 2}, /* three classes, none of them the picture's: the first */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        uint8_t maps[FLIPS];
        struct engine_image images[FLIPS] = {{0}};
        for (int flip = 0; flip < FLIPS; flip++) {
            maps[flip] = cases[i].said[flip];
            images[flip].class_map = &maps[flip];
            images[flip].content_w = images[flip].content_h = 1;
        }
        flips_merge(images, 1);
        if (maps[0] != cases[i].want)
            fail_msg("case %zu: %d, not %d", i, maps[0], cases[i].want);
        assert_int_equal(images[0].scores.lesion_px, maps[0] != 0);
    }
}

/* A map that is right in every mirror image is the picture's map; scores are means per pixel. */
static void maps_are_turned_back(void **state)
{
    static const uint8_t own[H * W] = {0, 1, 1, 7, 0, 0, 2, 7, 7, 7, 7, 7};
    uint8_t maps[FLIPS][H * W];
    struct engine_image images[FLIPS] = {{0}};

    (void)state;
    for (int flip = 0; flip < FLIPS; flip++) {
        memcpy(maps[flip], own, sizeof(own));
        for (int y = 0; y < CH; y++)
            for (int x = 0; x < CW; x++)
                maps[flip][(flip & 2 ? CH - 1 - y : y) * W + (flip & 1 ? CW - 1 - x : x)] =
                    own[y * W + x];
        images[flip] =
            (struct engine_image){.content_w = CW, .content_h = CH, .class_map = maps[flip]};
        images[flip].scores = (struct engine_scores){.content_px = 6, .lesion_px = 3};
        images[flip].scores.lesion_sum[1] = 3 * 0.1 * flip;
        images[flip].scores.all_sum[1] = flip;
        images[flip].scores.lesion_top_sum = 3 * 0.2 * flip;
    }
    images[3].scores.lesion_px = 0; /* sees none: its lesion sums do not count */
    images[3].scores.lesion_sum[1] = images[3].scores.lesion_top_sum = 0;
    flips_merge(images, W);
    assert_memory_equal(maps[0], own, sizeof(own));
    assert_int_equal(images[0].scores.lesion_px, 3);
    near(images[0].scores.lesion_sum[1] / 3, (0 + 0.1 + 0.2) / 3);
    near(images[0].scores.lesion_top_sum / 3, (0 + 0.2 + 0.4) / 3);
    near(images[0].scores.all_sum[1], 1.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_are_mirrored_within_their_content),
        cmocka_unit_test(votes),
        cmocka_unit_test(maps_are_turned_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
