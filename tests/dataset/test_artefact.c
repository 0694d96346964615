#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataset/artefact.h"
#include "dataset/artefact_stroke.h"

enum { SIDE = 256, SENTINEL = 0x5a };

struct picture {
    uint8_t *before, *rgb; /* with a sentinel behind */
    struct artefact_canvas canvas;
};

static void make(struct picture *p, int w, int h)
{
    size_t n = 3 * (size_t)w * (size_t)h;
    struct random r;

    *p = (struct picture){.before = malloc(n + 1), .rgb = malloc(n + 1)};
    p->canvas = (struct artefact_canvas){
        .rgb = p->rgb, .w = w, .h = h, .room = malloc(artefact_room(w, h) + 1)};
    p->canvas.room[artefact_room(w, h)] = SENTINEL;
    random_begin(&r, 99, 0, 0, 0);
    for (size_t i = 0; i < n; i++)
        p->before[i] = (uint8_t)(150 + random_below(&r, 60));
    p->before[n] = SENTINEL;
    memcpy(p->rgb, p->before, n + 1);
}

static void done(struct picture *p)
{
    size_t n = 3 * (size_t)p->canvas.w * (size_t)p->canvas.h;

    assert_int_equal(p->rgb[n], SENTINEL);
    assert_int_equal(p->canvas.room[artefact_room(p->canvas.w, p->canvas.h)], SENTINEL);
    free(p->before);
    free(p->rgb);
    free(p->canvas.room);
}

static void draw(struct picture *p, enum artefact kind, float strength, uint32_t index)
{
    struct random r;

    memcpy(p->rgb, p->before, 3 * (size_t)p->canvas.w * (size_t)p->canvas.h);
    random_begin(&r, 5, 0, index, RANDOM_ARTEFACT + kind);
    artefact_draw(&p->canvas, kind, strength, &r);
}

static double changed(const struct picture *p)
{
    size_t n = (size_t)p->canvas.w * (size_t)p->canvas.h, off = 0;

    for (size_t i = 0; i < n; i++)
        off += memcmp(p->rgb + 3 * i, p->before + 3 * i, 3) != 0;
    return (double)off / (double)n;
}

static void strength_0_changes_nothing(void **state)
{
    struct picture p;

    (void)state;
    make(&p, SIDE, SIDE);
    for (int kind = 0; kind < ARTEFACT_COUNT; kind++) {
        draw(&p, (enum artefact)kind, 0, 1);
        assert_true(changed(&p) == 0);
    }
    done(&p);
}

/* Mean share of the pixels that each kind touches: something, and no more than it says. */
static void each_kind_changes_its_share(void **state)
{
    static const double limits[ARTEFACT_COUNT][2] = {
        [ARTEFACT_HAIR] = {0.01,  0.30},
          [ARTEFACT_RULER] = {0.002, 0.12},
        [ARTEFACT_INK] = {0.003, 0.15},
          [ARTEFACT_BUBBLES] = {0.003, 0.25},
        [ARTEFACT_VIGNETTE] = {0.01,  0.6 },
          [ARTEFACT_BLUR] = {0.9,   1   },
    };
    struct picture p;

    (void)state;
    make(&p, SIDE, SIDE);
    for (int kind = 0; kind < ARTEFACT_COUNT; kind++) {
        double share[2] = {0, 0};
        for (uint32_t i = 0; i < 60; i++) {
            draw(&p, (enum artefact)kind, 0.5F, i);
            share[0] += changed(&p) / 60;
            draw(&p, (enum artefact)kind, 1, i);
            share[1] += changed(&p) / 60;
        }
        if (share[0] < limits[kind][0] || share[1] > limits[kind][1] ||
            (kind != ARTEFACT_BLUR && share[0] >= share[1]))
            fail_msg("%s: %.4f of the pixels at 0.5, %.4f at 1", artefact_word((enum artefact)kind),
                     share[0], share[1]);
    }
    done(&p);
}

static void the_same_chance_gives_the_same_picture(void **state)
{
    struct picture p, q;

    (void)state;
    make(&p, 200, 150);
    make(&q, 200, 150);
    memset(q.canvas.room, 0xee, artefact_room(200, 150));
    for (int kind = 0; kind < ARTEFACT_COUNT; kind++) {
        draw(&p, (enum artefact)kind, 0.7F, 1);
        draw(&q, (enum artefact)kind, 0.7F, 1);
        assert_memory_equal(p.rgb, q.rgb, 3 * 200 * 150);
        draw(&q, (enum artefact)kind, 0.7F, 2);
        if (kind != ARTEFACT_BLUR)
            assert_memory_not_equal(p.rgb, q.rgb, 3 * 200 * 150);
    }
    done(&p);
    done(&q);
}

