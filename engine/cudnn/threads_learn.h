/* threads_learn.h -- gradients of stem, stride-2 blocks, context module and classifier, what each thread
 * does.
 *
 * A gradient by a map is gathered: a thread makes eight channels of one of its pixels, so that nothing
 * is added to by two. A gradient by weights is a sum over pixels of one input times eight outputs: a
 * thread has a slot (which weights) and a part (every how many pixels); a block leaves the sums of its
 * pixels, and columns adds up the blocks. */
#ifndef ENGINE_CUDNN_THREADS_LEARN_H
#define ENGINE_CUDNN_THREADS_LEARN_H

#include "engine/cudnn/learn_jobs.h"
#include "engine/cudnn/threads_classes.h"
#include "engine/cudnn/threads_context.h"
#include "engine/cudnn/threads_halve.h"
#include "engine/cudnn/threads_norm.h"
#include "engine/cudnn/threads_stem.h"

enum {
    LEARN_THREADS = 256,
    LEARN_BLOCKS = 264,     /* of a weight gradient, at most: two for each multiprocessor */
    LEARN_PIXELS_LEAST = 64 /* for each of them */
};

LENTIGO_HD long long learn_least(long long a, long long b)
{
    return a < b ? a : b;
}

LENTIGO_HD long long learn_blocks_of(long long groups)
{
    return (groups + LEARN_THREADS - 1) / LEARN_THREADS;
}

/* ---- sums over pixels -------------------------------------------------------------------- */

struct learn_shared { /* aligned to 16 bytes */
    struct elem_group v[LEARN_THREADS];
};

/* A block's run of pixels. */
struct learn_run {
    long long begin, end;
};

LENTIGO_HD int learn_runs(long long pixels)
{
    return (int)learn_least((pixels + LEARN_PIXELS_LEAST - 1) / LEARN_PIXELS_LEAST, LEARN_BLOCKS);
}

LENTIGO_HD struct learn_run learn_run(long long pixels, int block)
{
    long long runs = learn_runs(pixels);
    struct learn_run r;

    r.begin = pixels * block / runs;
    r.end = pixels * (block + 1) / runs;
    return r;
}

/* When all have staged: the parts of each slot in their order; `to` is slots*8 floats. */
LENTIGO_HD void learn_store(const struct learn_shared *shared, int slots, int parts, int thread,
                            float *to)
{
    for (int i = thread; i < slots * ELEM_GROUP; i += LEARN_THREADS) {
        float sum = 0;
        for (int part = 0; part < parts; part++)
            sum += shared->v[part * slots + i / ELEM_GROUP].v[i % ELEM_GROUP];
        to[i] = sum;
    }
}

/* Blocks of 32 columns; a thread adds up every eighth row of one. */
enum { COLUMNS_WIDTH = 32, COLUMNS_PARTS = LEARN_THREADS / COLUMNS_WIDTH };

/* Where block `block` works; list index -1 beyond the end. */
struct columns_place {
    int item, first;
};

LENTIGO_HD long long columns_blocks(const struct gpu_columns_job *job)
{
    long long blocks = 0;

    for (int i = 0; i < job->count; i++)
        blocks += (job->list[i].values + COLUMNS_WIDTH - 1) / COLUMNS_WIDTH;
    return blocks;
}

LENTIGO_HD struct columns_place columns_place(const struct gpu_columns_job *job, int block)
{
    struct columns_place p = {0, block};

    while (p.first >= (job->list[p.item].values + COLUMNS_WIDTH - 1) / COLUMNS_WIDTH) {
        p.first -= (job->list[p.item].values + COLUMNS_WIDTH - 1) / COLUMNS_WIDTH;
        p.item++;
    }
    p.first *= COLUMNS_WIDTH;
    return p;
}

LENTIGO_HD float columns_partial(const struct gpu_columns_job *job, int block, int thread)
{
    struct columns_place p = columns_place(job, block);
    int column = p.first + thread % COLUMNS_WIDTH, values = job->list[p.item].values;
    float sum = 0;

    if (column >= values)
        return 0;
    for (int b = thread / COLUMNS_WIDTH; b < job->list[p.item].blocks; b += COLUMNS_PARTS)
        sum += job->list[p.item].partials[(size_t)b * values + column];
    return sum;
}

