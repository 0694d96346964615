/* scene.h -- drawn skin and lesions with known truth, for the tests of this folder. */
#ifndef TESTS_LESION_SCENE_H
#define TESTS_LESION_SCENE_H

#include <assert.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/err.h"
#include "lesion/measure.h"
#include "lesion/scratch.h"

struct scene {
    int w, h;
    uint8_t *rgb; /* h,w,3 */
    uint8_t *map; /* h,w */
};

static inline struct scene scene_new(int w, int h)
{
    struct scene s = {w, h, calloc((size_t)w * (size_t)h, 3), calloc((size_t)w * (size_t)h, 1)};

    assert(s.rgb && s.map);
    return s;
}

static inline void scene_free(struct scene *s)
{
    free(s->rgb);
    free(s->map);
}

static inline double lattice(int x, int y, int seed)
{
    uint32_t v = (uint32_t)x * 73856093u ^ (uint32_t)y * 19349663u ^ (uint32_t)seed * 83492791u;

    v = (v ^ v >> 13) * 0x5bd1e995u;
    v = (v ^ v >> 15) * 0x2c1b3c6du;
    return (v >> 8 & 0xffff) / 32767.5 - 1;
}

/* Smooth noise within -1..1, one swell per `size` pixels. */
static inline double noise_at(double x, double y, double size, int seed)
{
    double fx = x / size, fy = y / size, u = fx - floor(fx), v = fy - floor(fy);
    int ix = (int)floor(fx), iy = (int)floor(fy);

    return (1 - v) * ((1 - u) * lattice(ix, iy, seed) + u * lattice(ix + 1, iy, seed)) +
           v * ((1 - u) * lattice(ix, iy + 1, seed) + u * lattice(ix + 1, iy + 1, seed));
}

static inline void scene_put(struct scene *s, int x, int y, double r, double g, double b)
{
    const double c[3] = {r, g, b};

    for (int k = 0; k < 3; k++)
        s->rgb[3 * (y * s->w + x) + k] = (uint8_t)fmin(fmax(c[k], 0), 255);
}

/* Skin as an instrument shows it: slow changes of light and hue, fine grain. */
static inline void scene_skin(struct scene *s)
{
    for (int y = 0; y < s->h; y++)
        for (int x = 0; x < s->w; x++) {
            double light =
                12 * noise_at(x, y, 90, 1) + 7 * noise_at(x, y, 5, 2) + 8 * noise_at(x, y, 1.7, 3);
            double red = 9 * noise_at(x, y, 70, 4), yellow = 9 * noise_at(x, y, 60, 5);
            scene_put(s, x, y, 214 + light + red, 168 + light, 150 + light + yellow);
        }
}

/* One flat colour everywhere. */
static inline void scene_flat(struct scene *s, int r, int g, int b)
{
    for (int i = 0; i < s->w * s->h; i++)
        scene_put(s, i % s->w, i / s->w, r, g, b);
}

/* 1 inside, 0 outside, a ramp of 2 * soft pixels between. */
static inline double disc_cover(double x, double y, double cx, double cy, double radius,
                                double soft)
{
    double d = radius - hypot(x + 0.5 - cx, y + 0.5 - cy);

    return soft > 0 ? fmin(fmax(0.5 + d / (2 * soft), 0), 1) : d > 0;
}

/* A disc of one colour, blended over what is there; the map gets `class` where it covers half. */
static inline void scene_disc(struct scene *s, double cx, double cy, double radius, double soft,
                              const double rgb[3], int class)
{
    for (int y = 0; y < s->h; y++)
        for (int x = 0; x < s->w; x++) {
            double c = disc_cover(x, y, cx, cy, radius, soft);
            uint8_t *p = s->rgb + 3 * (y * s->w + x);
            for (int k = 0; k < 3; k++)
                p[k] = (uint8_t)(p[k] + c * (rgb[k] - p[k]));
            if (c > 0.5)
                s->map[y * s->w + x] = (uint8_t) class;
        }
}

static inline struct lesion_input scene_input(const struct scene *s)
{
    return (struct lesion_input){
        .class_map = s->map,
        .map_w = s->w,
        .map_h = s->h,
        .content_w = s->w,
        .content_h = s->h,
        .rgb = s->rgb,
        .measure_w = s->w,
        .measure_h = s->h,
        .width = s->w,
        .height = s->h,
        .mm_per_px = NAN,
        .all_sum = {0, 1, 3},
        .content_px = 4
    };
}

/* The field with the whole map as lesion, for tests of a single measure. */
static inline void scene_field(struct lesion_scratch *scratch, const struct scene *s)
{
    struct lesion_input in = scene_input(s);
    static struct lesion_measures m;
    struct err err = {0};

    assert_int_equal(lesion_measure(scratch, &in, &m, &err), 0);
}

static inline int scratch_setup(void **state)
{
    struct lesion_scratch *s;
    struct err err = {0};

    if (lesion_scratch_new(&s, &err))
        return -1;
    *state = s;
    return 0;
}

static inline int scratch_teardown(void **state)
{
    lesion_scratch_free(*state);
    return 0;
}

#endif
