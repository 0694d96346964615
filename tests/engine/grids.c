#include "tests/engine/grids.h"

#include <string.h>

#include "engine/cudnn/threads_attend.h"
#include "engine/cudnn/threads_classes.h"
#include "engine/cudnn/threads_context.h"
#include "engine/cudnn/threads_halve.h"
#include "engine/cudnn/threads_stem.h"

void grid_stem(const struct gpu_stem_job *job)
{
    struct tiles tiles = stem_tiles(job);
    struct stem_shared shared;

    for (int b = 0; b < tiles_count(tiles); b++) {
        memset(&shared, 0xff, sizeof(shared));
        for (int t = 0; t < STEM_THREADS; t++)
            stem_stage(job, tiles_nth(tiles, b), t, &shared);
        for (int t = 0; t < STEM_THREADS; t++)
            stem_compute(job, tiles_nth(tiles, b), t, &shared, job->kind);
    }
}

void grid_halve(const struct gpu_halve_job *job)
{
    for (int b = 0; b < halve_blocks(job); b++)
        for (int t = 0; t < HALVE_THREADS; t++)
            halve_thread(job, b, t, job->kind);
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
                                        int first)
{
    struct classes_sums lanes[WARP], before[WARP];

    for (int l = 0; l < WARP; l++)
        lanes[l] = classes_thread(job, tile, first + l, job->kind);
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
    double partials[SCORES_THREADS];

    for (int b = 0; b < tiles_count(tiles); b++) {
        for (int w = 0; w < CLASSES_WARPS; w++)
            warps[w] = classes_warp(job, tiles_nth(tiles, b), w * WARP);
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
