/* threads_loss.h -- cross-entropy and Dice of the three heads (train/loss.h), what each thread does.
 *
 * Labels lie between the pixels of a head: those between the same four are a cell, and a block takes one.
 * Its threads blend the four logits for each label, and leave what the gradients add up to at the four
 * corners; then each pixel of a head gathers from the cells around it. Each label is looked at once, no
 * full-size map is made, and the order of every sum is fixed. Dice needs sums over the batch first, for
 * which the same cells are walked without gradients. */
#ifndef ENGINE_CUDNN_THREADS_LOSS_H
#define ENGINE_CUDNN_THREADS_LOSS_H

#include "engine/cudnn/learn_jobs.h"
#include "engine/cudnn/threads_norm.h"

enum { LOSS_THREADS = 64, LOSS_SUM_THREADS = 256, LOSS_SMOOTH = 1 };

LENTIGO_HD int loss_cells_of(const struct gpu_loss_job *job, int head)
{
    return job->n * job->heads[head].h * job->heads[head].w;
}

LENTIGO_HD long long loss_blocks(const struct gpu_loss_job *job)
{
    return (long long)loss_cells_of(job, 0) + loss_cells_of(job, 1) + loss_cells_of(job, 2);
}

/* The first cell of a head. */
LENTIGO_HD size_t loss_first(const struct gpu_loss_job *job, int head)
{
    size_t first = 0;

    for (int i = 0; i < head; i++)
        first += (size_t)loss_cells_of(job, i);
    return first;
}

/* ---- labels ------------------------------------------------------------------------------ */

struct loss_label_shared {
    int v[LOSS_SUM_THREADS][ARITH_CLASSES];
};

LENTIGO_HD void loss_count(const struct gpu_loss_job *job, int block, int thread,
                           struct loss_label_shared *shared)
{
    long long pixels = (long long)job->n * job->h * job->w;
    int counts[ARITH_CLASSES] = {0, 0, 0, 0, 0, 0, 0, 0};

    for (long long i = (long long)block * LOSS_SUM_THREADS + thread; i < pixels;
         i += (long long)LOSS_LABEL_BLOCKS * LOSS_SUM_THREADS) {
        int label = job->labels[i];
        LENTIGO_UNROLL
        for (int c = 0; c < ARITH_CLASSES; c++)
            counts[c] += label == c;
    }
    LENTIGO_UNROLL
    for (int c = 0; c < ARITH_CLASSES; c++)
        shared->v[thread][c] = counts[c];
}

LENTIGO_HD void loss_count_store(const struct gpu_loss_job *job, int block, int thread,
                                 const struct loss_label_shared *shared)
{
    int sum = 0;

    if (thread >= ARITH_CLASSES)
        return;
    for (int i = 0; i < LOSS_SUM_THREADS; i++)
        sum += shared->v[i][thread];
    job->label_partials[block * ARITH_CLASSES + thread] = sum;
}

/* In the last block. */
LENTIGO_HD void loss_count_finish(const struct gpu_loss_job *job, int thread)
{
    double sum = 0;

    if (thread >= ARITH_CLASSES)
        return;
    for (int b = 0; b < LOSS_LABEL_BLOCKS; b++) {
#ifdef __CUDA_ARCH__
        sum += __ldcg(&job->label_partials[b * ARITH_CLASSES + thread]);
#else
        sum += job->label_partials[b * ARITH_CLASSES + thread];
#endif
    }
    job->counts[thread] = sum;
}

/* ---- what follows from the counts -------------------------------------------------------- */

/* Sum of the labels' weights, with what keeps it from 0. */
LENTIGO_HD float loss_weight(const struct gpu_loss_job *job)
{
    float sum = 1e-8F * (float)job->n * (float)job->h * (float)job->w;

    LENTIGO_UNROLL
    for (int c = 0; c < ARITH_CLASSES; c++)
        sum += (float)job->counts[c] * job->class_weight[c];
    return sum;
}

LENTIGO_HD float loss_classes(const struct gpu_loss_job *job)
{
    float classes = 0;

    LENTIGO_UNROLL
    for (int c = 0; c < ARITH_CLASSES; c++)
        classes += (float)(job->counts[c] > 0);
    return classes;
}

/* The two terms of a class's Dice: 1 - up/down. */
struct loss_ratio {
    float up, down;
};

