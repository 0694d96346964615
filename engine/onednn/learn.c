/* learn.c -- a training step on a CPU: walks the table of layers forwards and backwards.
 *
 * All threads work on one step at a time (OpenMP, as oneDNN does inside its primitives). Everything
 * that the way back needs stays where the forward left it; plans for several sizes share one arena,
 * which keeps the size of the largest. */
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "engine/denormals.h"
#include "engine/learn_backend.h"
#include "engine/onednn/dnnl_try.h"
#include "engine/onednn/learn_dense.h"
#include "engine/onednn/learn_steps.h"

enum { PLANS_MAX = 24, ARENA_ALIGN = 2 << 20 /* a huge page */, THREADS_MAX = 256 };

struct learn_inner {
    struct learn_shared shared;
    int of[LAYER_COUNT][ROLE_SCALE + 1];
    struct learn_norm norms[LAYER_COUNT];
    float *norm_values; /* what they point into */
    double *sums;
    char *arena; /* shared by all plans: only one runs at a time */
    size_t arena_bytes;
    struct learn_plan *plans[PLANS_MAX];
    uint64_t clock;          /* counts steps */
    struct learn_plan *last; /* of the last forward */
};

static bool isa_has(dnnl_cpu_isa_t wanted)
{
    return ((unsigned)dnnl_get_effective_cpu_isa() & (unsigned)wanted) == (unsigned)wanted;
}

static bool can(const char *precision, int number)
{
    (void)number;
    if (!strcmp(precision, "bf16"))
        return isa_has(dnnl_cpu_isa_avx512_core_bf16) && learn_kernels_choose("bf16");
    return !strcmp(precision, "f32");
}

/* ---- open, close ------------------------------------------------------------------------- */

static void place_norms(struct learn_inner *l)
{
    float *at = l->norm_values;

    for (int i = 0; i < LAYER_COUNT; i++) {
        struct learn_norm *n = &l->norms[i];
        float **const arrays[LEARN_NORM_ARRAYS] = {&n->mean, &n->inverse, &n->scale, &n->shift,
                                                   &n->by_g, &n->by_z,    &n->rest};
        for (int k = 0; k < LEARN_NORM_ARRAYS && network[i].norm; k++) {
            *arrays[k] = at;
            at += network[i].channels;
        }
    }
}

static size_t norm_values(void)
{
    size_t count = 0;

    for (int i = 0; i < LAYER_COUNT; i++)
        if (network[i].norm)
            count += LEARN_NORM_ARRAYS * (size_t)network[i].channels;
    return count;
}

static void onednn_close(struct learn_inner *l)
{
    for (int i = 0; i < PLANS_MAX; i++)
        learn_plan_free(l->plans[i]);
    dnnl_stream_destroy(l->shared.stream);
    dnnl_engine_destroy(l->shared.engine);
    free(l->norm_values);
    free(l->sums);
    free(l->arena);
    free(l);
}

/* At the start of each call: OpenMP's number belongs to the calling thread, where a stream of the engine
 * sets its own, and is frozen into each primitive when that is made. Denormals are zero in the threads
 * that OpenMP has already, too. */
static void start_threads(int threads)
{
    omp_set_num_threads(threads);
#pragma omp parallel num_threads(threads)
    denormals_flush();
}

static int onednn_open(struct learn_inner **out, const struct learner_config *config, int number,
                       struct err *err)
{
    struct learn_inner *l = calloc(1, sizeof(*l));

    (void)number;
    if (!l)
        return err_set(err, ERR_NOMEM, "out of memory for a learner");
    bool bf16 = !strcmp(config->precision, "bf16");
    l->shared.type = bf16 ? dnnl_bf16 : dnnl_f32;
    l->shared.kernels = learn_kernels_choose(config->precision);
    l->shared.threads = config->threads < THREADS_MAX ? config->threads : THREADS_MAX;
    learn_find_params(l->of);
    l->norm_values = calloc(norm_values(), sizeof(*l->norm_values));
    l->sums = malloc((size_t)l->shared.threads * 2 * LEARN_CHANNELS_MAX * sizeof(*l->sums));
    if (!l->norm_values || !l->sums) {
        onednn_close(l);
        return err_set(err, ERR_NOMEM, "out of memory for a learner");
    }
    place_norms(l);
    if (DNNL_FAILED(err, dnnl_engine_create(&l->shared.engine, dnnl_cpu, 0)) ||
        DNNL_FAILED(err, dnnl_stream_create(&l->shared.stream, l->shared.engine,
                                            dnnl_stream_default_flags))) {
        onednn_close(l);
        return -1;
    }
    *out = l;
    return 0;
}

