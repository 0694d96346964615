/* Each layer of a training step by itself, for every set of kernels that runs here: fed with the
 * oracle's maps and gradients, so that nothing adds up from layer to layer. bf16 kernels are also
 * built for AVX2, for this test alone; the set that training uses is looked at with the argument `bf16`
 * (engine.learn_steps_bf16). Dense convolutions of both are done in f32 between roundings, which is
 * what the instructions do. */
#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/onednn/learn_dense.h"
#include "engine/onednn/learn_steps.h"
#include "tests/engine/learn_support.h"
#include "tests/engine/support.h"

#ifdef KERNELS_X86
extern const struct learn_kernels learn_kernels_avx2_bf16;
#endif

enum {
    THREADS = 2,
    /* A norm over two values gives -1 and 1 whatever they are: its gradient is what epsilon leaves, and
     * over eight it is not much more. */
    FEW = 8,
    FEW_TIMES = 1000,
};

/* Squares of a gradient that is 0 but for rounding, in double and in f32. */
#define NOTHING     1e-20
#define NOTHING_F32 1e-8

struct bench {
    struct learn_shared shared;
    struct learn_plan *plan;
    struct learn_norm norms[LAYER_COUNT];
    int of[LAYER_COUNT][ROLE_SCALE + 1];
    float *norm_values;
    double sums[THREADS * 2 * LEARN_CHANNELS_MAX];
    char *arena;
    struct learn_tensors params, mine, oracle, oracle_params;
    struct learn_net *net;
    struct learn_net_head heads[LEARN_HEADS];
    uint8_t *rgb;
    struct learn_step step;
    double limit;
    const char *what;
};

static bool is_bf16(const struct bench *r)
{
    return r->shared.kernels->base->elem_size == 2;
}

/* ---- maps -------------------------------------------------------------------------------- */

static size_t pixels_of(const struct bench *r, int layer)
{
    struct shape s = r->plan->shapes[layer];

    return (size_t)r->plan->n * (size_t)s.h * (size_t)s.w;
}

static size_t count_of(const struct bench *r, int layer)
{
    return pixels_of(r, layer) * (size_t)network[layer].channels;
}

static void write_elem(const struct bench *r, void *map, size_t i, double v)
{
    union {
        float f;
        uint32_t bits;
    } u = {.f = (float)v};

    if (is_bf16(r))
        ((uint16_t *)map)[i] = (uint16_t)((u.bits + 0x7fff + ((u.bits >> 16) & 1)) >> 16);
    else
        ((float *)map)[i] = u.f;
}

static double read_elem(const struct bench *r, const void *map, size_t i)
{
    union {
        uint32_t bits;
        float f;
    } u;

    if (!is_bf16(r))
        return (double)((const float *)map)[i];
    u.bits = (uint32_t)((const uint16_t *)map)[i] << 16;
    return (double)u.f;
}

static void write_map(const struct bench *r, void *map, const double *from, int layer)
{
    for (size_t i = 0; i < count_of(r, layer); i++)
        write_elem(r, map, i, from[i]);
}

static void check(const struct bench *r, int layer, const char *what, double off, double all)
{
    double limit = r->limit;

    if (network[layer].norm && pixels_of(r, layer) <= FEW)
        limit *= FEW_TIMES;
    if (all < NOTHING && (off < NOTHING_F32 || is_bf16(r)))
        return;
    if (!(off <= limit * all))
        fail_msg("%s of %s by %s: nmse %g", what, network[layer].name, r->what, off / all);
}

/* Channels of a map from `before` on, `step` elements a pixel. */
static void check_map(const struct bench *r, int layer, const char *what, const void *map,
                      const double *want, size_t step, size_t before)
{
    size_t c = (size_t)network[layer].channels;
    double off = 0, all = 0;

    for (size_t i = 0; i < count_of(r, layer); i++) {
        double d = read_elem(r, map, i / c * step + before + i % c) - want[i];
        off += d * d;
        all += want[i] * want[i];
    }
    check(r, layer, what, off, all);
}

/* Wherever a layer's output is: in its own map, in a concatenation, or both. */
static void check_output(const struct bench *r, int layer)
{
    const double *want = learn_net_value(r->net, layer);
    int before = 0, concat = network_concat_of(layer, &before);

    if (r->plan->map[layer] != LEARN_NOWHERE) {
        check_map(r, layer, "output", step_map(&r->step, layer), want,
                  (size_t)network[layer].channels, 0);
        write_map(r, step_map(&r->step, layer), want, layer);
    }
    if (concat != L_NONE)
        check_map(r, layer, "place in the concatenation", step_map(&r->step, concat), want,
                  (size_t)network[concat].channels, (size_t)before);
}