LENTIGO_HD void columns_store(const struct gpu_columns_job *job, int block, int thread,
                              const float partials[LEARN_THREADS])
{
    struct columns_place p = columns_place(job, block);
    int column = p.first + thread;
    float sum = 0;

    if (thread >= COLUMNS_WIDTH || column >= job->list[p.item].values)
        return;
    for (int part = 0; part < COLUMNS_PARTS; part++)
        sum += partials[part * COLUMNS_WIDTH + thread];
    job->list[p.item].out[column] = sum;
}

/* ---- stem -------------------------------------------------------------------------------- */

enum { STEM_SLOTS = STEM_TAPS * STEM_VECS, STEM_PARTS = STEM_THREADS / STEM_SLOTS };

LENTIGO_HD int stem_learn_blocks(const struct gpu_stem_learn_job *job)
{
    return (int)learn_least(tiles_count(stem_tiles(&job->stem)), LEARN_BLOCKS);
}

/* One tile that has been staged (stem_stage): input `tap` of each output times its gradient. */
LENTIGO_HD struct elem_group stem_learn_tile(const struct gpu_stem_learn_job *job, struct tile tile,
                                             int thread, const struct stem_shared *shared,
                                             struct elem_group acc, enum elem kind)
{
    int slot = thread % STEM_SLOTS, part = thread / STEM_SLOTS;
    int tap = slot / STEM_VECS, channel = slot % STEM_VECS * ELEM_GROUP;
    int oh = (job->stem.h + 1) / 2, ow = (job->stem.w + 1) / 2;

    if (part >= STEM_PARTS)
        return acc;
    for (int i = part; i < STEM_TILE * STEM_TILE; i += STEM_PARTS) {
        int row = i / STEM_TILE, column = i % STEM_TILE, y = tile.y + row, x = tile.x + column;
        if (y >= oh || x >= ow)
            continue;
        size_t at = (((size_t)tile.image * oh + y) * ow + x) * STEM_CHANNELS + channel;
        float in = shared->pixels[(2 * row + tap / (3 * STEM_INPUTS)) * STEM_PITCH +
                                  2 * STEM_INPUTS * column + tap % (3 * STEM_INPUTS)];
        acc = elem_fma(acc, elem_load(job->stem.out, at, kind), elem_fill(in));
    }
    return acc;
}

/* ---- what halves a map ------------------------------------------------------------------- */

LENTIGO_HD long long halve_back_blocks(const struct gpu_halve_back_job *job)
{
    const struct gpu_halve_job *h = &job->halve;

    return learn_blocks_of((long long)h->n * h->h * h->w * (h->c / ELEM_GROUP));
}

/* What output pixel `pixel` gives back through tap `tap`. */
LENTIGO_HD struct elem_group halve_back_tap(const struct gpu_halve_back_job *job, size_t pixel,
                                            int channel, int tap, float share, enum elem kind)
{
    const struct gpu_halve_job *h = &job->halve;
    struct elem_group pool = elem_fill(0);
    struct elem_group w = elem_load(h->weight, (size_t)tap * h->c + channel, ELEM_F32);

    LENTIGO_UNROLL
    for (int i = 0; i < GPU_SOURCES_MAX; i++)
        if (job->pool[i].at)
            pool = elem_add(pool,
                            elem_load(job->pool[i].at, pixel * job->pool[i].step + channel, kind));
    return elem_fma(elem_scale(pool, share),
                    elem_load(h->conv, pixel * h->conv_step + channel, kind), w);
}

/* An input pixel is read by one or two outputs along each axis. */
LENTIGO_HD void halve_back_thread(const struct gpu_halve_back_job *job, int block, int thread,
                                  enum elem kind)
{
    const struct gpu_halve_job *h = &job->halve;
    long long index = (long long)block * LEARN_THREADS + thread;
    int groups = h->c / ELEM_GROUP, channel = (int)(index % groups) * ELEM_GROUP;
    int oh = (h->h + 1) / 2, ow = (h->w + 1) / 2;
    long long pixel = index / groups;
    int x = (int)(pixel % h->w), y = (int)(pixel / h->w % h->h);
    size_t image = (size_t)(pixel / h->w / h->h);
    struct elem_group sum = elem_fill(0);