/* ---- plans ------------------------------------------------------------------------------- */

static int grow_arena(struct learn_inner *l, size_t bytes, struct err *err)
{
    if (bytes <= l->arena_bytes)
        return 0;
    bytes = (bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    free(l->arena);
    l->arena_bytes = 0;
    l->arena = aligned_alloc(ARENA_ALIGN, bytes);
    if (!l->arena)
        return err_set(err, ERR_NOMEM, "out of memory for %zu MB of activations", bytes >> 20);
    /* only speed depends on it, so its failure is no error */
    (void)madvise(l->arena, bytes, MADV_HUGEPAGE);
    l->arena_bytes = bytes;
    return 0;
}

static bool is_for(const struct learn_plan *p, const struct learn_batch *b)
{
    return p && p->n == b->n && p->h == b->h && p->w == b->w;
}

/* The slot that holds this batch's plan, else the one to fill: empty, or used longest ago. */
static int find_slot(const struct learn_inner *l, const struct learn_batch *b)
{
    int slot = 0;

    for (int i = 0; i < PLANS_MAX; i++) {
        const struct learn_plan *p = l->plans[i];
        if (is_for(p, b))
            return i;
        if (l->plans[slot] && (!p || p->used < l->plans[slot]->used))
            slot = i;
    }
    return slot;
}

static int find_plan(struct learn_inner *l, const struct learn_batch *b, struct learn_plan **out,
                     struct err *err)
{
    int slot = find_slot(l, b);
    struct learn_plan *p = l->plans[slot];

    if (!is_for(p, b)) {
        if (learn_plan_new(&p, &l->shared, b->n, b->h, b->w, err))
            return -1;
        learn_plan_free(l->plans[slot]);
        l->plans[slot] = p;
    }
    p->used = ++l->clock;
    *out = p;
    return grow_arena(l, p->arena_bytes, err);
}

/* ---- forwards ---------------------------------------------------------------------------- */

static struct learn_step step_of(struct learn_inner *l, const struct learn_params *params,
                                 const struct learn_params *gradients)
{
    return (struct learn_step){.shared = &l->shared,
                               .plan = l->last,
                               .arena = l->arena,
                               .norms = l->norms,
                               .of = (const int(*)[ROLE_SCALE + 1]) l->of,
                               .sums = l->sums,
                               .params = params,
                               .gradients = gradients};
}

static struct dense_job dense_job(const struct learn_step *s, int layer)
{
    return (struct dense_job){.shared = s->shared,
                              .plan = s->plan,
                              .layer = layer,
                              .arena = s->arena,
                              .weight = step_param(s, layer, ROLE_WEIGHT),
                              .out = step_inner(s, layer)};
}

static int forward_conv(const struct learn_step *s, int layer, struct err *err)
{
    struct dense_job job = dense_job(s, layer);

    if (learn_is_plane(layer))
        return 0; /* in its block */
    if (!network[layer].norm) {
        step_classify(s, layer);
        return 0;
    }
    job.in = step_map(s, network[layer].in[0]);
    if (layer == L_F0)
        step_stem(s);
    else if (network[layer].groups > 1)
        step_halve(s, layer);
    else if (dense_forward(&job, err))
        return -1;
    step_norm(s, layer);
    return 0;
}

static int forward_layer(const struct learn_step *s, int layer, struct err *err)
{
    switch (network[layer].op) {
    case LAYER_CONV: return forward_conv(s, layer, err);
    case LAYER_BINS: step_bins(s, layer); return 0;
    case LAYER_SUM: step_sum(s, layer); return 0;
    case LAYER_BLEND: step_fuse(s, layer); return 0;
    default: return 0; /* made by a neighbour */
    }
}

static int onednn_forward(struct learn_inner *l, const struct learn_params *params,
                          const struct learn_batch *batch, struct learn_head heads[LEARN_HEADS],
                          struct err *err)
{
    struct learn_plan *plan = NULL;

    start_threads(l->shared.threads);
    l->last = NULL;
    if (find_plan(l, batch, &plan, err))
        return -1;
    l->last = plan;
    struct learn_step step = step_of(l, params, NULL);
    memcpy(l->arena + plan->rgb_at, batch->rgb,
           (size_t)batch->n * (size_t)batch->h * (size_t)batch->w * STEM_INPUTS);
    for (int i = L_F0; i < LAYER_COUNT; i++)
        if (forward_layer(&step, i, err))
            return -1;
    for (int i = 0; i < LEARN_HEADS; i++) {
        struct shape shape = plan->shapes[learn_heads_at[i]];
        heads[i] = (struct learn_head){.h = shape.h,
                                       .w = shape.w,
                                       .logits = step_map(&step, learn_heads_at[i]),
                                       .gradient = step_inner(&step, learn_heads_at[i])};
    }
    return 0;
}

/* ---- backwards --------------------------------------------------------------------------- */

static int back_conv(const struct learn_step *s, int layer, struct err *err)
{
    struct dense_job job = dense_job(s, layer);

    if (learn_is_plane(layer))
        return 0; /* in its block */
    if (!network[layer].norm) {
        step_classify_back(s, layer);
        return 0;
    }
    step_norm_back(s, layer);
    if (layer == L_F0) {
        step_stem_back(s);
        return 0;
    }
    if (network[layer].groups > 1) {
        step_halve_back(s, layer);
        return 0;
    }
    job.learned = step_gradient(s, layer, ROLE_WEIGHT);
    job.in = step_map(s, network[layer].in[0]);
    if (dense_learn(&job, err))
        return -1;
    job.in = step_back(s, layer);
    return dense_back(&job, err);
}

static int back_layer(const struct learn_step *s, int layer, struct err *err)
{
    switch (network[layer].op) {
    case LAYER_CONV: return back_conv(s, layer, err);
    case LAYER_BINS: step_bins_back(s, layer); return 0;
    case LAYER_SUM: step_sum_back(s, layer); return 0;
    case LAYER_BLEND: step_fuse_back(s, layer); return 0;
    default: return 0;
    }
}

static int onednn_backward(struct learn_inner *l, const struct learn_params *params,
                           const struct learn_params *gradients, struct err *err)
{
    struct learn_step step = step_of(l, params, gradients);

    start_threads(l->shared.threads);
    for (int i = LAYER_COUNT - 1; i > L_IN; i--)
        if (back_layer(&step, i, err))
            return -1;
    return 0;
}

/* ---- for tests --------------------------------------------------------------------------- */

/* From its own map, else from its place in a concatenation. */
static int onednn_values(const struct learn_inner *l, int layer, float *out, struct err *err)
{
    const struct learn_plan *p = l->last;
    const struct kernels *kernels = l->shared.kernels->base;
    int before = 0, concat = network_concat_of(layer, &before);
    int from = p->map[layer] != LEARN_NOWHERE ? layer : concat;

    if (from == L_NONE || learn_is_plane(layer) || learn_is_logits(layer))
        return err_set(err, ERR_INPUT, "no map of %s is kept", network[layer].name);
    before = from == layer ? 0 : before;
    struct shape shape = p->shapes[layer];
    size_t pixels = (size_t)p->n * (size_t)shape.h * (size_t)shape.w, c = (size_t)shape.c;
    for (size_t i = 0; i < pixels; i++) {
        size_t at = i * (size_t)network[from].channels + (size_t)before;
        kernels->widen(out + i * c, l->arena + p->map[from] + at * kernels->elem_size, c);
    }
    return 0;
}

const struct learn_backend learn_backend_onednn = {
    .name = "onednn",
    .device = "cpu",
    .can = can,
    .open = onednn_open,
    .close = onednn_close,
    .forward = onednn_forward,
    .backward = onednn_backward,
    .values = onednn_values,
};
