/* learn_norms.c -- batch norm over maps (learn_steps.h).
 *
 * A convolution's bias is not in its output: the norm takes it out again, so only the running mean
 * sees it, and its gradient is 0. With a single value per channel there is no norm, and the bias is
 * all there is. */
#include <math.h>
#include <string.h>

#include "engine/onednn/learn_steps.h"

/* ---- statistics -------------------------------------------------------------------------- */

static void set_coefficients(const struct learn_step *s, int layer, int c, double mean,
                             double variance)
{
    const struct learn_norm *norm = &s->norms[layer];
    double inverse = 1 / sqrt(variance + BATCH_NORM_EPSILON);
    double scale = inverse * (double)step_param(s, layer, ROLE_GAMMA)[c];

    norm->mean[c] = (float)mean;
    norm->inverse[c] = (float)inverse;
    norm->scale[c] = (float)scale;
    norm->shift[c] = (float)((double)step_param(s, layer, ROLE_BETA)[c] - mean * scale);
}

/* One value per channel: out = in. */
static void leave_out(const struct learn_step *s, int layer)
{
    const struct learn_norm *norm = &s->norms[layer];
    const float *bias = step_param(s, layer, ROLE_BIAS);

    for (int c = 0; c < network[layer].channels; c++) {
        norm->mean[c] = 0;
        norm->scale[c] = 1;
        norm->shift[c] = bias ? bias[c] : 0;
    }
}

void step_measure(const struct learn_step *s, int layer, const double *sums, const float *origin,
                  double count)
{
    enum { OLD_PERCENT = 90 };
    const float *bias = step_param(s, layer, ROLE_BIAS);
    float *running_mean = step_param(s, layer, ROLE_MEAN);
    float *running_variance = step_param(s, layer, ROLE_VARIANCE);
    int channels = network[layer].channels;
    const double old = OLD_PERCENT / 100.0;

    if (count <= 1) {
        leave_out(s, layer);
        return;
    }
    for (int c = 0; c < channels; c++) {
        double off = sums[c] / count, mean = (double)origin[c] + off;
        double variance = fmax(sums[channels + c] / count - off * off, 0);
        set_coefficients(s, layer, c, mean, variance);
        mean += bias ? (double)bias[c] : 0;
        running_mean[c] = (float)(old * (double)running_mean[c] + (1 - old) * mean);
        running_variance[c] =
            (float)(old * (double)running_variance[c] + (1 - old) * variance * count / (count - 1));
    }
}

/* The gradient goes through as it is. */
static void leave_out_back(const struct learn_step *s, int layer, const double *sums)
{
    const struct learn_norm *norm = &s->norms[layer];
    float *bias = step_gradient(s, layer, ROLE_BIAS);

    for (int c = 0; c < network[layer].channels; c++) {
        norm->by_g[c] = 1;
        norm->by_z[c] = norm->rest[c] = 0;
        if (bias)
            bias[c] += (float)sums[c];
    }
}

void step_measure_back(const struct learn_step *s, int layer, const double *sums, double count)
{
    const struct learn_norm *norm = &s->norms[layer];
    float *gamma = step_gradient(s, layer, ROLE_GAMMA), *beta = step_gradient(s, layer, ROLE_BETA);
    int channels = network[layer].channels;

    if (count <= 1) {
        leave_out_back(s, layer, sums);
        return;
    }
    for (int c = 0; c < channels; c++) {
        double inverse = (double)norm->inverse[c], scale = (double)norm->scale[c];
        double product = sums[channels + c] * inverse;
        gamma[c] += (float)product;
        beta[c] += (float)sums[c];
        norm->by_g[c] = (float)scale;
        norm->by_z[c] = (float)(-scale * inverse * product / count);
        norm->rest[c] = (float)(-scale * sums[c] / count);
    }
}

/* ---- maps -------------------------------------------------------------------------------- */