    if (pixel >= (long long)h->n * h->h * h->w)
        return;
    for (int tap = 0; tap < 9; tap++) {
        int up = y + 1 - tap / 3, left = x + 1 - tap % 3, oy = up / 2, ox = left / 2;
        if (up % 2 || left % 2 || !tile_inside(oy, ox, oh, ow))
            continue;
        float share = arith_share(arith_pool_window(h->h, oy), arith_pool_window(h->w, ox));
        sum = elem_add(sum,
                       halve_back_tap(job, (image * oh + oy) * ow + ox, channel, tap, share, kind));
    }
    elem_store(job->out, (size_t)pixel * h->c + channel, sum, kind);
}

enum { HALVE_SLOTS = 9 * HALVE_VECS, HALVE_PARTS = LEARN_THREADS / HALVE_SLOTS };

LENTIGO_HD long long halve_learn_pixels(const struct gpu_halve_job *h)
{
    return (long long)h->n * ((h->h + 1) / 2) * ((h->w + 1) / 2);
}

/* Block b takes slice b % slices of 64 channels of run b / slices. */
LENTIGO_HD long long halve_learn_blocks(const struct gpu_halve_back_job *job)
{
    return (long long)learn_runs(halve_learn_pixels(&job->halve)) * (job->halve.c / HALVE_CHANNELS);
}

LENTIGO_HD void halve_learn(const struct gpu_halve_back_job *job, int block, int thread,
                            struct learn_shared *shared, enum elem kind)
{
    const struct gpu_halve_job *h = &job->halve;
    int slices = h->c / HALVE_CHANNELS, slot = thread % HALVE_SLOTS, tap = slot / HALVE_VECS;
    int channel = block % slices * HALVE_CHANNELS + slot % HALVE_VECS * ELEM_GROUP;
    int oh = (h->h + 1) / 2, ow = (h->w + 1) / 2;
    struct learn_run run = learn_run(halve_learn_pixels(h), block / slices);
    struct elem_group sum = elem_fill(0);

    if (thread >= HALVE_SLOTS * HALVE_PARTS)
        return;
    for (long long p = run.begin + thread / HALVE_SLOTS; p < run.end; p += HALVE_PARTS) {
        int ox = (int)(p % ow), oy = (int)(p / ow % oh);
        int y = 2 * oy - 1 + tap / 3, x = 2 * ox - 1 + tap % 3;
        size_t image = (size_t)(p / ow / oh);
        if (!tile_inside(y, x, h->h, h->w))
            continue;
        sum = elem_fma(
            sum, elem_load(h->conv, (size_t)p * h->conv_step + channel, kind),
            elem_load(h->in, ((image * h->h + y) * h->w + x) * h->in_step + channel, kind));
    }
    shared->v[thread] = sum;
}

/* partials: runs, 9, c. */
LENTIGO_HD void halve_learn_store(const struct gpu_halve_back_job *job, int block, int thread,
                                  const struct learn_shared *shared)
{
    int c = job->halve.c, slices = c / HALVE_CHANNELS;
    float *to = job->partials + (size_t)(block / slices) * 9 * c;

    for (int i = thread; i < HALVE_SLOTS * ELEM_GROUP; i += LEARN_THREADS) {
        int slot = i / ELEM_GROUP;
        float sum = 0;
        for (int part = 0; part < HALVE_PARTS; part++)
            sum += shared->v[part * HALVE_SLOTS + slot].v[i % ELEM_GROUP];
        int channel = block % slices * HALVE_CHANNELS + slot % HALVE_VECS * ELEM_GROUP;
        to[(size_t)(slot / HALVE_VECS) * c + channel + i % ELEM_GROUP] = sum;
    }
}

/* ---- context ----------------------------------------------------------------------------- */

LENTIGO_HD long long bins_back_blocks(const struct gpu_bins_back_job *job)
{
    return learn_blocks_of((long long)job->n * job->h * job->w * (job->c / ELEM_GROUP));
}

