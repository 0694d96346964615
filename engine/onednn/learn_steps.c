#include "engine/onednn/learn_steps.h"

#include <string.h>

void *step_map(const struct learn_step *s, int layer)
{
    return s->arena + s->plan->map[layer];
}

void *step_inner(const struct learn_step *s, int layer)
{
    return s->arena + s->plan->inner[layer];
}

void *step_back(const struct learn_step *s, int layer)
{
    return s->arena + s->plan->back[layer];
}

float *step_param(const struct learn_step *s, int layer, enum role role)
{
    int i = s->of[layer][role];

    return i < 0 ? NULL : s->params->at[i];
}

float *step_gradient(const struct learn_step *s, int layer, enum role role)
{
    int i = s->of[layer][role];

    return i < 0 ? NULL : s->gradients->at[i];
}

void step_part(const struct learn_step *s, int part, size_t count, size_t *begin, size_t *end)
{
    size_t parts = (size_t)s->shared->threads;

    *begin = count * (size_t)part / parts;
    *end = count * ((size_t)part + 1) / parts;
}

void *step_scratch(const struct learn_step *s, int part)
{
    return s->arena + s->plan->scratch_at + (size_t)part * s->plan->thread_bytes;
}

/* Image `image` of a map of `layer`'s shape. */
static void *image_of(const struct learn_step *s, void *map, int layer, size_t image)
{
    struct shape shape = s->plan->shapes[layer];
    size_t pixels = (size_t)shape.h * (size_t)shape.w;

    return (char *)map + image * pixels * (size_t)shape.c * s->shared->kernels->base->elem_size;
}

/* Sums of one layer's weights in a part's scratch, behind what its loop needs there. */
static float *own_sums(const struct learn_step *s, int part, size_t before)
{
    return (float *)step_scratch(s, part) + before;
}

/* ---- stem -------------------------------------------------------------------------------- */

enum { STEM_TAPS = 9 };

static struct learn_stem_job stem_job(const struct learn_step *s, int part, size_t image)
{
    const struct learn_plan *p = s->plan;

    return (struct learn_stem_job){
        .rgb = (uint8_t *)s->arena + p->rgb_at + image * (size_t)p->h * (size_t)p->w * STEM_INPUTS,
        .h = p->h,
        .w = p->w,
        .rows = step_scratch(s, part),
        .z = image_of(s, step_inner(s, L_F0), L_F0, image),
        .sums = own_sums(s, part, stem_scratch(p->w)),
    };
}

/* Where a weight of out,in,3,3 stands in 3,3,in,out. */
static int turned(int i)
{
    int out = i / (STEM_INPUTS * STEM_TAPS), in = i / STEM_TAPS % STEM_INPUTS, tap = i % STEM_TAPS;

    return (tap * STEM_INPUTS + in) * STEM_CHANNELS + out;
}

enum { STEM_COUNT = STEM_CHANNELS * STEM_INPUTS * STEM_TAPS };

void step_stem(const struct learn_step *s)
{
    const float *from = step_param(s, L_F0, ROLE_WEIGHT);
    float weight[STEM_COUNT];

    for (int i = 0; i < STEM_COUNT; i++)
        weight[turned(i)] = from[i];
#pragma omp parallel for schedule(static) num_threads(s->shared->threads)
    for (int part = 0; part < s->shared->threads; part++) {
        size_t image, end;
        step_part(s, part, (size_t)s->plan->n, &image, &end);
        for (; image < end; image++) {
            struct learn_stem_job job = stem_job(s, part, image);
            job.weight = weight;
            s->shared->kernels->stem(&job);
        }
    }
}

void step_stem_back(const struct learn_step *s)
{
    float *to = step_gradient(s, L_F0, ROLE_WEIGHT);

#pragma omp parallel for schedule(static) num_threads(s->shared->threads)
    for (int part = 0; part < s->shared->threads; part++) {
        size_t image, end;
        step_part(s, part, (size_t)s->plan->n, &image, &end);
        memset(own_sums(s, part, stem_scratch(s->plan->w)), 0, STEM_COUNT * sizeof(float));
        for (; image < end; image++) {
            struct learn_stem_job job = stem_job(s, part, image);
            s->shared->kernels->stem_back(&job);
        }
    }
    for (int part = 0; part < s->shared->threads; part++) {
        const float *sums = own_sums(s, part, stem_scratch(s->plan->w));
        for (int i = 0; i < STEM_COUNT; i++)
            to[i] += sums[turned(i)];
    }
}

/* ---- what halves a map ------------------------------------------------------------------- */

enum { HALVE_TAPS = 9, HALVE_CHANNELS_MAX = 512 };

