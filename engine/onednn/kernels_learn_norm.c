/* kernels_learn_norm.c -- batch norm with ReLU, forwards and backwards, and the classifier.
 *
 * oneDNN's batch norm neither writes into a concatenation nor adds up the gradients that come from
 * it; here both are part of the passes over the map that must be made anyway. */
#include "engine/onednn/learn_kernels_set.h"
#include "engine/onednn/vector.h"

/* f32 sums take up this many pixels before they go into doubles. */
enum { CHUNK = 64, TOGETHER = 4 };

/* Accumulates `pixels` (TOGETHER, or 1 at the end) pixels into sums[0..c) and sums[c..2c). */
FOR_CELL void add_pixels(const elem *z, const elem *origin, int c, float *sums, int pixels)
{
    for (int i = 0; i < c; i += LANES) {
        vec from = load(origin + i), sum = load_f32(sums + i), square = load_f32(sums + c + i);
#pragma GCC unroll 4
        for (int p = 0; p < pixels; p++) {
            vec v = load(z + (size_t)p * c + i) - from;
            sum += v;
            square += v * v;
        }
        store_f32(sums + i, sum);
        store_f32(sums + c + i, square);
    }
}

static void flush(float *sums, int count, double *to)
{
    for (int i = 0; i < count; i++)
        to[i] += (double)sums[i];
    memset(sums, 0, (size_t)count * sizeof(*sums));
}

void KERNEL(norm_sums)(const struct norm_job *job, size_t first, size_t count, double *sums)
{
    const elem *z = (const elem *)job->z + first * job->c;
    float some[2 * LEARN_CHANNELS_MAX];
    size_t p = 0;

    memset(some, 0, 2 * (size_t)job->c * sizeof(*some));
    while (p < count) {
        size_t end = count - p < CHUNK ? count : p + CHUNK;
        for (; p + TOGETHER <= end; p += TOGETHER)
            add_pixels(z + p * job->c, job->z, job->c, some, TOGETHER);
        for (; p < end; p++)
            add_pixels(z + p * job->c, job->z, job->c, some, 1);
        flush(some, 2 * job->c, sums);
    }
}

static inline vec above_zero(vec v)
{
    return max_of(v, (vec){0});
}

FOR_CELL void norm_pixels(const struct norm_job *job, size_t first, size_t count, bool relu,
                          int outs)
{
    for (size_t p = first; p < first + count; p++) {
        const elem *z = (const elem *)job->z + p * job->c;
        elem *a = (elem *)job->out[0].at + p * job->out[0].step;
        elem *b = (elem *)job->out[outs - 1].at + p * job->out[outs - 1].step;
        for (int i = 0; i < job->c; i += LANES) {
            vec y = load(z + i) * load_f32(job->scale + i) + load_f32(job->shift + i);
            y = relu ? above_zero(y) : y;
            store(a + i, y);
            if (outs > 1)
                store(b + i, y);
        }
    }
}

void KERNEL(norm)(const struct norm_job *job, size_t first, size_t count)
{
    if (!job->relu)
        norm_pixels(job, first, count, false, 1);
    else if (job->out[1].at)
        norm_pixels(job, first, count, true, 2);
    else
        norm_pixels(job, first, count, true, 1);
}

/* The gradient by the norm's output at z; `sources` is a constant in each caller. */
FOR_CELL vec gradient_at(const struct norm_back_job *job, size_t p, int i, vec z, int sources)
{
    vec g = load((const elem *)job->sources[0].at + p * job->sources[0].step + i);

#pragma GCC unroll 3
    for (int s = 1; s < sources; s++)
        g += load((const elem *)job->sources[s].at + p * job->sources[s].step + i);
    if (job->relu)
        g = keep_where_positive(z * load_f32(job->scale + i) + load_f32(job->shift + i), g);
    return g;
}

FOR_CELL void add_back(const struct norm_back_job *job, size_t p, float *sums, int pixels,
                       int sources)
{
    const elem *z = (const elem *)job->z + p * job->c;

    for (int i = 0; i < job->c; i += LANES) {
        vec mean = load_f32(job->mean + i);
        vec sum = load_f32(sums + i), product = load_f32(sums + job->c + i);
#pragma GCC unroll 4
        for (int q = 0; q < pixels; q++) {
            vec v = load(z + (size_t)q * job->c + i);
            vec g = gradient_at(job, p + q, i, v, sources);
            sum += g;
            product += g * (v - mean);
        }
        store_f32(sums + i, sum);
        store_f32(sums + job->c + i, product);
    }
}

