/* The CUDA kernels without a GPU (grids.h) against the layers of `ref` on whole networks. Bytes around
 * outputs are marked, so that a wrong index shows. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/cudnn/threads_classes.h"
#include "engine/engine_debug.h"
#include "engine/weights.h"
#include "tests/engine/grids.h"
#include "tests/engine/support.h"

enum { N = 2, MARK = 0x5a, MARK_BYTES = 64, KINDS = 3 };

static const char *const kind_names[KINDS] = {"f32", "fp16", "bf16"};

/* NMSE that each kind of storage may cost; f32's is the arithmetic alone. */
static const double limits[KINDS] = {1e-12, 1e-6, 1e-4};

/* Worst NMSE seen of each kernel, for the reader of the log. */
enum { STEM, DEPTHWISE, POOL, BINS, SUM, STATS, BLEND, SCORES, CHECKS };
static const char *const check_names[CHECKS] = {"stem", "depthwise", "pool",  "bins",
                                                "sum",  "stats",     "blend", "scores"};
static double worst[CHECKS][KINDS]; /* of one run of this test */

/* --- device memory --- */

struct store {
    enum elem kind;
    size_t count;
    char *at; /* count elements, then MARK_BYTES */
};

static struct store store_new(enum elem kind, size_t count)
{
    struct store s = {kind, count, NULL};
    size_t bytes = count * elem_size(kind) + MARK_BYTES;

    s.at = aligned_alloc(64, (bytes + 63) / 64 * 64);
    memset(s.at, MARK, bytes);
    return s;
}

static float store_get(const struct store *s, size_t i)
{
    struct elem_group g = elem_load(s->at, i / ELEM_GROUP * ELEM_GROUP, s->kind);

    return g.v[i % ELEM_GROUP];
}

static struct store store_of(enum elem kind, const float *values, size_t count)
{
    struct store s = store_new(kind, count);

    for (size_t i = 0; i < count; i += ELEM_GROUP) {
        struct elem_group g;
        memcpy(g.v, values + i, sizeof(g.v));
        elem_store(s.at, i, g, kind);
    }
    return s;
}

/* A dense map with pixels `step` elements apart instead. */
static struct store store_spread(enum elem kind, const float *values, size_t pixels, int c,
                                 int step)
{
    struct store s = store_new(kind, pixels * (size_t)step), dense;

    dense = store_of(kind, values, pixels * (size_t)c);
    for (size_t p = 0; p < pixels; p++)
        memcpy(s.at + p * (size_t)step * elem_size(kind),
               dense.at + p * (size_t)c * elem_size(kind), (size_t)c * elem_size(kind));
    free(dense.at);
    return s;
}

static void check_marks(const char *bytes, size_t count, const char *what)
{
    for (size_t i = 0; i < count; i++)
        if (bytes[i] != MARK)
            fail_msg("%s: byte %zu outside the result was written", what, i);
}

static void check_nmse(int check, enum elem kind, double off, double size)
{
    double share = size > 0 ? off / size : off;

    worst[check][kind] = fmax(worst[check][kind], share);
    if (!(share <= limits[kind]))
        fail_msg("%s, %s: NMSE %g", check_names[check], kind_names[kind], share);
}

/* Channels [0, c) of pixels `step` apart against `want`; what lies between must be untouched. Frees
 * the store. */
static void store_check(struct store *s, const float *want, int c, int step, int check)
{
    size_t pixels = s->count / (size_t)step, elem = elem_size(s->kind);
    double off = 0, size = 0;

    for (size_t p = 0; p < pixels; p++) {
        for (size_t k = 0; k < (size_t)c; k++) {
            double v = want[p * (size_t)c + k], d = (double)store_get(s, p * (size_t)step + k) - v;
            off += d * d;
            size += v * v;
        }
        check_marks(s->at + (p * (size_t)step + (size_t)c) * elem, (size_t)(step - c) * elem,
                    check_names[check]);
    }
    check_marks(s->at + s->count * elem, MARK_BYTES, check_names[check]);
    check_nmse(check, s->kind, off, size);
    free(s->at);
}

/* --- a network that `ref` has run --- */

struct net {
    struct rig rig;
    int h, w;
    struct shape shapes[LAYER_COUNT];
    uint8_t *rgb, *maps;
    struct engine_image images[N];
};

