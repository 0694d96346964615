/* threads_plane.h -- the attention's convolutions on planes of 4, 2 and 1 channels in training, both
 * ways, and the blend they steer, what each thread does.
 *
 * A thread has one pixel of the batch. Norm and ReLU in front of a convolution are done where its input
 * is read, and the gradient by its output is made where that is read, so that each direction of each
 * convolution is one kernel. Sums for norms are double: a block's are folded in halves. */
#ifndef ENGINE_CUDNN_THREADS_PLANE_H
#define ENGINE_CUDNN_THREADS_PLANE_H

#include "engine/cudnn/threads_attend.h"
#include "engine/cudnn/threads_norm.h"

enum { PLANE_THREADS = 256, PLANE_PARTS = PLANE_THREADS / PLANE_SUMS, PLANE_PIXELS = 256 };

struct plane_shared {
    double v[PLANE_THREADS][PLANE_SUMS];
};

LENTIGO_HD void plane_clear(struct plane_shared *shared, int thread)
{
    LENTIGO_UNROLL
    for (int i = 0; i < PLANE_SUMS; i++)
        shared->v[thread][i] = 0;
}

/* For steps of half the entries, a quarter and so on down to 1, with a barrier in front of each. */
LENTIGO_HD void plane_fold(struct plane_shared *shared, int thread, int step)
{
    if (thread >= step)
        return;
    LENTIGO_UNROLL
    for (int i = 0; i < PLANE_SUMS; i++)
        shared->v[thread][i] += shared->v[thread + step][i];
}

LENTIGO_HD void plane_store(double *partials, int block, int thread,
                            const struct plane_shared *shared)
{
    if (thread < PLANE_SUMS)
        partials[(size_t)block * PLANE_SUMS + thread] = shared->v[0][thread];
}

/* In the last block: a thread adds up one sum over some of the blocks; then fold from PLANE_PARTS/2. */
LENTIGO_HD void plane_gather(const double *partials, int blocks, int thread,
                             struct plane_shared *shared)
{
    double sum = 0;

    for (int b = thread / PLANE_SUMS; b < blocks; b += PLANE_PARTS)
        sum += learn_fresh_double(&partials[(size_t)b * PLANE_SUMS + thread % PLANE_SUMS]);
    shared->v[thread / PLANE_SUMS][thread % PLANE_SUMS] = sum;
}

/* A pixel of the batch. */
struct plane_place {
    long long pixel;
    int image, y, x;
};

LENTIGO_HD struct plane_place plane_place(int h, int w, long long pixel)
{
    struct plane_place p;

    p.pixel = pixel;
    p.x = (int)(pixel % w);
    p.y = (int)(pixel / w % h);
    p.image = (int)(pixel / w / h);
    return p;
}

LENTIGO_HD long long plane_pixels(const struct gpu_plane_job *job)
{
    return (long long)job->n * job->h * job->w;
}

LENTIGO_HD long long plane_blocks(const struct gpu_plane_job *job)
{
    return (plane_pixels(job) + PLANE_THREADS - 1) / PLANE_THREADS;
}

/* The pixel that lies beside p as tap `tap` does; -1 outside. */
LENTIGO_HD long long plane_beside(const struct gpu_plane_job *job, struct plane_place p, int tap)
{
    int dy = tap / 3 - 1, dx = tap % 3 - 1;

    return tile_inside(p.y + dy, p.x + dx, job->h, job->w) ? p.pixel + (long long)dy * job->w + dx
                                                           : -1;
}

/* What the convolution reads: channel i of `pixel`, behind the norm and ReLU in front. */
LENTIGO_HD float plane_in(const struct gpu_plane_job *job, long long pixel, int i, int ci)
{
    float v = job->in[(size_t)pixel * ci + i];

    return job->front.scale ? arith_relu(v * job->front.scale[i] + job->front.shift[i]) : v;
}

/* The gradient by the convolution's output. */
LENTIGO_HD float plane_dz(const struct gpu_plane_job *job, long long pixel, int o, int co)
{
    size_t at = (size_t)pixel * co + o;
    const struct gpu_norm_values *v = &job->values;

    return job->g[at] * v->by_g[o] + (job->z[at] - v->mean[o]) * v->by_z[o] + v->rest[o];
}

/* Forwards: z, and the sums of z and its square. */
LENTIGO_HD void plane_forward(const struct gpu_plane_job *job, int block, int thread,
                              struct plane_shared *shared, int ci, int co)
{
    long long pixel = (long long)block * PLANE_THREADS + thread;
    struct plane_place p = plane_place(job->h, job->w, pixel);
    float sum[HIDDEN_CHANNELS] = {0, 0};

