/* onednn.c -- the CPU backend: our own Winograd convolutions (winograd.h) where they pay, oneDNN
 * for the other dense ones, our own loops (kernels.h) for everything between them.
 *
 * A stream is meant to be one thread that runs its primitives alone: two streams on two cores make
 * more images than one image over both, by a tenth when the machine is idle and by half when it is
 * not (no barriers). Who waits for a single image gives its stream more threads (OpenMP's, which
 * oneDNN uses too). NHWC throughout. What was tried and left: channel slices of a wider tensor as source
 * or destination (oneDNN falls silently to its reference code, 500 times slower), hence the copies
 * of concat; blocked layouts (no faster); the library's own scratchpads (wrong results when a
 * cached primitive runs in two threads). */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/clock.h"
#include "engine/backend.h"
#include "engine/onednn/dnnl_try.h"
#include "engine/onednn/limit.h"
#include "engine/onednn/plan.h"

enum { PLANS_MAX = 48, ARENA_ALIGN = 2 << 20 }; /* a huge page */

struct backend_engine {
    struct shared shared;
};

struct backend_stream {
    struct backend_engine *engine;
    dnnl_stream_t stream;
    int threads; /* that oneDNN and the Winograd convolutions use; the rest is one thread's */
    bool keep;
    char *arena; /* shared by all plans: only one runs at a time */
    size_t arena_bytes;
    struct plan *plans[PLANS_MAX];
    uint64_t clock;          /* counts runs */
    const struct plan *last; /* of the last run, or NULL */
    double ms[LAYER_COUNT + 1];
};

/* ---- engine ------------------------------------------------------------------------------ */

static bool isa_has(dnnl_cpu_isa_t wanted)
{
    return ((unsigned)dnnl_get_effective_cpu_isa() & (unsigned)wanted) == (unsigned)wanted;
}

/* Without the instructions oneDNN emulates bf16, six times slower than f32, and its int8 saturates
 * sums of two products, which is wrong by halves. */
static bool can(const char *precision)
{
    if (!strcmp(precision, "int8"))
        return isa_has(dnnl_cpu_isa_avx512_core_vnni) || isa_has(dnnl_cpu_isa_avx2_vnni);
    if (!strcmp(precision, "bf16"))
        return isa_has(dnnl_cpu_isa_avx512_core_bf16) && kernels_choose("bf16");
    return !strcmp(precision, "f32");
}

static bool onednn_can(const char *precision, int number)
{
    (void)number;
    return can(precision);
}

static void onednn_close(struct backend_engine *e)
{
    packed_release(&e->shared.packed);
    own_weights_release(&e->shared.own);
    winograd_release(&e->shared.winograd);
    quantised_release(&e->shared.quantised);
    dnnl_engine_destroy(e->shared.engine);
    free(e);
}

static int onednn_open(struct backend_engine **out, const struct model *model,
                       const char *precision, int number, struct err *err)
{
    struct backend_engine *e = calloc(1, sizeof(*e));
    bool int8 = !strcmp(precision, "int8");
    bool bf16 = int8 ? can("bf16") : !strcmp(precision, "bf16");

    (void)number;
    if (!e)
        return err_set(err, ERR_NOMEM, "out of memory for an engine");
    struct shared *shared = &e->shared;
    shared->type = bf16 ? dnnl_bf16 : dnnl_f32;
    shared->kernels = kernels_choose(bf16 ? "bf16" : "f32");
    int ret = DNNL_FAILED(err, dnnl_engine_create(&shared->engine, dnnl_cpu, 0));
    packed_init(&shared->packed, model, &shared->quantised, shared->engine);
    /* AMX multiplies bf16 eight times as fast as the vectors that our kernels have; the transforms
     * alone would take longer than its direct convolutions. Bytes are transformed in bf16, which
     * needs half the time of their direct convolutions; in f32 it would need as much. */
    shared->use_winograd = bf16 ? !isa_has(dnnl_cpu_isa_avx512_core_amx) : !int8;
    winograd_init(&shared->winograd, model, &shared->quantised, shared->kernels);
    if (!ret && int8)
        ret = quantised_load(&shared->quantised, model, err);
    if (!ret)
        ret = own_weights_load(&shared->own, model, shared->kernels, &shared->quantised, err);
    if (ret) {
        onednn_close(e);
        return -1;
    }
    *out = e;
    return 0;
}

