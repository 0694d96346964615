/* Winograd convolutions of every set of kernels against plain loops in double: odd sizes, one and
 * several images, inputs and outputs that are slices of wider maps; and which layers are done this
 * way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/onednn/winograd.h"
#include "engine/weights.h"
#include "tests/engine/maps.h"
#include "tests/engine/support.h"

static char model_path[TEST_PATH];
static uint64_t seed = 5;

/* The layer in double, each of `n` images by itself. */
static void run_exact(const struct model *model, enum layer_id layer, const struct map *in,
                      struct map *out, int n)
{
    const struct layer *l = &network[layer];
    size_t count = weights_count(layer), k = (size_t)l->channels, c = count / 9 / k;
    double *raw = malloc(count * sizeof(*raw)), *turned = malloc(count * sizeof(*raw));
    double *bias = calloc(k, sizeof(*bias));
    struct err err = {0};

    assert_int_equal(weights_fold(model, layer, raw, bias, &err), 0);
    for (size_t i = 0; i < count; i++) /* out,in,tap to tap,in,out */
        turned[(i % 9 * c + i / 9 % c) * k + i / 9 / c] = raw[i];
    for (int i = 0; i < n; i++) {
        struct ref_map from = ref_of(in), to = ref_of(out);
        from.shape.h /= n;
        to.shape.h /= n;
        from.at += (size_t)i * in->count / (size_t)n;
        to.at += (size_t)i * out->count / (size_t)n;
        exact_conv(layer, turned, bias, from, to);
    }
    free(raw);
    free(turned);
    free(bias);
}

/* `m` with `beside` more channels behind its own, all of them 1. */
static char *widen_pixels(const struct kernels *k, const struct map *m, int beside)
{
    size_t own = (size_t)m->shape.c, step = own + (size_t)beside, pixels = m->count / own;
    char *wide = malloc(pixels * step * k->elem_size);

    for (size_t i = 0; i < pixels * step; i++)
        put(wide + i * k->elem_size, k->elem_size, 1);
    for (size_t p = 0; p < pixels; p++)
        memcpy(wide + p * step * k->elem_size, m->elems + p * own * k->elem_size,
               own * k->elem_size);
    return wide;
}

/* Back again; what stood beside must be untouched. */
static void narrow_pixels(const struct kernels *k, const char *wide, int beside, struct map *m)
{
    size_t own = (size_t)m->shape.c, step = own + (size_t)beside, pixels = m->count / own;
    char one[4];

    put(one, k->elem_size, 1);
    for (size_t p = 0; p < pixels; p++) {
        const char *at = wide + p * step * k->elem_size;
        memcpy(m->elems + p * own * k->elem_size, at, own * k->elem_size);
        for (size_t i = own; i < step; i++)
            assert_memory_equal(at + i * k->elem_size, one, k->elem_size);
    }
}

static const struct quantised wide; /* no map is bytes */