/* What the cells of one level that hold pixel y, x give back; windows may overlap. */
LENTIGO_HD struct elem_group bins_back_level(const struct gpu_bins_back_job *job, int level,
                                             int image, int y, int x, int channel, enum elem kind)
{
    int bins = 1 << level;
    const void *from = level == 0 ? job->from[0] : level == 1 ? job->from[1] : job->from[2];
    struct elem_group sum = elem_fill(0);

    for (int cell = 0; cell < bins * bins; cell++) {
        struct arith_window rows = arith_bin_window(job->h, bins, cell / bins);
        struct arith_window columns = arith_bin_window(job->w, bins, cell % bins);
        if (y < rows.begin || y >= rows.end || x < columns.begin || x >= columns.end)
            continue;
        size_t at = ((size_t)image * bins * bins + cell) * job->c + channel;
        sum = elem_fma(sum, elem_load(from, at, kind), elem_fill(arith_share(rows, columns)));
    }
    return sum;
}

LENTIGO_HD void bins_back_thread(const struct gpu_bins_back_job *job, int block, int thread,
                                 enum elem kind)
{
    long long index = (long long)block * LEARN_THREADS + thread;
    int groups = job->c / ELEM_GROUP, channel = (int)(index % groups) * ELEM_GROUP;
    long long pixel = index / groups;
    int x = (int)(pixel % job->w), y = (int)(pixel / job->w % job->h);
    int image = (int)(pixel / job->w / job->h);
    size_t at = (size_t)pixel * job->c + channel;

    if (image >= job->n)
        return;
    struct elem_group sum = elem_load(job->to, at, kind);
    LENTIGO_UNROLL
    for (int level = 0; level < CONTEXT_LEVELS; level++)
        sum = elem_add(sum, bins_back_level(job, level, image, y, x, channel, kind));
    elem_store(job->to, at, sum, kind);
}

/* Those outputs, of `to` from `from` samples, that may read sample `at`. */
LENTIGO_HD struct arith_window learn_readers(int from, int to, int at)
{
    long long begin = (long long)(2 * at - 1) * to / (2LL * from) - 1;
    long long end = (long long)(2 * at + 3) * to / (2LL * from) + 2;
    struct arith_window w;

    w.begin = begin > 0 ? (int)begin : 0;
    w.end = end < to ? (int)end : to;
    return w;
}

/* The share of sample `at` in the output. */
LENTIGO_HD float learn_share(struct arith_tap tap, int at)
{
    return (tap.lo == at ? 1 - tap.f : 0) + (tap.hi == at ? tap.f : 0);
}

LENTIGO_HD long long resize_back_groups(const struct gpu_resize_back_job *job, int i)
{
    return (long long)job->n * job->to[i].h * job->to[i].w * (job->c / ELEM_GROUP);
}

LENTIGO_HD long long resize_back_blocks(const struct gpu_resize_back_job *job)
{
    long long groups = 0;

    for (int i = 0; i < job->count; i++)
        groups += resize_back_groups(job, i);
    return learn_blocks_of(groups);
}

/* A pixel of the small map adds up all that read it. */
LENTIGO_HD struct elem_group resize_back_pixel(const struct gpu_resize_back_job *job, int i,
                                               int image, int y, int x, int channel, enum elem kind)
{
    struct arith_window rows = learn_readers(job->to[i].h, job->h, y);
    struct arith_window columns = learn_readers(job->to[i].w, job->w, x);
    struct elem_group sum = elem_fill(0);

    for (int row = rows.begin; row < rows.end; row++) {
        float down = learn_share(arith_tap(job->to[i].h, job->h, row), y);
        size_t first = ((size_t)image * job->h + row) * job->w;
        for (int column = columns.begin; down > 0 && column < columns.end; column++) {
            float share = down * learn_share(arith_tap(job->to[i].w, job->w, column), x);
            struct elem_group g = elem_load(job->from, (first + column) * job->c + channel, kind);
            sum = elem_fma(sum, g, elem_fill(share));
        }
    }
    return sum;
}

