/* threads_norm.h -- batch norm over maps, both ways, what each thread does.
 *
 * Measure: a block takes a run of pixels and up to 256 channels; a thread adds up eight channels of every
 * rows-th pixel, around the first pixel's value so that a large mean costs no digits; the threads' sums
 * are added up row by row, then the last block of a slice of channels adds up what the blocks have, in
 * double. Apply: eight channels of one pixel a thread. */
#ifndef ENGINE_CUDNN_THREADS_NORM_H
#define ENGINE_CUDNN_THREADS_NORM_H

#include "engine/cudnn/learn_jobs.h"

#define NORM_EPSILON 1e-5

enum { NORM_THREADS = 256, NORM_GROUPS = 32, NORM_UNROLL = 8, NORM_VALUES = 2 * ELEM_GROUP };

/* How a map is cut up. Block b takes slice b % slices of chunk b / slices. */
struct norm_grid {
    int groups, rows, slices, chunks; /* groups of eight channels, and rows, of a block */
    long long chunk;                  /* pixels */
};

LENTIGO_HD struct norm_grid norm_grid(const struct gpu_norm_job *job)
{
    int all = job->c / ELEM_GROUP, most = NORM_PARTIALS / (2 * job->c);
    struct norm_grid g;

    g.groups = all < NORM_GROUPS ? all : NORM_GROUPS;
    g.rows = NORM_THREADS / g.groups;
    g.slices = all / g.groups;
    long long round = (long long)g.rows * NORM_UNROLL;
    long long wanted = (job->pixels + round - 1) / round;
    g.chunks = (int)(wanted < most ? wanted : most);
    g.chunk = (job->pixels + g.chunks - 1) / g.chunks;
    g.chunks = (int)((job->pixels + g.chunk - 1) / g.chunk);
    return g;
}

LENTIGO_HD long long norm_blocks(const struct gpu_norm_job *job)
{
    struct norm_grid g = norm_grid(job);

    return (long long)g.chunks * g.slices;
}

struct norm_sums {
    struct elem_group first, second;
};

struct norm_shared {
    float v[NORM_THREADS][NORM_VALUES];
    double parts[NORM_THREADS][2];
};

/* A thread's channels. */
LENTIGO_HD int norm_channel(const struct norm_grid *g, int slice, int thread)
{
    return (slice * g->groups + thread % g->groups) * ELEM_GROUP;
}

LENTIGO_HD void norm_stage(struct norm_shared *shared, int thread, const struct norm_sums *sums)
{
    LENTIGO_UNROLL
    for (int i = 0; i < ELEM_GROUP; i++) {
        shared->v[thread][i] = sums->first.v[i];
        shared->v[thread][ELEM_GROUP + i] = sums->second.v[i];
    }
}

/* Sums of z - z0 and of its square. */
LENTIGO_HD void norm_sum(const struct gpu_norm_job *job, int block, int thread,
                         struct norm_shared *shared, enum elem kind)
{
    struct norm_grid g = norm_grid(job);
    int channel = norm_channel(&g, block % g.slices, thread);
    long long begin = block / g.slices * g.chunk, end = begin + g.chunk;
    struct elem_group origin = elem_load(job->z, (size_t)channel, kind);
    struct norm_sums sums = {elem_fill(0), elem_fill(0)};

    end = end < job->pixels ? end : job->pixels;
    origin = elem_scale(origin, -1);
    for (long long p = begin + thread / g.groups; p < end; p += g.rows) {
        struct elem_group v = elem_load(job->z, (size_t)p * job->c + channel, kind);
        v = elem_add(v, origin);
        sums.first = elem_add(sums.first, v);
        sums.second = elem_fma(sums.second, v, v);
    }
    norm_stage(shared, thread, &sums);
}

/* The gradient by the norm's output: the sum of its parts, where the ReLU let through. */
LENTIGO_HD struct elem_group norm_gradient(const struct gpu_norm_job *job, long long pixel,
                                           int channel, struct elem_group z, enum elem kind)
{
    struct elem_group g =
        elem_load(job->sources[0].at, (size_t)pixel * job->sources[0].step + channel, kind);

    LENTIGO_UNROLL
    for (int i = 1; i < GPU_SOURCES_MAX; i++)
        if (job->sources[i].at)
            g = elem_add(g, elem_load(job->sources[i].at,
                                      (size_t)pixel * job->sources[i].step + channel, kind));
    if (!job->relu)
        return g;
    struct elem_group scale = elem_load(job->values.scale, (size_t)channel, ELEM_F32);
    struct elem_group shift = elem_load(job->values.shift, (size_t)channel, ELEM_F32);
    LENTIGO_UNROLL
    for (int i = 0; i < ELEM_GROUP; i++)
        g.v[i] = z.v[i] * scale.v[i] + shift.v[i] > 0 ? g.v[i] : 0;
    return g;
}

