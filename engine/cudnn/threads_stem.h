/* threads_stem.h -- the first convolution in f32, what each thread of a block does (16 bits:
 * threads_stem16.h).
 *
 * Straight from the bytes: a normalised copy would cost more than it saves. A block makes 16x16
 * outputs of all 32 channels from a tile of pixels that is normalised once into shared memory; a
 * thread makes four outputs in a row of eight channels, so that each weight it reads serves four. */
#ifndef ENGINE_CUDNN_THREADS_STEM_H
#define ENGINE_CUDNN_THREADS_STEM_H

#include "engine/cudnn/jobs.h"
#include "engine/cudnn/tiles.h"

enum {
    STEM_TILE = 16,
    STEM_STRIP = 4,
    STEM_VECS = STEM_CHANNELS / ELEM_GROUP,
    STEM_THREADS = STEM_VECS * STEM_TILE / STEM_STRIP * STEM_TILE,
    STEM_ROWS = 2 * STEM_TILE + 1,
    STEM_ROW_VALUES = STEM_ROWS * STEM_INPUTS,
    /* 2 mod 4: then the eight places that a warp reads at once lie in eight different banks. */
    STEM_PITCH = STEM_ROW_VALUES + 3,
};

struct stem_shared { /* aligned to 16 bytes */
    float weight[STEM_TAPS * STEM_CHANNELS];
    float pixels[STEM_ROWS * STEM_PITCH];
};

LENTIGO_HD struct tiles stem_tiles(const struct gpu_stem_job *job)
{
    return tiles_of(job->n, (job->h + 1) / 2, (job->w + 1) / 2, STEM_TILE, STEM_TILE);
}

/* First, all threads: weights and pixels into shared memory, zeros outside the picture. */
LENTIGO_HD void stem_stage(const struct gpu_stem_job *job, struct tile tile, int thread,
                           struct stem_shared *shared)
{
    const uint8_t *rgb = job->rgb + (size_t)tile.image * job->rgb_step;

    for (int i = thread; i < STEM_TAPS * STEM_CHANNELS; i += STEM_THREADS)
        shared->weight[i] = job->weight[i];
    for (int i = thread; i < STEM_ROWS * STEM_ROW_VALUES; i += STEM_THREADS) {
        int row = i / STEM_ROW_VALUES, value = i % STEM_ROW_VALUES;
        int y = 2 * tile.y - 1 + row, x = 2 * tile.x - 1 + value / STEM_INPUTS;
        float v = 0;
        if (tile_inside(y, x, job->h, job->w))
            v = arith_normalise(rgb[((size_t)y * job->w + x) * STEM_INPUTS + value % STEM_INPUTS]);
        shared->pixels[row * STEM_PITCH + value] = v;
    }
}

/* Add one row of taps to the strip that begins at `pixels`. */
LENTIGO_HD void stem_row(const float *weight, const float *pixels,
                         struct elem_group acc[STEM_STRIP])
{
    LENTIGO_UNROLL
    for (int tap = 0; tap < 3 * STEM_INPUTS; tap++) {
        struct elem_group w = elem_load(weight, (size_t)tap * STEM_CHANNELS, ELEM_F32);
        LENTIGO_UNROLL
        for (int p = 0; p < STEM_STRIP; p++)
            acc[p] = elem_fma(acc[p], w, elem_fill(pixels[2 * STEM_INPUTS * p + tap]));
    }
}

/* Then, when all have staged. */
LENTIGO_HD void stem_compute(const struct gpu_stem_job *job, struct tile tile, int thread,
                             const struct stem_shared *shared)
{
    int first = thread % STEM_VECS * ELEM_GROUP;
    int column = thread / STEM_VECS % (STEM_TILE / STEM_STRIP) * STEM_STRIP;
    int row = thread / STEM_VECS / (STEM_TILE / STEM_STRIP), oh = (job->h + 1) / 2,
        ow = (job->w + 1) / 2;
    struct elem_group acc[STEM_STRIP];

    LENTIGO_UNROLL
    for (int p = 0; p < STEM_STRIP; p++)
        acc[p] = elem_load(job->bias, (size_t)first, ELEM_F32);
    for (int ky = 0; ky < 3; ky++)
        stem_row(&shared->weight[ky * 3 * STEM_INPUTS * STEM_CHANNELS + first],
                 &shared->pixels[(2 * row + ky) * STEM_PITCH + 2 * STEM_INPUTS * column], acc);
    LENTIGO_UNROLL
    for (int p = 0; p < STEM_STRIP; p++) {
        int y = tile.y + row, x = tile.x + column + p;
        size_t at = (((size_t)tile.image * oh + y) * ow + x) * STEM_CHANNELS + first;
        if (y < oh && x < ow)
            elem_store(job->out, at, job->is_raw ? acc[p] : elem_relu(acc[p]), ELEM_F32);
    }
}

#endif
