#include "engine/onednn/learn_dense.h"

#include "engine/onednn/winograd.h"

enum {
    TAPS = 9,
    GROUP = 128,     /* tiles or pixels whose products are added up before they go to memory */
    SHARE = 4,       /* tiles that a thread takes at a time */
    ROWS = 96,       /* pixels that a thread multiplies at a time */
    OUTER_ROWS = 32, /* output channels of a weight gradient, likewise */
    /* of a tile's 16 must be there at the least: Winograd's rounding is twice that of direct
     * convolutions, which little is gained for on maps of a few pixels */
    WINOGRAD_PIXELS = 10,
};

enum learn_way dense_way(dnnl_data_type_t type, int layer, struct shape out)
{
    const struct layer *l = &network[layer];

    if (type != dnnl_f32 || l->stride != 1)
        return WAY_DIRECT;
    if (l->kernel == 1)
        return WAY_PRODUCT;
    return WINOGRAD_PIXELS * winograd_tiles(out) <= out.h * out.w ? WAY_WINOGRAD : WAY_DIRECT;
}

/* ---- memory ------------------------------------------------------------------------------ */

static size_t weights_of(int layer)
{
    return (size_t)network[layer].channels * (size_t)network[network[layer].in[0]].channels;
}

size_t dense_packed_bytes(const struct learn_plan *p, int layer)
{
    switch (p->ways[layer]) {
    case WAY_DIRECT: return p->direct[layer].packed;
    case WAY_PRODUCT: return weights_of(layer) * sizeof(float);
    case WAY_WINOGRAD: return WINOGRAD_POINTS * weights_of(layer) * sizeof(float);
    default: return 0;
    }
}

/* Winograd's points of a group of inputs and of gradients. */
struct groups {
    int tiles, now;
    size_t in_step, out_step;
};

static struct groups groups_of(const struct learn_plan *p, int layer)
{
    const struct layer *l = &network[layer];
    int tiles = p->n * winograd_tiles(p->shapes[layer]), now = tiles < GROUP ? tiles : GROUP;
    size_t in = (size_t)now * (size_t)network[l->in[0]].channels;
    size_t out = (size_t)now * (size_t)l->channels;

    return (struct groups){tiles, now, winograd_point_step(in, sizeof(float)),
                           winograd_point_step(out, sizeof(float))};
}

size_t dense_scratch_bytes(const struct learn_plan *p, int layer)
{
    const struct layer *l = &network[layer];
    int c = network[l->in[0]].channels, k = l->channels;

    if (p->ways[layer] == WAY_DIRECT)
        return p->direct[layer].scratchpad;
    if (p->ways[layer] != WAY_WINOGRAD)
        return 0;
    int tiles = p->n * winograd_tiles(p->shapes[layer]);
    struct groups g = groups_of(p, layer);
    size_t run = winograd_scratch_of(tiles, c, k, sizeof(float));
    size_t back = winograd_scratch_of(tiles, k, c, sizeof(float));
    size_t learn = WINOGRAD_POINTS * (g.in_step + g.out_step) * sizeof(float);
    run = back > run ? back : run;
    return learn > run ? learn : run;
}

/* ---- oneDNN ------------------------------------------------------------------------------ */

static int direct(const struct dense_job *job, enum direct_kind kind, void *a, void *b, void *c,
                  struct err *err)
{
    void *const at[DIRECT_MAPS] = {a, b, c};

    return direct_run(&job->plan->direct[job->layer], kind, job->shared->stream, at,
                      job->arena + job->plan->scratch_at, err);
}

/* oneDNN's arguments have no const; it does not write to sources. */
static void *weights_in(const struct dense_job *job)
{
    union {
        const float *from;
        void *to;
    } weight = {.from = job->weight};

    return weight.to;
}

/* ---- 1x1 --------------------------------------------------------------------------------- */

static size_t pixels_of(const struct dense_job *job)
{
    struct shape s = job->plan->shapes[job->layer];

    return (size_t)job->plan->n * (size_t)s.h * (size_t)s.w;
}