static size_t map_count(const struct net *net, int layer)
{
    struct shape s = net->shapes[layer];

    return (size_t)s.h * (size_t)s.w * (size_t)s.c;
}

static void net_open(struct net *net, const char *model, int h, int w)
{
    size_t pixels = (size_t)h * (size_t)w;
    struct err err = {0};

    *net = (struct net){.h = h, .w = w};
    network_shapes(net->shapes, h, w);
    net->rgb = malloc(N * 3 * pixels);
    net->maps = malloc(N * pixels);
    for (int i = 0; i < N; i++) {
        draw_picture(net->rgb + (size_t)i * 3 * pixels, w, h, (uint64_t)i + 5);
        net->images[i] = (struct engine_image){.rgb = net->rgb + (size_t)i * 3 * pixels,
                                               .content_w = i ? (w * 2 + 2) / 3 : w,
                                               .content_h = i ? (h + 1) / 2 : h,
                                               .class_map = net->maps + (size_t)i * pixels};
    }
    rig_open(&net->rig, model, "ref", "f32");
    engine_debug_keep(net->rig.stream);
    if (engine_run(net->rig.stream, w, h, net->images, N, &err))
        fail_msg("%s", err.msg);
}

static void net_close(struct net *net)
{
    rig_close(&net->rig);
    free(net->rgb);
    free(net->maps);
}

/* Output of a layer, all images; the caller frees it. */
static float *layer_values(const struct net *net, int layer)
{
    size_t count = map_count(net, layer);
    float *values = malloc(N * count * sizeof(*values));
    struct err err = {0};

    for (int i = 0; i < N; i++)
        if (engine_debug_layer(net->rig.stream, layer, i, values + (size_t)i * count, &err))
            fail_msg("%s", err.msg);
    return values;
}

static struct store layer_store(const struct net *net, int layer, enum elem kind)
{
    float *values = layer_values(net, layer);
    struct store s = store_of(kind, values, N * map_count(net, layer));

    free(values);
    return s;
}

static void layer_check(const struct net *net, int layer, struct store *s, int step, int check)
{
    float *want = layer_values(net, layer);

    store_check(s, want, net->shapes[layer].c, step, check);
    free(want);
}

struct folded {
    double *weight, *bias;
};

static struct folded fold(const struct net *net, int layer)
{
    struct folded f = {malloc(weights_count(layer) * sizeof(double)),
                       malloc((size_t)network[layer].channels * sizeof(double))};
    struct err err = {0};

    if (weights_fold(net->rig.model, layer, f.weight, f.bias, &err))
        fail_msg("%s", err.msg);
    return f;
}

static void folded_free(struct folded *f)
{
    free(f->weight);
    free(f->bias);
}

static float *floats_of(const double *from, size_t count)
{
    float *to = aligned_alloc(64, (count * sizeof(*to) + 63) / 64 * 64);

    for (size_t i = 0; i < count; i++)
        to[i] = (float)from[i];
    return to;
}

/* --- each kernel against its layers --- */

static void check_stem(const struct net *net, enum elem kind)
{
    struct folded f = fold(net, L_F0);
    float *bias = floats_of(f.bias, STEM_CHANNELS), weight[STEM_TAPS * STEM_CHANNELS];
    struct store out = store_new(kind, N * map_count(net, L_F0));
    struct gpu_stem_job job = {.kind = kind,
                               .rgb = net->rgb,
                               .rgb_step = (size_t)net->h * (size_t)net->w * 3,
                               .n = N,
                               .h = net->h,
                               .w = net->w,
                               .weight = weight,
                               .bias = bias,
                               .out = out.at};

    pack_stem(weight, f.weight);
    assert_true(gpu_stem_ok(&job));
    grid_stem(&job);
    layer_check(net, L_F0, &out, STEM_CHANNELS, STEM);
    free(bias);
    folded_free(&f);
}

/* From the first convolution of a block to its depthwise one and the pool, the pool going into its
 * part of the concatenation; the input lies in a wider map. */
