/* threads_update.h -- gradients over batches, and new weights out of them, what each thread does.
 *
 * Four values at a time over all parameters as one block of memory. */
#ifndef ENGINE_CUDNN_THREADS_UPDATE_H
#define ENGINE_CUDNN_THREADS_UPDATE_H

#include "engine/cudnn/learn_jobs.h"
#include "engine/cudnn/threads_norm.h"

enum { UPDATE_THREADS = 256, UPDATE_GROUP = 4 };

struct update_group {
    float v[UPDATE_GROUP];
};

LENTIGO_HD struct update_group update_load(const float *from, size_t group)
{
    struct elem_words w = elem_words_load(from + group * UPDATE_GROUP);
    struct update_group g;

    LENTIGO_UNROLL
    for (int i = 0; i < UPDATE_GROUP; i++)
        g.v[i] = elem_f32_of_bits(w.at[i]);
    return g;
}

LENTIGO_HD void update_store(float *to, size_t group, struct update_group g)
{
    struct elem_words w;

    LENTIGO_UNROLL
    for (int i = 0; i < UPDATE_GROUP; i++)
        w.at[i] = elem_bits_of_f32(g.v[i]);
    elem_words_store(to + group * UPDATE_GROUP, w);
}

struct update_shared {
    double v[UPDATE_THREADS];
};

/* For steps of half the threads, a quarter and so on down to 1, with a barrier in front of each. */
LENTIGO_HD void update_fold(struct update_shared *shared, int thread, int step)
{
    if (thread < step)
        shared->v[thread] += shared->v[thread + step];
}

/* The batch's gradients. */
LENTIGO_HD struct update_group update_fresh(const struct gpu_gather_job *job, size_t i)
{
    struct update_group g = {
        {0, 0, 0, 0}
    };

    if (job->rule[i] == UPDATE_NOTHING)
        return g;
    if (job->rule[i] != UPDATE_DENSE || job->kind == ELEM_F32)
        return update_load(job->rule[i] == UPDATE_DENSE ? (const float *)job->dense : job->fresh,
                           i);
    LENTIGO_UNROLL
    for (int k = 0; k < UPDATE_GROUP; k++)
        g.v[k] = elem_one(job->dense, i * UPDATE_GROUP + k, job->kind);
    return g;
}

/* Squares of the batch's gradients. */
LENTIGO_HD double update_squares(const struct gpu_gather_job *job, int block, int thread)
{
    double sum = 0;

    for (size_t i = (size_t)block * UPDATE_THREADS + thread; i < job->count / UPDATE_GROUP;
         i += (size_t)GATHER_BLOCKS * UPDATE_THREADS) {
        struct update_group g = update_fresh(job, i);
        float part = 0;
        LENTIGO_UNROLL
        for (int k = 0; k < UPDATE_GROUP; k++)
            part += g.v[k] * g.v[k];
        sum += part;
    }
    return sum;
}

/* Does the step get this batch's gradients? */
LENTIGO_HD bool update_takes(const struct gpu_gather_job *job)
{
    return job->outcome->fresh - job->outcome->fresh == 0;
}

/* Adds them; squares of the sum. */
LENTIGO_HD double update_gather(const struct gpu_gather_job *job, int block, int thread)
{
    double sum = 0;

    if (!update_takes(job))
        return 0;
    for (size_t i = (size_t)block * UPDATE_THREADS + thread; i < job->count / UPDATE_GROUP;
         i += (size_t)GATHER_BLOCKS * UPDATE_THREADS) {
        struct update_group g = update_fresh(job, i), old;
        float part = 0;
        LENTIGO_UNROLL
        for (int k = 0; k < UPDATE_GROUP; k++)
            old.v[k] = 0;
        if (!job->control->is_first)
            old = update_load(job->sum, i);
        LENTIGO_UNROLL
        for (int k = 0; k < UPDATE_GROUP; k++) {
            g.v[k] = old.v[k] + g.v[k] * job->control->unscale;
            part += g.v[k] * g.v[k];
        }
        update_store(job->sum, i, g);
        sum += part;
    }
    return sum;
}

/* In the last block: its threads add up the blocks; then fold. */
LENTIGO_HD double update_blocks(const struct gpu_gather_job *job, int thread)
{
    double sum = 0;

    for (int b = thread; b < GATHER_BLOCKS; b += UPDATE_THREADS)
        sum += learn_fresh_double(&job->partials[b]);
    return sum;
}

/* ---- weights ----------------------------------------------------------------------------- */

LENTIGO_HD long long update_blocks_of(const struct gpu_update_job *job)
{
    size_t groups = job->count / UPDATE_GROUP;

    return (long long)((groups + UPDATE_THREADS - 1) / UPDATE_THREADS);
}

LENTIGO_HD void update_sgd(const struct gpu_update_job *job, size_t i, float decay,
                           struct update_group *w)
{
    struct update_group g = update_load(job->sum, i), v = update_load(job->first, i);

    LENTIGO_UNROLL
    for (int k = 0; k < UPDATE_GROUP; k++) {
        v.v[k] = job->momentum * v.v[k] + (job->scale * g.v[k] + decay * w->v[k]);
        w->v[k] -= job->rate * v.v[k];
    }
    update_store(job->first, i, v);
}

LENTIGO_HD void update_adamw(const struct gpu_update_job *job, size_t i, float decay,
                             struct update_group *w)
{
    struct update_group g = update_load(job->sum, i), m = update_load(job->first, i);
    struct update_group q = update_load(job->second, i);

    LENTIGO_UNROLL
    for (int k = 0; k < UPDATE_GROUP; k++) {
        float x = job->scale * g.v[k];
        m.v[k] = job->momentum * m.v[k] + (1 - job->momentum) * x;
        q.v[k] = job->beta2 * q.v[k] + (1 - job->beta2) * x * x;
        w->v[k] -=
            job->rate * (m.v[k] * job->unbias_first / (sqrtf(q.v[k] * job->unbias_second) + 1e-8F) +
                         decay * w->v[k]);
    }
    update_store(job->first, i, m);
    update_store(job->second, i, q);
}

/* The four weights as the maps' type. */
LENTIGO_HD void update_pack(const struct gpu_update_job *job, size_t i, struct update_group w)
{
    uint32_t *to = (uint32_t *)job->packed + i * (UPDATE_GROUP / 2);

    LENTIGO_UNROLL
    for (int k = 0; k < UPDATE_GROUP / 2; k++)
        to[k] = elem_narrow(w.v[2 * k], job->kind) | elem_narrow(w.v[2 * k + 1], job->kind) << 16;
}

LENTIGO_HD void update_thread(const struct gpu_update_job *job, int block, int thread,
                              bool is_adamw)
{
    size_t i = (size_t)block * UPDATE_THREADS + thread;

    if (i >= job->count / UPDATE_GROUP)
        return;
    int rule = job->rule[i];
    struct update_group w = update_load(job->weights, i);
    float decay = rule == UPDATE_NORM_OR_BIAS ? job->decay_spared : job->decay;

    if (rule != UPDATE_NOTHING && job->sum) {
        if (is_adamw)
            update_adamw(job, i, decay, &w);
        else
            update_sgd(job, i, decay, &w);
        update_store(job->weights, i, w);
    }
    if (job->average && job->sum) {
        struct update_group a = update_load(job->average, i);
        LENTIGO_UNROLL
        for (int k = 0; k < UPDATE_GROUP; k++)
            a.v[k] += job->share * (w.v[k] - a.v[k]);
        update_store(job->average, i, a);
    }
    if (job->packed)
        update_pack(job, i, w);
}

#endif
