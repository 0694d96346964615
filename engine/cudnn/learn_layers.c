#include "engine/cudnn/learn_layers.h"

#include "engine/cudnn/cudnn_try.h"
#include "engine/cudnn/kernels.h"
#include "engine/cudnn/learn_kernels.h"
#include "engine/cudnn/threads_learn.h"
#include "engine/cudnn/threads_plane.h"

struct learn_at learn_at(const struct learn_pass *p, const struct learn_site *site)
{
    return (struct learn_at){
        .pass = p,
        .weights = site->weights,
        .arena = site->memory->device,
        .up = memory_device_berth(site->memory, 0),
        .down = memory_device_berth(site->memory, 1),
        .handle = site->handle,
        .stream = site->stream,
    };
}

static void *map_at(const struct learn_at *at, int layer)
{
    return at->arena + at->pass->map[layer];
}

static void *inner_at(const struct learn_at *at, int layer)
{
    return at->arena + at->pass->inner[layer];
}

static void *back_at(const struct learn_at *at, int layer)
{
    return at->arena + at->pass->back[layer];
}

static void *learned_at(const struct learn_at *at, int layer)
{
    return at->arena + at->pass->learned[layer];
}

static float *param(const struct learn_at *at, int layer, enum role role)
{
    return learn_weights_in(at->weights, at->weights->bank[LEARN_WEIGHTS], layer, role);
}

static float *gradient(const struct learn_at *at, int layer, enum role role)
{
    return learn_weights_in(at->weights, at->weights->fresh, layer, role);
}

static long long pixels_of(const struct learn_at *at, int layer)
{
    struct shape s = at->pass->shapes[layer];

    return (long long)at->pass->shape.n * s.h * s.w;
}

static unsigned *done_at(const struct learn_at *at)
{
    return (unsigned *)(at->arena + at->pass->done_at);
}

static double *planes_at(const struct learn_at *at)
{
    return (double *)(at->arena + at->pass->planes_at);
}

/* ---- norms ------------------------------------------------------------------------------- */

static struct gpu_norm_params norm_params(const struct learn_at *at, int layer)
{
    return (struct gpu_norm_params){
        .gamma = param(at, layer, ROLE_GAMMA),
        .beta = param(at, layer, ROLE_BETA),
        .bias = param(at, layer, ROLE_BIAS),
        .running_mean = param(at, layer, ROLE_MEAN),
        .running_variance = param(at, layer, ROLE_VARIANCE),
        .d_gamma = gradient(at, layer, ROLE_GAMMA),
        .d_beta = gradient(at, layer, ROLE_BETA),
        .d_bias = gradient(at, layer, ROLE_BIAS),
    };
}

static struct gpu_norm_values norm_values(const struct learn_at *at, int layer)
{
    size_t step = memory_align((size_t)network[layer].channels * sizeof(float));
    char *first = at->arena + at->pass->values[layer];
    float *arrays[GPU_NORM_ARRAYS];

    for (size_t i = 0; i < GPU_NORM_ARRAYS; i++)
        arrays[i] = (float *)(first + i * step);
    return (struct gpu_norm_values){arrays[0], arrays[1], arrays[2], arrays[3],
                                    arrays[4], arrays[5], arrays[6]};
}

/* Channels [before, ..) of the concatenation `layer`. */
static struct gpu_place slice_of(const struct learn_at *at, int layer, int before)
{
    size_t elem = elem_size(at->pass->shape.kind);

    return (struct gpu_place){(char *)map_at(at, layer) + (size_t)before * elem,
                              network[layer].channels};
}

static void find_sources(const struct learn_at *at, int layer, struct gpu_part out[GPU_SOURCES_MAX])
{
    struct learn_part parts[LEARN_SOURCES_MAX];
    size_t elem = elem_size(at->pass->shape.kind);
    int n = learn_sources(layer, parts);

    for (int i = 0; i < n; i++)
        out[i] = (struct gpu_part){
            (char *)back_at(at, parts[i].reader) + (size_t)parts[i].before * elem, parts[i].step};
}

static struct gpu_norm_job norm_job(const struct learn_at *at, int layer)
{
    struct gpu_norm_job job = {
        .kind = at->pass->shape.kind,
        .z = inner_at(at, layer),
        .pixels = pixels_of(at, layer),
        .share = 1 / (double)pixels_of(at, layer),
        .c = network[layer].channels,
        .relu = network[layer].relu,
        .params = norm_params(at, layer),
        .values = norm_values(at, layer),
        .partials = (float *)(at->arena + at->pass->partials_at),
        .done = done_at(at),
    };
    int before = 0, outs = 0, concat = network_concat_of(layer, &before);