/* In bf16 those of dense and depthwise weights: the others are sums over a map whose addends nearly
 * cancel, so that the rounding of what is added up is most of them. What such sums do to the gradient
 * behind a norm is checked there. */
static void check_gradients(const struct bench *r, int layer)
{
    for (int i = 0; i < PARAM_COUNT; i++) {
        const struct param *p = &r->mine.table[i];
        double off = 0, all = 0;
        bool rough = is_bf16(r) && (p->role != ROLE_WEIGHT || learn_is_plane(layer));
        if (p->layer != layer || !param_is_trained(p) || p->role == ROLE_BIAS || rough)
            continue;
        for (size_t k = 0; k < param_count(p); k++) {
            double d = (double)r->mine.at32.at[i][k] - r->oracle.at.at[i][k];
            off += d * d;
            all += r->oracle.at.at[i][k] * r->oracle.at.at[i][k];
        }
        check(r, layer, p->name, off, all);
    }
}

/* ---- the walk ---------------------------------------------------------------------------- */

static bool is_logits(int layer)
{
    return network[layer].op == LAYER_CONV && !network[layer].norm;
}

enum dense_kind { DENSE_FORWARD, DENSE_BACK, DENSE_LEARN };

/* A dense convolution between maps `in` and `out`; through f32 where these are bf16. */
static void run_dense(const struct bench *r, int layer, enum dense_kind kind, void *in, void *out)
{
    static int (*const run[])(const struct dense_job *, struct err *) = {dense_forward, dense_back,
                                                                         dense_learn};
    int source = network[layer].in[0];
    size_t ins = count_of(r, source), outs = count_of(r, layer);
    float *wide = malloc((ins + outs) * sizeof(*wide));
    struct learn_shared shared = r->shared;
    struct dense_job job = {.shared = &shared,
                            .plan = r->plan,
                            .layer = layer,
                            .arena = r->arena,
                            .weight = step_param(&r->step, layer, ROLE_WEIGHT),
                            .learned = step_gradient(&r->step, layer, ROLE_WEIGHT),
                            .in = wide,
                            .out = wide + ins};
    struct err err = {0};

    assert_non_null(wide);
    if (is_bf16(r))
        shared.kernels = learn_kernels_choose("f32");
    for (size_t i = 0; i < ins && kind != DENSE_BACK; i++)
        wide[i] = (float)read_elem(r, in, i);
    for (size_t i = 0; i < outs && kind != DENSE_FORWARD; i++)
        wide[ins + i] = (float)read_elem(r, out, i);
    if (run[kind](&job, &err))
        fail_msg("%s", err.msg);
    for (size_t i = 0; i < ins && kind == DENSE_BACK; i++)
        write_elem(r, in, i, (double)wide[i]);
    for (size_t i = 0; i < outs && kind == DENSE_FORWARD; i++)
        write_elem(r, out, i, (double)wide[ins + i]);
    free(wide);
}

static void check_logits(const struct bench *r, int layer)
{
    const float *logits = step_map(&r->step, layer);
    const double *want = learn_net_value(r->net, layer);
    double off = 0, all = 0;

    for (size_t i = 0; i < count_of(r, layer); i++) {
        off += ((double)logits[i] - want[i]) * ((double)logits[i] - want[i]);
        all += want[i] * want[i];
    }
    check(r, layer, "logits", off, all);
}

static void convolve(const struct bench *r, int layer)
{
    if (layer == L_F0)
        step_stem(&r->step);
    else if (network[layer].groups > 1)
        step_halve(&r->step, layer);
    else
        run_dense(r, layer, DENSE_FORWARD, step_map(&r->step, network[layer].in[0]),
                  step_inner(&r->step, layer));
}

static void forward_conv(const struct bench *r, int layer)
{
    if (learn_is_plane(layer))
        return; /* in its block */
    if (is_logits(layer)) {
        step_classify(&r->step, layer);
        check_logits(r, layer);
        return;
    }
    convolve(r, layer);
    step_norm(&r->step, layer);
    check_output(r, layer);
    if (network[layer].groups > 1) {
        int pool = layer + 1;
        while (network[pool].op != LAYER_AVERAGE)
            pool++;
        check_output(r, pool);
    }
}

