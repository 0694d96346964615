#include "tests/engine/grids.h"

#include <string.h>

#include "engine/cudnn/threads_attend.h"
#include "engine/cudnn/threads_classes.h"
#include "engine/cudnn/threads_context.h"
#include "engine/cudnn/threads_halve.h"
#include "engine/cudnn/threads_join.h"
#include "engine/cudnn/threads_stem.h"
#include "engine/cudnn/threads_stem16.h"

/* What a warp does in mma.m16n8k8 (row.col, f32 sums). PTX: a lane's two values of `a` are of row lane/4,
 * and eight rows on, its columns 2(lane%4) and the next; of `b` those rows, column lane/4; of the sums rows
 * as of `a`, columns 2(lane%4) and the next. */
static void multiply(float sums[WARP][4], uint32_t a[WARP][2], const uint32_t b[WARP],
                     enum elem kind)
{
    float left[16][8], right[8][8];

    for (int l = 0; l < WARP; l++)
        for (int i = 0; i < 2; i++) {
            int k = l % 4 * 2 + i;
            left[l / 4][k] = elem_widen(a[l][0] >> 16 * i & 0xffff, kind);
            left[l / 4 + 8][k] = elem_widen(a[l][1] >> 16 * i & 0xffff, kind);
            right[k][l / 4] = elem_widen(b[l] >> 16 * i & 0xffff, kind);
        }
    for (int l = 0; l < WARP; l++)
        for (int i = 0; i < 4; i++)
            for (int k = 0; k < 8; k++)
                sums[l][i] += left[l / 4 + i / 2 * 8][k] * right[k][l % 4 * 2 + i % 2];
}

static void stem16_warp(const struct gpu_stem_job *job, struct tile tile, int row,
                        const struct stem16_shared *shared)
{
    struct stem16_sums sums[WARP];
    struct stem16_row rows[WARP];

    for (int l = 0; l < WARP; l++) {
        sums[l] = stem16_begin(job, l);
        rows[l] = stem16_row(shared, row, l);
    }
    for (int i = 0; i < STEM16_FRAGMENTS; i++) {
        float of_product[WARP][4];
        uint32_t values[WARP][2];
        for (int l = 0; l < WARP; l++) {
            memcpy(values[l], rows[l].at[i / STEM16_PRODUCTS], sizeof(values[l]));
            memcpy(of_product[l], sums[l].v[i % STEM16_PRODUCTS], sizeof(of_product[l]));
        }
        multiply(of_product, values, shared->weight[i], job->kind);
        for (int l = 0; l < WARP; l++)
            memcpy(sums[l].v[i % STEM16_PRODUCTS], of_product[l], sizeof(of_product[l]));
    }
    for (int l = 0; l < WARP; l++)
        stem16_store(job, tile, row, l, &sums[l], job->kind);
}

static void grid_stem16(const struct gpu_stem_job *job)
{
    struct tiles tiles = stem_tiles(job);
    struct stem16_shared shared;

    for (int b = 0; b < tiles_count(tiles); b++) {
        memset(&shared, 0xff, sizeof(shared));
        for (int t = 0; t < STEM_THREADS; t++)
            stem16_stage(job, tiles_nth(tiles, b), t, &shared, job->kind);
        for (int row = 0; row < STEM_TILE; row++)
            stem16_warp(job, tiles_nth(tiles, b), row, &shared);
    }
}

void grid_stem(const struct gpu_stem_job *job)
{
    struct tiles tiles = stem_tiles(job);
    struct stem_shared shared;

    if (job->kind != ELEM_F32) {
        grid_stem16(job);
        return;
    }
    for (int b = 0; b < tiles_count(tiles); b++) {
        memset(&shared, 0xff, sizeof(shared));
        for (int t = 0; t < STEM_THREADS; t++)
            stem_stage(job, tiles_nth(tiles, b), t, &shared);
        for (int t = 0; t < STEM_THREADS; t++)
            stem_compute(job, tiles_nth(tiles, b), t, &shared);
    }
}

void grid_halve(const struct gpu_halve_job *job)
{
    for (int b = 0; b < halve_blocks(job); b++)
        for (int t = 0; t < HALVE_THREADS; t++)
            halve_thread(job, b, t, job->kind);
}

void grid_join(const struct gpu_join_job *job)
{
    for (int b = 0; b < join_blocks(job); b++)
        for (int t = 0; t < JOIN_THREADS; t++)
            join_thread(job, b, t);
}

