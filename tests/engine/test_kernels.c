/* Every set of kernels that this machine can run against plain loops in double, on odd sizes, with
 * marked bytes behind each output. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/engine/maps.h"
#include "tests/engine/support.h"

static uint64_t seed = 11;

/* bf16 keeps 8 bits. */
static double limit(const struct kernels *k)
{
    return k->elem_size == 2 ? 1.0 / 200 : 2e-6;
}

static void check_stem(const struct kernels *k, int h, int w)
{
    enum { COUNT = 9 * STEM_INPUTS * STEM_CHANNELS };
    struct map in = map_new(k, h, w, STEM_INPUTS);
    struct map out = map_new(k, (h + 1) / 2, (w + 1) / 2, STEM_CHANNELS);
    uint8_t *rgb = malloc(in.count);
    float weight[COUNT], bias[STEM_CHANNELS];
    double exact_weight[COUNT], exact_bias[STEM_CHANNELS];
    char *packed = aligned_alloc(64, STEM_WEIGHTS * k->elem_size);
    size_t scratch_bytes = stem_scratch(w) * k->elem_size;
    char *scratch = malloc(scratch_bytes + MARK_BYTES);

    for (size_t i = 0; i < in.count; i++) {
        rgb[i] = (uint8_t)draw_next(&seed);
        in.exact[i] = rgb[i] - 127.5;
    }
    for (int i = 0; i < COUNT; i++) { /* bf16 holds these, so only the sums' order differs */
        put(packed, k->elem_size, random_normal(&seed) / 300);
        k->widen(&weight[i], packed, 1);
        exact_weight[i] = weight[i];
    }
    for (int i = 0; i < STEM_CHANNELS; i++)
        exact_bias[i] = bias[i] = random_normal(&seed);
    exact_conv(L_F0, exact_weight, exact_bias, ref_of(&in), ref_of(&out));
    memset(scratch, 0xff, scratch_bytes); /* NaN wherever nobody wrote */
    memset(scratch + scratch_bytes, MARK, MARK_BYTES);
    k->stem_pack(packed, weight);
    struct stem_job job = {.rgb = rgb,
                           .h = h,
                           .w = w,
                           .weight = packed,
                           .bias = bias,
                           .rows = scratch,
                           .out = out.elems};
    k->stem(&job);
    map_check(k, &out, limit(k), "stem");
    for (int i = 0; i < MARK_BYTES; i++)
        assert_int_equal(scratch[scratch_bytes + (size_t)i], MARK);
    free(rgb);
    free(packed);
    free(scratch);
    map_free(&in);
    map_free(&out);
}

static void check_halve(const struct kernels *k, int h, int w)
{
    enum { C = 128, STEP = 192 }; /* as L_F2D has it */
    struct map in = map_random(k, h, w, C, &seed), conv = map_new(k, (h + 1) / 2, (w + 1) / 2, C);
    struct map pool = map_new(k, (h + 1) / 2, (w + 1) / 2, STEP);
    struct map mean = map_new(k, (h + 1) / 2, (w + 1) / 2, C);
    float weight[9 * C], bias[C];
    double exact_weight[9 * C], exact_bias[C];
    char zeros[C * 4] = {0};

    for (int i = 0; i < 9 * C; i++)
        exact_weight[i] = weight[i] = random_normal(&seed) / 3;
    for (int i = 0; i < C; i++)
        exact_bias[i] = bias[i] = random_normal(&seed);
    for (size_t i = 0; i < pool.count; i++) { /* what is between the pool's channels must stay */
        pool.exact[i] = 1;
        put(pool.elems + i * k->elem_size, k->elem_size, 1);
    }
    exact_conv(L_F2D, exact_weight, exact_bias, ref_of(&in), ref_of(&conv));
    ref_average(ref_of(&in), ref_of(&mean));
    for (size_t i = 0; i < mean.count; i++)
        pool.exact[i / C * STEP + i % C] = mean.exact[i];
    struct halve_job job = {.in = in.elems,
                            .h = h,
                            .w = w,
                            .c = C,
                            .weight = weight,
                            .bias = bias,
                            .zeros = zeros,
                            .conv = conv.elems,
                            .pool = pool.elems,
                            .pool_step = STEP,
                            .pool_scale = 1};
    k->halve(&job);
    map_check(k, &conv, limit(k), "depthwise");
    map_check(k, &pool, limit(k), "average");
    map_free(&in);
    map_free(&conv);
    map_free(&pool);
    map_free(&mean);
}