/* c,9 weights as 9,c. */
static void turn_taps(const struct learn_step *s, int layer, float *to)
{
    const float *from = step_param(s, layer, ROLE_WEIGHT);
    int c = network[layer].channels;

    for (int i = 0; i < c * HALVE_TAPS; i++)
        to[i % HALVE_TAPS * c + i / HALVE_TAPS] = from[i];
}

void step_halve(const struct learn_step *s, int layer)
{
    static const float zeros[LEARN_CHANNELS_MAX];
    float weight[HALVE_TAPS * HALVE_CHANNELS_MAX];
    int source = network[layer].in[0], before = 0;
    int concat = network_concat_of(learn_pool_beside(layer), &before);
    struct shape in = s->plan->shapes[source];

    turn_taps(s, layer, weight);
#pragma omp parallel for schedule(static) num_threads(s->shared->threads)
    for (int image = 0; image < s->plan->n; image++) {
        struct halve_job job = {
            .in = image_of(s, step_map(s, source), source, (size_t)image),
            .h = in.h,
            .w = in.w,
            .c = in.c,
            .weight = weight,
            .bias = zeros,
            .zeros = zeros,
            .conv = image_of(s, step_inner(s, layer), layer, (size_t)image),
            .pool = (char *)image_of(s, step_map(s, concat), concat, (size_t)image) +
                    (size_t)before * s->shared->kernels->base->elem_size,
            .pool_step = network[concat].channels,
        };
        s->shared->kernels->base->halve(&job);
    }
}

static void halve_back_image(const struct learn_step *s, int layer, size_t image, float *sums,
                             const float *weight)
{
    int source = network[layer].in[0], pool = learn_pool_beside(layer);
    struct shape in = s->plan->shapes[source], out = s->plan->shapes[layer];
    size_t pixels = (size_t)out.h * (size_t)out.w;
    struct halve_back_job job = {
        .in = image_of(s, step_map(s, source), source, image),
        .h = in.h,
        .w = in.w,
        .c = in.c,
        .weight = weight,
        .conv = image_of(s, step_inner(s, layer), layer, image),
        .out = image_of(s, step_back(s, layer), source, image),
        .sums = sums,
    };

    job.n_pool = learn_plan_sources(s->plan, s->shared, s->arena, pool, job.pool);
    for (int i = 0; i < job.n_pool; i++)
        job.pool[i].at = (const char *)job.pool[i].at +
                         image * pixels * job.pool[i].step * s->shared->kernels->base->elem_size;
    s->shared->kernels->halve_back(&job);
}

void step_halve_back(const struct learn_step *s, int layer)
{
    float weight[HALVE_TAPS * HALVE_CHANNELS_MAX], *to = step_gradient(s, layer, ROLE_WEIGHT);
    int c = network[layer].channels;

    turn_taps(s, layer, weight);
#pragma omp parallel for schedule(static) num_threads(s->shared->threads)
    for (int part = 0; part < s->shared->threads; part++) {
        size_t image, end;
        step_part(s, part, (size_t)s->plan->n, &image, &end);
        memset(own_sums(s, part, 0), 0, (size_t)c * HALVE_TAPS * sizeof(float));
        for (; image < end; image++)
            halve_back_image(s, layer, image, own_sums(s, part, 0), weight);
    }
    for (int part = 0; part < s->shared->threads; part++)
        for (int i = 0; i < c * HALVE_TAPS; i++)
            to[i] += own_sums(s, part, 0)[i % HALVE_TAPS * c + i / HALVE_TAPS];
}

/* ---- context ----------------------------------------------------------------------------- */

void step_bins(const struct learn_step *s, int layer)
{
    int source = network[layer].in[0];

#pragma omp parallel for schedule(static) num_threads(s->shared->threads)
    for (int image = 0; image < s->plan->n; image++) {
        float scratch[LEARN_CHANNELS_MAX];
        struct bins_job job = {
            .in = image_of(s, step_map(s, source), source, (size_t)image),
            .shape = s->plan->shapes[source],
            .in_cell = CELL_ELEM,
            .in_step = 1,
            .bins = network[layer].kernel,
            .out = image_of(s, step_map(s, layer), layer, (size_t)image),
            .scratch = scratch,
        };
        s->shared->kernels->base->bins(&job);
    }
}

/* Added to the gradient that the other reader of the map, a convolution, has made. */
void step_bins_back(const struct learn_step *s, int layer)
{
    int source = network[layer].in[0];
    void *from = step_back(s, learn_reader_of(layer)), *to = step_back(s, learn_reader_of(source));

#pragma omp parallel for schedule(static) num_threads(s->shared->threads)
    for (int image = 0; image < s->plan->n; image++) {
        struct bins_back_job job = {
            .from = image_of(s, from, layer, (size_t)image),
            .bins = network[layer].kernel,
            .shape = s->plan->shapes[source],
            .to = image_of(s, to, source, (size_t)image),
        };
        s->shared->kernels->bins_back(&job);
    }
}