    if (at->pass->map[layer] != LEARN_NOWHERE)
        job.outs[outs++] = (struct gpu_place){map_at(at, layer), job.c};
    if (concat != L_NONE)
        job.outs[outs] = slice_of(at, concat, before);
    find_sources(at, layer, job.sources);
    return job;
}

/* ---- stem, stride-2 blocks --------------------------------------------------------------- */

/* What kernels of inference take for a bias where training has none. */
static const float *no_bias(const struct learn_at *at)
{
    return at->weights->zeros;
}

static struct gpu_stem_job stem_job(const struct learn_at *at)
{
    const struct learn_shape *s = &at->pass->shape;

    return (struct gpu_stem_job){
        .kind = s->kind,
        .rgb = (const uint8_t *)at->up + learn_pass_berths(at->pass).rgb,
        .rgb_step = (size_t)s->h * (size_t)s->w * STEM_INPUTS,
        .n = s->n,
        .h = s->h,
        .w = s->w,
        .weight = param(at, L_F0, ROLE_WEIGHT),
        .bias = no_bias(at),
        .out = inner_at(at, L_F0),
        .is_raw = true,
    };
}

static struct gpu_halve_job halve_job(const struct learn_at *at, int layer)
{
    int in = network[layer].in[0], before = 0;
    int concat = network_concat_of(learn_pool_beside(layer), &before);
    struct gpu_place pool = slice_of(at, concat, before);
    struct shape shape = at->pass->shapes[in];

    return (struct gpu_halve_job){
        .kind = at->pass->shape.kind,
        .in = map_at(at, in),
        .n = at->pass->shape.n,
        .h = shape.h,
        .w = shape.w,
        .c = shape.c,
        .in_step = shape.c,
        .weight = param(at, layer, ROLE_WEIGHT),
        .bias = no_bias(at),
        .conv = inner_at(at, layer),
        .conv_step = shape.c,
        .pool = pool.at,
        .pool_step = pool.step,
    };
}

static cudaError_t halve_back(const struct learn_at *at, int layer)
{
    struct gpu_halve_back_job job = {
        .halve = halve_job(at, layer),
        .out = back_at(at, layer),
        .partials = learned_at(at, layer),
    };

    find_sources(at, learn_pool_beside(layer), job.pool);
    return gpu_halve_back(&job, at->stream);
}

/* ---- context ----------------------------------------------------------------------------- */

static cudaError_t bins(const struct learn_at *at)
{
    int in = network[L_BIN1].in[0];
    struct shape shape = at->pass->shapes[in];
    const struct gpu_bins_job job = {
        .kind = at->pass->shape.kind,
        .in = map_at(at, in),
        .n = at->pass->shape.n,
        .h = shape.h,
        .w = shape.w,
        .c = shape.c,
        .in_step = shape.c,
        .out = {map_at(at, L_BIN1), map_at(at, L_BIN2), map_at(at, L_BIN4)},
    };

    return gpu_bins(&job, at->stream);
}

/* Added to the gradient that the other reader of the map, a convolution, has made. */
static cudaError_t bins_back(const struct learn_at *at)
{
    int in = network[L_BIN1].in[0];
    struct shape shape = at->pass->shapes[in];
    const struct gpu_bins_back_job job = {
        .kind = at->pass->shape.kind,
        .from = {back_at(at, L_CM1), back_at(at, L_CM2), back_at(at, L_CM4)},
        .n = at->pass->shape.n,
        .h = shape.h,
        .w = shape.w,
        .c = shape.c,
        .to = back_at(at, learn_reader_of(in)),
    };

    return gpu_bins_back(&job, at->stream);
}

static cudaError_t sum(const struct learn_at *at)
{
    struct shape shape = at->pass->shapes[L_CMS];
    const struct gpu_sum_job job = {
        .kind = at->pass->shape.kind,
        .in = {map_at(at, L_CM1), map_at(at, L_CM2), map_at(at, L_CM4)},
        .n = at->pass->shape.n,
        .h = shape.h,
        .w = shape.w,
        .c = shape.c,
        .out = map_at(at, L_CMS),
    };

    return gpu_sum(&job, at->stream);
}

