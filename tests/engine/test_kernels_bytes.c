/* Every set of kernels on the maps of an int8 engine, against plain loops in double: a byte may be
 * off by no more than the rounding of a tie, except behind Winograd's bf16. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/engine/maps.h"
#include "tests/engine/support.h"

/* Bytes and what they stand for; marked behind. */
struct bytes {
    struct shape shape;
    size_t count;
    enum cell cell;
    double step;
    uint8_t *at;
    double *exact;
};

static uint64_t seed = 21;

static struct bytes bytes_new(int h, int w, int c, enum cell cell, double step)
{
    size_t count = (size_t)h * (size_t)w * (size_t)c;
    struct bytes b = {
        {h, w, c},
        count, cell, step, malloc(count + MARK_BYTES), calloc(count, sizeof(double))
    };

    memset(b.at, MARK, count + MARK_BYTES);
    return b;
}

static struct bytes bytes_random(int h, int w, int c, enum cell cell, double step)
{
    struct bytes b = bytes_new(h, w, c, cell, step);

    for (size_t i = 0; i < b.count; i++) {
        b.at[i] = (uint8_t)draw_next(&seed);
        b.exact[i] = step * (cell == CELL_S8 ? (int8_t)b.at[i] : b.at[i]);
    }
    return b;
}

static void bytes_free(struct bytes *b)
{
    free(b->at);
    free(b->exact);
}

static struct ref_map exact_of(const struct bytes *b)
{
    return (struct ref_map){b->shape, b->exact};
}

/* Within `slack` steps of the exact value, once that is kept within a byte. */
static void bytes_check(const struct kernels *k, const struct bytes *b, double slack,
                        const char *what)
{
    double low = b->cell == CELL_S8 ? -128 : 0, high = b->cell == CELL_S8 ? 127 : 255;

    for (size_t i = 0; i < b->count; i++) {
        double want = fmin(fmax(b->exact[i] / b->step, low), high);
        double have = b->cell == CELL_S8 ? (int8_t)b->at[i] : b->at[i];
        if (!(fabs(have - want) <= slack))
            fail_msg("%s, %s: byte %zu is %g, not %g", k->isa, what, i, have, want);
    }
    for (size_t i = b->count; i < b->count + MARK_BYTES; i++)
        if (b->at[i] != MARK)
            fail_msg("%s, %s: byte %zu behind the end was written", k->isa, what, i);
}

#define ROUNDED 0.501 /* half a step and the f32 arithmetic before it */

static void check_stem(const struct kernels *k, int h, int w)
{
    enum { COUNT = 9 * STEM_INPUTS * STEM_CHANNELS };
    struct bytes in = bytes_random(h, w, STEM_INPUTS, CELL_U8, 1);
    struct bytes out = bytes_new((h + 1) / 2, (w + 1) / 2, STEM_CHANNELS, CELL_U8, 0.02);
    float weight[COUNT], bias[STEM_CHANNELS];
    double exact_weight[COUNT], exact_bias[STEM_CHANNELS];
    void *packed = aligned_alloc(64, STEM_WEIGHTS * k->elem_size);
    void *scratch = malloc(stem_scratch(w) * k->elem_size);

    for (size_t i = 0; i < in.count; i++)
        in.exact[i] -= 127.5;
    for (int i = 0; i < COUNT; i++) { /* sixty-fourths: bf16 holds them, and so do the sums */
        weight[i] = (float)((int)(draw_next(&seed) % 65) - 32) / 64;
        exact_weight[i] = (double)weight[i] * out.step;
    }
    for (int i = 0; i < STEM_CHANNELS; i++) {
        bias[i] = 100 * random_normal(&seed);
        exact_bias[i] = (double)bias[i] * out.step;
    }
    exact_conv(L_F0, exact_weight, exact_bias, exact_of(&in), exact_of(&out));
    k->stem_pack(packed, weight);
    struct stem_job job = {.rgb = in.at,
                           .h = h,
                           .w = w,
                           .weight = packed,
                           .bias = bias,
                           .rows = scratch,
                           .out = out.at,
                           .out_cell = CELL_U8};
    k->stem(&job);
    bytes_check(k, &out, ROUNDED, "stem");
    free(packed);
    free(scratch);
    bytes_free(&in);
    bytes_free(&out);
}

static void check_halve(const struct kernels *k, int h, int w)
{
    enum { C = 128, STEP = 192 };
    int oh = (h + 1) / 2, ow = (w + 1) / 2;
    struct bytes in = bytes_random(h, w, C, CELL_U8, 0.02);
    struct bytes conv = bytes_new(oh, ow, C, CELL_S8, 0.03);
    struct bytes pool = bytes_new(oh, ow, STEP, CELL_U8, 0.025);
    struct bytes mean = bytes_new(oh, ow, C, CELL_U8, 0.025);
    float weight[9 * C], bias[C], scale[C];
    double exact_weight[9 * C], exact_bias[C];
    uint8_t zeros[C] = {0};

    for (int i = 0; i < C; i++) {
        double weight_step = 0.001 + 0.0001 * (i % 7);
        for (int t = 0; t < 9; t++) {
            weight[t * C + i] = (float)((int)(draw_next(&seed) % 255) - 127);
            exact_weight[t * C + i] = (double)weight[t * C + i] * weight_step;
        }
        exact_bias[i] = random_normal(&seed);
        bias[i] = (float)(exact_bias[i] / conv.step);
        scale[i] = (float)(weight_step * in.step / conv.step);
    }
    exact_conv(L_F2D, exact_weight, exact_bias, exact_of(&in), exact_of(&conv));
    ref_average(exact_of(&in), exact_of(&mean));
    for (size_t i = 0; i < pool.count; i++) /* what is beside the pool's channels must stay */
        pool.exact[i] = i % STEP < C ? mean.exact[i / STEP * C + i % STEP] : MARK * pool.step;
    struct halve_job job = {.in = in.at,
                            .h = h,
                            .w = w,
                            .c = C,
                            .weight = weight,
                            .bias = bias,
                            .scale = scale,
                            .zeros = zeros,
                            .conv = conv.at,
                            .pool = pool.at,
                            .pool_step = STEP,
                            .pool_scale = (float)(in.step / pool.step)};
    k->halve_bytes(&job);
    bytes_check(k, &conv, ROUNDED, "depthwise");
    bytes_check(k, &pool, ROUNDED, "average");
    bytes_free(&in);
    bytes_free(&conv);
    bytes_free(&pool);
    bytes_free(&mean);
}