LENTIGO_HD void resize_back_thread(const struct gpu_resize_back_job *job, int block, int thread,
                                   enum elem kind)
{
    long long index = (long long)block * LEARN_THREADS + thread;
    int groups = job->c / ELEM_GROUP, i = 0;

    while (i < job->count && index >= resize_back_groups(job, i))
        index -= resize_back_groups(job, i++);
    if (i == job->count)
        return;
    long long pixel = index / groups;
    int channel = (int)(index % groups) * ELEM_GROUP, h = job->to[i].h, w = job->to[i].w;
    struct elem_group sum = resize_back_pixel(job, i, (int)(pixel / w / h), (int)(pixel / w % h),
                                              (int)(pixel % w), channel, kind);
    elem_store(job->to[i].at, (size_t)pixel * job->c + channel, sum, kind);
}

/* ---- classifier -------------------------------------------------------------------------- */

LENTIGO_HD void classify_thread(const struct gpu_classify_job *job, int block, int thread,
                                enum elem kind)
{
    long long pixel = (long long)block * LEARN_THREADS + thread;
    struct elem_group sum = elem_fill(0);

    if (pixel >= job->pixels)
        return;
    for (int first = 0; first < job->c; first += ELEM_GROUP) {
        struct elem_group in = elem_load(job->in, (size_t)pixel * job->c + first, kind);
        LENTIGO_UNROLL
        for (int k = 0; k < ARITH_CLASSES; k++) {
            struct elem_group w = elem_load(job->weight, (size_t)k * job->c + first, ELEM_F32);
            LENTIGO_UNROLL
            for (int i = 0; i < ELEM_GROUP; i++)
                sum.v[k] += in.v[i] * w.v[i];
        }
    }
    elem_store(job->logits, (size_t)pixel * ARITH_CLASSES, sum, ELEM_F32);
}

LENTIGO_HD long long classify_back_blocks(const struct gpu_classify_job *job)
{
    return learn_blocks_of(job->pixels * (job->c / ELEM_GROUP));
}

LENTIGO_HD void classify_back_thread(const struct gpu_classify_job *job, int block, int thread,
                                     enum elem kind)
{
    long long index = (long long)block * LEARN_THREADS + thread;
    int groups = job->c / ELEM_GROUP, channel = (int)(index % groups) * ELEM_GROUP;
    long long pixel = index / groups;
    struct elem_group sum = elem_fill(0);

    if (pixel >= job->pixels)
        return;
    struct elem_group g = elem_load(job->logits, (size_t)pixel * ARITH_CLASSES, ELEM_F32);
    LENTIGO_UNROLL
    for (int k = 0; k < ARITH_CLASSES; k++)
        sum = elem_fma(sum, elem_load(job->weight, (size_t)k * job->c + channel, ELEM_F32),
                       elem_fill(g.v[k]));
    elem_store(job->out, (size_t)pixel * job->c + channel, sum, kind);
}

/* Slots: classes, groups of channels. */
LENTIGO_HD void classify_learn(const struct gpu_classify_job *job, int block, int thread,
                               struct learn_shared *shared, enum elem kind)
{
    int groups = job->c / ELEM_GROUP, slots = ARITH_CLASSES * groups, slot = thread % slots;
    int channel = slot % groups * ELEM_GROUP;
    struct learn_run run = learn_run(job->pixels, block);
    struct elem_group sum = elem_fill(0);

    for (long long p = run.begin + thread / slots; p < run.end; p += LEARN_THREADS / slots) {
        float g = job->logits[(size_t)p * ARITH_CLASSES + slot / groups];
        sum = elem_fma(sum, elem_load(job->in, (size_t)p * job->c + channel, kind), elem_fill(g));
    }
    shared->v[thread] = sum;
}

LENTIGO_HD void classify_learn_store(const struct gpu_classify_job *job, int block, int thread,
                                     const struct learn_shared *shared)
{
    int slots = ARITH_CLASSES * (job->c / ELEM_GROUP);

    learn_store(shared, slots, LEARN_THREADS / slots, thread,
                job->partials + (size_t)block * ARITH_CLASSES * job->c);
}

#endif
