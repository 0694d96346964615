/* learn_fuse.c -- a fusion block in training: maps to four planes of statistics, two tiny convolutions
 * with norms on planes, and the blend (learn_steps.h). */
#include <string.h>

#include "engine/onednn/learn_steps.h"

/* The layers of a block. */
struct block {
    int x, resize, small, stats, hidden, attention, blend;
};

static struct block block_of(int blend)
{
    const struct layer *l = &network[blend];
    int attention = l->in[2], hidden = network[attention].in[0];

    return (struct block){.x = l->in[0],
                          .resize = l->in[1],
                          .small = network[l->in[1]].in[0],
                          .stats = network[hidden].in[0],
                          .hidden = hidden,
                          .attention = attention,
                          .blend = blend};
}

static char *map_image(const struct learn_step *s, void *map, int layer, int image)
{
    struct shape shape = s->plan->shapes[layer];
    size_t pixels = (size_t)shape.h * (size_t)shape.w;

    return (char *)map +
           (size_t)image * pixels * (size_t)shape.c * s->shared->kernels->base->elem_size;
}

static size_t plane_of(const struct learn_step *s, int layer)
{
    return plane_size(s->plan->shapes[layer].h, s->plan->shapes[layer].w);
}

static float *planes_image(const struct learn_step *s, void *planes, int layer, int image)
{
    return (float *)planes + (size_t)image * (size_t)s->plan->shapes[layer].c * plane_of(s, layer);
}

static struct fuse_job fuse_job(const struct learn_step *s, const struct block *b, int image)
{
    struct shape shape = s->plan->shapes[b->blend];

    return (struct fuse_job){
        .x = map_image(s, step_map(s, b->x), b->x, image),
        .small = map_image(s, step_map(s, b->small), b->small, image),
        .y = map_image(s, step_map(s, b->resize), b->resize, image),
        .h = shape.h,
        .w = shape.w,
        .c = shape.c,
        .small_w = s->plan->shapes[b->small].w,
        .rows = s->plan->taps[b->resize][0],
        .columns = s->plan->taps[b->resize][1],
        .stats = planes_image(s, step_map(s, b->stats), b->stats, image),
        .attention = planes_image(s, step_map(s, b->attention), b->attention, image),
        .scale = *step_param(s, b->blend, ROLE_SCALE),
        .out = map_image(s, step_map(s, b->blend), b->blend, image),
    };
}

/* ---- norms of planes --------------------------------------------------------------------- */

/* One row of one channel of one image, without its border. */
static float *row_of(const struct learn_step *s, void *planes, int layer, int c, int row)
{
    struct shape shape = s->plan->shapes[layer];
    int image = row / shape.h, y = row % shape.h;

    return planes_image(s, planes, layer, image) + (size_t)c * plane_of(s, layer) +
           ((size_t)y + PLANE_BORDER) * plane_pitch(shape.w) + PLANE_BORDER;
}

static void norm_plane(const struct learn_step *s, int layer, int c)
{
    const struct learn_norm *norm = &s->norms[layer];
    struct shape shape = s->plan->shapes[layer];

    for (int row = 0; row < s->plan->n * shape.h; row++) {
        const float *from = row_of(s, step_inner(s, layer), layer, c, row);
        float *to = row_of(s, step_map(s, layer), layer, c, row);
        for (int x = 0; x < shape.w; x++) {
            float y = from[x] * norm->scale[c] + norm->shift[c];
            to[x] = network[layer].relu && !(y > 0) ? 0 : y;
        }
    }
}

static double plane_values(const struct learn_step *s, int layer)
{
    struct shape shape = s->plan->shapes[layer];

    return (double)s->plan->n * shape.h * shape.w;
}

static void norm_planes(const struct learn_step *s, int layer)
{
    struct shape shape = s->plan->shapes[layer];
    double sums[2 * HIDDEN_CHANNELS] = {0};
    float origin[HIDDEN_CHANNELS];

    memset(step_map(s, layer), 0,
           (size_t)s->plan->n * (size_t)shape.c * plane_of(s, layer) * sizeof(float));
    for (int c = 0; c < shape.c; c++) {
        origin[c] = *row_of(s, step_inner(s, layer), layer, c, 0);
        for (int row = 0; row < s->plan->n * shape.h; row++) {
            const float *from = row_of(s, step_inner(s, layer), layer, c, row);
            for (int x = 0; x < shape.w; x++) {
                double v = (double)from[x] - (double)origin[c];
                sums[c] += v;
                sums[shape.c + c] += v * v;
            }
        }
    }
    step_measure(s, layer, sums, origin, plane_values(s, layer));
    for (int c = 0; c < shape.c; c++)
        norm_plane(s, layer, c);
}