static cudaError_t sum_back(const struct learn_at *at)
{
    struct shape shape = at->pass->shapes[L_CMS];
    struct gpu_resize_back_job job = {
        .kind = at->pass->shape.kind,
        .from = back_at(at, learn_reader_of(L_CMS)),
        .n = at->pass->shape.n,
        .h = shape.h,
        .w = shape.w,
        .c = shape.c,
        .count = CONTEXT_LEVELS,
    };

    for (int i = 0; i < CONTEXT_LEVELS; i++) {
        int resize = network[L_CMS].in[i];
        struct shape small = at->pass->shapes[network[resize].in[0]];
        job.to[i].at = back_at(at, resize);
        job.to[i].h = small.h;
        job.to[i].w = small.w;
    }
    return gpu_resize_back(&job, at->stream);
}

/* ---- fusion blocks ----------------------------------------------------------------------- */

/* The layers of a block. */
struct block {
    int x, resize, high, stats, hidden, attention, blend;
};

static struct block block_of(int blend)
{
    const struct layer *l = &network[blend];
    int attention = l->in[2], hidden = network[attention].in[0];

    return (struct block){.x = l->in[0],
                          .resize = l->in[1],
                          .high = network[l->in[1]].in[0],
                          .stats = network[hidden].in[0],
                          .hidden = hidden,
                          .attention = attention,
                          .blend = blend};
}

static struct gpu_plane_job plane_job(const struct learn_at *at, int layer)
{
    int in = network[layer].in[0];
    bool is_second = learn_is_plane(in);
    struct shape shape = at->pass->shapes[layer];
    struct gpu_plane_job job = {
        .n = at->pass->shape.n,
        .h = shape.h,
        .w = shape.w,
        .in = is_second ? inner_at(at, in) : map_at(at, in),
        .weight = param(at, layer, ROLE_WEIGHT),
        .z = inner_at(at, layer),
        .params = norm_params(at, layer),
        .values = norm_values(at, layer),
        .partials = planes_at(at),
        .done = done_at(at),
        .g = back_at(at, layer),
        .g_in = back_at(at, in),
        .learned = learned_at(at, layer),
    };

    if (is_second) {
        job.front = norm_values(at, in);
        job.front_params = norm_params(at, in);
    }
    return job;
}

static struct gpu_fuse_job fuse_job(const struct learn_at *at, const struct block *b)
{
    struct shape shape = at->pass->shapes[b->blend], high = at->pass->shapes[b->high];
    bool is_resized = shape.h != high.h || shape.w != high.w;

    return (struct gpu_fuse_job){
        .attend = {.kind = at->pass->shape.kind,
                   .x = map_at(at, b->x),
                   .y = map_at(at, b->high),
                   .n = at->pass->shape.n,
                   .h = shape.h,
                   .w = shape.w,
                   .c = shape.c,
                   .y_h = high.h,
                   .y_w = high.w,
                   .stats = map_at(at, b->stats),
                   .out = map_at(at, b->blend)},
        .t = inner_at(at, b->attention),
        .values = norm_values(at, b->attention),
        .scale = param(at, b->blend, ROLE_SCALE),
        .params = norm_params(at, b->attention),
        .g = back_at(at, learn_reader_of(b->blend)),
        .g_t = back_at(at, b->attention),
        .partials = planes_at(at),
        .done = done_at(at),
        .g_stats = back_at(at, b->stats),
        .g_x = back_at(at, b->blend),
        .g_y = is_resized ? at->arena + at->pass->wide_at : back_at(at, b->resize),
    };
}

static cudaError_t fuse(const struct learn_at *at, int blend)
{
    struct block b = block_of(blend);
    const struct gpu_fuse_job job = fuse_job(at, &b);
    const struct gpu_plane_job hidden = plane_job(at, b.hidden),
                               attention = plane_job(at, b.attention);
    cudaError_t status = gpu_stats(&job.attend, at->stream);

    if (status == cudaSuccess)
        status = gpu_plane(&hidden, at->stream);
    if (status == cudaSuccess)
        status = gpu_plane(&attention, at->stream);
    return status == cudaSuccess ? gpu_fuse(&job, at->stream) : status;
}

/* The gradient by the high branch, from that by its resized map. */
static cudaError_t shrink_back(const struct learn_at *at, const struct block *b, const void *from)
{
    struct shape shape = at->pass->shapes[b->blend], high = at->pass->shapes[b->high];
    struct gpu_resize_back_job job = {
        .kind = at->pass->shape.kind,
        .from = from,
        .n = at->pass->shape.n,
        .h = shape.h,
        .w = shape.w,
        .c = shape.c,
        .count = 1,
    };

    job.to[0].at = back_at(at, b->resize);
    job.to[0].h = high.h;
    job.to[0].w = high.w;
    return gpu_resize_back(&job, at->stream);
}