static void check_halve(const struct net *net, int in, int conv, int pool, enum elem kind)
{
    struct shape s = net->shapes[in], half = net->shapes[conv];
    int in_step = s.c + 64, pool_step = 2 * s.c;
    size_t halves = N * (size_t)half.h * (size_t)half.w;
    struct folded f = fold(net, conv);
    float *bias = floats_of(f.bias, (size_t)s.c), *values = layer_values(net, in);
    float *weight = aligned_alloc(64, 9 * (size_t)s.c * sizeof(*weight));
    struct store from = store_spread(kind, values, N * (size_t)s.h * (size_t)s.w, s.c, in_step);
    struct store to_conv = store_new(kind, halves * (size_t)s.c);
    struct store to_pool = store_new(kind, halves * (size_t)pool_step);
    struct gpu_halve_job job = {.kind = kind,
                                .in = from.at,
                                .n = N,
                                .h = s.h,
                                .w = s.w,
                                .c = s.c,
                                .in_step = in_step,
                                .weight = weight,
                                .bias = bias,
                                .conv = to_conv.at,
                                .conv_step = s.c,
                                .pool = to_pool.at,
                                .pool_step = pool_step};

    pack_depthwise(weight, f.weight, s.c);
    assert_true(gpu_halve_ok(&job));
    grid_halve(&job);
    layer_check(net, conv, &to_conv, s.c, DEPTHWISE);
    layer_check(net, pool, &to_pool, pool_step, POOL);
    free(from.at);
    free(values);
    free(weight);
    free(bias);
    folded_free(&f);
}

/* Parts behind a slice that is there: all of it comes out, and that slice is not touched. */
static void check_join(const struct net *net, int concat, enum elem kind)
{
    const struct layer *l = &network[concat];
    struct shape s = net->shapes[concat];
    size_t count = N * map_count(net, concat), elem = elem_size(kind);
    struct store want = layer_store(net, concat, kind), out = store_new(kind, count), in[4];
    struct gpu_join_job job = {kind, N, s.h, s.w, 0, {{0}}, out.at, s.c};
    int there = network[l->in[0]].channels;

    for (size_t i = 0; i < count / (size_t)s.c; i++)
        memcpy(out.at + i * (size_t)s.c * elem, want.at + i * (size_t)s.c * elem,
               (size_t)there * elem);
    for (int k = 1, first = there; k < 4; first += network[l->in[k++]].channels) {
        in[k] = layer_store(net, l->in[k], kind);
        job.part[job.parts++] = (struct gpu_join_part){in[k].at, network[l->in[k]].channels, first};
    }
    assert_true(gpu_join_ok(&job));
    grid_join(&job);
    assert_memory_equal(out.at, want.at, count * elem + MARK_BYTES);
    for (int k = 1; k < 4; k++)
        free(in[k].at);
    free(out.at);
    free(want.at);
}

static void check_context(const struct net *net, enum elem kind)
{
    static const int bins[] = {L_BIN1, L_BIN2, L_BIN4}, maps[] = {L_CM1, L_CM2, L_CM4};
    struct shape s = net->shapes[L_F7], out = net->shapes[L_CMS];
    struct store from = layer_store(net, L_F7, kind), cells[CONTEXT_LEVELS];
    struct store in[CONTEXT_LEVELS], sum = store_new(kind, N * map_count(net, L_CMS));
    struct gpu_bins_job pool = {kind, from.at, N, s.h, s.w, s.c, s.c, {NULL}};
    struct gpu_sum_job add = {kind, {NULL}, N, out.h, out.w, out.c, sum.at};

    for (int k = 0; k < CONTEXT_LEVELS; k++) {
        cells[k] = store_new(kind, N * map_count(net, bins[k]));
        pool.out[k] = cells[k].at;
        in[k] = layer_store(net, maps[k], kind);
        add.in[k] = in[k].at;
    }
    assert_true(gpu_bins_ok(&pool) && gpu_sum_ok(&add));
    grid_bins(&pool);
    grid_sum(&add);
    for (int k = 0; k < CONTEXT_LEVELS; k++) {
        layer_check(net, bins[k], &cells[k], s.c, BINS);
        free(in[k].at);
    }
    layer_check(net, L_CMS, &sum, out.c, SUM);
    free(from.at);
}

