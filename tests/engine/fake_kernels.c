/* Our kernels on the host (fake_cuda.h): each launch puts the grid's loops into the stream. */
#include "engine/cudnn/kernels.h"
#include "engine/cudnn/learn_kernels.h"
#include "tests/engine/fake_cuda.h"
#include "tests/engine/grids.h"
#include "tests/engine/grids_learn.h"

/* A launch of kernels.cu or learn_kernels.cu: checks the job, then puts the grid's loops into the
 * stream. `kind` names the job and its check. */
#define KERNEL(name, kind)                                                          \
    static void work_##name(const void *job)                                        \
    {                                                                               \
        grid_##name(job);                                                           \
    }                                                                               \
    cudaError_t gpu_##name(const struct gpu_##kind##_job *job, cudaStream_t stream) \
    {                                                                               \
        if (!gpu_##kind##_ok(job))                                                  \
            return cudaErrorInvalidValue;                                           \
        return fake_enqueue(stream, work_##name, job, sizeof(*job));                \
    }

static void grid_attend(const struct gpu_attend_job *job)
{
    grid_stats(job);
    grid_blend(job);
}

KERNEL(stem, stem)
KERNEL(halve, halve)
KERNEL(join, join)
KERNEL(bins, bins)
KERNEL(sum, sum)
KERNEL(attend, attend)
KERNEL(classes, classes)
KERNEL(norm, norm)
KERNEL(norm_back, norm)
KERNEL(stem_learn, stem_learn)
KERNEL(halve_back, halve_back)
KERNEL(bins_back, bins_back)
KERNEL(resize_back, resize_back)
KERNEL(plane, plane)
KERNEL(plane_back, plane)
KERNEL(fuse, fuse)
KERNEL(fuse_attention, fuse)
KERNEL(fuse_back, fuse)
KERNEL(classify, classify)
KERNEL(classify_back, classify)
KERNEL(columns, columns)
KERNEL(loss, loss)
KERNEL(gather, gather)
KERNEL(update, update)

static void work_stats(const void *job)
{
    grid_stats(job);
}

cudaError_t gpu_stats(const struct gpu_attend_job *job, cudaStream_t stream)
{
    if (!gpu_stats_ok(job))
        return cudaErrorInvalidValue;
    return fake_enqueue(stream, work_stats, job, sizeof(*job));
}