/* ---- stream ------------------------------------------------------------------------------ */

static int onednn_stream_open(struct backend_stream **out, struct backend_engine *e, int threads,
                              struct err *err)
{
    struct backend_stream *s = calloc(1, sizeof(*s));

    if (!s)
        return err_set(err, ERR_NOMEM, "out of memory for a stream");
    s->engine = e;
    s->threads = threads;
    if (DNNL_FAILED(err,
                    dnnl_stream_create(&s->stream, e->shared.engine, dnnl_stream_default_flags))) {
        free(s);
        return -1;
    }
    *out = s;
    return 0;
}

static void onednn_stream_close(struct backend_stream *s)
{
    for (int i = 0; i < PLANS_MAX; i++)
        plan_free(s->plans[i]);
    dnnl_stream_destroy(s->stream);
    free(s->arena);
    free(s);
}

static void onednn_keep_layers(struct backend_stream *s)
{
    s->keep = true;
}

static int grow_arena(struct backend_stream *s, size_t bytes, struct err *err)
{
    if (bytes <= s->arena_bytes)
        return 0;
    bytes = (bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    free(s->arena);
    s->arena_bytes = 0;
    s->arena = aligned_alloc(ARENA_ALIGN, bytes);
    if (!s->arena)
        return err_set(err, ERR_NOMEM, "out of memory for %zu MB of activations", bytes >> 20);
    /* only speed depends on it, so its failure is no error */
    (void)madvise(s->arena, bytes, MADV_HUGEPAGE);
    s->arena_bytes = bytes;
    return 0;
}

/* The slot that holds this shape, else the one to fill: empty, or used longest ago. */
static int find_slot(const struct backend_stream *s, int n, int h, int w)
{
    int slot = 0;

    for (int i = 0; i < PLANS_MAX; i++) {
        const struct plan *p = s->plans[i];
        if (p && p->n == n && p->h == h && p->w == w)
            return i;
        if (s->plans[slot] && (!p || p->used < s->plans[slot]->used))
            slot = i;
    }
    return slot;
}

static int find_plan(struct backend_stream *s, int n, int h, int w, struct plan **out,
                     struct err *err)
{
    int slot = find_slot(s, n, h, w);
    struct plan *p = s->plans[slot];

    if (!p || p->n != n || p->h != h || p->w != w) {
        if (plan_new(&p, &s->engine->shared, s->stream, (struct plan_shape){n, h, w, s->keep}, err))
            return -1;
        plan_free(s->plans[slot]);
        s->plans[slot] = p;
    }
    p->used = ++s->clock;
    *out = p;
    if (grow_arena(s, p->arena_bytes, err))
        return -1;
    memset(s->arena + p->zeros_at, 0, PIXEL_BYTES_MAX);
    return 0;
}

/* ---- steps ------------------------------------------------------------------------------- */

/* Image `image` of the output of `layer`. */
static void *map_at(const struct backend_stream *s, const struct plan *p, int layer, int image)
{
    struct shape shape = p->shapes[layer];
    size_t one = (size_t)shape.h * (size_t)shape.w * (size_t)shape.c *
                 plan_elem_size(&s->engine->shared, layer);

    return s->arena + p->memory.offset[layer] + (p->copies[layer] > 1 ? (size_t)image * one : 0);
}

/* Images of a batch that a step works on. */
struct images {
    struct engine_image *all;
    int first, count;
};

static int run_conv(struct backend_stream *s, const struct plan *p, int layer, int first,
                    struct err *err)
{
    const struct plan_conv *c = &p->conv[layer];
    const dnnl_exec_arg_t args[] = {
        {DNNL_ARG_SRC,        c->src       },
        {DNNL_ARG_WEIGHTS,    c->weight    },
        {DNNL_ARG_BIAS,       c->bias      },
        {DNNL_ARG_DST,        c->dst       },
        {DNNL_ARG_SCRATCHPAD, c->scratchpad},
    };

    if (DNNL_FAILED(
            err, dnnl_memory_set_data_handle(c->src, map_at(s, p, network[layer].in[0], first))) ||
        DNNL_FAILED(err, dnnl_memory_set_data_handle(c->dst, map_at(s, p, layer, first))) ||
        DNNL_FAILED(err, dnnl_memory_set_data_handle(c->scratchpad, s->arena + p->scratchpad_at)))
        return -1;
    return DNNL_FAILED(err, dnnl_primitive_execute(c->primitive, s->stream, 5, args));
}

static void run_winograd(struct backend_stream *s, const struct plan *p, int layer,
                         const struct images *images)
{
    const struct layer *l = &network[layer];
    struct shape out = p->shapes[layer], in = p->shapes[l->in[0]];
    const struct quantised *q = &s->engine->shared.quantised;
    struct winograd_job job = {
        .in = map_at(s, p, l->in[0], images->first),
        .in_cell = quantised_cell(q, l->in[0]),
        .h = out.h,
        .w = out.w,
        .c = in.c,
        .in_step = in.c,
        .zeros = s->arena + p->zeros_at,
        .weight = p->winograd[layer].points,
        .bias = p->winograd[layer].bias,
        .out = map_at(s, p, layer, images->first),
        .out_cell = quantised_cell(q, layer),
        .k = out.c,
        .out_step = out.c,
    };

    winograd_run(s->engine->shared.kernels, &job, images->count, s->threads,
                 s->arena + p->scratch_at);
}

/* Channels in front of input `k` in a concat. */
static int channels_before(const struct layer *concat, int k)
{
    int channels = 0;

    for (int i = 0; i < k; i++)
        channels += network[concat->in[i]].channels;
    return channels;
}

/* Depthwise convolution `layer` and the pool behind it, which is the first part of its block's
 * concat. */
static void run_halve(struct backend_stream *s, const struct plan *p, int layer, int image)
{
    const struct layer *l = &network[layer];
    const struct shared *shared = &s->engine->shared;
    const struct quantised *q = &shared->quantised;
    const float *weight = shared->own.depthwise[layer];
    int concat = layer + 1;

    while (network[concat].op != LAYER_CONCAT)
        concat++;
    struct shape in = p->shapes[l->in[0]];
    struct halve_job job = {
        .in = map_at(s, p, l->in[0], image),
        .h = in.h,
        .w = in.w,
        .c = in.c,
        .weight = weight,
        .bias = weight + 9 * (size_t)in.c,
        .scale = weight + 10 * (size_t)in.c,
        .zeros = s->arena + p->zeros_at,
        .conv = map_at(s, p, layer, image),
        .pool = map_at(s, p, concat, image),
        .pool_step = network[concat].channels,
        .pool_scale = quantised_step(q, l->in[0]) / quantised_step(q, concat),
    };
    (quantised_bytes(q, layer) ? shared->kernels->halve_bytes : shared->kernels->halve)(&job);
}

static void run_concat(struct backend_stream *s, const struct plan *p, int layer,
                       const struct images *images)
{
    const struct kernels *k = s->engine->shared.kernels;
    const struct layer *l = &network[layer];
    size_t pixels = (size_t)images->count * (size_t)p->shapes[layer].h * (size_t)p->shapes[layer].w;
    size_t elem = plan_elem_size(&s->engine->shared, layer);
    char *out = map_at(s, p, layer, images->first);

    for (int i = 0; i < layer_inputs(l); i++)
        if (network[l->in[i]].op != LAYER_AVERAGE) /* that one is there already */
            k->copy(out + (size_t)channels_before(l, i) * elem, (size_t)l->channels * elem,
                    map_at(s, p, l->in[i], images->first),
                    (size_t)network[l->in[i]].channels * elem, pixels);
}

static void run_sum(struct backend_stream *s, const struct plan *p, int layer, int image)
{
    const struct layer *l = &network[layer];
    struct shape shape = p->shapes[layer];
    const struct shared *shared = &s->engine->shared;
    struct sum_job job = {
        .out = map_at(s, p, layer, image),
        .out_cell = quantised_cell(&shared->quantised, layer),
        .out_step = quantised_step(&shared->quantised, layer),
        .h = shape.h,
        .w = shape.w,
        .c = shape.c,
    };

    for (int k = 0; k < 3; k++) {
        int resize = l->in[k], small = network[resize].in[0];
        job.in[k] = map_at(s, p, small, image);
        job.in_side[k] = p->shapes[small].w;
        job.rows[k] = p->taps[resize][0];
        job.columns[k] = p->taps[resize][1];
    }
    shared->kernels->sum(&job);
}

static void run_attend(struct backend_stream *s, const struct plan *p, int layer, int image)
{
    const struct layer *l = &network[layer];
    int x = l->in[0], resize = l->in[1], attention = l->in[2];
    int y = network[resize].in[0], hidden = network[attention].in[0];
    struct shape shape = p->shapes[layer];
    const struct shared *shared = &s->engine->shared;
    const struct quantised *q = &shared->quantised;
    struct attend_job job = {
        .x = map_at(s, p, x, image),
        .y = map_at(s, p, y, image),
        .h = shape.h,
        .w = shape.w,
        .c = shape.c,
        .y_w = p->shapes[y].w,
        .cell = quantised_cell(q, layer),
        .x_step = quantised_step(q, x),
        .y_step = quantised_step(q, y),
        .out_step = quantised_step(q, layer),
        .rows = p->taps[resize][0],
        .columns = p->taps[resize][1],
        .weights = &shared->own.attend[layer],
        .stats = (float *)map_at(s, p, network[hidden].in[0], 0),
        .hidden = (float *)map_at(s, p, hidden, 0),
        .attention = (float *)map_at(s, p, attention, 0),
        .out = map_at(s, p, layer, image),
    };
    shared->kernels->attend(&job);
}

static void run_bins(struct backend_stream *s, const struct plan *p, int layer, int image)
{
    const struct shared *shared = &s->engine->shared;
    int in = network[layer].in[0];
    struct bins_job job = {
        .in = map_at(s, p, in, image),
        .shape = p->shapes[in],
        .in_cell = quantised_cell(&shared->quantised, in),
        .in_step = quantised_step(&shared->quantised, in),
        .bins = network[layer].kernel,
        .out = map_at(s, p, layer, image),
        .scratch = (float *)(s->arena + p->scratch_at),
    };

    shared->kernels->bins(&job);
}

static void run_stem(struct backend_stream *s, const struct plan *p, const uint8_t *rgb, int image)
{
    const struct own_weights *own = &s->engine->shared.own;
    struct stem_job job = {
        .rgb = rgb,
        .h = p->h,
        .w = p->w,
        .weight = own->stem,
        .bias = own->stem_bias,
        .rows = s->arena + p->scratch_at,
        .out = map_at(s, p, L_F0, image),
        .out_cell = quantised_cell(&s->engine->shared.quantised, L_F0),
    };

    s->engine->shared.kernels->stem(&job);
}

/* Our own step of `layer` for one image. */
static void run_own(struct backend_stream *s, const struct plan *p, int layer,
                    const struct engine_image *images, int image)
{
    switch (network[layer].op) {
    case LAYER_CONV:
        if (layer == L_F0)
            run_stem(s, p, images[image].rgb, image);
        else
            run_halve(s, p, layer, image);
        break;
    case LAYER_BINS: run_bins(s, p, layer, image); break;
    case LAYER_SUM: run_sum(s, p, layer, image); break;
    case LAYER_BLEND: run_attend(s, p, layer, image); break;
    default: break;
    }
}

static int run_step(struct backend_stream *s, const struct plan *p, int layer,
                    const struct images *images, struct err *err)
{
    if (p->conv[layer].primitive)
        return run_conv(s, p, layer, images->first, err);
    if (p->winograd[layer].points) {
        run_winograd(s, p, layer, images);
    } else if (network[layer].op == LAYER_CONCAT) {
        run_concat(s, p, layer, images);
    } else {
        for (int i = images->first; i < images->first + images->count; i++)
            run_own(s, p, layer, images->all, i);
    }
    return 0;
}

static void run_classes(struct backend_stream *s, const struct plan *p, struct engine_image *image,
                        int index)
{
    struct classes_job job = {
        .logits = map_at(s, p, L_LOGITS, index),
        .in_w = p->shapes[L_LOGITS].w,
        .h = p->h,
        .w = p->w,
        .rows = p->taps[LAYER_COUNT][0],
        .columns = p->taps[LAYER_COUNT][1],
        .scratch = (float *)(s->arena + p->scratch_at),
        .image = image,
    };

    s->engine->shared.kernels->classes(&job);
}

static double ms_since(int64_t *start)
{
    int64_t now = clock_mono_us();
    double ms = (double)(now - *start) / 1e3;

    *start = now;
    return ms;
}

/* Steps [from, to) for some images. */
static int run_steps(struct backend_stream *s, const struct plan *p, int from, int to,
                     const struct images *images, struct err *err)
{
    int64_t start = clock_mono_us();

    for (int i = from; i < to; i++) {
        if (run_step(s, p, p->order.layer[i], images, err))
            return -1;
        s->ms[p->order.layer[i]] += ms_since(&start);
    }
    return 0;
}

static int run_back(struct backend_stream *s, const struct plan *p, const struct images *one,
                    struct err *err)
{
    if (run_steps(s, p, p->order.run.back, p->order.steps, one, err))
        return -1;
    int64_t start = clock_mono_us();
    run_classes(s, p, &one->all[one->first], one->first);
    s->ms[LAYER_COUNT] += ms_since(&start);
    return 0;
}

static int onednn_run(struct backend_stream *s, int w, int h, struct engine_image *images, int n,
                      struct err *err)
{
    struct plan *p;

    /* Belongs to the calling thread, where a learner sets its own, and is frozen into each primitive when
     * that is made. */
    omp_set_num_threads(s->threads);
    s->last = NULL;
    memset(s->ms, 0, sizeof(s->ms));
    if (find_plan(s, n, h, w, &p, err))
        return -1;
    for (int i = 0; i < n; i++)
        if (run_steps(s, p, 0, p->order.run.front, &(struct images){images, i, 1}, err))
            return -1;
    if (run_steps(s, p, p->order.run.front, p->order.run.back, &(struct images){images, 0, n}, err))
        return -1;
    for (int i = 0; i < n; i++)
        if (run_back(s, p, &(struct images){images, i, 1}, err))
            return -1;
    if (DNNL_FAILED(err, dnnl_stream_wait(s->stream)))
        return -1;
    s->last = p;
    return 0;
}

/* ---- debug ------------------------------------------------------------------------------- */

/* The attention's planes, which hold the last image only, as h,w,c. */
static void read_planes(const float *planes, struct shape shape, float *out)
{
    for (int c = 0; c < shape.c; c++)
        for (int i = 0; i < shape.h * shape.w; i++)
            out[i * shape.c + c] = planes[(size_t)c * plane_size(shape.h, shape.w) +
                                          ((size_t)(i / shape.w) + 1) * plane_pitch(shape.w) + 1 +
                                          (size_t)(i % shape.w)];
}

/* A map of bytes as values. */
static void read_bytes(const struct backend_stream *s, int layer, const void *map, size_t count,
                       float *out)
{
    float step = s->engine->shared.quantised.step[layer];
    bool is_signed = ranges_kind(layer) == RANGES_S8;

    for (size_t i = 0; i < count; i++)
        out[i] = step * (float)(is_signed ? ((const int8_t *)map)[i] : ((const uint8_t *)map)[i]);
}

static int onednn_layer(struct backend_stream *s, int layer, int image, float *out, struct err *err)
{
    const struct plan *p = s->last;

    if (!p || layer < 0 || layer >= LAYER_COUNT_INFERENCE || image < 0 || image >= p->n ||
        !p->bytes[layer])
        return err_set(err, ERR_INPUT, "layer %d of image %d is not stored", layer, image);
    if (image != p->n - 1 && p->copies[layer] == 1)
        return err_set(err, ERR_INPUT, "layer %d is stored for the last image only", layer);
    struct shape shape = p->shapes[layer];
    size_t count = (size_t)shape.h * (size_t)shape.w * (size_t)shape.c;
    const void *map = map_at(s, p, layer, image);
    if (quantised_bytes(&s->engine->shared.quantised, layer)) {
        read_bytes(s, layer, map, count, out);
        return 0;
    }
    if (order_step_of(layer) == layer) {
        s->engine->shared.kernels->widen(out, map, count);
        return 0;
    }
    read_planes((const float *)map_at(s, p, layer, 0), shape, out);
    return 0;
}

static const double *onednn_layer_ms(struct backend_stream *s)
{
    return s->ms;
}

const struct backend backend_onednn = {
    .name = "onednn",
    .device = "cpu",
    .can = onednn_can,
    .open = onednn_open,
    .close = onednn_close,
    .stream_open = onednn_stream_open,
    .stream_close = onednn_stream_close,
    .run = onednn_run,
    .keep_layers = onednn_keep_layers,
    .layer = onednn_layer,
    .layer_ms = onednn_layer_ms,
    .limit = onednn_limit,
};