static void check_copy(const struct kernels *k)
{
    struct map a = map_random(k, 3, 5, 32, &seed), b = map_random(k, 3, 5, 64, &seed),
               out = map_new(k, 3, 5, 96);
    struct ref_map in[2] = {ref_of(&a), ref_of(&b)};

    ref_concat(in, 2, ref_of(&out));
    size_t elem = k->elem_size;
    k->copy(out.elems, 96 * elem, a.elems, 32 * elem, 15);
    k->copy(out.elems + 32 * elem, 96 * elem, b.elems, 64 * elem, 15);
    map_check(k, &out, limit(k), "copy");
    map_free(&a);
    map_free(&b);
    map_free(&out);
}

static void check_bins(const struct kernels *k, int h, int w)
{
    for (int bins = 1; bins <= 4; bins *= 2) {
        struct map in = map_random(k, h, w, 48, &seed), out = map_new(k, bins, bins, 48);
        float scratch[48];
        ref_bins(ref_of(&in), ref_of(&out));
        struct bins_job job = {.in = in.elems,
                               .shape = in.shape,
                               .bins = bins,
                               .in_step = 1,
                               .out = out.elems,
                               .scratch = scratch};
        k->bins(&job);
        map_check(k, &out, limit(k), "bins");
        map_free(&in);
        map_free(&out);
    }
}

static void check_sum(const struct kernels *k, int h, int w)
{
    enum { C = 32 };
    struct map out = map_new(k, h, w, C);
    struct sum_job job = {.out = out.elems, .out_step = 1, .h = h, .w = w, .c = C};
    struct summands in;

    summands_make(&in, k, &job, &seed);
    ref_sum(in.parts, SUMMANDS, ref_of(&out));
    k->sum(&job);
    map_check(k, &out, limit(k), "sum");
    summands_free(&in);
    map_free(&out);
}

static void fill_attend(struct attend_weights *to, double hidden[72], double hidden_bias[2],
                        double out[18], double out_bias[1])
{
    for (int i = 0; i < 72; i++) { /* ours: out,in,tap; ref: tap,in,out */
        float v = random_normal(&seed) / 4;
        to->hidden[i / 36][i % 36] = v;
        hidden[i % 9 * 8 + i % 36 / 9 * 2 + i / 36] = v;
    }
    for (int i = 0; i < 18; i++) {
        float v = random_normal(&seed) / 4;
        to->out[i] = v;
        out[i % 9 * 2 + i / 9] = v;
    }
    for (int i = 0; i < 2; i++)
        hidden_bias[i] = to->hidden_bias[i] = random_normal(&seed);
    *out_bias = to->out_bias = random_normal(&seed);
    to->scale = 1.25F;
}

static void check_attend(const struct kernels *k, int h, int w, int yh, int yw)
{
    enum { C = 64, SIDE = 80 };
    struct map x = map_random(k, h, w, C, &seed), y = map_random(k, yh, yw, C, &seed);
    struct map up = map_new(k, h, w, C), stats = map_new(k, h, w, 4), hidden = map_new(k, h, w, 2);
    struct map attention = map_new(k, h, w, 1), out = map_new(k, h, w, C);
    struct attend_weights weights;
    double hw[72], hb[2], ow[18], ob[1];
    struct tap rows[SIDE], columns[SIDE];
    float *planes = malloc(7 * plane_size(h, w) * sizeof(float));

    fill_attend(&weights, hw, hb, ow, ob);
    ref_resize(ref_of(&y), ref_of(&up));
    struct ref_map in[3] = {ref_of(&x), ref_of(&up), ref_of(&attention)};
    ref_stats(in, ref_of(&stats));
    exact_conv(L_Q0, hw, hb, ref_of(&stats), ref_of(&hidden));
    exact_conv(L_T0, ow, ob, ref_of(&hidden), ref_of(&attention));
    ref_blend(in, weights.scale, ref_of(&out));
    fill_taps(rows, yh, h);
    fill_taps(columns, yw, w);
    memset(planes, 0xff, 7 * plane_size(h, w) * sizeof(float)); /* NaN wherever nobody wrote */
    struct attend_job job = {.x = x.elems,
                             .y = y.elems,
                             .h = h,
                             .w = w,
                             .c = C,
                             .y_w = yw,
                             .x_step = 1,
                             .y_step = 1,
                             .out_step = 1,
                             .rows = rows,
                             .columns = columns,
                             .weights = &weights,
                             .stats = planes,
                             .hidden = planes + 4 * plane_size(h, w),
                             .attention = planes + 6 * plane_size(h, w),
                             .out = out.elems};
    k->attend(&job);
    map_check(k, &out, limit(k), "attend");
    free(planes);
    map_free(&x);
    map_free(&y);
    map_free(&up);
    map_free(&stats);
    map_free(&hidden);
    map_free(&attention);
    map_free(&out);
}

