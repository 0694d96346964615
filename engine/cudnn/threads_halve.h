/* threads_halve.h -- depthwise convolution and average pool of a stride-2 block, what each thread
 * does.
 *
 * A thread makes two outputs, one below the other, of eight channels: fifteen loads where two lone
 * outputs need eighteen. A block makes 8x8 outputs of 64 channels, so that what neighbours share
 * comes out of the first cache: 17x17 inputs are read for 16x16. */
#ifndef ENGINE_CUDNN_THREADS_HALVE_H
#define ENGINE_CUDNN_THREADS_HALVE_H

#include "engine/cudnn/jobs.h"
#include "engine/cudnn/tiles.h"

enum {
    HALVE_TILE = 8,
    HALVE_ROWS = 2,
    HALVE_VECS = 8,
    HALVE_CHANNELS = HALVE_VECS * ELEM_GROUP,
    HALVE_THREADS = HALVE_VECS * HALVE_TILE * HALVE_TILE / HALVE_ROWS
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

/* What a thread adds up for its outputs. */
struct halve_sums {
    struct elem_group conv[HALVE_ROWS], pool[HALVE_ROWS];
};

/* Input `v` stands in row `iy` and column `ix` of the 5x3 inputs of both outputs. */
LENTIGO_HD void halve_add(struct halve_sums *sums, struct elem_group v, const float *weight, int c,
                          int iy, int ix)
{
    LENTIGO_UNROLL
    for (int r = 0; r < HALVE_ROWS; r++) {
        int ky = iy - 2 * r;
        if (ky < 0 || ky > 2)
            continue;
        struct elem_group w = elem_load(weight, (size_t)(3 * ky + ix) * c, ELEM_F32);
        sums->conv[r] = elem_fma(sums->conv[r], v, w);
        sums->pool[r] = elem_add(sums->pool[r], v);
    }
}

LENTIGO_HD void halve_store(const struct gpu_halve_job *job, const struct halve_sums *sums,
                            struct tile at, int channel, enum elem kind)
{
    int oh = (job->h + 1) / 2, ow = (job->w + 1) / 2;

    LENTIGO_UNROLL
    for (int r = 0; r < HALVE_ROWS; r++) {
        int y = at.y + r;
        size_t pixel = ((size_t)at.image * oh + y) * ow + at.x;
        if (y >= oh || at.x >= ow)
            continue;
        float share = arith_share(arith_pool_window(job->h, y), arith_pool_window(job->w, at.x));
        elem_store(job->conv, pixel * job->conv_step + channel, sums->conv[r], kind);
        elem_store(job->pool, pixel * job->pool_step + channel, elem_scale(sums->pool[r], share),
                   kind);
    }
}

LENTIGO_HD void halve_thread(const struct gpu_halve_job *job, int block, int thread, enum elem kind)
{
    int parts = job->c / HALVE_CHANNELS;
    int channel = block % parts * HALVE_CHANNELS + thread % HALVE_VECS * ELEM_GROUP;
    struct tile at = tiles_nth(halve_tiles(job), block / parts);
    struct halve_sums sums;

    at.x += thread / HALVE_VECS % HALVE_TILE;
    at.y += thread / HALVE_VECS / HALVE_TILE * HALVE_ROWS;
    LENTIGO_UNROLL
    for (int r = 0; r < HALVE_ROWS; r++) {
        sums.conv[r] = elem_load(job->bias, (size_t)channel, ELEM_F32);
        sums.pool[r] = elem_fill(0);
    }
    LENTIGO_UNROLL
    for (int i = 0; i < 3 * (2 * HALVE_ROWS + 1); i++) {
        int y = 2 * at.y - 1 + i / 3, x = 2 * at.x - 1 + i % 3;
        size_t pixel = ((size_t)at.image * job->h + y) * job->w + x;
        if (tile_inside(y, x, job->h, job->w))
            halve_add(&sums, elem_load(job->in, pixel * job->in_step + channel, kind),
                      job->weight + channel, job->c, i / 3, i % 3);
    }
    halve_store(job, &sums, at, channel, kind);
}

#endif