/* Makes the gradient of row `row` behind the norm, in `by`, that in front of the ReLU. */
static void relu_row_back(const struct learn_step *s, int layer, int c, int row, float *by)
{
    const float *out = row_of(s, step_map(s, layer), layer, c, row);

    for (int x = 0; network[layer].relu && x < s->plan->shapes[layer].w; x++)
        by[x] = out[x] > 0 ? by[x] : 0;
}

/* The gradient by the norms' outputs, `by`, is changed; that by their inputs overwrites these. */
static void norm_planes_back(const struct learn_step *s, int layer, void *by)
{
    const struct learn_norm *norm = &s->norms[layer];
    struct shape shape = s->plan->shapes[layer];
    double sums[2 * HIDDEN_CHANNELS] = {0};

    for (int c = 0; c < shape.c; c++)
        for (int row = 0; row < s->plan->n * shape.h; row++) {
            const float *z = row_of(s, step_inner(s, layer), layer, c, row);
            float *g = row_of(s, by, layer, c, row);
            relu_row_back(s, layer, c, row, g);
            for (int x = 0; x < shape.w; x++) {
                sums[c] += (double)g[x];
                sums[shape.c + c] += (double)g[x] * ((double)z[x] - (double)norm->mean[c]);
            }
        }
    step_measure_back(s, layer, sums, plane_values(s, layer));
    for (int c = 0; c < shape.c; c++)
        for (int row = 0; row < s->plan->n * shape.h; row++) {
            float *z = row_of(s, step_inner(s, layer), layer, c, row);
            const float *g = row_of(s, by, layer, c, row);
            for (int x = 0; x < shape.w; x++)
                z[x] =
                    g[x] * norm->by_g[c] + (z[x] - norm->mean[c]) * norm->by_z[c] + norm->rest[c];
        }
}

/* ---- convolutions of planes -------------------------------------------------------------- */

enum { PLANE_TAPS = 9, PLANE_WEIGHTS_MAX = HIDDEN_CHANNELS * STATS_CHANNELS * PLANE_TAPS };

static struct plane_job plane_job(const struct learn_step *s, int layer, int image)
{
    int source = network[layer].in[0];
    struct shape shape = s->plan->shapes[layer];

    return (struct plane_job){
        .in = planes_image(s, step_map(s, source), source, image),
        .out = planes_image(s, step_inner(s, layer), layer, image),
        .h = shape.h,
        .w = shape.w,
        .inputs = s->plan->shapes[source].c,
        .outputs = shape.c,
        .weight = step_param(s, layer, ROLE_WEIGHT),
    };
}

static void convolve_planes(const struct learn_step *s, int layer)
{
#pragma omp parallel for schedule(static) num_threads(s->shared->threads)
    for (int image = 0; image < s->plan->n; image++) {
        struct plane_job job = plane_job(s, layer, image);
        s->shared->kernels->plane(&job);
    }
}

/* Inputs and outputs change places and the taps are turned round. */
static void turn_round(const struct plane_job *job, float *to)
{
    int taps = job->inputs * PLANE_TAPS;

    for (int i = 0; i < job->outputs * taps; i++) {
        int o = i / taps, k = i / PLANE_TAPS % job->inputs, t = i % PLANE_TAPS;
        to[(k * job->outputs + o) * PLANE_TAPS + PLANE_TAPS - 1 - t] = job->weight[i];
    }
}

/* One image: the gradient by the inputs, and `sums` for the weights. */
static void convolve_image_back(const struct learn_step *s, int layer, int image, double *sums)
{
    struct plane_job job = plane_job(s, layer, image);
    float turned[PLANE_WEIGHTS_MAX];
    struct plane_job back = {
        .in = job.out,
        .out = planes_image(s, step_back(s, layer), network[layer].in[0], image),
        .h = job.h,
        .w = job.w,
        .inputs = job.outputs,
        .outputs = job.inputs,
        .weight = turned,
    };

    job.sums = sums;
    s->shared->kernels->plane_back(&job);
    turn_round(&job, turned);
    s->shared->kernels->plane(&back);
}

