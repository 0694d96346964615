#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/robust.h"

enum { W = 60, H = 40 };

static uint8_t rgb[H * W * 3], lesion[H * W];

/* A dark disc off the middle, whose pixels are the lesion. */
static void draw(struct decoded *image, struct robust_mask *mask)
{
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            bool is_in = hypot(x - 20, y - 15) < 9;
            lesion[y * W + x] = is_in;
            memset(rgb + 3 * (y * W + x), is_in ? 60 : 180, 3);
        }
    *image = (struct decoded){
        .width = W, .height = H, .measure = {rgb, W, H}
    };
    *mask = (struct robust_mask){lesion, W, H};
}

static void apply(int kind, int level, uint64_t seed, struct robust_room *room, struct decoded *out,
                  struct robust_mask *out_mask)
{
    const struct robust_change change = {.kind = kind, .level = level, .seed = seed, .index = 3};
    struct robust_mask mask;
    struct decoded image;
    struct err err = {0};

    draw(&image, &mask);
    if (robust_apply(&change, &image, &mask, room, out, out_mask, &err))
        fail_msg("%s: %s", robust_word(kind), err.msg);
}

/* Where the picture is dark the mask says lesion: both went the same way. */
static double agreement(const struct decoded *image, const struct robust_mask *mask)
{
    int same = 0, all = mask->w * mask->h;

    assert_int_equal(image->measure.w, mask->w);
    assert_int_equal(image->measure.h, mask->h);
    for (int i = 0; i < all; i++)
        same += (image->measure.rgb[3 * i] < 120) == mask->is_lesion[i];
    return (double)same / all;
}

static void picture_and_mask_turn_together(void **state)
{
    struct robust_room room = {0};
    struct robust_mask mask;
    struct decoded image;

    (void)state;
    for (int level = 0; level < ROBUST_LEVELS; level++) {
        apply(ROBUST_TURNED, level, 1, &room, &image, &mask);
        assert_true(agreement(&image, &mask) == 1);
        assert_int_equal(mask.w, level == 1 ? W : H);
        assert_int_equal(image.width, level == 1 ? W : H);
        apply(ROBUST_ROTATED, level, 1, &room, &image, &mask);
        assert_true(agreement(&image, &mask) > 0.98); /* the picture's edge is blended */
    }
    /* the disc's middle, (20, 15) of 60 x 40, a quarter turn clockwise is at (24, 20) of 40 x 60 */
    apply(ROBUST_TURNED, 0, 1, &room, &image, &mask);
    assert_int_equal(mask.is_lesion[20 * H + 24], 1);
    assert_int_equal(mask.is_lesion[45 * H + 10], 0);
    robust_release(&room);
}

static void light_is_a_factor(void **state)
{
    struct robust_room room = {0};
    struct robust_mask mask;
    struct decoded image;

    (void)state;
    apply(ROBUST_DARK, 2, 1, &room, &image, &mask);
    assert_int_equal(image.measure.rgb[0], 90);
    apply(ROBUST_BRIGHT, 2, 1, &room, &image, &mask);
    assert_int_equal(image.measure.rgb[0], 255);
    assert_int_equal(image.measure.rgb[3 * (15 * W + 20)], 90);
    robust_release(&room);
}

static double change_of(const struct decoded *image)
{
    double sum = 0;

    for (int i = 0; i < W * H * 3; i++)
        sum += abs(image->measure.rgb[i] - rgb[i]);
    return sum / (W * H * 3);
}

/* The source stays, the same seed draws the same, another one something else, and strong is more. */
static void artefacts_are_drawn_by_seed(void **state)
{
    struct robust_room a = {0}, b = {0};
    struct robust_mask mask;
    struct decoded one, other;

    (void)state;
    for (int kind = 0; kind < ARTEFACT_COUNT; kind++) {
        apply(kind, 2, 1, &a, &one, &mask);
        assert_true(one.measure.rgb != rgb);
        assert_memory_equal(mask.is_lesion, lesion, sizeof(lesion));
        double strong = change_of(&one);
        apply(kind, 2, 1, &b, &other, &mask);
        assert_memory_equal(one.measure.rgb, other.measure.rgb, sizeof(rgb));
        apply(kind, 2, 2, &b, &other, &mask);
        if (kind != ARTEFACT_BLUR && kind != ARTEFACT_VIGNETTE)
            assert_memory_not_equal(one.measure.rgb, other.measure.rgb, sizeof(rgb));
        apply(kind, 0, 1, &b, &other, &mask);
        if (!(strong > change_of(&other)))
            fail_msg("%s: strong %.3f, light %.3f", robust_word(kind), strong, change_of(&other));
    }
    robust_release(&a);
    robust_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(picture_and_mask_turn_together),
        cmocka_unit_test(light_is_a_factor),
        cmocka_unit_test(artefacts_are_drawn_by_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