static cudaError_t fuse_back(const struct learn_at *at, int blend)
{
    struct block b = block_of(blend);
    const struct gpu_fuse_job job = fuse_job(at, &b);
    const struct gpu_plane_job hidden = plane_job(at, b.hidden),
                               attention = plane_job(at, b.attention);
    cudaError_t status = gpu_fuse_attention(&job, at->stream);

    if (status == cudaSuccess)
        status = gpu_plane_back(&attention, at->stream);
    if (status == cudaSuccess)
        status = gpu_plane_back(&hidden, at->stream);
    if (status == cudaSuccess)
        status = gpu_fuse_back(&job, at->stream);
    if (status == cudaSuccess && job.g_y != back_at(at, b.resize))
        status = shrink_back(at, &b, job.g_y);
    return status;
}

/* ---- heads ------------------------------------------------------------------------------- */

static struct gpu_classify_job classify_job(const struct learn_at *at, int layer, bool is_back)
{
    int in = network[layer].in[0];

    return (struct gpu_classify_job){
        .kind = at->pass->shape.kind,
        .in = map_at(at, in),
        .pixels = pixels_of(at, layer),
        .c = network[in].channels,
        .weight = param(at, layer, ROLE_WEIGHT),
        .logits = is_back ? inner_at(at, layer) : map_at(at, layer),
        .out = back_at(at, layer),
        .partials = learned_at(at, layer),
    };
}

int layers_loss(const struct learn_at *at, const struct learn_loss *loss, struct err *err)
{
    const struct learn_pass *p = at->pass;
    struct learn_berths berths = learn_pass_berths(p);
    struct gpu_loss_job job = {
        .n = p->shape.n,
        .h = p->shape.h,
        .w = p->shape.w,
        .labels = (const uint8_t *)at->up + berths.labels,
        .entropy = (float)loss->entropy,
        .dice = (float)loss->dice,
        .control = (const struct gpu_control *)(at->up + berths.control),
        .outcome = (struct gpu_outcome *)(at->down + berths.outcome),
        .label_partials = (int *)(at->arena + p->labels_at),
        .done = done_at(at),
        .counts = (double *)(at->arena + p->counts_at),
        .sums = (double *)(at->arena + p->sums_at),
        .cells = (float *)(at->arena + p->cells_at),
        .cell_sums = (float *)(at->arena + p->cell_sums_at),
    };

    for (int i = 0; i < LEARN_HEADS; i++) {
        int layer = learn_heads_at[i];
        job.heads[i].h = p->shapes[layer].h;
        job.heads[i].w = p->shapes[layer].w;
        job.heads[i].logits = map_at(at, layer);
        job.heads[i].gradient = inner_at(at, layer);
        job.heads[i].share = (float)loss->head[i];
    }
    for (int c = 0; c < LEARN_CLASSES; c++)
        job.class_weight[c] = loss->class_weight[c];
    return cuda_failed(gpu_loss(&job, at->stream), "launch of the loss", err);
}

/* ---- the walk ---------------------------------------------------------------------------- */

static cudaError_t own_conv(const struct learn_at *at, int layer)
{
    if (layer == L_F0) {
        struct gpu_stem_job job = stem_job(at);
        return gpu_stem(&job, at->stream);
    }
    struct gpu_halve_job job = halve_job(at, layer);
    return gpu_halve(&job, at->stream);
}

static cudaError_t own_conv_back(const struct learn_at *at, int layer)
{
    if (layer != L_F0)
        return halve_back(at, layer);
    struct gpu_stem_learn_job job = {.stem = stem_job(at), .partials = learned_at(at, layer)};
    return gpu_stem_learn(&job, at->stream);
}

static int run_plan(const struct learn_at *at, int layer, enum graph_pass pass, struct err *err)
{
    return graph_plan_run(at->pass->plans[layer][pass], at->handle, err);
}

static int started(cudaError_t status, struct err *err)
{
    return cuda_failed(status, "launch of a kernel", err);
}

static int forward_conv(const struct learn_at *at, int layer, struct err *err)
{
    if (learn_is_plane(layer))
        return 0; /* in its block */
    if (learn_is_logits(layer)) {
        const struct gpu_classify_job job = classify_job(at, layer, false);
        return started(gpu_classify(&job, at->stream), err);
    }
    if (learn_is_dense(layer) ? run_plan(at, layer, GRAPH_FORWARD, err)
                              : started(own_conv(at, layer), err))
        return -1;
    const struct gpu_norm_job job = norm_job(at, layer);
    return started(gpu_norm(&job, at->stream), err);
}