static size_t pixels_of(const struct learn_step *s, int layer)
{
    struct shape shape = s->plan->shapes[layer];

    return (size_t)s->plan->n * (size_t)shape.h * (size_t)shape.w;
}

static double *part_sums(const struct learn_step *s, int part)
{
    return s->sums + (size_t)part * 2 * LEARN_CHANNELS_MAX;
}

/* Into the first part's, in the order of the parts. */
static void add_parts(const struct learn_step *s, int channels)
{
    for (int part = 1; part < s->shared->threads; part++)
        for (int i = 0; i < 2 * channels; i++)
            s->sums[i] += part_sums(s, part)[i];
}

static struct norm_job norm_job(const struct learn_step *s, int layer)
{
    const struct learn_norm *norm = &s->norms[layer];
    size_t elem_size = s->shared->kernels->base->elem_size;
    struct norm_job job = {.z = step_inner(s, layer),
                           .c = network[layer].channels,
                           .relu = network[layer].relu,
                           .scale = norm->scale,
                           .shift = norm->shift};
    int before = 0, outs = 0, concat = network_concat_of(layer, &before);

    if (s->plan->map[layer] != LEARN_NOWHERE) {
        job.out[outs].at = step_map(s, layer);
        job.out[outs++].step = (size_t)job.c;
    }
    if (concat != L_NONE) {
        job.out[outs].at = (char *)step_map(s, concat) + (size_t)before * elem_size;
        job.out[outs].step = (size_t)network[concat].channels;
    }
    return job;
}

void step_norm(const struct learn_step *s, int layer)
{
    struct norm_job job = norm_job(s, layer);
    size_t pixels = pixels_of(s, layer);
    float origin[LEARN_CHANNELS_MAX];

#pragma omp parallel for schedule(static) num_threads(s->shared->threads)
    for (int part = 0; part < s->shared->threads; part++) {
        size_t begin, end;
        step_part(s, part, pixels, &begin, &end);
        memset(part_sums(s, part), 0, 2 * (size_t)job.c * sizeof(double));
        s->shared->kernels->norm_sums(&job, begin, end - begin, part_sums(s, part));
    }
    add_parts(s, job.c);
    s->shared->kernels->base->widen(origin, job.z, (size_t)job.c);
    step_measure(s, layer, s->sums, origin, (double)pixels);
#pragma omp parallel for schedule(static) num_threads(s->shared->threads)
    for (int part = 0; part < s->shared->threads; part++) {
        size_t begin, end;
        step_part(s, part, pixels, &begin, &end);
        s->shared->kernels->norm(&job, begin, end - begin);
    }
}

void step_norm_back(const struct learn_step *s, int layer)
{
    const struct learn_norm *norm = &s->norms[layer];
    size_t pixels = pixels_of(s, layer);
    struct norm_back_job job = {.z = step_inner(s, layer),
                                .c = network[layer].channels,
                                .relu = network[layer].relu,
                                .scale = norm->scale,
                                .shift = norm->shift,
                                .mean = norm->mean,
                                .by_g = norm->by_g,
                                .by_z = norm->by_z,
                                .rest = norm->rest};

    job.n_sources = learn_plan_sources(s->plan, s->shared, s->arena, layer, job.sources);
#pragma omp parallel for schedule(static) num_threads(s->shared->threads)
    for (int part = 0; part < s->shared->threads; part++) {
        size_t begin, end;
        step_part(s, part, pixels, &begin, &end);
        memset(part_sums(s, part), 0, 2 * (size_t)job.c * sizeof(double));
        s->shared->kernels->norm_back_sums(&job, begin, end - begin, part_sums(s, part));
    }
    add_parts(s, job.c);
    step_measure_back(s, layer, s->sums, (double)pixels);
#pragma omp parallel for schedule(static) num_threads(s->shared->threads)
    for (int part = 0; part < s->shared->threads; part++) {
        size_t begin, end;
        step_part(s, part, pixels, &begin, &end);
        s->shared->kernels->norm_back(&job, begin, end - begin);
    }
}