LENTIGO_HD struct loss_ratio loss_ratio(const struct gpu_loss_job *job, int head, int c)
{
    const double *sums = job->sums + (size_t)head * LOSS_SUMS;
    struct loss_ratio r;

    r.up = (float)(2 * sums[ARITH_CLASSES + c] + LOSS_SMOOTH);
    r.down = (float)(sums[c] + job->counts[c] + LOSS_SMOOTH);
    return r;
}

/* Factors of a head's gradient: of cross-entropy; of Dice by p where the class is true, and anywhere. */
struct loss_slopes {
    float entropy, is[ARITH_CLASSES], all[ARITH_CLASSES];
};

LENTIGO_HD struct loss_slopes loss_slopes(const struct gpu_loss_job *job, int head)
{
    float scale = job->control->loss * job->heads[head].share;
    float k = job->dice > 0 ? scale * job->dice / loss_classes(job) : 0;
    struct loss_slopes s;

    s.entropy = scale * job->entropy / loss_weight(job);
    LENTIGO_UNROLL
    for (int c = 0; c < ARITH_CLASSES; c++) {
        s.is[c] = s.all[c] = 0;
        if (job->dice <= 0 || job->counts[c] <= 0)
            continue;
        struct loss_ratio r = loss_ratio(job, head, c);
        s.is[c] = -2 * k / r.down;
        s.all[c] = k * r.up / (r.down * r.down);
    }
    return s;
}

/* ---- cells ------------------------------------------------------------------------------- */

/* A cell: the labels between four pixels of a head. */
struct loss_cell {
    int head, image, y, x; /* the upper left one */
    struct arith_window rows, columns;
};

/* The first of `to` outputs whose lower tap among `from` samples is `at` or more. */
LENTIGO_HD int loss_begin(int from, int to, int at)
{
    long long least = (long long)to * (2 * at + 1) - from;

    if (at <= 0 || least <= 0)
        return 0;
    if (at >= from)
        return to;
    least = (least + 2LL * from - 1) / (2LL * from);
    return least < to ? (int)least : to;
}

LENTIGO_HD struct loss_cell loss_cell(const struct gpu_loss_job *job, int block)
{
    struct loss_cell c = {
        0, 0, 0, 0, {0, 0},
            {0, 0}
    };

    while (block >= loss_cells_of(job, c.head))
        block -= loss_cells_of(job, c.head++);
    int h = job->heads[c.head].h, w = job->heads[c.head].w;
    c.x = block % w;
    c.y = block / w % h;
    c.image = block / w / h;
    c.rows.begin = loss_begin(h, job->h, c.y);
    c.rows.end = loss_begin(h, job->h, c.y + 1);
    c.columns.begin = loss_begin(w, job->w, c.x);
    c.columns.end = loss_begin(w, job->w, c.x + 1);
    return c;
}

struct loss_corners {
    struct elem_group at[4]; /* as arith_corners */
};

LENTIGO_HD struct loss_corners loss_corners(const struct gpu_loss_job *job,
                                            const struct loss_cell *c)
{
    int h = job->heads[c->head].h, w = job->heads[c->head].w;
    int right = c->x + 1 < w ? 1 : 0;
    size_t upper = ((size_t)c->image * h + c->y) * w + c->x, lower = upper + (c->y + 1 < h ? w : 0);
    const float *logits = job->heads[c->head].logits;
    struct loss_corners k;

    k.at[0] = elem_load(logits, upper * ARITH_CLASSES, ELEM_F32);
    k.at[1] = elem_load(logits, (upper + right) * ARITH_CLASSES, ELEM_F32);
    k.at[2] = elem_load(logits, lower * ARITH_CLASSES, ELEM_F32);
    k.at[3] = elem_load(logits, (lower + right) * ARITH_CLASSES, ELEM_F32);
    return k;
}

/* 1 where the label is class c, else 0. To be multiplied with: of a choice between two values a compiler
 * makes an array that is read at `label`, and no register is. */
LENTIGO_HD float loss_is(int label, int c)
{
    return (float)(label == c);
}

/* A label's probabilities, and the shares of the corners in its logits. */
struct loss_pixel {
    int label;
    struct arith_corners corners;
    float p[ARITH_CLASSES];
    float entropy; /* -log p of the label; 0 where it is none */
};