static struct gpu_attend_weights attend_weights(const struct net *net, int hidden, int out,
                                                int blend)
{
    struct folded q = fold(net, hidden), t = fold(net, out);
    struct fusion_weights from = {q.weight, q.bias, t.weight, t.bias,
                                  weights_scale(net->rig.model, blend)};
    struct gpu_attend_weights packed;

    pack_attend(&packed, &from);
    folded_free(&q);
    folded_free(&t);
    return packed;
}

/* The layers of a fusion block: both branches, statistics, attention, blend. */
struct fusion {
    int x, y, stats, hidden, attention, blend;
};

static void check_attend(const struct net *net, struct fusion f, enum elem kind)
{
    struct shape s = net->shapes[f.x], high = net->shapes[f.y];
    struct store x = layer_store(net, f.x, kind), y = layer_store(net, f.y, kind);
    struct store stats = store_new(ELEM_F32, N * map_count(net, f.stats) / 8 * 8 + 8);
    struct store out = store_new(kind, N * map_count(net, f.blend));
    struct gpu_attend_job job = {.kind = kind,
                                 .x = x.at,
                                 .y = y.at,
                                 .n = N,
                                 .h = s.h,
                                 .w = s.w,
                                 .c = s.c,
                                 .y_h = high.h,
                                 .y_w = high.w,
                                 .weights = attend_weights(net, f.hidden, f.attention, f.blend),
                                 .stats = (float *)stats.at,
                                 .out = out.at};
    float *want = layer_values(net, f.stats);
    double off = 0, size = 0;

    assert_true(gpu_attend_ok(&job));
    grid_stats(&job);
    for (size_t i = 0; i < N * map_count(net, f.stats); i++) {
        double d = (double)job.stats[i] - want[i];
        off += d * d;
        size += (double)want[i] * want[i];
    }
    check_nmse(STATS, kind, off, size);
    check_marks((const char *)(job.stats + N * map_count(net, f.stats)), MARK_BYTES, "stats");
    grid_blend(&job);
    layer_check(net, f.blend, &out, s.c, BLEND);
    free(want);
    free(x.at);
    free(y.at);
    free(stats.at);
}

/* One image's sums against the engine's. */
static void check_scores(const struct engine_image *image, const double *sums, enum elem kind,
                         size_t differ)
{
    double off = 0, size = 0;

    for (int c = 0; c < ENGINE_CLASSES; c++) {
        double d = sums[ARITH_ALL + c] - image->scores.all_sum[c];
        off += d * d;
        size += image->scores.all_sum[c] * image->scores.all_sum[c];
    }
    check_nmse(SCORES, kind, off, size);
    for (int c = 0; c < ENGINE_CLASSES; c++)
        assert_float_equal(sums[ARITH_LESION + c], image->scores.lesion_sum[c],
                           (double)differ + 3e-3 * image->scores.content_px);
    assert_float_equal(sums[ARITH_TOP], image->scores.lesion_top_sum,
                       (double)differ + 3e-3 * image->scores.content_px);
    assert_float_equal(sums[ARITH_LESION_PX], image->scores.lesion_px, (double)differ);
}

static void check_classes(const struct net *net, enum elem kind)
{
    struct shape s = net->shapes[L_LOGITS];
    size_t pixels = (size_t)net->h * (size_t)net->w;
    struct store logits = layer_store(net, L_LOGITS, kind);
    struct gpu_content content[N] __attribute__((aligned(16)));
    struct gpu_scores scores[N] __attribute__((aligned(16)));
    uint8_t *maps = malloc(N * pixels + MARK_BYTES);
    struct gpu_classes_job job = {kind,   logits.at, N,    s.h,  s.w,   net->h,
                                  net->w, content,   maps, NULL, scores};
    struct store partials = store_new(ELEM_F32, classes_partials(&job));

    job.partials = (float *)partials.at;
    memset(maps + N * pixels, MARK, MARK_BYTES);
    for (int i = 0; i < N; i++)
        content[i] = (struct gpu_content){net->images[i].content_w, net->images[i].content_h};
    assert_true(gpu_classes_ok(&job));
    grid_classes(&job);
    check_marks((const char *)maps + N * pixels, MARK_BYTES, "class map");
    check_marks(partials.at + partials.count * sizeof(float), MARK_BYTES, "partial sums");
    for (size_t i = 0; i < N; i++) {
        size_t differ = 0;
        for (size_t p = 0; p < pixels; p++)
            differ += maps[i * pixels + p] != net->images[i].class_map[p];
        /* ties fall either way by rounding */
        if (differ > (kind == ELEM_F32 ? pixels / 10000 : pixels / 100) + 1)
            fail_msg("%s: %zu of %zu labels differ", kind_names[kind], differ, pixels);
        check_scores(&net->images[i], scores[i].sums, kind, differ);
    }
    free(maps);
    free(logits.at);
    free(partials.at);
}