static int forward_layer(const struct learn_at *at, int layer, struct err *err)
{
    switch (network[layer].op) {
    case LAYER_CONV: return forward_conv(at, layer, err);
    case LAYER_BINS: return layer == L_BIN1 ? started(bins(at), err) : 0; /* all three */
    case LAYER_SUM: return started(sum(at), err);
    case LAYER_BLEND: return started(fuse(at, layer), err);
    default: return 0; /* made by a neighbour */
    }
}

int layers_forward(const struct learn_at *at, struct err *err)
{
    /* what lies there may be another pass's map */
    if (CUDA_FAILED(
            err, cudaMemsetAsync(done_at(at), 0, NORM_SLICES_MAX * sizeof(unsigned), at->stream)))
        return -1;
    for (int i = L_F0; i < LAYER_COUNT; i++)
        if (forward_layer(at, i, err))
            return err_wrap(err, "%s", network[i].name);
    return 0;
}

static int back_conv(const struct learn_at *at, int layer, struct err *err)
{
    if (learn_is_plane(layer))
        return 0; /* in its block */
    if (learn_is_logits(layer)) {
        const struct gpu_classify_job job = classify_job(at, layer, true);
        return started(gpu_classify_back(&job, at->stream), err);
    }
    const struct gpu_norm_job job = norm_job(at, layer);
    if (started(gpu_norm_back(&job, at->stream), err))
        return -1;
    if (!learn_is_dense(layer))
        return started(own_conv_back(at, layer), err);
    return run_plan(at, layer, GRAPH_WEIGHT_GRADIENT, err) ||
                   run_plan(at, layer, GRAPH_DATA_GRADIENT, err)
               ? -1
               : 0;
}

static int back_layer(const struct learn_at *at, int layer, struct err *err)
{
    switch (network[layer].op) {
    case LAYER_CONV: return back_conv(at, layer, err);
    case LAYER_BINS: return layer == L_BIN1 ? started(bins_back(at), err) : 0;
    case LAYER_SUM: return started(sum_back(at), err);
    case LAYER_BLEND: return started(fuse_back(at, layer), err);
    default: return 0;
    }
}

/* How many partial sums of the weights' gradient `layer` left. */
static int learned_blocks(const struct learn_at *at, int layer)
{
    if (layer == L_F0) {
        struct gpu_stem_learn_job job = {.stem = stem_job(at)};
        return stem_learn_blocks(&job);
    }
    if (learn_is_plane(layer)) {
        struct gpu_plane_job job = plane_job(at, layer);
        return (int)plane_learn_blocks(&job);
    }
    return learn_runs(pixels_of(at, layer));
}

static cudaError_t add_columns(const struct learn_at *at)
{
    struct gpu_columns_job job = {0};

    for (int i = L_F0; i < LAYER_COUNT; i++) {
        int param = at->weights->of[i][ROLE_WEIGHT];
        if (network[i].op != LAYER_CONV || learn_is_dense(i))
            continue;
        job.list[job.count].partials = learned_at(at, i);
        job.list[job.count].blocks = learned_blocks(at, i);
        job.list[job.count].values = (int)param_count(&at->weights->table[param]);
        job.list[job.count++].out = gradient(at, i, ROLE_WEIGHT);
    }
    return gpu_columns(&job, at->stream);
}

int layers_back(const struct learn_at *at, struct err *err)
{
    struct learn_berths berths = learn_pass_berths(at->pass);
    const struct learn_weights *w = at->weights;
    const struct gpu_gather_job job = {
        .kind = w->kind,
        .dense = w->dense,
        .fresh = w->fresh,
        .rule = w->rule,
        .sum = w->bank[LEARN_GRADIENTS],
        .count = w->count,
        .control = (const struct gpu_control *)(at->up + berths.control),
        .outcome = (struct gpu_outcome *)(at->down + berths.outcome),
        .partials = planes_at(at),
        .done = done_at(at),
    };

    for (int i = LAYER_COUNT - 1; i > L_IN; i--)
        if (back_layer(at, i, err))
            return err_wrap(err, "%s", network[i].name);
    return started(add_columns(at), err) || started(gpu_gather(&job, at->stream), err) ? -1 : 0;
}
