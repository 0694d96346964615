/* threads_stem16.h -- the first convolution in fp16 or bf16, on tensor cores: what each thread of a block
 * does around the products.
 *
 * As a matrix product a pixel of the output is a row of 27 values of the picture, straight from the bytes.
 * The nine of a row of taps are neighbours in the picture; with a tenth that counts nothing they begin at
 * an even place, so that a thread takes two at a time. The three rows make 30, in four steps of eight, the
 * last two of which are zeros. (x - 127.5)/128 is exact in both types; what is missing to the
 * normalisation, 128/127.5, is in the weights.
 *
 * A block makes 16x16 outputs of all 32 channels, a warp a row of 16 at a time. Which thread holds which
 * element of a product is PTX's: "Matrix Fragments for mma.m16n8k8", groups of four lanes. Channels are
 * dealt to the four products of eight so that a thread ends up with eight neighbours: one store. */
#ifndef ENGINE_CUDNN_THREADS_STEM16_H
#define ENGINE_CUDNN_THREADS_STEM16_H

#include "engine/cudnn/jobs.h"
#include "engine/cudnn/threads_stem.h"
#include "engine/cudnn/tiles.h"

enum {
    STEM16_WARPS = STEM_THREADS / WARP,
    STEM16_ROW_TAPS = 10,
    STEM16_STEPS = 4,                         /* of eight taps */
    STEM16_PRODUCTS = 4,                      /* of eight channels */
    STEM16_PITCH = (STEM_ROW_VALUES + 1) / 2, /* words of a row: two values each */
    STEM16_FRAGMENTS = STEM16_STEPS * STEM16_PRODUCTS
};

struct stem16_shared {
    uint32_t weight[STEM16_FRAGMENTS][WARP];
    uint32_t pixels[STEM_ROWS * STEM16_PITCH];
};

/* A thread's elements of a row of outputs times eight taps, and of four products. */
struct stem16_row {
    uint32_t at[STEM16_STEPS][2];
};
struct stem16_sums {
    float v[STEM16_PRODUCTS][4];
};

LENTIGO_HD uint32_t stem16_pair(float low, float high, enum elem kind)
{
    return elem_narrow(low, kind) | elem_narrow(high, kind) << 16;
}

/* The first of the two taps that a lane has in a step. */
LENTIGO_HD int stem16_tap(int lane, int step)
{
    return 8 * step + 2 * (lane % 4);
}

LENTIGO_HD float stem16_weight(const struct gpu_stem_job *job, int tap, int channel)
{
    int row = tap / STEM16_ROW_TAPS, value = tap % STEM16_ROW_TAPS;

    if (row >= 3 || value >= 3 * STEM_INPUTS)
        return 0;
    return job->weight[(row * 3 * STEM_INPUTS + value) * STEM_CHANNELS + channel] *
           (float)(128 / 127.5);
}

/* Byte `value` of a row of the tile, zero outside the picture. */
LENTIGO_HD float stem16_value(const struct gpu_stem_job *job, struct tile tile, int row, int value)
{
    int y = 2 * tile.y - 1 + row, x = (2 * tile.x - 1) * STEM_INPUTS + value;
    const uint8_t *rgb = job->rgb + (size_t)tile.image * job->rgb_step;
    int width = job->w * STEM_INPUTS;

    if (!tile_inside(y, x, job->h, width))
        return 0;
    return ((float)rgb[(size_t)y * width + x] - 127.5F) * (1 / 128.0F);
}

/* First, all threads. */
LENTIGO_HD void stem16_stage(const struct gpu_stem_job *job, struct tile tile, int thread,
                             struct stem16_shared *shared, enum elem kind)
{
    LENTIGO_UNROLL
    for (int i = thread; i < STEM_ROWS * STEM16_PITCH; i += STEM_THREADS) {
        int row = i / STEM16_PITCH, value = i % STEM16_PITCH * 2;
        shared->pixels[i] = stem16_pair(stem16_value(job, tile, row, value),
                                        stem16_value(job, tile, row, value + 1), kind);
    }
    LENTIGO_UNROLL
    for (int i = thread; i < STEM16_FRAGMENTS * WARP; i += STEM_THREADS) {
        int lane = i % WARP, product = i / WARP % STEM16_PRODUCTS;
        int tap = stem16_tap(lane, i / WARP / STEM16_PRODUCTS), column = lane / 4;
        int channel = column / 2 * 8 + product * 2 + column % 2;
        shared->weight[i / WARP][lane] = stem16_pair(stem16_weight(job, tap, channel),
                                                     stem16_weight(job, tap + 1, channel), kind);
    }
}

/* Then, when all have staged: a lane's part of row `row` of the tile. */
LENTIGO_HD struct stem16_row stem16_row(const struct stem16_shared *shared, int row, int lane)
{
    struct stem16_row r;

    LENTIGO_UNROLL
    for (int step = 0; step < STEM16_STEPS; step++) {
        int tap = stem16_tap(lane, step), down = tap / STEM16_ROW_TAPS;
        int at = 2 * row * STEM16_PITCH + 3 * (lane / 4); /* of the pixel's first word */
        if (down < 3) /* else any values: their weights are zeros */
            at += down * STEM16_PITCH + tap % STEM16_ROW_TAPS / 2;
        r.at[step][0] = shared->pixels[at];
        r.at[step][1] = shared->pixels[at + 3 * 8]; /* eight pixels on */
    }
    return r;
}

LENTIGO_HD struct stem16_sums stem16_begin(const struct gpu_stem_job *job, int lane)
{
    struct elem_group bias = elem_load(job->bias, (size_t)(lane % 4) * ELEM_GROUP, ELEM_F32);
    struct stem16_sums sums;

    LENTIGO_UNROLL
    for (int i = 0; i < STEM16_PRODUCTS * 4; i++)
        sums.v[i / 4][i % 4] = bias.v[i / 4 * 2 + i % 2];
    return sums;
}

/* Last, with the sums of all steps. */
LENTIGO_HD void stem16_store(const struct gpu_stem_job *job, struct tile tile, int row, int lane,
                             const struct stem16_sums *sums, enum elem kind)
{
    int oh = (job->h + 1) / 2, ow = (job->w + 1) / 2, y = tile.y + row;

    LENTIGO_UNROLL
    for (int half = 0; half < 2; half++) {
        int x = tile.x + lane / 4 + 8 * half;
        size_t pixel = ((size_t)tile.image * oh + y) * ow + x;
        struct elem_group g;
        LENTIGO_UNROLL
        for (int i = 0; i < ELEM_GROUP; i++)
            g.v[i] = sums->v[i / 2][2 * half + i % 2];
        if (y < oh && x < ow)
            elem_store(job->out, pixel * STEM_CHANNELS + (size_t)(lane % 4) * ELEM_GROUP,
                       job->is_raw ? g : elem_relu(g), kind);
    }
}

#endif