static void convolve_planes_back(const struct learn_step *s, int layer)
{
    size_t count = (size_t)s->plan->shapes[layer].c *
                   (size_t)s->plan->shapes[network[layer].in[0]].c * PLANE_TAPS;
    float *to = step_gradient(s, layer, ROLE_WEIGHT);

#pragma omp parallel for schedule(static) num_threads(s->shared->threads)
    for (int part = 0; part < s->shared->threads; part++) {
        double *sums = s->sums + (size_t)part * 2 * LEARN_CHANNELS_MAX;
        size_t image, end;
        step_part(s, part, (size_t)s->plan->n, &image, &end);
        memset(sums, 0, count * sizeof(double));
        for (; image < end; image++)
            convolve_image_back(s, layer, (int)image, sums);
    }
    for (int part = 0; part < s->shared->threads; part++)
        for (size_t i = 0; i < count; i++)
            to[i] += (float)s->sums[(size_t)part * 2 * LEARN_CHANNELS_MAX + i];
}

/* ---- the block --------------------------------------------------------------------------- */

void step_fuse(const struct learn_step *s, int layer)
{
    const struct learn_kernels *kernels = s->shared->kernels;
    struct block b = block_of(layer);

#pragma omp parallel for schedule(static) num_threads(s->shared->threads)
    for (int image = 0; image < s->plan->n; image++) {
        struct fuse_job job = fuse_job(s, &b, image);
        kernels->fuse_stats(&job);
    }
    convolve_planes(s, b.hidden);
    norm_planes(s, b.hidden);
    convolve_planes(s, b.attention);
    norm_planes(s, b.attention);
#pragma omp parallel for schedule(static) num_threads(s->shared->threads)
    for (int image = 0; image < s->plan->n; image++) {
        struct fuse_job job = fuse_job(s, &b, image);
        kernels->sigmoid(planes_image(s, step_map(s, b.attention), b.attention, image),
                         plane_of(s, b.attention));
        kernels->fuse(&job);
    }
}

static struct fuse_job fuse_back_job(const struct learn_step *s, const struct block *b, int image)
{
    struct fuse_job job = fuse_job(s, b, image);
    struct learn_source source[LEARN_SOURCES_MAX];

    learn_plan_sources(s->plan, s->shared, s->arena, b->blend, source); /* one convolution */
    job.gradient = (const char *)source[0].at + (size_t)image * (size_t)job.h * (size_t)job.w *
                                                    source[0].step *
                                                    s->shared->kernels->base->elem_size;
    job.by_attention = planes_image(s, step_back(s, b->stats), b->attention, image);
    job.by_stats = planes_image(s, step_back(s, b->hidden), b->stats, image);
    job.by_x = map_image(s, step_back(s, b->blend), b->x, image);
    return job;
}

/* From the gradient by the attention's sigmoid to that in front of it. */
static void sigmoid_back(const struct fuse_job *job)
{
    for (int y = 0; y < job->h; y++)
        for (int x = 0; x < job->w; x++) {
            size_t at = ((size_t)y + PLANE_BORDER) * plane_pitch(job->w) + PLANE_BORDER + (size_t)x;
            job->by_attention[at] *= job->attention[at] * (1 - job->attention[at]);
        }
}

static void fuse_image_back(const struct learn_step *s, const struct block *b, int image,
                            char *scratch)
{
    struct fuse_job job = fuse_back_job(s, b, image);
    struct shape small = s->plan->shapes[b->small];
    size_t y_bytes =
        (size_t)job.h * (size_t)job.w * (size_t)job.c * s->shared->kernels->base->elem_size;
    struct resize_back_job resize = {
        .from = scratch,
        .h = job.h,
        .w = job.w,
        .c = job.c,
        .rows = job.rows,
        .columns = job.columns,
        .to = map_image(s, step_back(s, b->resize), b->small, image),
        .to_h = small.h,
        .to_w = small.w,
        .scratch = (float *)(scratch + y_bytes),
    };

    job.by_y = scratch;
    s->shared->kernels->fuse_back(&job);
    s->shared->kernels->resize_back(&resize);
}

void step_fuse_back(const struct learn_step *s, int layer)
{
    struct block b = block_of(layer);

#pragma omp parallel for schedule(static) num_threads(s->shared->threads)
    for (int image = 0; image < s->plan->n; image++) {
        struct fuse_job job = fuse_back_job(s, &b, image);
        s->shared->kernels->fuse_back_attention(&job);
        sigmoid_back(&job);
    }
    norm_planes_back(s, b.attention, step_back(s, b.stats));
    convolve_planes_back(s, b.attention);
    norm_planes_back(s, b.hidden, step_back(s, b.attention));
    convolve_planes_back(s, b.hidden);
#pragma omp parallel for schedule(static) num_threads(s->shared->threads)
    for (int part = 0; part < s->shared->threads; part++) {
        size_t image, end;
        step_part(s, part, (size_t)s->plan->n, &image, &end);
        for (; image < end; image++)
            fuse_image_back(s, &b, (int)image, step_scratch(s, part));
    }
}