static void forward(const struct bench *r)
{
    for (int i = L_F0; i < LAYER_COUNT; i++) {
        switch (network[i].op) {
        case LAYER_CONV: forward_conv(r, i); continue;
        case LAYER_BINS: step_bins(&r->step, i); break;
        case LAYER_SUM: step_sum(&r->step, i); break;
        case LAYER_BLEND: step_fuse(&r->step, i); break;
        case LAYER_CONCAT:
            write_map(r, step_map(&r->step, i), learn_net_value(r->net, i), i);
            continue;
        default: continue;
        }
        check_output(r, i);
    }
}

static void convolve_back(const struct bench *r, int layer)
{
    void *out = step_inner(&r->step, layer);

    if (layer == L_F0) {
        step_stem_back(&r->step);
    } else if (network[layer].groups > 1) {
        step_halve_back(&r->step, layer);
    } else {
        run_dense(r, layer, DENSE_LEARN, step_map(&r->step, network[layer].in[0]), out);
        run_dense(r, layer, DENSE_BACK, step_back(&r->step, layer), out);
    }
}

static void back_conv(const struct bench *r, int layer)
{
    if (learn_is_plane(layer))
        return;
    if (is_logits(layer)) {
        step_classify_back(&r->step, layer);
    } else {
        const double *want = learn_net_gradient(r->net, layer);
        step_norm_back(&r->step, layer);
        check_map(r, layer, "gradient behind the norm", step_inner(&r->step, layer), want,
                  (size_t)network[layer].channels, 0);
        write_map(r, step_inner(&r->step, layer), want, layer);
        convolve_back(r, layer);
    }
    check_gradients(r, layer);
}

static void backward(const struct bench *r)
{
    for (int i = LAYER_COUNT - 1; i > L_IN; i--)
        switch (network[i].op) {
        case LAYER_CONV: back_conv(r, i); break;
        case LAYER_BINS: step_bins_back(&r->step, i); break;
        case LAYER_SUM: step_sum_back(&r->step, i); break;
        case LAYER_BLEND:
            step_fuse_back(&r->step, i);
            check_gradients(r, network[i].in[2]);
            check_gradients(r, network[network[i].in[2]].in[0]);
            break;
        default: break;
        }
}

/* ---- the bench ------------------------------------------------------------------------------- */

static void place_norms(struct bench *r)
{
    float *at = r->norm_values = calloc(LEARN_NORM_ARRAYS * LAYER_COUNT * 512, sizeof(float));

    assert_non_null(at);
    for (int i = 0; i < LAYER_COUNT; i++) {
        struct learn_norm *n = &r->norms[i];
        float **const arrays[LEARN_NORM_ARRAYS] = {&n->mean, &n->inverse, &n->scale, &n->shift,
                                                   &n->by_g, &n->by_z,    &n->rest};
        for (int k = 0; k < LEARN_NORM_ARRAYS && network[i].norm; k++, at += 512)
            *arrays[k] = at;
    }
}

static void open_shared(struct bench *r, const struct learn_kernels *kernels)
{
    r->shared.kernels = kernels;
    r->shared.type = dnnl_f32;
    r->shared.threads = THREADS;
    omp_set_num_threads(THREADS);
    assert_int_equal(dnnl_engine_create(&r->shared.engine, dnnl_cpu, 0), dnnl_success);
    assert_int_equal(
        dnnl_stream_create(&r->shared.stream, r->shared.engine, dnnl_stream_default_flags),
        dnnl_success);
}