/* z - mean. */
LENTIGO_HD struct elem_group norm_centred(const struct gpu_norm_job *job, struct elem_group z,
                                          int channel)
{
    struct elem_group mean = elem_load(job->values.mean, (size_t)channel, ELEM_F32);

    return elem_add(z, elem_scale(mean, -1));
}

/* Sums of g and of g*(z - mean). */
LENTIGO_HD void norm_back_sum(const struct gpu_norm_job *job, int block, int thread,
                              struct norm_shared *shared, enum elem kind)
{
    struct norm_grid g = norm_grid(job);
    int channel = norm_channel(&g, block % g.slices, thread);
    long long begin = block / g.slices * g.chunk, end = begin + g.chunk;
    struct norm_sums sums = {elem_fill(0), elem_fill(0)};

    end = end < job->pixels ? end : job->pixels;
    for (long long p = begin + thread / g.groups; p < end; p += g.rows) {
        struct elem_group z = elem_load(job->z, (size_t)p * job->c + channel, kind);
        struct elem_group by = norm_gradient(job, p, channel, z, kind);
        sums.first = elem_add(sums.first, by);
        sums.second = elem_fma(sums.second, by, norm_centred(job, z, channel));
    }
    norm_stage(shared, thread, &sums);
}

/* Then, when all have staged: the block's sums. partials: chunks, 2, c. */
LENTIGO_HD void norm_store(const struct gpu_norm_job *job, int block, int thread,
                           const struct norm_shared *shared)
{
    struct norm_grid g = norm_grid(job);
    int slice = block % g.slices, chunk = block / g.slices;

    for (int i = thread; i < g.groups * NORM_VALUES; i += NORM_THREADS) {
        int group = i / NORM_VALUES, value = i % NORM_VALUES;
        int channel = (slice * g.groups + group) * ELEM_GROUP + value % ELEM_GROUP;
        float sum = 0;
        for (int row = 0; row < g.rows; row++)
            sum += shared->v[row * g.groups + group][value];
        job->partials[((size_t)chunk * 2 + value / ELEM_GROUP) * job->c + channel] = sum;
    }
}

/* What another block has written; not out of this one's cache. */
LENTIGO_HD float learn_fresh(const float *at)
{
#ifdef __CUDA_ARCH__
    return __ldcg(at);
#else
    return *at;
#endif
}

LENTIGO_HD double learn_fresh_double(const double *at)
{
#ifdef __CUDA_ARCH__
    return __ldcg(at);
#else
    return *at;
#endif
}

/* In the last block of a slice: a thread adds up one channel over some of the chunks. */
LENTIGO_HD void norm_gather(const struct gpu_norm_job *job, int slice, int thread,
                            struct norm_shared *shared)
{
    struct norm_grid g = norm_grid(job);
    int width = g.groups * ELEM_GROUP, channel = slice * width + thread % width;
    double first = 0, second = 0;

    for (int chunk = thread / width; chunk < g.chunks; chunk += NORM_THREADS / width) {
        const float *at = job->partials + (size_t)chunk * 2 * job->c + channel;
        first += learn_fresh(at);
        second += learn_fresh(at + job->c);
    }
    shared->parts[thread][0] = first;
    shared->parts[thread][1] = second;
}

/* Mean and biased variance of channel c over `count` values into all that the forward needs. */
LENTIGO_HD void norm_set(const struct gpu_norm_params *p, const struct gpu_norm_values *v, int c,
                         double count, double mean, double variance)
{
    double bias = p->bias ? p->bias[c] : 0;

    if (count <= 1) {
        v->mean[c] = 0;
        v->scale[c] = 1;
        v->shift[c] = (float)bias;
        return;
    }
    variance = variance > 0 ? variance : 0;
    double inverse = 1 / sqrt(variance + NORM_EPSILON), scale = inverse * p->gamma[c];
    v->mean[c] = (float)mean;
    v->inverse[c] = (float)inverse;
    v->scale[c] = (float)scale;
    v->shift[c] = (float)(p->beta[c] - mean * scale);
    p->running_mean[c] = (float)(0.9 * p->running_mean[c] + 0.1 * (mean + bias));
    p->running_variance[c] =
        (float)(0.9 * p->running_variance[c] + 0.1 * variance * count / (count - 1));
}