static void bins_warp(const struct gpu_bins_job *job, int block, int first)
{
    struct elem_group lanes[WARP], before[WARP];

    for (int l = 0; l < WARP; l++)
        lanes[l] = bins_partial(job, bins_place(job, block, first + l), first + l, job->kind);
    for (int step = BINS_VECS; step < WARP; step *= 2) {
        memcpy(before, lanes, sizeof(lanes));
        for (int l = 0; l < WARP; l++)
            lanes[l] = elem_add(before[l], before[l ^ step]);
    }
    for (int l = 0; l < WARP; l++)
        bins_store(job, bins_place(job, block, first + l), first + l, lanes[l], job->kind);
}

void grid_bins(const struct gpu_bins_job *job)
{
    for (int b = 0; b < bins_blocks(job); b++)
        for (int t = 0; t < BINS_THREADS; t += WARP)
            bins_warp(job, b, t);
}

void grid_sum(const struct gpu_sum_job *job)
{
    for (int b = 0; b < sum_blocks(job); b++)
        for (int t = 0; t < SUM_THREADS; t++)
            sum_thread(job, b, t, job->kind);
}

static void stats_warp(const struct gpu_attend_job *job, int block, int first)
{
    struct stats_pair lanes[WARP], before[WARP];

    for (int l = 0; l < WARP; l++)
        lanes[l] = stats_partial(job, stats_place(job, block, first + l), job->kind);
    for (int step = 1; step < job->c / ELEM_GROUP; step *= 2) {
        memcpy(before, lanes, sizeof(lanes));
        for (int l = 0; l < WARP; l++)
            lanes[l] = stats_join(before[l], before[l ^ step]);
    }
    for (int l = 0; l < WARP; l++)
        stats_store(job, stats_place(job, block, first + l), lanes[l]);
}

void grid_stats(const struct gpu_attend_job *job)
{
    for (int b = 0; b < stats_blocks(job); b++)
        for (int t = 0; t < ATTEND_THREADS; t += WARP)
            stats_warp(job, b, t);
}

void grid_blend(const struct gpu_attend_job *job)
{
    struct tiles tiles = blend_tiles(job);
    struct blend_shared shared;

    for (int b = 0; b < tiles_count(tiles); b++) {
        struct tile tile = tiles_nth(tiles, b);
        memset(&shared, 0xff, sizeof(shared));
        for (int t = 0; t < ATTEND_THREADS; t++)
            blend_stage(job, tile, t, &shared);
        for (int t = 0; t < ATTEND_THREADS; t++)
            blend_hidden(job, tile, t, &shared);
        for (int t = 0; t < ATTEND_THREADS; t++)
            blend_attention(job, t, &shared);
        for (int t = 0; t < ATTEND_THREADS; t++)
            blend_mix(job, tile, t, &shared, job->kind);
    }
}

static struct classes_sums classes_warp(const struct gpu_classes_job *job, struct tile tile,
                                        int first, const struct arith_tap rows[CLASSES_ROWS])
{
    struct classes_sums lanes[WARP], before[WARP];

    for (int l = 0; l < WARP; l++)
        lanes[l] = classes_thread(job, tile, first + l, rows, job->kind);
    for (int step = 1; step < WARP; step *= 2) {
        memcpy(before, lanes, sizeof(lanes));
        for (int l = 0; l < WARP; l++)
            lanes[l] = classes_join(before[l], before[l ^ step]);
    }
    return lanes[0];
}

void grid_classes(const struct gpu_classes_job *job)
{
    struct tiles tiles = classes_tiles(job);
    struct classes_sums warps[CLASSES_WARPS];
    struct arith_tap rows[CLASSES_ROWS];
    double partials[SCORES_THREADS];

    for (int b = 0; b < tiles_count(tiles); b++) {
        memset(rows, 0xff, sizeof(rows));
        for (int t = 0; t < CLASSES_THREADS; t++)
            classes_stage(job, tiles_nth(tiles, b), t, rows);
        for (int w = 0; w < CLASSES_WARPS; w++)
            warps[w] = classes_warp(job, tiles_nth(tiles, b), w * WARP, rows);
        for (int t = 0; t < CLASSES_THREADS; t++)
            classes_store(job, b, t, warps);
    }
    for (int i = 0; i < job->n; i++) {
        for (int t = 0; t < SCORES_THREADS; t++)
            partials[t] = scores_partial(job, i, t);
        for (int t = 0; t < SCORES_THREADS; t++)
            scores_store(job, i, t, partials);
    }
}
