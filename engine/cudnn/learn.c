/* learn.c -- training on a GPU: learn.h with parameters that stay on the device (learn_weights.h) and steps
 * that are CUDA graphs (learn_pass.h).
 *
 * The host waits once for each batch, for its loss and the norm of the gradients; what it decides then
 * (the step's factors, fp16's loss scaling) goes up with the next work. Parameters that are the
 * caller's are moved at each call: for tests and comparisons. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cudnn/cudnn_try.h"
#include "engine/cudnn/gpus.h"
#include "engine/cudnn/learn_kernels.h"
#include "engine/cudnn/learn_layers.h"
#include "engine/cudnn/parameters.h"
#include "engine/cudnn/pins.h"
#include "engine/cudnn/plan_cache.h"
#include "engine/cudnn/timing.h"
#include "engine/learn_backend.h"

enum { PASSES_MAX = 24, TRIES = 4, GOOD_MAX = 2000 };

static const double SCALE_MAX = 65536;

struct learn_inner {
    int gpu;
    cudnnDataType_t type;
    struct learn_weights weights;
    struct graph_target *target;
    struct plan_cache *cache;
    cudnnHandle_t handle; /* on `stream` */
    cudaStream_t stream;
    struct memory memory;
    struct pins pins;
    struct learn_pass *passes[PASSES_MAX];
    uint64_t clock;          /* counts batches */
    struct learn_pass *last; /* of the last forward */
    struct learn_scaling scaling;
    bool has_sum; /* gradients of this step: the next are added */
};

/* ---- open, close ------------------------------------------------------------------------- */

static void cudnn_learn_close(struct learn_inner *l)
{
    (void)cudaSetDevice(l->gpu);
    for (int i = 0; i < PASSES_MAX; i++)
        learn_pass_free(l->passes[i]);
    if (l->handle)
        cudnnDestroy(l->handle);
    if (l->stream)
        cudaStreamDestroy(l->stream);
    memory_release(&l->memory);
    pins_release(&l->pins);
    learn_weights_release(&l->weights);
    plan_cache_close(l->cache);
    graph_target_free(l->target);
    free(l);
}

static int make_parts(struct learn_inner *l, const char *precision, struct err *err)
{
    return CUDA_FAILED(err, cudaSetDevice(l->gpu)) ||
                   learn_weights_open(&l->weights, precision, err) ||
                   graph_target_device(&l->target, l->gpu, err) ||
                   plan_cache_open_usual(&l->cache, l->target, err) ||
                   CUDA_FAILED(err, cudaStreamCreateWithFlags(&l->stream, cudaStreamNonBlocking)) ||
                   CUDNN_FAILED(err, cudnnCreate(&l->handle)) ||
                   CUDNN_FAILED(err, cudnnSetStream(l->handle, l->stream))
               ? -1
               : 0;
}

static int cudnn_learn_open(struct learn_inner **out, const struct learner_config *config,
                            int number, struct err *err)
{
    struct learn_inner *l = calloc(1, sizeof(*l));

    if (!l)
        return err_set(err, ERR_NOMEM, "out of memory for a learner");
    l->gpu = number;
    pins_init(&l->pins);
    parameters_types(config->precision, &l->type, &l->weights.kind);
    l->scaling.scale = l->weights.kind == ELEM_F16 ? SCALE_MAX : 1;
    if (make_parts(l, config->precision, err)) {
        cudnn_learn_close(l);
        return err_wrap(err, "cuda:%d", number);
    }
    *out = l;
    return 0;
}

/* ---- passes ------------------------------------------------------------------------------ */

static bool is_for(const struct learn_pass *p, const struct learn_batch *b)
{
    return p && p->shape.n == b->n && p->shape.h == b->h && p->shape.w == b->w;
}

/* The slot that holds this batch's pass, else the one to fill: empty, or used longest ago. */
static int find_slot(const struct learn_inner *l, const struct learn_batch *b)
{
    int slot = 0;

    for (int i = 0; i < PASSES_MAX; i++) {
        const struct learn_pass *p = l->passes[i];
        if (is_for(p, b))
            return i;
        if (l->passes[slot] && (!p || p->used < l->passes[slot]->used))
            slot = i;
    }
    return slot;
}

static int make_pass(struct learn_inner *l, const struct learn_batch *b, struct learn_pass **out,
                     struct err *err)
{
    const struct learn_shape shape = {b->n, b->h, b->w, l->type, l->weights.kind};
    struct err unsaved = {0}; /* a cache that cannot be written costs time at the next start */
    struct timing timing;
    struct choose how = {
        .target = l->target,
        .deterministic = true,
        .cache = l->cache,
        .time = timing_run,
        .ctx = &timing,
        .tries = l->weights.kind == ELEM_F32 ? CHOOSE_ALL : TRIES,
    };

