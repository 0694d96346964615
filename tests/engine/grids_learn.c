#include "tests/engine/grids_learn.h"

#include <string.h>

#include "engine/cudnn/threads_learn.h"
#include "engine/cudnn/threads_loss.h"
#include "engine/cudnn/threads_plane.h"
#include "engine/cudnn/threads_update.h"

/* Shared memory before a block runs: what is read without having been written shows. */
#define POISON(shared) memset(&(shared), 0xff, sizeof(shared))

/* Counts a block; was it the last of `blocks`? */
static bool is_last(unsigned *done, int blocks)
{
    *done = *done == (unsigned)blocks - 1 ? 0 : *done + 1;
    return *done == 0;
}

/* ---- norms ------------------------------------------------------------------------------- */

static void measure_norm(const struct gpu_norm_job *job, bool is_back)
{
    struct norm_grid grid = norm_grid(job);
    static struct norm_shared shared; /* large; tests have one thread at work */

    for (int b = 0; b < norm_blocks(job); b++) {
        POISON(shared);
        for (int t = 0; t < NORM_THREADS; t++)
            if (is_back)
                norm_back_sum(job, b, t, &shared, job->kind);
            else
                norm_sum(job, b, t, &shared, job->kind);
        for (int t = 0; t < NORM_THREADS; t++)
            norm_store(job, b, t, &shared);
        if (!is_last(&job->done[b % grid.slices], grid.chunks))
            continue;
        for (int t = 0; t < NORM_THREADS; t++)
            norm_gather(job, b % grid.slices, t, &shared);
        for (int t = 0; t < NORM_THREADS; t++)
            norm_finish(job, b % grid.slices, t, &shared, is_back, job->kind);
    }
}

void grid_norm(const struct gpu_norm_job *job)
{
    measure_norm(job, false);
    for (int b = 0; b < norm_apply_blocks(job); b++)
        for (int t = 0; t < NORM_THREADS; t++)
            norm_apply(job, b, t, job->kind);
}

void grid_norm_back(const struct gpu_norm_job *job)
{
    measure_norm(job, true);
    for (int b = 0; b < norm_apply_blocks(job); b++)
        for (int t = 0; t < NORM_THREADS; t++)
            norm_back_apply(job, b, t, job->kind);
}

/* ---- maps -------------------------------------------------------------------------------- */

void grid_stem_learn(const struct gpu_stem_learn_job *job)
{
    struct tiles tiles = stem_tiles(&job->stem);
    struct stem_shared staged;
    struct learn_shared shared;
    int blocks = stem_learn_blocks(job);

    for (int b = 0; b < blocks; b++) {
        for (int t = 0; t < STEM_THREADS; t++)
            shared.v[t] = elem_fill(0);
        for (int i = b; i < tiles_count(tiles); i += blocks) {
            struct tile tile = tiles_nth(tiles, i);
            POISON(staged);
            for (int t = 0; t < STEM_THREADS; t++)
                stem_stage(&job->stem, tile, t, &staged);
            for (int t = 0; t < STEM_THREADS; t++)
                shared.v[t] = stem_learn_tile(job, tile, t, &staged, shared.v[t], job->stem.kind);
        }
        for (int t = 0; t < STEM_THREADS; t++)
            learn_store(&shared, STEM_SLOTS, STEM_PARTS, t,
                        job->partials + (size_t)b * STEM_TAPS * STEM_CHANNELS);
    }
}

void grid_halve_back(const struct gpu_halve_back_job *job)
{
    struct learn_shared shared;

    for (int b = 0; b < halve_back_blocks(job); b++)
        for (int t = 0; t < LEARN_THREADS; t++)
            halve_back_thread(job, b, t, job->halve.kind);
    for (int b = 0; b < halve_learn_blocks(job); b++) {
        POISON(shared);
        for (int t = 0; t < LEARN_THREADS; t++)
            halve_learn(job, b, t, &shared, job->halve.kind);
        for (int t = 0; t < LEARN_THREADS; t++)
            halve_learn_store(job, b, t, &shared);
    }
}