enum { SUMMANDS = 3 };

void step_sum(const struct learn_step *s, int layer)
{
    const struct layer *l = &network[layer];
    struct shape shape = s->plan->shapes[layer];

#pragma omp parallel for schedule(static) num_threads(s->shared->threads)
    for (int image = 0; image < s->plan->n; image++) {
        struct sum_job job = {.out = image_of(s, step_map(s, layer), layer, (size_t)image),
                              .out_cell = CELL_ELEM,
                              .out_step = 1,
                              .h = shape.h,
                              .w = shape.w,
                              .c = shape.c};
        for (int k = 0; k < SUMMANDS; k++) {
            int resize = l->in[k], small = network[resize].in[0];
            job.in[k] = image_of(s, step_map(s, small), small, (size_t)image);
            job.in_side[k] = s->plan->shapes[small].w;
            job.rows[k] = s->plan->taps[resize][0];
            job.columns[k] = s->plan->taps[resize][1];
        }
        s->shared->kernels->base->sum(&job);
    }
}

static void sum_back_image(const struct learn_step *s, int layer, size_t image, float *scratch)
{
    struct learn_source source[LEARN_SOURCES_MAX];
    struct shape shape = s->plan->shapes[layer];

    learn_plan_sources(s->plan, s->shared, s->arena, layer, source); /* one convolution */
    for (int k = 0; k < SUMMANDS; k++) {
        int resize = network[layer].in[k], small = network[resize].in[0];
        struct resize_back_job job = {
            .from = (const char *)source[0].at + image * (size_t)shape.h * (size_t)shape.w *
                                                     source[0].step *
                                                     s->shared->kernels->base->elem_size,
            .h = shape.h,
            .w = shape.w,
            .c = shape.c,
            .rows = s->plan->taps[resize][0],
            .columns = s->plan->taps[resize][1],
            .to = image_of(s, step_back(s, resize), small, image),
            .to_h = s->plan->shapes[small].h,
            .to_w = s->plan->shapes[small].w,
            .scratch = scratch,
        };
        s->shared->kernels->resize_back(&job);
    }
}

void step_sum_back(const struct learn_step *s, int layer)
{
#pragma omp parallel for schedule(static) num_threads(s->shared->threads)
    for (int part = 0; part < s->shared->threads; part++) {
        size_t image, end;
        step_part(s, part, (size_t)s->plan->n, &image, &end);
        for (; image < end; image++)
            sum_back_image(s, layer, image, step_scratch(s, part));
    }
}

/* ---- heads ------------------------------------------------------------------------------- */

enum { HEAD_CHANNELS_MAX = 64 };

static struct classify_job classify_job(const struct learn_step *s, int layer)
{
    int source = network[layer].in[0];

    return (struct classify_job){.in = step_map(s, source), .c = network[source].channels};
}

static size_t pixels_of(const struct learn_step *s, int layer)
{
    struct shape shape = s->plan->shapes[layer];

    return (size_t)s->plan->n * (size_t)shape.h * (size_t)shape.w;
}

void step_classify(const struct learn_step *s, int layer)
{
    struct classify_job job = classify_job(s, layer);
    const float *from = step_param(s, layer, ROLE_WEIGHT);
    float weight[HEAD_CHANNELS_MAX * ENGINE_CLASSES];

    for (int i = 0; i < job.c * ENGINE_CLASSES; i++)
        weight[i % job.c * ENGINE_CLASSES + i / job.c] = from[i];
    job.weight = weight;
    job.logits = step_map(s, layer);
#pragma omp parallel for schedule(static) num_threads(s->shared->threads)
    for (int part = 0; part < s->shared->threads; part++) {
        size_t begin, end;
        step_part(s, part, pixels_of(s, layer), &begin, &end);
        s->shared->kernels->classify(&job, begin, end - begin);
    }
}

void step_classify_back(const struct learn_step *s, int layer)
{
    struct classify_job all = classify_job(s, layer);
    float *to = step_gradient(s, layer, ROLE_WEIGHT);
    size_t count = (size_t)all.c * ENGINE_CLASSES;

    all.weight = step_param(s, layer, ROLE_WEIGHT);
    all.logits = step_inner(s, layer);
    all.out = step_back(s, layer);
#pragma omp parallel for schedule(static) num_threads(s->shared->threads)
    for (int part = 0; part < s->shared->threads; part++) {
        struct classify_job job = all;
        size_t begin, end;
        step_part(s, part, pixels_of(s, layer), &begin, &end);
        job.sums = own_sums(s, part, 0);
        memset(job.sums, 0, count * sizeof(float));
        s->shared->kernels->classify_back(&job, begin, end - begin);
    }
    for (int part = 0; part < s->shared->threads; part++)
        for (size_t i = 0; i < count; i++)
            to[i] += own_sums(s, part, 0)[i];
}