static void check_classes(const struct kernels *k, int h, int w)
{
    struct map logits = map_random(k, (h + 7) / 8, (w + 7) / 8, ENGINE_CLASSES, &seed);
    size_t pixels = (size_t)h * (size_t)w, differ = 0;
    struct engine_image a = {.content_w = (w * 2 + 2) / 3, .content_h = (h + 1) / 2}, b;
    struct tap *rows = malloc((size_t)h * sizeof(*rows)),
               *columns = malloc((size_t)w * sizeof(*columns));
    float *scratch = malloc(classes_scratch(w) * sizeof(*scratch) + MARK_BYTES);

    b = a;
    a.class_map = calloc(1, pixels + 1);
    b.class_map = calloc(1, pixels + 1);
    b.class_map[pixels] = MARK;
    fill_taps(rows, logits.shape.h, h);
    fill_taps(columns, logits.shape.w, w);
    memset(scratch, 0xff, classes_scratch(w) * sizeof(*scratch));
    memset((char *)scratch + classes_scratch(w) * sizeof(*scratch), MARK, MARK_BYTES);
    ref_classes(ref_of(&logits), h, w, &a);
    struct classes_job job = {.logits = logits.elems,
                              .in_w = logits.shape.w,
                              .h = h,
                              .w = w,
                              .rows = rows,
                              .columns = columns,
                              .scratch = scratch,
                              .image = &b};
    k->classes(&job);
    assert_int_equal(b.class_map[pixels], MARK);
    for (int i = 0; i < MARK_BYTES; i++)
        assert_int_equal(((char *)scratch)[classes_scratch(w) * sizeof(*scratch) + (size_t)i],
                         MARK);
    for (size_t i = 0; i < pixels; i++)
        differ += a.class_map[i] != b.class_map[i];
    if (differ > pixels / 1000 + 1) /* ties fall either way by rounding */
        fail_msg("%s: %dx%d: %zu labels differ", k->isa, w, h, differ);
    assert_int_equal(a.scores.content_px, b.scores.content_px);
    for (int c = 0; c < ENGINE_CLASSES; c++)
        assert_float_equal(a.scores.all_sum[c] / (double)pixels,
                           b.scores.all_sum[c] / (double)pixels, 2e-6);
    double slack = (1.0 + (double)differ) / (double)pixels + 2e-6;
    for (int c = 0; c < ENGINE_CLASSES; c++)
        assert_float_equal(a.scores.lesion_sum[c] / (double)pixels,
                           b.scores.lesion_sum[c] / (double)pixels, slack);
    assert_float_equal(a.scores.lesion_top_sum / (double)pixels,
                       b.scores.lesion_top_sum / (double)pixels, slack);
    assert_true(labs((long)a.scores.lesion_px - (long)b.scores.lesion_px) <= (long)differ);
    free(a.class_map);
    free(b.class_map);
    free(rows);
    free(columns);
    free(scratch);
    map_free(&logits);
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
    int n = 0;

    (void)state;
    for (const struct kernels *k; (k = kernels_nth(n)); n++) {
        print_message("kernels %s\n", k->isa);
        check_copy(k);
        for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
            int h = sizes[i][0], w = sizes[i][1];
            check_stem(k, h, w);
            check_halve(k, h, w);
            check_bins(k, h, w);
            check_sum(k, h, w);
            check_attend(k, h, w, (h + 1) / 2, (w + 1) / 2);
            check_attend(k, h, w, h, w);
            check_classes(k, h, w);
            check_classes(k, 3 * h + 8, 5 * w + 60);
        }
    }
    assert_true(n > 0);
    assert_null(kernels_choose("int8"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_set_agrees_with_plain_loops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