static void check_layer(const struct kernels *k, const struct model *model, int layer, int h, int w,
                        int n)
{
    enum { BESIDE_IN = 32, BESIDE_OUT = 64 };
    const struct layer *l = &network[layer];
    int c = network[l->in[0]].channels;
    struct shape shapes[LAYER_COUNT] = {0};
    struct map in = map_random(k, n * h, w, c, &seed), out = map_new(k, n * h, w, l->channels);
    struct winograd weights;
    struct winograd_weight weight;
    struct err err = {0};
    char *zeros = calloc((size_t)c, 4);

    shapes[layer] = (struct shape){h, w, l->channels};
    size_t scratch_bytes = winograd_scratch(layer, shapes, n, k->elem_size);
    char *scratch = aligned_alloc(64, scratch_bytes + MARK_BYTES);
    memset(scratch, 0xff, scratch_bytes); /* NaN wherever nobody wrote */
    memset(scratch + scratch_bytes, MARK, MARK_BYTES);
    winograd_init(&weights, model, &wide, k);
    assert_int_equal(winograd_get(&weights, layer, &weight, &err), 0);
    char *wide_in = widen_pixels(k, &in, BESIDE_IN), *wide_out = widen_pixels(k, &out, BESIDE_OUT);
    struct winograd_job job = {.in = wide_in,
                               .h = h,
                               .w = w,
                               .c = c,
                               .in_step = c + BESIDE_IN,
                               .zeros = zeros,
                               .weight = weight.points,
                               .bias = weight.bias,
                               .out = wide_out,
                               .k = l->channels,
                               .out_step = l->channels + BESIDE_OUT};
    winograd_run(k, &job, n, 1, scratch);
    for (int i = 0; i < MARK_BYTES; i++)
        assert_int_equal(scratch[scratch_bytes + (size_t)i], MARK);
    narrow_pixels(k, wide_out, BESIDE_OUT, &out);
    run_exact(model, layer, &in, &out, n);
    /* White noise is the worst case; single values may be off by more than the mean, because 36
     * rounded sums cancel in each. */
    map_check(k, &out, k->elem_size == 2 ? 0.2 : 1e-4, l->name);
    double error = nmse(out.wide, out.exact, out.count);
    if (error > (k->elem_size == 2 ? 1e-3 : 1e-11))
        fail_msg("%s, %s: NMSE %.1e", k->isa, l->name, error);
    winograd_release(&weights);
    free(wide_in);
    free(wide_out);
    free(scratch);
    free(zeros);
    map_free(&in);
    map_free(&out);
}

static void every_set_agrees_with_plain_loops(void **state)
{
    static const struct {
        int layer, h, w, n;
    } cases[] = {
        {L_F2E,  1,  1,  1}, /* 32 to 32 channels: a narrow panel */
        {L_F2E,  4,  4,  3},
        {L_F2E,  5,  7,  1},
        {L_F2B,  13, 22, 2}, /* 128 to 64: a wide one */
        {L_F2C,  40, 33, 1}, /* more tiles than are done at a time */
        {L_ARM1, 9,  16, 5}, /* 128 to 64, several images in one group of tiles */
        {L_F4B,  6,  4,  1}, /* 256 to 128: two panels */
    };
    struct model *model;
    struct err err = {0};

    (void)state;
    assert_int_equal(model_open(&model, model_path, &err), 0);
    for (int n = 0; kernels_nth(n); n++)
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
            check_layer(kernels_nth(n), model, cases[i].layer, cases[i].h, cases[i].w, cases[i].n);
    model_close(model);
}

/* What is chosen must not depend on anything but the shape: a table of what is expected. */
static void layers_are_chosen_by_shape(void **state)
{
    static const struct {
        int layer, side;
        bool does;
    } cases[] = {
        {L_F2B,    512, true },
        {L_F7E,    256, true }, /* 8x8 */
        {L_F7E,    96,  true }, /* 3x3: one tile, 36 products against 81 */
        {L_F7E,    64,  false}, /* 2x2: no fewer products */
        {L_F7E,    1,   false},
        {L_CM,     256, true },
        {L_X0,     256, true },
        {L_F1,     512, false}, /* stride 2 */
        {L_F2A,    512, false}, /* 1x1 */
        {L_F2D,    512, false}, /* depthwise */
        {L_Q0,     512, false}, /* the attention's own */
        {L_LOGITS, 512, false},
        {L_F2,     512, false}, /* no convolution */
    };
    struct shape shapes[LAYER_COUNT];
    static struct quantised bytes;
    struct winograd w = {.quantised = &wide}, q = {.quantised = &bytes};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        network_shapes(shapes, cases[i].side, cases[i].side);
        if (winograd_does(&w, cases[i].layer, shapes) != cases[i].does)
            fail_msg("%s at %d", network[cases[i].layer].name, cases[i].side);
    }
    /* bytes: from more than 16 tiles on */
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++)
        bytes.step[i] = 1;
    network_shapes(shapes, 256, 256);
    assert_true(winograd_does(&q, L_F3B, shapes));
    assert_false(winograd_does(&q, L_F4B, shapes)); /* 16x16 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_set_agrees_with_plain_loops),
        cmocka_unit_test(layers_are_chosen_by_shape),
    };

    random_model(model_path, "winograd", 7);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
