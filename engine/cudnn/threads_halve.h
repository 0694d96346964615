/* threads_halve.h -- depthwise convolution and average pool of a stride-2 block, what each thread
 * does.
 *
 * A thread makes one output of eight channels. A block makes 8x8 outputs of 64 channels, so that what
 * neighbours share comes out of the first cache: 17x17 inputs are read for 16x16. */
#ifndef ENGINE_CUDNN_THREADS_HALVE_H
#define ENGINE_CUDNN_THREADS_HALVE_H

#include "engine/cudnn/jobs.h"
#include "engine/cudnn/tiles.h"

enum {
    HALVE_TILE = 8,
    HALVE_VECS = 8,
    HALVE_CHANNELS = HALVE_VECS * ELEM_GROUP,
    HALVE_THREADS = HALVE_VECS * HALVE_TILE * HALVE_TILE,
    HALVE_TAPS = 9
};

/* A block is a tile and a part of the channels; the parts of one tile follow one another. */
LENTIGO_HD struct tiles halve_tiles(const struct gpu_halve_job *job)
{
    return tiles_of(job->n, (job->h + 1) / 2, (job->w + 1) / 2, HALVE_TILE, HALVE_TILE);
}

LENTIGO_HD long long halve_blocks(const struct gpu_halve_job *job)
{
    return tiles_count(halve_tiles(job)) * (job->c / HALVE_CHANNELS);
}

/* All before the first is used, so that they are on their way together: a branch around each load would
 * keep them apart. Outside the map are zeros. */
LENTIGO_HD void halve_fetch(const struct gpu_halve_job *job, struct tile at, int channel,
                            enum elem kind, struct elem_stored inputs[HALVE_TAPS])
{
    LENTIGO_UNROLL
    for (int i = 0; i < HALVE_TAPS; i++) {
        int y = 2 * at.y - 1 + i / 3, x = 2 * at.x - 1 + i % 3;
        size_t pixel = ((size_t)at.image * job->h + y) * job->w + x;
        inputs[i] = tile_inside(y, x, job->h, job->w)
                        ? elem_fetch(job->in, pixel * job->in_step + channel, kind)
                        : elem_fetch_none();
    }
}

LENTIGO_HD void halve_store(const struct gpu_halve_job *job, struct tile at, int channel,
                            struct elem_group conv, struct elem_group pool, enum elem kind)
{
    int oh = (job->h + 1) / 2, ow = (job->w + 1) / 2;
    size_t pixel = ((size_t)at.image * oh + at.y) * ow + at.x;

    if (at.y >= oh || at.x >= ow)
        return;
    float share = arith_share(arith_pool_window(job->h, at.y), arith_pool_window(job->w, at.x));
    elem_store(job->conv, pixel * job->conv_step + channel, conv, kind);
    elem_store(job->pool, pixel * job->pool_step + channel, elem_scale(pool, share), kind);
}

LENTIGO_HD void halve_thread(const struct gpu_halve_job *job, int block, int thread, enum elem kind)
{
    int parts = job->c / HALVE_CHANNELS;
    int channel = block % parts * HALVE_CHANNELS + thread % HALVE_VECS * ELEM_GROUP;
    struct tile at = tiles_nth(halve_tiles(job), block / parts);
    struct elem_stored inputs[HALVE_TAPS];
    struct elem_group conv = elem_load(job->bias, (size_t)channel, ELEM_F32), pool = elem_fill(0);

    at.x += thread / HALVE_VECS % HALVE_TILE;
    at.y += thread / HALVE_VECS / HALVE_TILE;
    halve_fetch(job, at, channel, kind, inputs);
    LENTIGO_UNROLL
    for (int i = 0; i < HALVE_TAPS; i++) {
        struct elem_group v = elem_group_of(inputs[i], kind);
        conv = elem_fma(conv, v, elem_load(job->weight + channel, (size_t)i * job->c, ELEM_F32));
        pool = elem_add(pool, v);
    }
    halve_store(job, at, channel, conv, pool, kind);
}

#endif