LENTIGO_HD struct loss_pixel loss_pixel(const struct gpu_loss_job *job, const struct loss_cell *c,
                                        const struct loss_corners *k, int i)
{
    int width = c->columns.end - c->columns.begin;
    int y = c->rows.begin + i / width, x = c->columns.begin + i % width;
    float top, total = 0, at_label = 0;
    struct loss_pixel l;

    l.label = job->labels[((size_t)c->image * job->h + y) * job->w + x];
    l.corners = arith_corners(arith_tap(job->heads[c->head].h, job->h, y),
                              arith_tap(job->heads[c->head].w, job->w, x));
    LENTIGO_UNROLL
    for (int j = 0; j < ARITH_CLASSES; j++)
        l.p[j] =
            arith_bilinear(l.corners, k->at[0].v[j], k->at[1].v[j], k->at[2].v[j], k->at[3].v[j]);
    top = l.p[0];
    LENTIGO_UNROLL
    for (int j = 1; j < ARITH_CLASSES; j++)
        top = l.p[j] > top ? l.p[j] : top;
    LENTIGO_UNROLL
    for (int j = 0; j < ARITH_CLASSES; j++) {
        l.p[j] -= top;
        at_label += loss_is(l.label, j) * l.p[j];
        total += l.p[j] = REAL_EXP(l.p[j]);
    }
    l.entropy = l.label < ARITH_CLASSES ? logf(total) - at_label : 0;
    total = 1 / total;
    LENTIGO_UNROLL
    for (int j = 0; j < ARITH_CLASSES; j++)
        l.p[j] *= total;
    return l;
}

LENTIGO_HD int loss_labels(const struct loss_cell *c)
{
    return (c->rows.end - c->rows.begin) * (c->columns.end - c->columns.begin);
}

struct loss_shared {
    float v[LOSS_THREADS][LOSS_CELL];
};

/* For Dice: sums of p over all labels, and where they are the class. */
LENTIGO_HD void loss_measure(const struct gpu_loss_job *job, int block, int thread,
                             struct loss_shared *shared)
{
    struct loss_cell cell = loss_cell(job, block);
    struct loss_corners k = loss_corners(job, &cell);
    float all[ARITH_CLASSES] = {0, 0, 0, 0, 0, 0, 0, 0},
          is[ARITH_CLASSES] = {0, 0, 0, 0, 0, 0, 0, 0};

    for (int i = thread; i < loss_labels(&cell); i += LOSS_THREADS) {
        struct loss_pixel l = loss_pixel(job, &cell, &k, i);
        LENTIGO_UNROLL
        for (int c = 0; c < ARITH_CLASSES; c++) {
            all[c] += l.label < ARITH_CLASSES ? l.p[c] : 0;
            is[c] += loss_is(l.label, c) * l.p[c];
        }
    }
    LENTIGO_UNROLL
    for (int c = 0; c < ARITH_CLASSES; c++) {
        shared->v[thread][c] = all[c];
        shared->v[thread][ARITH_CLASSES + c] = is[c];
    }
}

/* The gradient by the logits of one label. */
LENTIGO_HD struct elem_group loss_gradient(const struct gpu_loss_job *job,
                                           const struct loss_slopes *s, const struct loss_pixel *l)
{
    struct elem_group g = elem_fill(0);
    float weight = 0, mean = 0;

    if (l->label >= ARITH_CLASSES)
        return g;
    LENTIGO_UNROLL
    for (int c = 0; c < ARITH_CLASSES; c++) {
        weight += loss_is(l->label, c) * job->class_weight[c] * s->entropy;
        mean += l->p[c] * (s->all[c] + loss_is(l->label, c) * s->is[c]);
    }
    LENTIGO_UNROLL
    for (int c = 0; c < ARITH_CLASSES; c++) {
        float here = loss_is(l->label, c), by_p = s->all[c] + here * s->is[c];
        g.v[c] = weight * (l->p[c] - here) + l->p[c] * (by_p - mean);
    }
    return g;
}

LENTIGO_HD float loss_entropy(const struct gpu_loss_job *job, const struct loss_pixel *l)
{
    float weight = 0;

    LENTIGO_UNROLL
    for (int c = 0; c < ARITH_CLASSES; c++)
        weight += loss_is(l->label, c) * job->class_weight[c];
    return weight * l->entropy;
}

LENTIGO_HD void loss_cells(const struct gpu_loss_job *job, int block, int thread,
                           struct loss_shared *shared)
{
    struct loss_cell cell = loss_cell(job, block);
    struct loss_corners k = loss_corners(job, &cell), sum;
    struct loss_slopes slopes = loss_slopes(job, cell.head);
    float entropy = 0;