    if (timing_open(&timing, l->handle, l->stream, err))
        return -1;
    int ret = learn_pass_new(out, &shape, &how, err);
    if (!ret)
        (void)plan_cache_save(l->cache, &unsaved);
    timing_close(&timing);
    return ret;
}

static struct learn_site site_of(const struct learn_inner *l)
{
    return (struct learn_site){&l->weights, &l->memory, l->handle, l->stream};
}

/* The batch's pass, bound. */
static int find_pass(struct learn_inner *l, const struct learn_batch *b, struct err *err)
{
    int slot = find_slot(l, b);
    struct learn_pass *p = l->passes[slot];
    const struct learn_site site = site_of(l);

    l->last = NULL;
    if (!is_for(p, b)) {
        if (make_pass(l, b, &p, err))
            return -1;
        learn_pass_free(l->passes[slot]);
        l->passes[slot] = p;
    }
    p->used = ++l->clock;
    if (memory_reserve(&l->memory, p->arena_bytes, learn_pass_berths(p).bytes, err) ||
        learn_pass_bind(p, &site, err))
        return -1;
    l->last = p;
    return 0;
}

/* ---- moving ------------------------------------------------------------------------------ */

static int move_up(struct learn_inner *l, size_t at, size_t bytes, struct err *err)
{
    return CUDA_FAILED(err, cudaMemcpyAsync(memory_device_berth(&l->memory, 0) + at,
                                            memory_host_berth(&l->memory, 0) + at, bytes,
                                            cudaMemcpyHostToDevice, l->stream));
}

/* A batch's bytes, through our own locked memory unless theirs is. */
static int move_bytes(struct learn_inner *l, size_t at, const void *from, size_t bytes,
                      struct err *err)
{
    if (pins_hold(&l->pins, from, bytes))
        return CUDA_FAILED(err, cudaMemcpyAsync(memory_device_berth(&l->memory, 0) + at, from,
                                                bytes, cudaMemcpyHostToDevice, l->stream));
    memcpy(memory_host_berth(&l->memory, 0) + at, from, bytes);
    return move_up(l, at, bytes, err);
}

static int upload(struct learn_inner *l, const struct learn_batch *b, const uint8_t *labels,
                  struct err *err)
{
    struct learn_berths at = learn_pass_berths(l->last);
    size_t pixels = (size_t)b->n * (size_t)b->h * (size_t)b->w;

    return move_bytes(l, at.rgb, b->rgb, pixels * 3, err) ||
                   (labels && move_bytes(l, at.labels, labels, pixels, err))
               ? -1
               : 0;
}

/* What the way back of a batch is told; `scale` is the caller's factor of the loss. */
static int upload_control(struct learn_inner *l, double scale, bool is_first, struct err *err)
{
    struct learn_berths at = learn_pass_berths(l->last);
    const struct gpu_control control = {
        .loss = (float)(scale * l->scaling.scale),
        .unscale = (float)(1 / l->scaling.scale),
        .is_first = is_first,
    };

    memcpy(memory_host_berth(&l->memory, 0) + at.control, &control, sizeof(control));
    return move_up(l, at.control, sizeof(control), err);
}

static size_t head_bytes(const struct learn_pass *p, int head)
{
    struct shape s = p->shapes[learn_heads_at[head]];

    return (size_t)p->shape.n * (size_t)s.h * (size_t)s.w * (size_t)s.c * sizeof(float);
}

static int download_heads(struct learn_inner *l, struct learn_head heads[LEARN_HEADS],
                          struct err *err)
{
    const struct learn_pass *p = l->last;
    struct learn_berths at = learn_pass_berths(p);
    char *up = memory_host_berth(&l->memory, 0), *down = memory_host_berth(&l->memory, 1);

    for (int i = 0; i < LEARN_HEADS; i++) {
        struct shape s = p->shapes[learn_heads_at[i]];
        if (CUDA_FAILED(err, cudaMemcpyAsync(down + at.logits[i],
                                             l->memory.device + p->map[learn_heads_at[i]],
                                             head_bytes(p, i), cudaMemcpyDeviceToHost, l->stream)))
            return -1;
        heads[i] = (struct learn_head){s.h, s.w, (float *)(down + at.logits[i]),
                                       (float *)(up + at.gradients[i])};
    }
    return CUDA_FAILED(err, cudaStreamSynchronize(l->stream));
}