/* From `c` to `k` channels by the packed weights. */
static void multiply(const struct dense_job *job, float *from, float *to, int c, int k)
{
    const struct kernels *kernels = job->shared->kernels->base;
    long pixels = (long)pixels_of(job);

#pragma omp parallel for schedule(static) num_threads(job->shared->threads)
    for (long first = 0; first < pixels; first += ROWS) {
        struct winograd_job rows = {.points = from + (size_t)first * (size_t)c,
                                    .weight = job->arena + job->plan->weights_at,
                                    .sums = to + (size_t)first * (size_t)k,
                                    .c = c,
                                    .k = k};
        kernels->winograd_multiply(&rows, 0, (int)(pixels - first < ROWS ? pixels - first : ROWS));
    }
}

static void product(const struct dense_job *job, bool back)
{
    const struct layer *l = &network[job->layer];
    int in = network[l->in[0]].channels, out = l->channels;
    float *packed = (float *)(job->arena + job->plan->weights_at);

    if (back) {
        job->shared->kernels->multiply_pack(packed, job->weight, out, in, in, 1);
        multiply(job, job->out, job->in, out, in);
    } else {
        job->shared->kernels->multiply_pack(packed, job->weight, in, out, 1, in);
        multiply(job, job->in, job->out, in, out);
    }
}

static void product_learn(const struct dense_job *job)
{
    const struct layer *l = &network[job->layer];
    int in = network[l->in[0]].channels, out = l->channels;
    size_t pixels = pixels_of(job);
    const float *gradient = job->out, *map = job->in;

#pragma omp parallel for schedule(static) num_threads(job->shared->threads)
    for (int row = 0; row < out; row += OUTER_ROWS)
        for (size_t p = 0; p < pixels; p += GROUP) {
            struct outer_job part = {.a = gradient + p * (size_t)out + row,
                                     .b = map + p * (size_t)in,
                                     .a_c = OUTER_ROWS,
                                     .a_step = out,
                                     .b_c = in,
                                     .n = (int)(pixels - p < GROUP ? pixels - p : GROUP),
                                     .sums = job->learned + (size_t)row * (size_t)in};
            job->shared->kernels->outer(&part);
        }
}

/* ---- 3x3 --------------------------------------------------------------------------------- */

/* Nine weights each from input `i` to all outputs, as winograd_pack_some reads them. Backwards inputs
 * and outputs change places and the taps are turned round. */
static void turn(const struct dense_job *job, bool back, int i, int c, int k, float *to)
{
    for (int o = 0; o < k; o++) {
        const float *from =
            job->weight +
            (back ? (size_t)i * (size_t)k + (size_t)o : (size_t)o * (size_t)c + (size_t)i) * TAPS;
        for (int t = 0; t < TAPS; t++)
            to[t * k + o] = from[back ? TAPS - 1 - t : t];
    }
}

static void winograd(const struct dense_job *job, bool back)
{
    static const float zeros[LEARN_CHANNELS_MAX];
    const struct kernels *kernels = job->shared->kernels->base;
    const struct layer *l = &network[job->layer];
    struct shape shape = job->plan->shapes[job->layer];
    int in = network[l->in[0]].channels, c = back ? l->channels : in, k = back ? in : l->channels;
    char *packed = job->arena + job->plan->weights_at;
    struct winograd_job run = {.in = back ? job->out : job->in,
                               .h = shape.h,
                               .w = shape.w,
                               .c = c,
                               .in_step = c,
                               .zeros = zeros,
                               .weight = packed,
                               .bias = zeros,
                               .out = back ? job->in : job->out,
                               .linear = true,
                               .k = k,
                               .out_step = k};

#pragma omp parallel for schedule(static) num_threads(job->shared->threads)
    for (int i = 0; i < c; i++) {
        float turned[TAPS * LEARN_CHANNELS_MAX];
        turn(job, back, i, c, k, turned);
        kernels->winograd_pack_some(packed, turned, c, k, i);
    }
    winograd_run(kernels, &run, job->plan->n, job->shared->threads,
                 job->arena + job->plan->scratch_at);
}