static void bench_of(struct bench *r, const struct learn_kernels *kernels, int n, int h, int w)
{
    struct err err = {0};
    uint64_t seed = 3;

    memset(r, 0, sizeof(*r));
    open_shared(r, kernels);
    learn_tensors_init(&r->params);
    learn_tensors_init(&r->oracle_params);
    learn_tensors_init(&r->mine);
    learn_tensors_init(&r->oracle);
    learn_tensors_random(&r->params, 1);
    learn_tensors_keep_off_corners(&r->params);
    learn_tensors_copy(&r->oracle_params, &r->params);
    memset(r->of, -1, sizeof(r->of));
    for (int i = 0; i < PARAM_COUNT; i++)
        r->of[r->params.table[i].layer][r->params.table[i].role] = i;
    place_norms(r);
    assert_int_equal(learn_plan_new(&r->plan, &r->shared, n, h, w, &err), 0);
    r->arena = aligned_alloc(4096, (r->plan->arena_bytes + 4095) / 4096 * 4096);
    r->rgb = malloc((size_t)n * (size_t)h * (size_t)w * 3);
    assert_true(r->arena && r->rgb);
    for (size_t i = 0; i < (size_t)n * (size_t)h * (size_t)w * 3; i++)
        r->rgb[i] = (uint8_t)(draw_next(&seed) >> (24 + i / ((size_t)h * (size_t)w * 3) % 2));
    r->step = (struct learn_step){.shared = &r->shared,
                                  .plan = r->plan,
                                  .arena = r->arena,
                                  .norms = r->norms,
                                  .of = (const int(*)[ROLE_SCALE + 1]) r->of,
                                  .sums = r->sums,
                                  .params = &r->params.at32,
                                  .gradients = &r->mine.at32};
    assert_int_equal(learn_net_open(&r->net, &err), 0);
}

static void bench_free(struct bench *r)
{
    learn_plan_free(r->plan);
    dnnl_stream_destroy(r->shared.stream);
    dnnl_engine_destroy(r->shared.engine);
    learn_tensors_release(&r->params);
    learn_tensors_release(&r->oracle_params);
    learn_tensors_release(&r->mine);
    learn_tensors_release(&r->oracle);
    learn_net_close(r->net);
    free(r->norm_values);
    free(r->arena);
    free(r->rgb);
}

static void run_oracle(struct bench *r)
{
    static const int heads_at[LEARN_HEADS] = {L_LOGITS, L_LOGITS1, L_LOGITS2};
    struct learn_batch batch = {r->rgb, r->plan->n, r->plan->h, r->plan->w};
    struct err err = {0};
    uint64_t seed = 5;

    memcpy(r->arena + r->plan->rgb_at, r->rgb,
           (size_t)batch.n * (size_t)batch.h * (size_t)batch.w * 3);
    assert_int_equal(learn_net_forward(r->net, &r->oracle_params.at, &batch, r->heads, &err), 0);
    for (int i = 0; i < LEARN_HEADS; i++) {
        float *gradient = step_inner(&r->step, heads_at[i]);
        for (size_t k = 0; k < count_of(r, heads_at[i]); k++) {
            gradient[k] = random_normal(&seed);
            r->heads[i].gradient[k] = (double)gradient[k];
        }
    }
    learn_net_backward(r->net, &r->oracle_params.at, &r->oracle.at);
}

static void layers_of(const struct learn_kernels *kernels, double limit)
{
    static const struct {
        int n, h, w;
    } shapes[] = {
        {2, 64,  96},
        {3, 57,  75},
        {1, 32,  32},
        {2, 130, 33},
    };

    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
        struct bench r;
        bench_of(&r, kernels, shapes[i].n, shapes[i].h, shapes[i].w);
        r.limit = limit;
        r.what = kernels->isa;
        print_message("%s: %d of %dx%d\n", r.what, shapes[i].n, shapes[i].h, shapes[i].w);
        run_oracle(&r);
        forward(&r);
        backward(&r);
        bench_free(&r);
    }
}

static void every_layer_in_f32(void **state)
{
    const struct learn_kernels *kernels;

    (void)state;
    for (int i = 0; (kernels = learn_kernels_nth(i)); i++)
        if (kernels->base->elem_size == sizeof(float))
            layers_of(kernels, 1e-8);
}

#define LIMIT_BF16 5e-3

static void every_layer_in_bf16_of_avx2(void **state)
{
    (void)state;
#ifdef KERNELS_X86
    if (__builtin_cpu_supports("avx2")) {
        layers_of(&learn_kernels_avx2_bf16, LIMIT_BF16);
        return;
    }
#endif
    skip();
}

static void every_layer_in_bf16(void **state)
{
    (void)state;
    layers_of(learn_kernels_choose("bf16"), LIMIT_BF16);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest in_bf16[] = {
        cmocka_unit_test(every_layer_in_bf16),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layer_in_bf16_of_avx2),
        cmocka_unit_test(every_layer_in_f32),
    };

    if (argc < 2 || strcmp(argv[1], "bf16") != 0)
        return cmocka_run_group_tests(tests, NULL, NULL);
    if (learn_kernels_choose("bf16"))
        return cmocka_run_group_tests(in_bf16, NULL, NULL);
    puts("this processor has no set of kernels in bf16");
    return TEST_SKIP;
}
