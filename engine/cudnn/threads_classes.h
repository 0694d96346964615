/* threads_classes.h -- the last resize, the label and the softmax sums, what each thread
 * does.
 *
 * A thread walks down sixteen pixels of one column. Between two rows of the logits only the vertical
 * fraction changes, so a pixel is one multiplication and addition per class; the two rows are resized
 * across once for the eight or so pixels between them. No full-size map of floats exists. Sums are
 * joined in one fixed order: lanes in a tree, warps and then blocks one after the other, so that the
 * same pixels give the same bits. */
#ifndef ENGINE_CUDNN_THREADS_CLASSES_H
#define ENGINE_CUDNN_THREADS_CLASSES_H

#include "engine/cudnn/jobs.h"
#include "engine/cudnn/tiles.h"

enum {
    CLASSES_THREADS = 128, /* columns of a block */
    CLASSES_ROWS = 16,
    CLASSES_WARPS = CLASSES_THREADS / WARP,
    SCORES_LANES = 32, /* of which ARITH_SUMS work */
    SCORES_GROUPS = 8,
    SCORES_THREADS = SCORES_LANES * SCORES_GROUPS
};

struct classes_sums {
    float v[ARITH_SUMS];
};

LENTIGO_HD struct tiles classes_tiles(const struct gpu_classes_job *job)
{
    return tiles_of(job->n, job->h, job->w, CLASSES_ROWS, CLASSES_THREADS);
}

/* Floats that job->partials must hold: ARITH_SUMS a block. */
LENTIGO_HD size_t classes_partials(const struct gpu_classes_job *job)
{
    return (size_t)tiles_count(classes_tiles(job)) * ARITH_SUMS;
}

/* Between two rows of the logits: base + f*slope. */
struct classes_span {
    int lo;
    float base[ARITH_CLASSES], slope[ARITH_CLASSES];
};

LENTIGO_HD struct classes_span classes_span(const struct gpu_classes_job *job, int image,
                                            struct arith_tap y, struct arith_tap x, enum elem kind)
{
    struct elem_map map = {job->logits, job->in_h, job->in_w, ARITH_CLASSES, kind};
    size_t first = (size_t)image * job->in_h;
    struct elem_group a = elem_across(map, first + y.lo, x, 0);
    struct elem_group b = elem_across(map, first + y.hi, x, 0);
    struct classes_span span;

    span.lo = y.lo;
    LENTIGO_UNROLL
    for (int c = 0; c < ARITH_CLASSES; c++) {
        span.base[c] = a.v[c];
        span.slope[c] = b.v[c] - a.v[c];
    }
    return span;
}

/* First, all threads: the rows' places between those of the logits, which all columns share. */
LENTIGO_HD void classes_stage(const struct gpu_classes_job *job, struct tile tile, int thread,
                              struct arith_tap rows[CLASSES_ROWS])
{
    if (thread < CLASSES_ROWS)
        rows[thread] = arith_tap(job->in_h, job->h, tile.y + thread);
}

/* Then: a thread's labels are written, its sums returned. Then lanes l and l ^ step are joined for steps
 * 1 to 16, the warps in their order. */
LENTIGO_HD struct classes_sums classes_thread(const struct gpu_classes_job *job, struct tile tile,
                                              int thread, const struct arith_tap rows[CLASSES_ROWS],
                                              enum elem kind)
{
    struct gpu_content content = job->content[tile.image];
    struct classes_sums sums;
    struct classes_span span;
    int x = tile.x + thread;

    LENTIGO_UNROLL
    for (int i = 0; i < ARITH_SUMS; i++)
        sums.v[i] = 0;
    if (x >= job->w)
        return sums;
    struct arith_tap column = arith_tap(job->in_w, job->w, x);
    span.lo = -1;
    for (int i = 0; i < CLASSES_ROWS && tile.y + i < job->h; i++) {
        struct arith_tap row = rows[i];
        int y = tile.y + i;
        float logits[ARITH_CLASSES], p[ARITH_CLASSES];
        if (row.lo != span.lo)
            span = classes_span(job, tile.image, row, column, kind);
        LENTIGO_UNROLL
        for (int c = 0; c < ARITH_CLASSES; c++)
            logits[c] = span.base[c] + row.f * span.slope[c];
        float total = arith_powers(logits, p);
        int label = arith_label(p, total);
        job->class_map[((size_t)tile.image * job->h + y) * job->w + x] = (uint8_t)label;
        if (y < content.h && x < content.w)
            arith_score(sums.v, p, total, label);
    }
    return sums;
}

LENTIGO_HD struct classes_sums classes_join(struct classes_sums a, struct classes_sums b)
{
    LENTIGO_UNROLL
    for (int i = 0; i < ARITH_SUMS; i++)
        a.v[i] += b.v[i];
    return a;
}

/* The block's sums, out of its warps'; threads 0 to ARITH_SUMS - 1 work. */
LENTIGO_HD void classes_store(const struct gpu_classes_job *job, int block, int thread,
                              const struct classes_sums warps[CLASSES_WARPS])
{
    float sum = 0;

    if (thread >= ARITH_SUMS)
        return;
    for (int w = 0; w < CLASSES_WARPS; w++)
        sum += warps[w].v[thread];
    job->partials[(size_t)block * ARITH_SUMS + thread] = sum;
}

/* Second kernel, a block an image. A thread adds up one sum over every eighth block. */
LENTIGO_HD double scores_partial(const struct gpu_classes_job *job, int image, int thread)
{
    struct tiles tiles = classes_tiles(job);
    int blocks = tiles.down * tiles.across, lane = thread % SCORES_LANES;
    double sum = 0;

    if (lane >= ARITH_SUMS)
        return 0;
    for (int b = thread / SCORES_LANES; b < blocks; b += SCORES_GROUPS)
        sum += job->partials[((size_t)image * blocks + b) * ARITH_SUMS + lane];
    return sum;
}

/* Then the groups in their order. */
LENTIGO_HD void scores_store(const struct gpu_classes_job *job, int image, int thread,
                             const double partials[SCORES_THREADS])
{
    double sum = 0;

    if (thread >= ARITH_SUMS)
        return;
    for (int g = 0; g < SCORES_GROUPS; g++)
        sum += partials[g * SCORES_LANES + thread];
    job->scores[image].sums[thread] = sum;
}

#endif
