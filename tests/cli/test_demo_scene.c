/* The truth of a synthetic picture is what was drawn: mirror axes, sharp octants, area and colours
 * are measured here on the pixels, by other means than the drawing. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/demo_scene.h"

enum { TRIES = 9 }; /* each border from 0 to 8 is among them */

static struct demo_scene scene_of(struct demo_wish wish, uint64_t seed)
{
    struct demo_random r;
    struct demo_scene s;

    if (!wish.w)
        wish.w = 600, wish.h = 450;
    if (!wish.skin_type)
        wish.skin_type = 2;
    demo_random_seed(&r, seed, 1);
    demo_scene_choose(&s, &wish, &r);
    return s;
}

static float radius_at(const struct demo_lesion *l, float at)
{
    float r = 1;

    for (int k = 0; k < DEMO_HARMONICS; k++)
        r += l->cosine[k] * cosf((float)k * at) + l->sine[k] * sinf((float)k * at);
    return r;
}

static void the_generator_is_pcg32(void **state)
{
    /* First outputs of the reference pcg32 demo: seed 42, stream 54. */
    static const uint32_t known[] = {0xa15c02b7, 0x7b47f409, 0xba1d3330, 0x83d2f293, 0xbfa4784b};
    struct demo_random r;

    (void)state;
    demo_random_seed(&r, 42, 54);
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        assert_int_equal(demo_random_next(&r), known[i]);
}

static void noise_is_smooth_and_centred(void **state)
{
    double sum = 0;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        float x = (float)i * 0.37F - 3000, y = (float)(i % 113) * 0.61F - 20;
        float a = demo_noise(5, x, y), b = demo_noise(5, x + 1e-2F, y);
        assert_true(a >= 0 && a <= 1);
        assert_true(fabsf(a - b) < 0.03F);
        sum += a;
    }
    assert_true(fabs(sum / 20000 - 0.5) < 0.02);
}

/* The mask covers what the outline encloses, within 4 %, and is darker than the skin. */
static void masks_agree_with_the_drawing(void **state)
{
    (void)state;
    for (int i = 0; i < TRIES; i++) {
        struct demo_wish wish = {
            .asymmetry = i % 3, .border = i % 9, .colours = 2, .skin_type = 1 + i % 6};
        struct demo_scene s = scene_of(wish, (uint64_t)i);
        struct demo_picture p;
        struct err err = {0};
        double area = 0, inside = 0, outside = 0;

        s.hairs = s.bubbles = 0;
        s.has_vignette = s.has_sticker = s.has_ink = s.has_ruler = false;
        assert_int_equal(demo_picture_draw(&p, &s, &err), 0);
        for (int k = 0; k < 720; k++)
            area += 0.5 * pow(radius_at(&s.lesion, (float)k * 6.2831853F / 720), 2) / 720;
        area *= 6.2831853 * s.lesion.radius * s.lesion.radius * s.lesion.flatness;
        size_t n = (size_t)p.w * (size_t)p.h, in_mask = 0;
        for (size_t k = 0; k < n; k++) {
            int sum = p.rgb[3 * k] + p.rgb[3 * k + 1] + p.rgb[3 * k + 2];
            *(p.mask[k] ? &inside : &outside) += sum;
            in_mask += p.mask[k];
        }
        assert_int_equal(in_mask, p.lesion_px);
        if (fabs((double)in_mask / area - 1) > 0.04)
            fail_msg("scene %d: %zu px drawn, outline holds %.0f", i, in_mask, area);
        double darker = outside / (double)(n - in_mask) - inside / (double)in_mask;
        if (darker < 3 * 18)
            fail_msg("scene %d: lesion is only %.0f darker than the skin", i, darker / 3);
        demo_picture_release(&p);
    }
}

/* Share of the mask that has no counterpart when mirrored at the axis through its centre. */
static double mismatch(const struct demo_picture *p, float axis)
{
    double cx = 0, cy = 0;
    size_t odd = 0;
    float c = cosf(2 * axis), s = sinf(2 * axis);

    for (int j = 0; j < p->h; j++)
        for (int i = 0; i < p->w; i++)
            if (p->mask[j * p->w + i]) {
                cx += i;
                cy += j;
            }
    cx /= (double)p->lesion_px;
    cy /= (double)p->lesion_px;
    for (int j = 0; j < p->h; j++)
        for (int i = 0; i < p->w; i++) {
            if (!p->mask[j * p->w + i])
                continue;
            double dx = i - cx, dy = j - cy;
            int mi = (int)lround(cx + c * dx + s * dy), mj = (int)lround(cy + s * dx - c * dy);
            odd += mi < 0 || mj < 0 || mi >= p->w || mj >= p->h || !p->mask[mj * p->w + mi];
        }
    return (double)odd / (double)p->lesion_px;
}

static void outlines_mirror_as_stated(void **state)
{
    (void)state;
    for (int i = 0; i < 3 * TRIES; i++) {
        struct demo_wish wish = {.w = 300, .h = 225, .asymmetry = i % 3, .border = 8, .colours = 1};
        struct demo_scene s = scene_of(wish, (uint64_t)i);
        struct demo_picture p;
        struct err err = {0};
        double best = 1, other = 1;

        assert_int_equal(demo_picture_draw(&p, &s, &err), 0);
        /* The best pair of perpendicular axes, as a doctor would turn the picture. */
        for (int k = 0; k < 36; k++) {
            float axis = (float)k * 3.1415927F / 36;
            double a = mismatch(&p, axis), b = mismatch(&p, axis + 1.5707963F);
            if (a < best) {
                best = a;
                other = b;
            }
        }
        int stated = s.lesion.asymmetry, seen = (best > 0.065) + (other > 0.065);
        if (seen != stated)
            fail_msg("scene %d: %d axes stated, mismatch %.3f and %.3f", i, stated, best, other);
        demo_picture_release(&p);
    }
}