/* The caller's gradients by the logits, with the loss scaling in them. */
static int upload_heads(struct learn_inner *l, struct err *err)
{
    const struct learn_pass *p = l->last;
    struct learn_berths at = learn_pass_berths(p);
    float scale = (float)l->scaling.scale;

    for (int i = 0; i < LEARN_HEADS; i++) {
        float *from = (float *)(memory_host_berth(&l->memory, 0) + at.gradients[i]);
        for (size_t k = 0; scale != 1 && k < head_bytes(p, i) / sizeof(float); k++)
            from[k] *= scale;
        if (CUDA_FAILED(err, cudaMemcpyAsync(l->memory.device + p->inner[learn_heads_at[i]], from,
                                             head_bytes(p, i), cudaMemcpyHostToDevice, l->stream)))
            return -1;
    }
    return 0;
}

/* ---- a batch ----------------------------------------------------------------------------- */

static int run_graph(struct learn_inner *l, cudaGraphExec_t graph, struct err *err)
{
    return CUDA_FAILED(err, cudaGraphLaunch(graph, l->stream));
}

/* Loss scaling after a batch whose gradients were all numbers, or not. */
static void rescale(struct learn_inner *l, bool is_good)
{
    struct learn_scaling *s = &l->scaling;

    if (l->weights.kind != ELEM_F16)
        return;
    s->good = is_good ? s->good + 1 : 0;
    if (!is_good && s->scale > 1) {
        s->scale /= 2;
    } else if (s->good >= GOOD_MAX && s->scale < SCALE_MAX) {
        s->scale *= 2;
        s->good = 0;
    }
}

/* Waits for the way back, and judges what came of it. */
static int await_outcome(struct learn_inner *l, struct gpu_outcome *out, bool *is_good,
                         struct err *err)
{
    struct learn_berths at = learn_pass_berths(l->last);
    char *host = memory_host_berth(&l->memory, 1) + at.outcome;

    if (CUDA_FAILED(err, cudaMemcpyAsync(host, memory_device_berth(&l->memory, 1) + at.outcome,
                                         sizeof(*out), cudaMemcpyDeviceToHost, l->stream)) ||
        CUDA_FAILED(err, cudaStreamSynchronize(l->stream)))
        return -1;
    memcpy(out, host, sizeof(*out));
    *is_good = isfinite(out->fresh);
    rescale(l, *is_good);
    return 0;
}

static int fill_made(struct learn_inner *l, struct learn_made *made, struct gpu_outcome *outcome,
                     struct err *err)
{
    double scale = l->scaling.scale;
    bool is_good;

    if (await_outcome(l, outcome, &is_good, err))
        return -1;
    l->has_sum |= is_good;
    *made = (struct learn_made){
        .norm = is_good ? sqrt(outcome->norm) : NAN,
        .is_dropped = !is_good && scale > 1, /* 1 cannot be made smaller */
    };
    return 0;
}

/* Running statistics and `packed` follow weights that were put. */
static int pack(struct learn_inner *l, struct err *err)
{
    const struct learn_weights *w = &l->weights;
    const struct gpu_update_job job = {
        .kind = w->kind,
        .weights = w->bank[LEARN_WEIGHTS],
        .packed = w->kind == ELEM_F32 ? NULL : w->packed,
        .rule = w->rule,
        .count = w->count,
    };

    return CUDA_FAILED(err, gpu_update(&job, l->stream));
}

static int put(struct learn_inner *l, enum learn_bank bank, const struct learn_params *from,
               struct err *err)
{
    if (CUDA_FAILED(err, cudaSetDevice(l->gpu)) ||
        CUDA_FAILED(err, cudaStreamSynchronize(l->stream)) ||
        learn_weights_put(&l->weights, bank, from, err))
        return -1;
    return bank == LEARN_WEIGHTS ? pack(l, err) : 0;
}

static int get(struct learn_inner *l, enum learn_bank bank, const struct learn_params *to,
               struct err *err)
{
    if (CUDA_FAILED(err, cudaSetDevice(l->gpu)) ||
        CUDA_FAILED(err, cudaStreamSynchronize(l->stream)))
        return -1;
    return learn_weights_get(&l->weights, bank, to, false, err);
}

static int cudnn_learn_forward(struct learn_inner *l, const struct learn_params *params,
                               const struct learn_batch *batch,
                               struct learn_head heads[LEARN_HEADS], struct err *err)
{
    if (CUDA_FAILED(err, cudaSetDevice(l->gpu)) || find_pass(l, batch, err) ||
        (params && put(l, LEARN_WEIGHTS, params, err)) || upload(l, batch, NULL, err) ||
        run_graph(l, l->last->forward, err) || download_heads(l, heads, err))
        return -1;
    return params ? learn_weights_get(&l->weights, LEARN_WEIGHTS, params, true, err) : 0;
}