void grid_bins_back(const struct gpu_bins_back_job *job)
{
    for (int b = 0; b < bins_back_blocks(job); b++)
        for (int t = 0; t < LEARN_THREADS; t++)
            bins_back_thread(job, b, t, job->kind);
}

void grid_resize_back(const struct gpu_resize_back_job *job)
{
    for (int b = 0; b < resize_back_blocks(job); b++)
        for (int t = 0; t < LEARN_THREADS; t++)
            resize_back_thread(job, b, t, job->kind);
}

/* ---- planes ------------------------------------------------------------------------------ */

static void fold_planes(struct plane_shared *shared, int entries)
{
    for (int step = entries / 2; step > 0; step /= 2)
        for (int t = 0; t < PLANE_THREADS; t++)
            plane_fold(shared, t, step);
}

static bool sum_planes(double *partials, unsigned *done, int block, int blocks,
                       struct plane_shared *shared)
{
    fold_planes(shared, PLANE_THREADS);
    for (int t = 0; t < PLANE_THREADS; t++)
        plane_store(partials, block, t, shared);
    if (!is_last(done, blocks))
        return false;
    for (int t = 0; t < PLANE_THREADS; t++)
        plane_gather(partials, blocks, t, shared);
    fold_planes(shared, PLANE_PARTS);
    return true;
}

/* Channels in and out of the two convolutions of a block. */
static void channels_of(const struct gpu_plane_job *job, int *ci, int *co)
{
    *ci = job->front.scale ? HIDDEN_CHANNELS : STATS_CHANNELS;
    *co = job->front.scale ? 1 : HIDDEN_CHANNELS;
}

void grid_plane(const struct gpu_plane_job *job)
{
    struct plane_shared shared;
    int ci, co, blocks = (int)plane_blocks(job);

    channels_of(job, &ci, &co);
    for (int b = 0; b < blocks; b++) {
        POISON(shared);
        for (int t = 0; t < PLANE_THREADS; t++)
            plane_forward(job, b, t, &shared, ci, co);
        if (sum_planes(job->partials, job->done, b, blocks, &shared))
            for (int t = 0; t < PLANE_THREADS; t++)
                plane_finish(job, t, &shared, co);
    }
}

static void learn_planes(const struct gpu_plane_job *job, int ci, int co)
{
    float sums[PLANE_THREADS];

    for (int b = 0; b < plane_learn_blocks(job); b++) {
        POISON(sums);
        for (int t = 0; t < PLANE_THREADS; t++)
            plane_learn(job, b, t, sums, ci, co);
        for (int t = 0; t < PLANE_THREADS; t++)
            plane_learn_store(job, b, t, sums, ci, co);
    }
}

void grid_plane_back(const struct gpu_plane_job *job)
{
    struct plane_shared shared;
    int ci, co, blocks = (int)plane_blocks(job);

    channels_of(job, &ci, &co);
    for (int b = 0; b < blocks; b++) {
        POISON(shared);
        for (int t = 0; t < PLANE_THREADS; t++)
            plane_back(job, b, t, &shared, ci, co);
        if (job->front.scale && sum_planes(job->partials, job->done, b, blocks, &shared))
            for (int t = 0; t < PLANE_THREADS; t++)
                plane_back_finish(job, t, &shared, ci);
    }
    learn_planes(job, ci, co);
}

void grid_fuse(const struct gpu_fuse_job *job)
{
    for (int b = 0; b < stats_blocks(&job->attend); b++)
        for (int t = 0; t < ATTEND_THREADS; t++)
            fuse_thread(job, b, t, job->attend.kind);
}

static void attention_warp(const struct gpu_fuse_job *job, int block, int first,
                           struct plane_shared *shared)
{
    float lanes[WARP], before[WARP];