    LENTIGO_UNROLL
    for (int i = 0; i < 4; i++)
        sum.at[i] = elem_fill(0);
    for (int i = thread; i < loss_labels(&cell); i += LOSS_THREADS) {
        struct loss_pixel l = loss_pixel(job, &cell, &k, i);
        struct elem_group g = loss_gradient(job, &slopes, &l);
        LENTIGO_UNROLL
        for (int j = 0; j < 4; j++)
            sum.at[j] = elem_fma(sum.at[j], g, elem_fill(l.corners.share[j]));
        entropy += loss_entropy(job, &l);
    }
    LENTIGO_UNROLL
    for (int i = 0; i < 4 * ARITH_CLASSES; i++)
        shared->v[thread][i] = sum.at[i / ARITH_CLASSES].v[i % ARITH_CLASSES];
    shared->v[thread][LOSS_CELL - 1] = entropy;
}

/* When all have staged: `values` sums of the block. */
LENTIGO_HD void loss_store(float *to, int block, int values, int thread,
                           const struct loss_shared *shared)
{
    float sum = 0;

    if (thread >= values)
        return;
    for (int i = 0; i < LOSS_THREADS; i++)
        sum += shared->v[i][thread];
    to[(size_t)block * values + thread] = sum;
}

/* ---- over cells -------------------------------------------------------------------------- */

/* Block b adds up one value over a head's cells: value b % values of head b / values. */
LENTIGO_HD double loss_sum(const struct gpu_loss_job *job, int head, const float *cells, int values,
                           int value, int thread)
{
    size_t first = loss_first(job, head);
    double sum = 0;

    for (int i = thread; i < loss_cells_of(job, head); i += LOSS_SUM_THREADS)
        sum += cells[(first + i) * values + value];
    return sum;
}

/* With the sum of a head's entropies. */
LENTIGO_HD void loss_value(const struct gpu_loss_job *job, int head, double entropy)
{
    double value = job->entropy * entropy / loss_weight(job), classes = loss_classes(job);

    for (int c = 0; c < ARITH_CLASSES && job->dice > 0; c++) {
        if (job->counts[c] <= 0)
            continue;
        struct loss_ratio r = loss_ratio(job, head, c);
        value += job->dice * (1 - (double)r.up / r.down) / classes;
    }
    job->outcome->loss[head] = value;
}

/* Adds corner `corner` of cell y, x, if there is such a cell. */
LENTIGO_HD struct elem_group loss_corner(const struct gpu_loss_job *job, struct loss_cell at,
                                         int corner, struct elem_group sum)
{
    int h = job->heads[at.head].h, w = job->heads[at.head].w;

    if (at.y < 0 || at.x < 0)
        return sum;
    size_t cell = loss_first(job, at.head) + ((size_t)at.image * h + at.y) * w + at.x;
    const float *from = job->cells + cell * LOSS_CELL + (size_t)corner * ARITH_CLASSES;
    LENTIGO_UNROLL
    for (int c = 0; c < ARITH_CLASSES; c++)
        sum.v[c] += from[c];
    return sum;
}

/* A pixel of a head: its own cell's upper left corner, and so on round; at the last row and column a
 * cell's lower and right corners are its upper and left ones. */
LENTIGO_HD void loss_gather(const struct gpu_loss_job *job, int block, int thread)
{
    long long index = (long long)block * LOSS_SUM_THREADS + thread;
    struct elem_group sum = elem_fill(0);

    if (index >= loss_blocks(job))
        return;
    struct loss_cell own = loss_cell(job, (int)index);
    int is_last_row = own.y == job->heads[own.head].h - 1;
    int is_last_column = own.x == job->heads[own.head].w - 1;
    size_t at = (size_t)index - loss_first(job, own.head);
    for (int corner = 0; corner < 4; corner++)
        for (int i = 0; i < 4; i++) {
            int stays_down = i / 2, stays_right = i % 2;
            struct loss_cell from = own;
            if ((stays_down && !(corner / 2 && is_last_row)) ||
                (stays_right && !(corner % 2 && is_last_column)))
                continue;
            from.y -= corner / 2 && !stays_down;
            from.x -= corner % 2 && !stays_right;
            sum = loss_corner(job, from, corner, sum);
        }
    elem_store(job->heads[own.head].gradient, at * ARITH_CLASSES, sum, ELEM_F32);
}

#endif