static void check_bins(const struct kernels *k, int h, int w)
{
    struct bytes in = bytes_random(h, w, 48, CELL_U8, 0.01);
    struct map out = map_new(k, 2, 2, 48);
    float scratch[48];
    struct bins_job job = {.in = in.at,
                           .shape = in.shape,
                           .bins = 2,
                           .in_cell = CELL_U8,
                           .in_step = 0.01F,
                           .out = out.elems,
                           .scratch = scratch};

    ref_bins(exact_of(&in), ref_of(&out));
    k->bins(&job);
    map_check(k, &out, k->elem_size == 2 ? 1.0 / 200 : 2e-6, "bins");
    bytes_free(&in);
    map_free(&out);
}

static void check_sum(const struct kernels *k, int h, int w)
{
    enum { C = 32 };
    struct bytes out = bytes_new(h, w, C, CELL_U8, 0.02);
    struct sum_job job = {.out = out.at, .out_cell = CELL_U8, .out_step = 0.02F, h, w, C};
    struct summands in;

    summands_make(&in, k, &job, &seed);
    ref_sum(in.parts, SUMMANDS, exact_of(&out));
    k->sum(&job);
    bytes_check(k, &out, ROUNDED, "sum");
    summands_free(&in);
    bytes_free(&out);
}

/* Attention weights of 0 but for the last bias: a = sigmoid(0.7) everywhere. What the planes do is
 * the same code as for elems (test_kernels); here it is what the steps do. */
static void check_attend(const struct kernels *k, int h, int w, int yh, int yw)
{
    enum { C = 64, SIDE = 80 };
    struct bytes x = bytes_random(h, w, C, CELL_U8, 0.02),
                 y = bytes_random(yh, yw, C, CELL_U8, 0.03);
    struct bytes up = bytes_new(h, w, C, CELL_U8, 0.03), out = bytes_new(h, w, C, CELL_U8, 0.025);
    struct attend_weights weights = {.out_bias = 0.7F, .scale = 1.25F};
    struct tap rows[SIDE], columns[SIDE];
    size_t plane = plane_size(h, w);
    float *planes = malloc(7 * plane * sizeof(float));
    double a = 1 / (1 + exp(-0.7)), largest = 0;

    ref_resize(exact_of(&y), exact_of(&up));
    for (size_t i = 0; i < out.count; i++)
        out.exact[i] = x.exact[i] * a + up.exact[i] * (1.25 - a);
    for (int i = 0; i < C; i++)
        largest = fmax(largest, x.exact[i]);
    fill_taps(rows, yh, h);
    fill_taps(columns, yw, w);
    struct attend_job job = {.x = x.at,
                             .y = y.at,
                             .h = h,
                             .w = w,
                             .c = C,
                             .y_w = yw,
                             .cell = CELL_U8,
                             .x_step = 0.02F,
                             .y_step = 0.03F,
                             .out_step = 0.025F,
                             .rows = rows,
                             .columns = columns,
                             .weights = &weights,
                             .stats = planes,
                             .hidden = planes + 4 * plane,
                             .attention = planes + 6 * plane,
                             .out = out.at};
    k->attend(&job);
    /* y was rounded to half a step of its own once more, and counts (1.25 - a) of that */
    bytes_check(k, &out, ROUNDED + 0.51 * (1.25 - a) * 0.03 / 0.025, "attend");
    assert_float_equal(planes[plane + plane_pitch(w) + 1], largest, 1e-4); /* of the first pixel */
    free(planes);
    bytes_free(&x);
    bytes_free(&y);
    bytes_free(&up);
    bytes_free(&out);
}

static void check_copy(const struct kernels *k)
{
    struct bytes in = bytes_random(2, 3, 32, CELL_U8, 1), out = bytes_new(2, 3, 96, CELL_U8, 1);

    for (size_t i = 0; i < out.count; i++)
        out.exact[i] = i % 96 / 32 == 1 ? in.exact[i / 96 * 32 + i % 32] : MARK;
    k->copy(out.at + 32, 96, in.at, 32, 6);
    bytes_check(k, &out, 0, "copy");
    bytes_free(&in);
    bytes_free(&out);
}

static void every_set_agrees_with_plain_loops(void **state)
{
    static const int sizes[][2] = {
        {1,  1 },
        {2,  3 },
        {5,  16},
        {17, 33},
        {16, 64}
    };

    (void)state;
    for (int n = 0; kernels_nth(n); n++) {
        const struct kernels *k = kernels_nth(n);
        check_copy(k);
        for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
            int h = sizes[i][0], w = sizes[i][1];
            check_stem(k, h, w);
            check_halve(k, h, w);
            check_bins(k, h, w);
            check_sum(k, h, w);
            check_attend(k, h, w, (h + 1) / 2, (w + 1) / 2);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_set_agrees_with_plain_loops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