    plane_clear(shared, thread);
    if (pixel >= plane_pixels(job))
        return;
    LENTIGO_UNROLL
    for (int tap = 0; tap < 9; tap++) {
        long long at = plane_beside(job, p, tap);
        LENTIGO_UNROLL
        for (int i = 0; i < ci; i++) {
            float v = at < 0 ? 0 : plane_in(job, at, i, ci);
            LENTIGO_UNROLL
            for (int o = 0; o < co; o++)
                sum[o] += v * job->weight[(o * ci + i) * 9 + tap];
        }
    }
    LENTIGO_UNROLL
    for (int o = 0; o < co; o++) {
        job->z[(size_t)pixel * co + o] = sum[o];
        shared->v[thread][2 * (size_t)o] = sum[o];
        shared->v[thread][2 * o + 1] = (double)sum[o] * sum[o];
    }
}

/* Threads below co, with the folded sums. */
LENTIGO_HD void plane_finish(const struct gpu_plane_job *job, int thread,
                             const struct plane_shared *shared, int co)
{
    double count = (double)plane_pixels(job);

    if (thread >= co)
        return;
    double mean = shared->v[0][2 * (size_t)thread] / count;
    norm_set(&job->params, &job->values, thread, count, mean,
             shared->v[0][2 * thread + 1] / count - mean * mean);
}

/* Backwards: the gradient by what the convolution read; with a norm in front, by that norm's output where
 * its ReLU let through, and the sums that it needs. */
LENTIGO_HD void plane_back(const struct gpu_plane_job *job, int block, int thread,
                           struct plane_shared *shared, int ci, int co)
{
    long long pixel = (long long)block * PLANE_THREADS + thread;
    struct plane_place p = plane_place(job->h, job->w, pixel);
    float sum[STATS_CHANNELS] = {0, 0, 0, 0};

    plane_clear(shared, thread);
    if (pixel >= plane_pixels(job))
        return;
    LENTIGO_UNROLL
    for (int tap = 0; tap < 9; tap++) {
        long long at = plane_beside(job, p, 8 - tap);
        LENTIGO_UNROLL
        for (int o = 0; o < co; o++) {
            float dz = at < 0 ? 0 : plane_dz(job, at, o, co);
            LENTIGO_UNROLL
            for (int i = 0; i < ci; i++)
                sum[i] += dz * job->weight[(o * ci + i) * 9 + tap];
        }
    }
    LENTIGO_UNROLL
    for (int i = 0; i < ci; i++) {
        if (job->front.scale && i < HIDDEN_CHANNELS) {
            float in = job->in[(size_t)pixel * ci + i];
            sum[i] = in * job->front.scale[i] + job->front.shift[i] > 0 ? sum[i] : 0;
            shared->v[thread][2 * (size_t)i] = sum[i];
            shared->v[thread][2 * i + 1] = (double)sum[i] * ((double)in - job->front.mean[i]);
        }
        job->g_in[(size_t)pixel * ci + i] = sum[i];
    }
}

LENTIGO_HD void plane_back_finish(const struct gpu_plane_job *job, int thread,
                                  const struct plane_shared *shared, int ci)
{
    if (thread < ci && job->front.scale)
        norm_set_back(&job->front_params, &job->front, thread, 1 / (double)plane_pixels(job),
                      shared->v[0][2 * (size_t)thread], shared->v[0][2 * thread + 1]);
}

LENTIGO_HD long long plane_learn_blocks(const struct gpu_plane_job *job)
{
    return (plane_pixels(job) + PLANE_PIXELS - 1) / PLANE_PIXELS;
}

/* The weight gradient: a thread has one weight and some of the block's pixels. */
LENTIGO_HD void plane_learn(const struct gpu_plane_job *job, int block, int thread,
                            float shared[PLANE_THREADS], int ci, int co)
{
    int weights = co * ci * 9, parts = PLANE_THREADS / weights, weight = thread % weights;
    int o = weight / (ci * 9), i = weight / 9 % ci, tap = weight % 9;
    long long begin = (long long)block * PLANE_PIXELS, end = begin + PLANE_PIXELS;
    float sum = 0;

    end = end < plane_pixels(job) ? end : plane_pixels(job);
    for (long long p = begin + thread / weights; thread < parts * weights && p < end; p += parts) {
        long long at = plane_beside(job, plane_place(job->h, job->w, p), tap);
        if (at >= 0)
            sum += plane_dz(job, p, o, co) * plane_in(job, at, i, ci);
    }
    shared[thread] = sum;
}

LENTIGO_HD void plane_learn_store(const struct gpu_plane_job *job, int block, int thread,
                                  const float shared[PLANE_THREADS], int ci, int co)
{
    int weights = co * ci * 9, parts = PLANE_THREADS / weights;
    float sum = 0;

    if (thread >= weights)
        return;
    for (int part = 0; part < parts; part++)
        sum += shared[part * weights + thread];
    job->learned[(size_t)block * weights + thread] = sum;
}