static void check_net(const char *model, int h, int w)
{
    struct net net;

    net_open(&net, model, h, w);
    for (enum elem kind = ELEM_F32; kind <= ELEM_BF16; kind++) {
        check_stem(&net, kind);
        check_halve(&net, L_F2A, L_F2D, L_F2P, kind);
        check_halve(&net, L_F4A, L_F4D, L_F4P, kind);
        check_halve(&net, L_F6A, L_F6D, L_F6P, kind);
        check_join(&net, L_F2, kind);
        check_join(&net, L_F7, kind);
        check_context(&net, kind);
        check_attend(&net, (struct fusion){L_X2, L_CM, L_M2, L_Q2, L_T2, L_G2}, kind);
        check_attend(&net, (struct fusion){L_X1, L_ARM2, L_M1, L_Q1, L_T1, L_G1}, kind);
        check_attend(&net, (struct fusion){L_X0, L_ARM1, L_M0, L_Q0, L_T0, L_G0}, kind);
        check_classes(&net, kind);
    }
    net_close(&net);
}

static void kernels_agree_with_ref(void **state)
{
    static const int sizes[][2] = {
        {1,   1  },
        {37,  70 },
        {136, 164},
    };
    char models[2][TEST_PATH];
    int count = 1;

    (void)state;
    random_model(models[0], "cudnn-arith", 3);
    if (!starter_model(models[1]))
        count = 2;
    for (int m = 0; m < count; m++)
        for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
            check_net(models[m], sizes[i][0], sizes[i][1]);
    for (int c = 0; c < CHECKS; c++)
        print_message("%-10s worst NMSE: f32 %.1e, fp16 %.1e, bf16 %.1e\n", check_names[c],
                      worst[c][ELEM_F32], worst[c][ELEM_F16], worst[c][ELEM_BF16]);
}

/* Every fp16 comes back as it was; half way between two neighbours the even one wins. */
static void fp16_rounds_to_nearest_even(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x7c00; h++) {
        float here = elem_f32_of_f16((uint16_t)h), next = elem_f32_of_f16((uint16_t)(h + 1));
        float middle = h == 0x7bff ? 65520 : here / 2 + next / 2;
        uint32_t even = h & 1 ? h + 1 : h;
        assert_int_equal(elem_f16_of_f32(here), h);
        assert_int_equal(elem_f16_of_f32(-here), h | 0x8000);
        assert_int_equal(elem_f16_of_f32(middle), even);
        assert_int_equal(elem_f16_of_f32(nextafterf(middle, 0)), h);
        assert_int_equal(elem_f16_of_f32(nextafterf(middle, INFINITY)), h + 1);
    }
    assert_float_equal(elem_f32_of_f16(0x3555), 0.333251953125, 0);
    assert_float_equal(elem_f32_of_f16(0x0001), 0x1p-24, 0);
    assert_int_equal(elem_f16_of_f32(INFINITY), 0x7c00);
    assert_true(isinf(elem_f32_of_f16(0xfc00)) && elem_f32_of_f16(0xfc00) < 0);
    assert_true(isnan(elem_f32_of_f16(elem_f16_of_f32(NAN))));
}

static void bf16_rounds_to_nearest_even(void **state)
{
    (void)state;
    assert_int_equal(elem_bf16_of_f32(1), 0x3f80);
    assert_int_equal(elem_bf16_of_f32(1 + 0x1p-8F), 0x3f80);
    assert_int_equal(elem_bf16_of_f32(1 + 0x1p-8F + 0x1p-20F), 0x3f81);
    assert_int_equal(elem_bf16_of_f32(1 + 3 * 0x1p-8F), 0x3f82);
    assert_int_equal(elem_bf16_of_f32(-INFINITY), 0xff80);
    assert_true(isnan(elem_widen(elem_bf16_of_f32(NAN), ELEM_BF16)));
}