/* The points of a group of tiles, and their products added to the sums; by all threads of a team. */
static void learn_group(const struct learn_kernels *kernels, const struct winograd_job *in,
                        const struct winograd_learn_job *out, float *sums, int first, int now)
{
#pragma omp for schedule(static)
    for (int t = 0; t < now; t += SHARE) {
        struct winograd_job from = *in;
        struct winograd_learn_job by = *out;
        int n = now - t < SHARE ? now - t : SHARE;
        from.points = (float *)in->points + (size_t)t * (size_t)in->c;
        by.points = out->points + (size_t)t * (size_t)out->k;
        kernels->base->winograd_in(&from, first + t, n);
        kernels->winograd_in(&by, first + t, n);
    }
#pragma omp for schedule(static)
    for (int p = 0; p < WINOGRAD_POINTS; p++) {
        struct outer_job part = {.a = out->points + (size_t)p * out->points_step,
                                 .b = (const float *)in->points + (size_t)p * in->points_step,
                                 .a_c = out->k,
                                 .a_step = out->k,
                                 .b_c = in->c,
                                 .n = now,
                                 .sums = sums + (size_t)p * (size_t)out->k * (size_t)in->c,
                                 .begin = first == 0};
        kernels->outer(&part);
    }
}

static void winograd_learn(const struct dense_job *job)
{
    static const float zeros[LEARN_CHANNELS_MAX];
    const struct learn_kernels *kernels = job->shared->kernels;
    const struct layer *l = &network[job->layer];
    struct shape shape = job->plan->shapes[job->layer];
    struct groups g = groups_of(job->plan, job->layer);
    int c = network[l->in[0]].channels, k = l->channels;
    float *scratch = (float *)(job->arena + job->plan->scratch_at);
    float *sums = (float *)(job->arena + job->plan->weights_at);
    struct winograd_job in = {.in = job->in,
                              .h = shape.h,
                              .w = shape.w,
                              .c = c,
                              .in_step = c,
                              .zeros = zeros,
                              .points = scratch,
                              .points_step = g.in_step};
    struct winograd_learn_job out = {.gradient = job->out,
                                     .h = shape.h,
                                     .w = shape.w,
                                     .k = k,
                                     .points = scratch + WINOGRAD_POINTS * g.in_step,
                                     .points_step = g.out_step};

#pragma omp parallel num_threads(job->shared->threads)
    {
        for (int first = 0; first < g.tiles; first += g.now)
            learn_group(kernels, &in, &out, sums, first,
                        g.tiles - first < g.now ? g.tiles - first : g.now);
#pragma omp for schedule(static)
        for (int o = 0; o < k; o++)
            kernels->winograd_out(sums + (size_t)o * (size_t)c, (size_t)k * (size_t)c, c,
                                  job->learned + (size_t)o * (size_t)c * TAPS);
    }
}

/* ---- the choice -------------------------------------------------------------------------- */

int dense_forward(const struct dense_job *job, struct err *err)
{
    void *packed = job->arena + job->plan->weights_at;

    switch (job->plan->ways[job->layer]) {
    case WAY_WINOGRAD: winograd(job, false); return 0;
    case WAY_PRODUCT: product(job, false); return 0;
    default:
        return direct(job, DIRECT_PACK_FORWARD, weights_in(job), packed, NULL, err) ||
                       direct(job, DIRECT_FORWARD, job->in, packed, job->out, err)
                   ? -1
                   : 0;
    }
}

int dense_back(const struct dense_job *job, struct err *err)
{
    void *packed = job->arena + job->plan->weights_at;

    switch (job->plan->ways[job->layer]) {
    case WAY_WINOGRAD: winograd(job, true); return 0;
    case WAY_PRODUCT: product(job, true); return 0;
    default:
        return direct(job, DIRECT_PACK_BACK, weights_in(job), packed, NULL, err) ||
                       direct(job, DIRECT_BACK, job->out, packed, job->in, err)
                   ? -1
                   : 0;
    }
}

int dense_learn(const struct dense_job *job, struct err *err)
{
    void *packed = job->arena + job->plan->weights_at;

    switch (job->plan->ways[job->layer]) {
    case WAY_WINOGRAD: winograd_learn(job); return 0;
    case WAY_PRODUCT: product_learn(job); return 0;
    default:
        return direct(job, DIRECT_LEARN, job->in, job->out, packed, err) ||
                       direct(job, DIRECT_UNPACK, packed, job->learned, NULL, err)
                   ? -1
                   : 0;
    }
}