/* Sums of g and g*(z - mean) over 1/share values into all that the way back needs. */
LENTIGO_HD void norm_set_back(const struct gpu_norm_params *p, const struct gpu_norm_values *v,
                              int c, double share, double sum, double product)
{
    if (p->d_bias)
        p->d_bias[c] = share >= 1 ? (float)sum : 0;
    if (share >= 1) {
        v->by_g[c] = 1;
        v->by_z[c] = v->rest[c] = 0;
        p->d_gamma[c] = p->d_beta[c] = 0;
        return;
    }
    double inverse = v->inverse[c], scale = v->scale[c];
    product *= inverse;
    p->d_gamma[c] = (float)product;
    p->d_beta[c] = (float)sum;
    v->by_g[c] = (float)scale;
    v->by_z[c] = (float)(-scale * inverse * product * share);
    v->rest[c] = (float)(-scale * sum * share);
}

/* Last: the parts in their order. */
LENTIGO_HD void norm_finish(const struct gpu_norm_job *job, int slice, int thread,
                            const struct norm_shared *shared, int is_back, enum elem kind)
{
    struct norm_grid g = norm_grid(job);
    int width = g.groups * ELEM_GROUP, channel = slice * width + thread;
    double sums[2] = {0, 0}, count = (double)job->pixels;

    if (thread >= width)
        return;
    for (int part = 0; part < NORM_THREADS / width; part++) {
        sums[0] += shared->parts[part * width + thread][0];
        sums[1] += shared->parts[part * width + thread][1];
    }
    if (is_back) {
        norm_set_back(&job->params, &job->values, channel, job->share, sums[0], sums[1]);
        return;
    }
    double off = sums[0] / count, origin = elem_one(job->z, (size_t)channel, kind);
    norm_set(&job->params, &job->values, channel, count, origin + off, sums[1] / count - off * off);
}

LENTIGO_HD long long norm_apply_blocks(const struct gpu_norm_job *job)
{
    return (job->pixels * (job->c / ELEM_GROUP) + NORM_THREADS - 1) / NORM_THREADS;
}

LENTIGO_HD void norm_apply(const struct gpu_norm_job *job, int block, int thread, enum elem kind)
{
    long long index = (long long)block * NORM_THREADS + thread;
    int groups = job->c / ELEM_GROUP, channel = (int)(index % groups) * ELEM_GROUP;
    long long pixel = index / groups;

    if (pixel >= job->pixels)
        return;
    struct elem_group y = elem_load(job->z, (size_t)pixel * job->c + channel, kind);
    struct elem_group scale = elem_load(job->values.scale, (size_t)channel, ELEM_F32);
    struct elem_group shift = elem_load(job->values.shift, (size_t)channel, ELEM_F32);
    LENTIGO_UNROLL
    for (int i = 0; i < ELEM_GROUP; i++)
        y.v[i] = y.v[i] * scale.v[i] + shift.v[i];
    y = job->relu ? elem_relu(y) : y;
    LENTIGO_UNROLL
    for (int i = 0; i < GPU_OUTS_MAX; i++)
        if (job->outs[i].at)
            elem_store(job->outs[i].at, (size_t)pixel * job->outs[i].step + channel, y, kind);
}

LENTIGO_HD void norm_back_apply(const struct gpu_norm_job *job, int block, int thread,
                                enum elem kind)
{
    long long index = (long long)block * NORM_THREADS + thread;
    int groups = job->c / ELEM_GROUP, channel = (int)(index % groups) * ELEM_GROUP;
    long long pixel = index / groups;

    if (pixel >= job->pixels)
        return;
    size_t at = (size_t)pixel * job->c + channel;
    struct elem_group z = elem_load(job->z, at, kind);
    struct elem_group g = norm_gradient(job, pixel, channel, z, kind);
    struct elem_group by_g = elem_load(job->values.by_g, (size_t)channel, ELEM_F32);
    struct elem_group by_z = elem_load(job->values.by_z, (size_t)channel, ELEM_F32);
    struct elem_group rest = elem_load(job->values.rest, (size_t)channel, ELEM_F32);
    rest = elem_fma(rest, norm_centred(job, z, channel), by_z);
    elem_store(job->z, at, elem_fma(rest, g, by_g), kind);
}

#endif