/* ---- the blend --------------------------------------------------------------------------- */

LENTIGO_HD float fuse_attention(const struct gpu_fuse_job *job, size_t pixel)
{
    return arith_sigmoid(job->t[pixel] * job->values.scale[0] + job->values.shift[0]);
}

/* Eight channels of a pixel a thread, as the statistics (stats_place). */
LENTIGO_HD void fuse_thread(const struct gpu_fuse_job *job, int block, int thread, enum elem kind)
{
    struct attend_place p = stats_place(&job->attend, block, thread);
    size_t at = p.pixel * job->attend.c + p.channel;
    struct elem_group x = elem_load(job->attend.x, at, kind), y = attend_y(&job->attend, p, kind);
    float a = fuse_attention(job, p.pixel), scale = *job->scale;

    LENTIGO_UNROLL
    for (int i = 0; i < ELEM_GROUP; i++)
        x.v[i] = arith_blend(x.v[i], y.v[i], a, scale);
    if (p.is_there)
        elem_store(job->attend.out, at, x, kind);
}

/* The gradient by the attention: a lane's channels; lanes l and l ^ step are added for steps 1, 2, ..
 * below c / 8. */
LENTIGO_HD float fuse_by_attention(const struct gpu_fuse_job *job, struct attend_place p,
                                   enum elem kind)
{
    size_t at = p.pixel * job->attend.c + p.channel;
    struct elem_group x = elem_load(job->attend.x, at, kind), y = attend_y(&job->attend, p, kind);
    struct elem_group g = elem_load(job->g, at, kind);
    float sum = 0;

    LENTIGO_UNROLL
    for (int i = 0; i < ELEM_GROUP; i++)
        sum += g.v[i] * (x.v[i] - y.v[i]);
    return sum;
}

/* With the pixel's sum: its gradient in front of the sigmoid, and what the norm needs. */
LENTIGO_HD void fuse_store_attention(const struct gpu_fuse_job *job, struct attend_place p,
                                     float sum, int thread, struct plane_shared *shared)
{
    float a = fuse_attention(job, p.pixel);

    plane_clear(shared, thread);
    if (!p.is_there || p.channel)
        return;
    sum *= a * (1 - a);
    job->g_t[p.pixel] = sum;
    shared->v[thread][0] = sum;
    shared->v[thread][1] = (double)sum * ((double)job->t[p.pixel] - job->values.mean[0]);
}

LENTIGO_HD void fuse_finish(const struct gpu_fuse_job *job, int thread,
                            const struct plane_shared *shared)
{
    const struct gpu_attend_job *a = &job->attend;

    if (thread == 0)
        norm_set_back(&job->params, &job->values, 0, 1 / ((double)a->n * a->h * a->w),
                      shared->v[0][0], shared->v[0][1]);
}

/* The largest of some channels and where it is first. */
struct fuse_top {
    float value;
    int at;
};

LENTIGO_HD struct fuse_top fuse_top_of(struct elem_group g, int channel)
{
    struct fuse_top top = {g.v[0], channel};

    LENTIGO_UNROLL
    for (int i = 1; i < ELEM_GROUP; i++) {
        top.at = g.v[i] > top.value ? channel + i : top.at;
        top.value = g.v[i] > top.value ? g.v[i] : top.value;
    }
    return top;
}

LENTIGO_HD struct fuse_top fuse_top_join(struct fuse_top a, struct fuse_top b)
{
    return b.value > a.value || (b.value == a.value && b.at < a.at) ? b : a;
}

/* With the pixel's largest: g*share, and what the statistics give back. */
LENTIGO_HD struct elem_group fuse_gradient(struct elem_group g, float share,
                                           const float by_stats[2], int c, int top, int channel)
{
    float mean = by_stats[0] / (float)c;

    LENTIGO_UNROLL
    for (int i = 0; i < ELEM_GROUP; i++)
        g.v[i] = g.v[i] * share + mean + (channel + i == top ? by_stats[1] : 0);
    return g;
}

LENTIGO_HD void fuse_back_store(const struct gpu_fuse_job *job, struct attend_place p, int x_top,
                                int y_top, enum elem kind)
{
    size_t at = p.pixel * job->attend.c + p.channel;
    struct elem_group g = elem_load(job->g, at, kind);
    float a = fuse_attention(job, p.pixel);
    const float *by = job->g_stats + p.pixel * STATS_CHANNELS;
    float by_x[2] = {by[0], by[1]}, by_y[2] = {by[2], by[3]};

    if (!p.is_there)
        return;
    elem_store(job->g_x, at, fuse_gradient(g, a, by_x, job->attend.c, x_top, p.channel), kind);
    elem_store(job->g_y, at,
               fuse_gradient(g, *job->scale - a, by_y, job->attend.c, y_top, p.channel), kind);
}

#endif