FOR_CELL void back_sums(const struct norm_back_job *job, size_t first, size_t count, double *sums,
                        int sources)
{
    float some[2 * LEARN_CHANNELS_MAX];
    size_t p = first, last = first + count;

    memset(some, 0, 2 * (size_t)job->c * sizeof(*some));
    while (p < last) {
        size_t end = last - p < CHUNK ? last : p + CHUNK;
        for (; p + TOGETHER <= end; p += TOGETHER)
            add_back(job, p, some, TOGETHER, sources);
        for (; p < end; p++)
            add_back(job, p, some, 1, sources);
        flush(some, 2 * job->c, sums);
    }
}

void KERNEL(norm_back_sums)(const struct norm_back_job *job, size_t first, size_t count,
                            double *sums)
{
    if (job->n_sources == 1)
        back_sums(job, first, count, sums, 1);
    else if (job->n_sources == 2)
        back_sums(job, first, count, sums, 2);
    else
        back_sums(job, first, count, sums, 3);
}

FOR_CELL void back_pixels(const struct norm_back_job *job, size_t first, size_t count, int sources)
{
    for (size_t p = first; p < first + count; p++) {
        elem *z = (elem *)job->z + p * job->c;
        for (int i = 0; i < job->c; i += LANES) {
            vec v = load(z + i), g = gradient_at(job, p, i, v, sources);
            store(z + i, g * load_f32(job->by_g + i) +
                             (v - load_f32(job->mean + i)) * load_f32(job->by_z + i) +
                             load_f32(job->rest + i));
        }
    }
}

void KERNEL(norm_back)(const struct norm_back_job *job, size_t first, size_t count)
{
    if (job->n_sources == 1)
        back_pixels(job, first, count, 1);
    else if (job->n_sources == 2)
        back_pixels(job, first, count, 2);
    else
        back_pixels(job, first, count, 3);
}

/* ---- classifier -------------------------------------------------------------------------- */

typedef float classes __attribute__((vector_size(ENGINE_CLASSES * sizeof(float))));
typedef float classes_at
    __attribute__((vector_size(ENGINE_CLASSES * sizeof(float)), aligned(4), may_alias));

void KERNEL(classify)(const struct classify_job *job, size_t first, size_t count)
{
    for (size_t p = first; p < first + count; p++) {
        const elem *in = (const elem *)job->in + p * job->c;
        classes even = {0}, odd = {0};
        for (int i = 0; i < job->c; i += 2) {
            even +=
                load_one(in + i) * *(const classes_at *)(job->weight + (size_t)i * ENGINE_CLASSES);
            odd += load_one(in + i + 1) *
                   *(const classes_at *)(job->weight + ((size_t)i + 1) * ENGINE_CLASSES);
        }
        *(classes_at *)(job->logits + p * ENGINE_CLASSES) = even + odd;
    }
}

void KERNEL(classify_back)(const struct classify_job *job, size_t first, size_t count)
{
    for (size_t p = first; p < first + count; p++) {
        const float *g = job->logits + p * ENGINE_CLASSES;
        for (int i = 0; i < job->c; i += LANES) {
            vec x = load((const elem *)job->in + p * job->c + i), by_x = {0};
#pragma GCC unroll 8
            for (int k = 0; k < ENGINE_CLASSES; k++) {
                float *sum = job->sums + (size_t)k * job->c + i;
                by_x += g[k] * load_f32(job->weight + (size_t)k * job->c + i);
                store_f32(sum, load_f32(sum) + g[k] * x);
            }
            store((elem *)job->out + p * job->c + i, by_x);
        }
    }
}

const struct learn_kernels KERNEL(learn_kernels) = {
    .isa = KERNEL_TEXT_OF(KERNEL_SET),
    .base = &KERNEL(kernels),
    .norm_sums = KERNEL(norm_sums),
    .norm = KERNEL(norm),
    .norm_back_sums = KERNEL(norm_back_sums),
    .norm_back = KERNEL(norm_back),
    .stem = KERNEL(learn_stem),
    .stem_back = KERNEL(learn_stem_back),
    .halve_back = KERNEL(halve_back),
    .bins_back = KERNEL(bins_back),
    .resize_back = KERNEL(resize_back),
    .fuse_stats = KERNEL(fuse_stats),
    .fuse = KERNEL(fuse),
    .fuse_back_attention = KERNEL(fuse_back_attention),
    .fuse_back = KERNEL(fuse_back),
    .plane = KERNEL(plane),
    .plane_back = KERNEL(plane_back),
    .sigmoid = KERNEL(sigmoid),
    .classify = KERNEL(classify),
    .classify_back = KERNEL(classify_back),
#ifndef KERNEL_BF16
    .outer = KERNEL(outer),
    .multiply_pack = KERNEL(multiply_pack),
    .winograd_in = KERNEL(winograd_learn_in),
    .winograd_out = KERNEL(winograd_learn_out),
#endif
};