    for (int l = 0; l < WARP; l++)
        lanes[l] =
            fuse_by_attention(job, stats_place(&job->attend, block, first + l), job->attend.kind);
    for (int step = 1; step < job->attend.c / ELEM_GROUP; step *= 2) {
        memcpy(before, lanes, sizeof(lanes));
        for (int l = 0; l < WARP; l++)
            lanes[l] = before[l] + before[l ^ step];
    }
    for (int l = 0; l < WARP; l++)
        fuse_store_attention(job, stats_place(&job->attend, block, first + l), lanes[l], first + l,
                             shared);
}

void grid_fuse_attention(const struct gpu_fuse_job *job)
{
    struct plane_shared shared;
    int blocks = (int)stats_blocks(&job->attend);

    for (int b = 0; b < blocks; b++) {
        POISON(shared);
        for (int t = 0; t < ATTEND_THREADS; t += WARP)
            attention_warp(job, b, t, &shared);
        if (sum_planes(job->partials, job->done, b, blocks, &shared))
            for (int t = 0; t < PLANE_THREADS; t++)
                fuse_finish(job, t, &shared);
    }
}

static void join_tops(struct fuse_top lanes[WARP], int c)
{
    struct fuse_top before[WARP];

    for (int step = 1; step < c / ELEM_GROUP; step *= 2) {
        memcpy(before, lanes, sizeof(before));
        for (int l = 0; l < WARP; l++)
            lanes[l] = fuse_top_join(before[l], before[l ^ step]);
    }
}

static void back_warp(const struct gpu_fuse_job *job, int block, int first)
{
    const struct gpu_attend_job *a = &job->attend;
    struct fuse_top x[WARP], y[WARP];

    for (int l = 0; l < WARP; l++) {
        struct attend_place p = stats_place(a, block, first + l);
        size_t at = p.pixel * (size_t)a->c + (size_t)p.channel;
        x[l] = fuse_top_of(elem_load(a->x, at, a->kind), p.channel);
        y[l] = fuse_top_of(attend_y(a, p, a->kind), p.channel);
    }
    join_tops(x, a->c);
    join_tops(y, a->c);
    for (int l = 0; l < WARP; l++)
        fuse_back_store(job, stats_place(a, block, first + l), x[l].at, y[l].at, a->kind);
}

void grid_fuse_back(const struct gpu_fuse_job *job)
{
    for (int b = 0; b < stats_blocks(&job->attend); b++)
        for (int t = 0; t < ATTEND_THREADS; t += WARP)
            back_warp(job, b, t);
}

/* ---- heads ------------------------------------------------------------------------------- */

void grid_classify(const struct gpu_classify_job *job)
{
    for (int b = 0; b < learn_blocks_of(job->pixels); b++)
        for (int t = 0; t < LEARN_THREADS; t++)
            classify_thread(job, b, t, job->kind);
}

void grid_classify_back(const struct gpu_classify_job *job)
{
    struct learn_shared shared;

    for (int b = 0; b < classify_back_blocks(job); b++)
        for (int t = 0; t < LEARN_THREADS; t++)
            classify_back_thread(job, b, t, job->kind);
    for (int b = 0; b < learn_runs(job->pixels); b++) {
        POISON(shared);
        for (int t = 0; t < LEARN_THREADS; t++)
            classify_learn(job, b, t, &shared, job->kind);
        for (int t = 0; t < LEARN_THREADS; t++)
            classify_learn_store(job, b, t, &shared);
    }
}

void grid_columns(const struct gpu_columns_job *job)
{
    float partials[LEARN_THREADS];

    for (int b = 0; b < columns_blocks(job); b++) {
        for (int t = 0; t < LEARN_THREADS; t++)
            partials[t] = columns_partial(job, b, t);
        for (int t = 0; t < LEARN_THREADS; t++)
            columns_store(job, b, t, partials);
    }
}

