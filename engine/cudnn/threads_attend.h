/* threads_attend.h -- a fusion block between its convolutions, what each thread does.
 *
 * Two kernels, because the attention of a pixel needs the statistics of the 5x5 around it. Neither
 * stores the resized high branch: four loads out of the cache cost less than a map written and read.
 * Statistics: a thread reduces eight channels of one pixel, lanes beside it the others. Blend: a
 * block takes 8x8 pixels, computes both 3x3 convolutions there from a shared tile, then blends. */
#ifndef ENGINE_CUDNN_THREADS_ATTEND_H
#define ENGINE_CUDNN_THREADS_ATTEND_H

#include "engine/cudnn/jobs.h"
#include "engine/cudnn/tiles.h"

enum {
    ATTEND_THREADS = 256,
    BLEND_TILE = 8,
    HIDDEN_TILE = BLEND_TILE + 2,
    STATS_TILE = BLEND_TILE + 4
};

struct blend_shared { /* aligned to 16 bytes */
    float stats[STATS_TILE * STATS_TILE][STATS_CHANNELS];
    float hidden[HIDDEN_TILE * HIDDEN_TILE][HIDDEN_CHANNELS];
    float attention[BLEND_TILE * BLEND_TILE];
};

/* A pixel, and the eight channels of a lane. */
struct attend_place {
    size_t pixel; /* of the batch */
    int image, y, x, channel;
    bool
        is_there; /* else a lane beyond the end, which works on the last pixel and stores nothing */
};

LENTIGO_HD long long stats_blocks(const struct gpu_attend_job *job)
{
    long long groups = (long long)job->n * job->h * job->w * (job->c / ELEM_GROUP);

    return (groups + ATTEND_THREADS - 1) / ATTEND_THREADS;
}

LENTIGO_HD struct attend_place stats_place(const struct gpu_attend_job *job, int block, int thread)
{
    uint32_t index = (uint32_t)block * ATTEND_THREADS + (uint32_t)thread;
    uint32_t parts = (uint32_t)(job->c / ELEM_GROUP), pixel = index / parts, row;
    uint32_t pixels = (uint32_t)(job->n * job->h * job->w);
    struct attend_place p;

    p.is_there = pixel < pixels;
    pixel = p.is_there ? pixel : pixels - 1;
    row = pixel / (uint32_t)job->w;
    p.pixel = pixel;
    p.channel = (int)(index % parts) * ELEM_GROUP;
    p.x = (int)(pixel % (uint32_t)job->w);
    p.y = (int)(row % (uint32_t)job->h);
    p.image = (int)(row / (uint32_t)job->h);
    return p;
}

LENTIGO_HD struct elem_group attend_y(const struct gpu_attend_job *job, struct attend_place p,
                                      enum elem kind)
{
    struct elem_map map = {job->y, job->y_h, job->y_w, job->c, kind};

    return elem_resized(map, p.image, arith_tap(job->y_h, job->h, p.y),
                        arith_tap(job->y_w, job->w, p.x), p.channel);
}

LENTIGO_HD struct arith_reduced stats_reduce(struct elem_group g)
{
    struct arith_reduced r;

    r.sum = r.max = g.v[0];
    LENTIGO_UNROLL
    for (int i = 1; i < ELEM_GROUP; i++)
        r = arith_reduced_add(r, g.v[i]);
    return r;
}

/* What a lane has of a pixel: x, then y. Lanes l and l ^ step are joined for steps 1, 2, .. below
 * c / 8. */
struct stats_pair {
    struct arith_reduced x, y;
};

LENTIGO_HD struct stats_pair stats_partial(const struct gpu_attend_job *job, struct attend_place p,
                                           enum elem kind)
{
    struct stats_pair s;

    s.x = stats_reduce(elem_load(job->x, p.pixel * job->c + p.channel, kind));
    s.y = stats_reduce(attend_y(job, p, kind));
    return s;
}

LENTIGO_HD struct stats_pair stats_join(struct stats_pair a, struct stats_pair b)
{
    a.x = arith_join(a.x, b.x);
    a.y = arith_join(a.y, b.y);
    return a;
}

/* Last, with the joined pair: the lane of the first channels writes. */
LENTIGO_HD void stats_store(const struct gpu_attend_job *job, struct attend_place p,
                            struct stats_pair s)
{
    struct elem_words w;

    w.at[0] = elem_bits_of_f32(s.x.sum / (float)job->c);
    w.at[1] = elem_bits_of_f32(s.x.max);
    w.at[2] = elem_bits_of_f32(s.y.sum / (float)job->c);
    w.at[3] = elem_bits_of_f32(s.y.max);
    if (p.is_there && p.channel == 0)
        elem_words_store(job->stats + p.pixel * STATS_CHANNELS, w);
}