/* Jobs that would read or write elsewhere are refused before anything is launched. */
/* A good one that nothing is to run: its maps are all at `p`. */
static struct gpu_attend_job attend_over(char *p, int n, int side)
{
    return (struct gpu_attend_job){.x = p,
                                   .y = p,
                                   .n = n,
                                   .h = side,
                                   .w = side,
                                   .c = 64,
                                   .y_h = 4,
                                   .y_w = 4,
                                   .stats = (float *)p,
                                   .out = p};
}

static void bad_jobs_are_refused(void **state)
{
    static char memory[64] __attribute__((aligned(64))); /* nothing is written */
    char *p = memory;
    struct gpu_halve_job halve = {ELEM_F16,   p,          1, 8,  8, 64, 64,
                                  (float *)p, (float *)p, p, 64, p, 128};
    struct gpu_attend_job attend = attend_over(p, 1, 8);
    struct gpu_stem_job stem = {ELEM_F16, (uint8_t *)p, 192,        1, 8,
                                8,        (float *)p,   (float *)p, p, false};

    (void)state;
    assert_true(gpu_halve_ok(&halve) && gpu_attend_ok(&attend) && gpu_stem_ok(&stem));
    halve.c = 96; /* not whole blocks of channels */
    assert_false(gpu_halve_ok(&halve));
    halve.c = 64;
    halve.pool = p + 8;
    assert_false(gpu_halve_ok(&halve));
    halve.pool = p;
    halve.pool_step = 32; /* pixels would overlap */
    assert_false(gpu_halve_ok(&halve));
    attend.c = 96; /* no power of two */
    assert_false(gpu_attend_ok(&attend));
    attend.c = 512; /* more than a warp */
    assert_false(gpu_attend_ok(&attend));
    attend.c = 64;
    attend.n = 0;
    assert_false(gpu_attend_ok(&attend));
    stem.rgb_step = 191; /* images would overlap */
    assert_false(gpu_stem_ok(&stem));
    stem.rgb_step = 192;
    stem.w = JOB_SIDE_MAX + 1;
    assert_false(gpu_stem_ok(&stem));
}

static void only_parts_side_by_side_are_joined(void **state)
{
    static char memory[64] __attribute__((aligned(64))); /* nothing is written */
    char *p = memory;
    struct gpu_join_job join = {
        ELEM_F16, 1, 8, 8, 2, {{p, 32, 0}, {p, 32, 32}},
             p, 64
    };

    (void)state;
    assert_true(gpu_join_ok(&join));
    join.part[1].first = 40; /* beyond the pixel */
    assert_false(gpu_join_ok(&join));
    join.part[1].first = 4; /* between groups */
    assert_false(gpu_join_ok(&join));
    join.part[1].first = -8;
    assert_false(gpu_join_ok(&join));
    join.part[1].first = 24; /* over the first */
    assert_false(gpu_join_ok(&join));
    join.parts = 1; /* then the second does not count */
    assert_true(gpu_join_ok(&join));
    join.parts = JOIN_PARTS_MAX + 1;
    assert_false(gpu_join_ok(&join));
}

static void more_places_than_32_bits_count_are_refused(void **state)
{
    static char memory[64] __attribute__((aligned(64))); /* nothing is written */
    char *p = memory;
    struct gpu_join_job join = {ELEM_F16, JOB_IMAGES_MAX, 256, 256, 1, {{p, 32, 0}}, p, 64};
    struct gpu_attend_job attend = attend_over(p, JOB_IMAGES_MAX, 256);

    (void)state;
    assert_true(gpu_join_ok(&join) && gpu_attend_ok(&attend));
    join.h = join.w = attend.h = attend.w = 4096;
    assert_false(gpu_join_ok(&join));
    assert_false(gpu_attend_ok(&attend));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fp16_rounds_to_nearest_even),
        cmocka_unit_test(bf16_rounds_to_nearest_even),
        cmocka_unit_test(bad_jobs_are_refused),
        cmocka_unit_test(only_parts_side_by_side_are_joined),
        cmocka_unit_test(more_places_than_32_bits_count_are_refused),
        cmocka_unit_test(kernels_agree_with_ref),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