/* ---- losses ------------------------------------------------------------------------------ */

static void count_labels(const struct gpu_loss_job *job)
{
    struct loss_label_shared shared;

    for (int b = 0; b < LOSS_LABEL_BLOCKS; b++) {
        POISON(shared);
        for (int t = 0; t < LOSS_SUM_THREADS; t++)
            loss_count(job, b, t, &shared);
        for (int t = 0; t < LOSS_SUM_THREADS; t++)
            loss_count_store(job, b, t, &shared);
        if (is_last(job->done, LOSS_LABEL_BLOCKS))
            for (int t = 0; t < LOSS_SUM_THREADS; t++)
                loss_count_finish(job, t);
    }
}

static double fold(const double sums[UPDATE_THREADS])
{
    struct update_shared shared;

    memcpy(shared.v, sums, sizeof(shared.v));
    for (int step = UPDATE_THREADS / 2; step > 0; step /= 2)
        for (int t = 0; t < UPDATE_THREADS; t++)
            update_fold(&shared, t, step);
    return shared.v[0];
}

static double sum_cells(const struct gpu_loss_job *job, int head, const float *cells, int values,
                        int value)
{
    double sums[LOSS_SUM_THREADS];

    for (int t = 0; t < LOSS_SUM_THREADS; t++)
        sums[t] = loss_sum(job, head, cells, values, value, t);
    return fold(sums);
}

static void walk_cells(const struct gpu_loss_job *job, bool is_measure)
{
    struct loss_shared shared;

    for (int b = 0; b < loss_blocks(job); b++) {
        POISON(shared);
        for (int t = 0; t < LOSS_THREADS; t++)
            if (is_measure)
                loss_measure(job, b, t, &shared);
            else
                loss_cells(job, b, t, &shared);
        for (int t = 0; t < LOSS_THREADS; t++)
            loss_store(is_measure ? job->cell_sums : job->cells, b,
                       is_measure ? LOSS_SUMS : LOSS_CELL, t, &shared);
    }
}

void grid_loss(const struct gpu_loss_job *job)
{
    count_labels(job);
    if (job->dice > 0) {
        walk_cells(job, true);
        for (int i = 0; i < LOSS_HEADS * LOSS_SUMS; i++)
            job->sums[i] = sum_cells(job, i / LOSS_SUMS, job->cell_sums, LOSS_SUMS, i % LOSS_SUMS);
    }
    walk_cells(job, false);
    for (int head = 0; head < LOSS_HEADS; head++)
        loss_value(job, head, sum_cells(job, head, job->cells, LOSS_CELL, LOSS_CELL - 1));
    for (int b = 0; b * LOSS_SUM_THREADS < loss_blocks(job); b++)
        for (int t = 0; t < LOSS_SUM_THREADS; t++)
            loss_gather(job, b, t);
}

/* ---- weights ----------------------------------------------------------------------------- */

static double add_blocks(const struct gpu_gather_job *job,
                         double (*part)(const struct gpu_gather_job *, int, int))
{
    double sums[UPDATE_THREADS];

    for (int b = 0; b < GATHER_BLOCKS; b++) {
        for (int t = 0; t < UPDATE_THREADS; t++)
            sums[t] = part(job, b, t);
        job->partials[b] = fold(sums);
        is_last(job->done, GATHER_BLOCKS);
    }
    for (int t = 0; t < UPDATE_THREADS; t++)
        sums[t] = update_blocks(job, t);
    return fold(sums);
}

void grid_gather(const struct gpu_gather_job *job)
{
    job->outcome->fresh = add_blocks(job, update_squares);
    job->outcome->norm = add_blocks(job, update_gather);
}

void grid_update(const struct gpu_update_job *job)
{
    for (int b = 0; b < update_blocks_of(job); b++)
        for (int t = 0; t < UPDATE_THREADS; t++)
            update_thread(job, b, t, job->second);
}