/* The sum of this batch alone, added to the caller's. */
static int give_back(struct learn_inner *l, const struct learn_params *gradients, struct err *err)
{
    struct gpu_outcome outcome;
    bool is_good;

    if (await_outcome(l, &outcome, &is_good, err))
        return -1;
    if (!is_good) { /* as it is: fp16 may have been too small for it */
        for (int i = 0; i < PARAM_COUNT; i++)
            for (size_t k = 0;
                 param_is_trained(&l->weights.table[i]) && k < param_count(&l->weights.table[i]);
                 k++)
                gradients->at[i][k] = NAN;
        return 0;
    }
    return learn_weights_add(&l->weights, gradients, err);
}

static int cudnn_learn_backward(struct learn_inner *l, const struct learn_params *params,
                                const struct learn_params *gradients, struct err *err)
{
    (void)params; /* as the forward left them on the device */
    if (CUDA_FAILED(err, cudaSetDevice(l->gpu)) || upload_heads(l, err) ||
        upload_control(l, 1, gradients || !l->has_sum, err) || run_graph(l, l->last->backward, err))
        return -1;
    return gradients ? give_back(l, gradients, err) : 0;
}

/* ---- steps that stay on the device ------------------------------------------------------- */

static int learn(struct learn_inner *l, const struct learn_batch *batch, const uint8_t *labels,
                 const struct learn_loss *loss, double scale, struct learn_made *out,
                 struct err *err)
{
    const struct learn_site site = site_of(l);
    struct gpu_outcome outcome;

    if (CUDA_FAILED(err, cudaSetDevice(l->gpu)) || find_pass(l, batch, err))
        return -1;
    const struct learn_at at = learn_at(l->last, &site);
    if (upload(l, batch, labels, err) || upload_control(l, scale, !l->has_sum, err) ||
        run_graph(l, l->last->forward, err) || layers_loss(&at, loss, err) ||
        run_graph(l, l->last->backward, err) || fill_made(l, out, &outcome, err))
        return -1;
    for (int i = 0; i < LEARN_HEADS; i++) {
        out->head[i] = outcome.loss[i];
        out->loss += loss->head[i] * outcome.loss[i];
    }
    return 0;
}

static int made(struct learn_inner *l, struct learn_made *out, struct err *err)
{
    struct gpu_outcome outcome;

    return fill_made(l, out, &outcome, err);
}

static int update(struct learn_inner *l, const struct learn_update *u, struct err *err)
{
    const struct learn_weights *w = &l->weights;
    const struct gpu_update_job job = {
        .kind = w->kind,
        .weights = w->bank[LEARN_WEIGHTS],
        .first = w->bank[LEARN_FIRST],
        .second = u->is_adamw ? w->bank[LEARN_SECOND] : NULL,
        .average = w->bank[LEARN_AVERAGE],
        .sum = w->bank[LEARN_GRADIENTS],
        .packed = w->kind == ELEM_F32 ? NULL : w->packed,
        .rule = w->rule,
        .count = w->count,
        .rate = u->rate,
        .scale = u->scale,
        .momentum = u->momentum,
        .beta2 = u->beta2,
        .unbias_first = u->unbias_first,
        .unbias_second = u->unbias_second,
        .decay = u->decay,
        .decay_spared = u->decay_spared,
        .share = u->share,
    };

    l->has_sum = false;
    return CUDA_FAILED(err, cudaSetDevice(l->gpu)) || CUDA_FAILED(err, gpu_update(&job, l->stream))
               ? -1
               : 0;
}

static int pin(struct learn_inner *l, const void *base, size_t size, struct err *err)
{
    return CUDA_FAILED(err, cudaSetDevice(l->gpu)) ? -1 : pins_add(&l->pins, base, size, err);
}

static struct learn_scaling *scaling(struct learn_inner *l)
{
    return &l->scaling;
}

static const struct learn_holder holder = {
    .put = put,
    .get = get,
    .learn = learn,
    .made = made,
    .update = update,
    .pin = pin,
    .scaling = scaling,
};

const struct learn_backend learn_backend_cudnn = {
    .name = "cudnn",
    .device = "cuda",
    .can = gpus_can,
    .open = cudnn_learn_open,
    .close = cudnn_learn_close,
    .forward = cudnn_learn_forward,
    .backward = cudnn_learn_backward,
    .holder = &holder,
};
