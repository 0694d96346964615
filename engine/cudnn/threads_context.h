/* threads_context.h -- the context module's pools and the sum of its three branches, what each
 * thread does.
 *
 * Pools: a block is a part of the channels of one image, one of its warps for each of the 1 + 4 + 16
 * cells. A lane takes every sixteenth pixel of its cell; the lanes' sums are joined in a fixed tree.
 * The map is read three times, twice out of the first cache. */
#ifndef ENGINE_CUDNN_THREADS_CONTEXT_H
#define ENGINE_CUDNN_THREADS_CONTEXT_H

#include "engine/cudnn/jobs.h"
#include "engine/cudnn/tiles.h"

enum {
    BINS_VECS = 2, /* one sector of 32 bytes */
    BINS_CHANNELS = BINS_VECS * ELEM_GROUP,
    BINS_LANES = WARP / BINS_VECS,
    BINS_THREADS = WARP * CONTEXT_CELLS,
    SUM_THREADS = 256
};

/* One cell of one level, and the channels of a lane. */
struct bins_place {
    int image, channel, level, bins, cell;
    struct arith_window y, x;
};

LENTIGO_HD long long bins_blocks(const struct gpu_bins_job *job)
{
    return (long long)job->n * (job->c / BINS_CHANNELS);
}

LENTIGO_HD struct bins_place bins_place(const struct gpu_bins_job *job, int block, int thread)
{
    int parts = job->c / BINS_CHANNELS, warp = thread / WARP;
    struct bins_place p;

    p.image = block / parts;
    p.channel = block % parts * BINS_CHANNELS + thread % BINS_VECS * ELEM_GROUP;
    p.level = (warp >= 1) + (warp >= 5);
    p.bins = 1 << p.level;
    p.cell = warp - (p.level ? p.level * 4 - 3 : 0); /* cells before a level: 0, 1, 5 */
    p.y = arith_bin_window(job->h, p.bins, p.cell / p.bins);
    p.x = arith_bin_window(job->w, p.bins, p.cell % p.bins);
    return p;
}

/* A lane's share of its cell's sum. Then lanes l and l ^ step are joined for steps of BINS_VECS,
 * twice that, and so on up to half a warp. */
LENTIGO_HD struct elem_group bins_partial(const struct gpu_bins_job *job, struct bins_place p,
                                          int thread, enum elem kind)
{
    int width = p.x.end - p.x.begin, pixels = (p.y.end - p.y.begin) * width;
    struct elem_group sum = elem_fill(0);

    for (int i = thread % WARP / BINS_VECS; i < pixels; i += BINS_LANES) {
        int y = p.y.begin + i / width, x = p.x.begin + i % width;
        size_t pixel = ((size_t)p.image * job->h + y) * job->w + x;
        sum = elem_add(sum, elem_load(job->in, pixel * job->in_step + p.channel, kind));
    }
    return sum;
}

/* Last, with the joined sum: the first lanes of each warp write. */
LENTIGO_HD void bins_store(const struct gpu_bins_job *job, struct bins_place p, int thread,
                           struct elem_group sum, enum elem kind)
{
    size_t cell = (size_t)p.image * p.bins * p.bins + p.cell;
    /* by index it would be copied to local memory */
    void *out = p.level == 0 ? job->out[0] : p.level == 1 ? job->out[1] : job->out[2];

    if (thread % WARP < BINS_VECS)
        elem_store(out, cell * job->c + p.channel, elem_scale(sum, arith_share(p.y, p.x)), kind);
}

/* Eight channels of one pixel a thread. */
LENTIGO_HD long long sum_blocks(const struct gpu_sum_job *job)
{
    long long groups = (long long)job->n * job->h * job->w * (job->c / ELEM_GROUP);

    return (groups + SUM_THREADS - 1) / SUM_THREADS;
}

LENTIGO_HD void sum_thread(const struct gpu_sum_job *job, int block, int thread, enum elem kind)
{
    size_t index = (size_t)block * SUM_THREADS + thread, parts = job->c / ELEM_GROUP;
    size_t pixel = index / parts, rows = pixel / job->w;
    int channel = (int)(index % parts) * ELEM_GROUP, image = (int)(rows / job->h);
    int y = (int)(rows % job->h), x = (int)(pixel % job->w);
    struct elem_group sum = elem_fill(0);

    if (image >= job->n)
        return;
    LENTIGO_UNROLL
    for (int level = 0; level < CONTEXT_LEVELS; level++) {
        int side = 1 << level;
        struct elem_map map = {job->in[level], side, side, job->c, kind};
        sum = elem_add(sum, elem_resized(map, image, arith_tap(side, job->h, y),
                                         arith_tap(side, job->w, x), channel));
    }
    elem_store(job->out, pixel * job->c + channel, sum, kind);
}

#endif