LENTIGO_HD struct tiles blend_tiles(const struct gpu_attend_job *job)
{
    return tiles_of(job->n, job->h, job->w, BLEND_TILE, BLEND_TILE);
}

/* First, all threads: the statistics of the tile and two pixels around it, zeros outside. */
LENTIGO_HD void blend_stage(const struct gpu_attend_job *job, struct tile tile, int thread,
                            struct blend_shared *shared)
{
    for (int i = thread; i < STATS_TILE * STATS_TILE; i += ATTEND_THREADS) {
        int y = tile.y - 2 + i / STATS_TILE, x = tile.x - 2 + i % STATS_TILE;
        struct elem_words w = {
            {0, 0, 0, 0}
        };
        if (tile_inside(y, x, job->h, job->w))
            w = elem_words_load(job->stats +
                                (((size_t)tile.image * job->h + y) * job->w + x) * STATS_CHANNELS);
        elem_words_store(shared->stats[i], w);
    }
}

/* Second: the first convolution, on the tile and one pixel around it; zeros outside the image. */
LENTIGO_HD void blend_hidden(const struct gpu_attend_job *job, struct tile tile, int thread,
                             struct blend_shared *shared)
{
    for (int i = thread; i < HIDDEN_TILE * HIDDEN_TILE; i += ATTEND_THREADS) {
        int row = i / HIDDEN_TILE, column = i % HIDDEN_TILE;
        bool inside = tile_inside(tile.y - 1 + row, tile.x - 1 + column, job->h, job->w);
        float sum[HIDDEN_CHANNELS] = {job->weights.hidden_bias[0], job->weights.hidden_bias[1]};
        LENTIGO_UNROLL
        for (int tap = 0; tap < 9; tap++) {
            const float *s = shared->stats[(row + tap / 3) * STATS_TILE + column + tap % 3];
            struct elem_words w = elem_words_load(s);
            LENTIGO_UNROLL
            for (int k = 0; k < STATS_CHANNELS * HIDDEN_CHANNELS; k++)
                sum[k % HIDDEN_CHANNELS] +=
                    elem_f32_of_bits(w.at[k / HIDDEN_CHANNELS]) *
                    job->weights.hidden[k % HIDDEN_CHANNELS][tap][k / HIDDEN_CHANNELS];
        }
        shared->hidden[i][0] = inside ? arith_relu(sum[0]) : 0;
        shared->hidden[i][1] = inside ? arith_relu(sum[1]) : 0;
    }
}

/* Third: the second convolution and its sigmoid. */
LENTIGO_HD void blend_attention(const struct gpu_attend_job *job, int thread,
                                struct blend_shared *shared)
{
    for (int i = thread; i < BLEND_TILE * BLEND_TILE; i += ATTEND_THREADS) {
        int row = i / BLEND_TILE, column = i % BLEND_TILE;
        float sum = job->weights.out_bias;
        LENTIGO_UNROLL
        for (int tap = 0; tap < 9; tap++) {
            const float *q = shared->hidden[(row + tap / 3) * HIDDEN_TILE + column + tap % 3];
            sum += q[0] * job->weights.out[tap][0] + q[1] * job->weights.out[tap][1];
        }
        shared->attention[i] = arith_sigmoid(sum);
    }
}

/* Last: eight channels of a pixel at a time. */
LENTIGO_HD void blend_mix(const struct gpu_attend_job *job, struct tile tile, int thread,
                          const struct blend_shared *shared, enum elem kind)
{
    int parts = job->c / ELEM_GROUP;

    for (int i = thread; i < BLEND_TILE * BLEND_TILE * parts; i += ATTEND_THREADS) {
        int inner = i / parts;
        struct attend_place p = {0,
                                 tile.image,
                                 tile.y + inner / BLEND_TILE,
                                 tile.x + inner % BLEND_TILE,
                                 i % parts * ELEM_GROUP,
                                 true};
        if (p.y >= job->h || p.x >= job->w)
            continue;
        size_t at = (((size_t)p.image * job->h + p.y) * job->w + p.x) * job->c + p.channel;
        struct elem_group x = elem_load(job->x, at, kind), y = attend_y(job, p, kind);
        LENTIGO_UNROLL
        for (int k = 0; k < ELEM_GROUP; k++)
            x.v[k] = arith_blend(x.v[k], y.v[k], shared->attention[inner], job->weights.scale);
        elem_store(job->out, at, x, kind);
    }
}

#endif
