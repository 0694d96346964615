/* threads_join.h -- a concatenation from its parts, what each thread does.
 *
 * Bytes are moved, sixteen at a time, whatever they mean. A thread moves JOIN_MOVES times, a block's
 * width apart, so that a warp's lanes stay beside each other: loads first, so that they are on their way
 * together. */
#ifndef ENGINE_CUDNN_THREADS_JOIN_H
#define ENGINE_CUDNN_THREADS_JOIN_H

#include "engine/cudnn/jobs.h"

enum {
    JOIN_UNIT = 16, /* bytes */
    JOIN_THREADS = 256,
    JOIN_MOVES = 4,
    JOIN_BLOCK = JOIN_THREADS * JOIN_MOVES
};

LENTIGO_HD int join_units(const struct gpu_join_job *job, int channels)
{
    return channels * (int)elem_size(job->kind) / JOIN_UNIT;
}

/* Units of a pixel, all parts together. */
LENTIGO_HD int join_units_all(const struct gpu_join_job *job)
{
    int channels = 0;

    LENTIGO_UNROLL
    for (int i = 0; i < JOIN_PARTS_MAX; i++) /* by index they would be copied to local memory */
        channels += i < job->parts ? job->part[i].c : 0;
    return join_units(job, channels);
}

LENTIGO_HD uint32_t join_count(const struct gpu_join_job *job)
{
    return (uint32_t)(job->n * job->h * job->w * join_units_all(job));
}

LENTIGO_HD long long join_blocks(const struct gpu_join_job *job)
{
    return (join_count(job) + (long long)JOIN_BLOCK - 1) / JOIN_BLOCK;
}

struct join_move {
    const char *from;
    char *to;
};

/* Unit `unit` of a pixel, counted through all parts. */
LENTIGO_HD struct join_move join_move(const struct gpu_join_job *job, size_t pixel, int unit)
{
    struct join_move m = {0, 0};

    LENTIGO_UNROLL
    for (int i = 0; i < JOIN_PARTS_MAX; i++) {
        struct gpu_join_part p = job->part[i];
        int units = i < job->parts ? join_units(job, p.c) : 0;
        if (unit >= 0 && unit < units) {
            size_t to = pixel * join_units(job, job->out_step) + join_units(job, p.first) + unit;
            m.from = (const char *)p.at + (pixel * units + unit) * JOIN_UNIT;
            m.to = (char *)job->out + to * JOIN_UNIT;
        }
        unit -= units; /* below 0 once it is found */
    }
    return m;
}

LENTIGO_HD void join_thread(const struct gpu_join_job *job, int block, int thread)
{
    uint32_t first = (uint32_t)block * JOIN_BLOCK + (uint32_t)thread, count = join_count(job);
    uint32_t units = (uint32_t)join_units_all(job);
    struct elem_words words[JOIN_MOVES];
    struct join_move moves[JOIN_MOVES];

    LENTIGO_UNROLL
    for (int i = 0; i < JOIN_MOVES; i++) {
        uint32_t index = first + (uint32_t)i * JOIN_THREADS;
        if (index >= count)
            continue;
        moves[i] = join_move(job, index / units, (int)(index % units));
        words[i] = elem_words_load(moves[i].from);
    }
    LENTIGO_UNROLL
    for (int i = 0; i < JOIN_MOVES; i++)
        if (first + (uint32_t)i * JOIN_THREADS < count)
            elem_words_store(moves[i].to, words[i]);
}

#endif