/* Width over which the cover goes from a quarter to three quarters, along rays of each octant. */
static void sharp_octants_are_as_many_as_stated(void **state)
{
    (void)state;
    for (int i = 0; i < 3 * TRIES; i++) {
        struct demo_wish wish = {.asymmetry = 0, .border = i % 9, .colours = 1};
        struct demo_scene s = scene_of(wish, (uint64_t)i);
        const struct demo_lesion *l = &s.lesion;
        int sharp = 0;

        for (int octant = 0; octant < DEMO_OCTANTS; octant++) {
            float width = 0;
            for (int ray = 1; ray < 8; ray++) {
                float at = ((float)octant + 0.9F * (float)ray / 8) * 6.2831853F / DEMO_OCTANTS;
                for (float out = 0; out < 2; out += 0.005F) {
                    float rgb[3] = {0.8F, 0.7F, 0.6F};
                    float cover = demo_lesion_lay(&s, l->x + l->radius * out * cosf(at),
                                                  l->y + l->radius * out * sinf(at), rgb);
                    width += cover > 0.25F && cover < 0.75F ? 0.005F / 7 : 0;
                }
            }
            sharp += width < 0.075F;
        }
        if (sharp != l->border)
            fail_msg("scene %d: %d sharp octants stated, %d seen", i, l->border, sharp);
    }
}

/* Which of the six colours a place of the lesion is nearest to. */
static int nearest_colour(const struct demo_scene *s, const float rgb[3])
{
    static const float reference[DEMO_COLOURS][3] = {
        {0.90F, 0.83F, 0.80F},
        {0.70F, 0.31F, 0.30F},
        {0.69F, 0.50F, 0.35F},
        {0.41F, 0.26F, 0.18F},
        {0.41F, 0.44F, 0.48F},
        {0.15F, 0.12F, 0.11F}
    };
    float least = 9;
    int nearest = 0;

    for (int k = 0; k < DEMO_COLOURS; k++) {
        float d = 0;
        for (int c = 0; c < 3; c++)
            d += powf(rgb[c] / s->tint[c] - reference[k][c], 2);
        nearest = d < least ? k : nearest;
        least = d < least ? d : least;
    }
    return nearest;
}

/* Every colour stated is the nearest one over at least 2 % of the lesion. */
static void stated_colours_are_there(void **state)
{
    (void)state;
    for (int i = 0; i < TRIES; i++) {
        struct demo_wish wish = {.asymmetry = 2, .border = 8, .colours = 1 + i % 6};
        struct demo_scene s = scene_of(wish, (uint64_t)i);
        int count[DEMO_COLOURS] = {0}, all = 0;

        for (int place = 0; place < 300 * 225; place++) {
            float rgb[3] = {1, 1, 1};
            float x = 2 * (float)(place % 300), y = 2 * (float)(place / 300);
            if (demo_lesion_lay(&s, x, y, rgb) < 0.95F)
                continue;
            count[nearest_colour(&s, rgb)]++;
            all++;
        }
        for (int k = 0; k < DEMO_COLOURS; k++)
            if (demo_lesion_colours(&s.lesion) >> k & 1 && count[k] * 50 < all)
                fail_msg("scene %d: %s on %d of %d places", i,
                         demo_colour_word((enum demo_colour)k), count[k], all);
    }
}

static void hair_is_counted(void **state)
{
    struct demo_scene s = scene_of((struct demo_wish){.border = 8, .colours = 1}, 3);
    struct demo_picture p;
    struct err err = {0};

    (void)state;
    s.hairs = 0;
    assert_int_equal(demo_picture_draw(&p, &s, &err), 0);
    assert_int_equal(p.hair_px, 0);
    demo_picture_release(&p);
    s.hairs = 20;
    assert_int_equal(demo_picture_draw(&p, &s, &err), 0);
    assert_in_range(p.hair_px, 600 * 450 / 200, 600 * 450 / 10);
    demo_picture_release(&p);
}

/* The same scene at twice the size is the same lesion. */
static void size_does_not_change_the_scene(void **state)
{
    struct demo_scene s =
        scene_of((struct demo_wish){.asymmetry = 2, .border = 3, .colours = 3}, 9);
    struct demo_picture small, large;
    struct err err = {0};

    (void)state;
    assert_int_equal(demo_picture_draw(&small, &s, &err), 0);
    s.w *= 2;
    s.h *= 2;
    assert_int_equal(demo_picture_draw(&large, &s, &err), 0);
    assert_true(fabs((double)large.lesion_px / 4 / (double)small.lesion_px - 1) < 0.01);
    demo_picture_release(&small);
    demo_picture_release(&large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_generator_is_pcg32),
        cmocka_unit_test(noise_is_smooth_and_centred),
        cmocka_unit_test(masks_agree_with_the_drawing),
        cmocka_unit_test(outlines_mirror_as_stated),
        cmocka_unit_test(sharp_octants_are_as_many_as_stated),
        cmocka_unit_test(stated_colours_are_there),
        cmocka_unit_test(hair_is_counted),
        cmocka_unit_test(size_does_not_change_the_scene),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