/* Ink keeps off the lesion at low strength; without one it goes around the middle. */
static void ink_goes_around_the_lesion(void **state)
{
    enum { R = 40 };
    static uint8_t label[SIDE * SIDE];
    struct picture p;
    size_t inside = 0, all = 0;

    (void)state;
    make(&p, SIDE, SIDE);
    for (int j = 0; j < SIDE; j++)
        for (int i = 0; i < SIDE; i++)
            label[j * SIDE + i] = hypot(i - 100, j - 140) < R ? 3 : j == 0 ? 255 : 0;
    artefact_circle(&p.canvas, label, SIDE, SIDE);
    assert_true(fabsf(p.canvas.x - 100.5F) < 0.1F && fabsf(p.canvas.y - 140.5F) < 0.1F);
    assert_true(fabsf(p.canvas.radius - R) < 0.5F);
    for (uint32_t i = 0; i < 40; i++) {
        draw(&p, ARTEFACT_INK, 0.1F, i);
        for (int k = 0; k < SIDE * SIDE; k++)
            if (memcmp(p.rgb + 3 * k, p.before + 3 * k, 3) != 0) {
                all++;
                inside += label[k] == 3;
            }
    }
    assert_true(all > 0 && (double)inside < 0.05 * (double)all);
    memset(label, 0, sizeof(label));
    artefact_circle(&p.canvas, label, SIDE, SIDE);
    assert_true(p.canvas.radius == 0);
    done(&p);
}

/* Against the sum as it is written, in double. */
static void blur_is_a_gaussian(void **state)
{
    enum { W = 37, H = 23 };
    static const double sigmas[] = {0.4, 1.3, 5};
    struct picture p;

    (void)state;
    make(&p, W, H);
    for (size_t s = 0; s < sizeof(sigmas) / sizeof(*sigmas); s++) {
        int reach = (int)ceil(3 * sigmas[s]);
        memcpy(p.rgb, p.before, 3 * W * H);
        artefact_blur(&p.canvas, (float)sigmas[s]);
        for (int j = 0; j < H; j++)
            for (int i = 0; i < 3 * W; i++) {
                double sum = 0, weights = 0;
                for (int v = -reach; v <= reach; v++)
                    for (int u = -reach; u <= reach; u++) {
                        int x = i / 3 + u, y = j + v;
                        double g = exp(-0.5 * (u * u + v * v) / (sigmas[s] * sigmas[s]));
                        x = x < 0 ? 0 : x < W ? x : W - 1;
                        y = y < 0 ? 0 : y < H ? y : H - 1;
                        sum += g * p.before[3 * (y * W + x) + i % 3];
                        weights += g;
                    }
                if (fabs(sum / weights - p.rgb[3 * j * W + i]) > 1.01)
                    fail_msg("sigma %.1f at %d,%d: %.2f, got %d", sigmas[s], i, j, sum / weights,
                             p.rgb[3 * j * W + i]);
            }
    }
    done(&p);
}

static void blur_keeps_an_even_surface(void **state)
{
    struct picture p;

    (void)state;
    make(&p, 31, 9);
    memset(p.before, 201, 3 * 31 * 9);
    for (uint32_t i = 1; i < 30; i++) {
        memcpy(p.rgb, p.before, 3 * 31 * 9);
        artefact_blur(&p.canvas, (float)i * 0.7F);
        assert_memory_equal(p.rgb, p.before, 3 * 31 * 9);
    }
    done(&p);
}

/* A picture of one pixel, and one much longer than wide. */
static void odd_sizes_are_drawn_on(void **state)
{
    static const int sizes[][2] = {
        {1,   1  },
        {1,   300},
        {300, 2  }
    };

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct picture p;
        make(&p, sizes[i][0], sizes[i][1]);
        for (int kind = 0; kind < ARTEFACT_COUNT; kind++)
            for (uint32_t k = 0; k < 8; k++)
                draw(&p, (enum artefact)kind, 1, k);
        done(&p);
    }
}

/* A line covers what it passes over once, however often it crosses itself. */
static void strokes_that_cross_do_not_add_up(void **state)
{
    static const float black[3] = {0, 0, 0}, from[2] = {2, 8}, to[2] = {14, 8};
    static uint8_t layer[16 * 16], rgb[16 * 16 * 3];
    struct stroke_canvas c = {.rgb = rgb, .layer = layer, .w = 16, .h = 16, .unit = 1};

    (void)state;
    memset(rgb, 200, sizeof(rgb));
    memset(layer, 7, sizeof(layer));
    stroke_begin(&c);
    for (int i = 0; i < 5; i++)
        stroke_line(&c, from, to, 2, 2);
    stroke_lay(&c, black, 0.5F, false);
    assert_int_equal(rgb[3 * (8 * 16 + 8)], 100);
    assert_int_equal(rgb[3 * (2 * 16 + 8)], 200);
    /* What was laid is gone from the layer: a second stroke around it brings nothing of it back. */
    stroke_dab(&c, 1, 1, 0.6F);
    stroke_dab(&c, 15, 15, 0.6F);
    stroke_lay(&c, black, 1, false);
    assert_int_equal(rgb[3 * (8 * 16 + 8)], 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strength_0_changes_nothing),
        cmocka_unit_test(each_kind_changes_its_share),
        cmocka_unit_test(the_same_chance_gives_the_same_picture),
        cmocka_unit_test(ink_goes_around_the_lesion),
        cmocka_unit_test(blur_is_a_gaussian),
        cmocka_unit_test(blur_keeps_an_even_surface),
        cmocka_unit_test(odd_sizes_are_drawn_on),
        cmocka_unit_test(strokes_that_cross_do_not_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
