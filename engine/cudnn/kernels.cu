/* kernels.cu -- thin shells: where a thread stands, what it shares, when it waits. What it does is
 * in threads_*.h, where the host tests go through the same functions. */
#include "engine/cudnn/kernels.h"

#include "engine/cudnn/launch.cuh"
#include "engine/cudnn/threads_attend.h"
#include "engine/cudnn/threads_classes.h"
#include "engine/cudnn/threads_context.h"
#include "engine/cudnn/threads_halve.h"
#include "engine/cudnn/threads_join.h"
#include "engine/cudnn/threads_stem.h"
#include "engine/cudnn/threads_stem16.h"

static __global__ void __launch_bounds__(STEM_THREADS) stem_kernel(struct gpu_stem_job job)
{
    __shared__ __align__(16) struct stem_shared shared;
    struct tile tile = tiles_nth(stem_tiles(&job), (int)blockIdx.x);

    stem_stage(&job, tile, (int)threadIdx.x, &shared);
    __syncthreads();
    stem_compute(&job, tile, (int)threadIdx.x, &shared);
}

/* sums += a b, 16x8 by 8x8 by 16x8; all lanes of a warp together. */
template <enum elem KIND>
static __device__ void multiply(float sums[4], const uint32_t a[2], uint32_t b)
{
    if (KIND == ELEM_F16)
        asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, "
            "{%0,%1,%2,%3};"
            : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
            : "r"(a[0]), "r"(a[1]), "r"(b));
/* bf16 begins with Ampere; before it is compiled, but never run */
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    if (KIND == ELEM_BF16)
        asm("mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, "
            "{%0,%1,%2,%3};"
            : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
            : "r"(a[0]), "r"(a[1]), "r"(b));
#endif
}

template <enum elem KIND>
__global__ void __launch_bounds__(STEM_THREADS) stem16_kernel(struct gpu_stem_job job)
{
    __shared__ struct stem16_shared shared;
    struct tile tile = tiles_nth(stem_tiles(&job), (int)blockIdx.x);
    int lane = (int)threadIdx.x % WARP;

    stem16_stage(&job, tile, (int)threadIdx.x, &shared, KIND);
    __syncthreads();
    for (int row = (int)threadIdx.x / WARP; row < STEM_TILE; row += STEM16_WARPS) {
        struct stem16_row values = stem16_row(&shared, row, lane);
        struct stem16_sums sums = stem16_begin(&job, lane);
#pragma unroll
        for (int i = 0; i < STEM16_FRAGMENTS; i++)
            multiply<KIND>(sums.v[i % STEM16_PRODUCTS], values.at[i / STEM16_PRODUCTS],
                           shared.weight[i][lane]);
        stem16_store(&job, tile, row, lane, &sums, KIND);
    }
}

template <enum elem KIND>
__global__ void __launch_bounds__(HALVE_THREADS) halve_kernel(struct gpu_halve_job job)
{
    halve_thread(&job, (int)blockIdx.x, (int)threadIdx.x, KIND);
}

static __global__ void __launch_bounds__(JOIN_THREADS) join_kernel(struct gpu_join_job job)
{
    join_thread(&job, (int)blockIdx.x, (int)threadIdx.x);
}

template <enum elem KIND>
__global__ void __launch_bounds__(BINS_THREADS) bins_kernel(struct gpu_bins_job job)
{
    struct bins_place place = bins_place(&job, (int)blockIdx.x, (int)threadIdx.x);
    struct elem_group sum = bins_partial(&job, place, (int)threadIdx.x, KIND);

#pragma unroll
    for (int step = BINS_VECS; step < WARP; step *= 2) {
        struct elem_group other;
#pragma unroll
        for (int i = 0; i < ELEM_GROUP; i++)
            other.v[i] = __shfl_xor_sync(ALL_LANES, sum.v[i], step);
        sum = elem_add(sum, other);
    }
    bins_store(&job, place, (int)threadIdx.x, sum, KIND);
}

template <enum elem KIND>
__global__ void __launch_bounds__(SUM_THREADS) sum_kernel(struct gpu_sum_job job)
{
    sum_thread(&job, (int)blockIdx.x, (int)threadIdx.x, KIND);
}

static __device__ struct arith_reduced shuffle_reduced(struct arith_reduced r, int step)
{
    r.sum = __shfl_xor_sync(ALL_LANES, r.sum, step);
    r.max = __shfl_xor_sync(ALL_LANES, r.max, step);
    return r;
}

template <enum elem KIND>
__global__ void __launch_bounds__(ATTEND_THREADS) stats_kernel(struct gpu_attend_job job)
{
    struct attend_place place = stats_place(&job, (int)blockIdx.x, (int)threadIdx.x);
    struct stats_pair pair = stats_partial(&job, place, KIND);

    for (int step = 1; step < job.c / ELEM_GROUP; step *= 2) {
        struct stats_pair other;
        other.x = shuffle_reduced(pair.x, step);
        other.y = shuffle_reduced(pair.y, step);
        pair = stats_join(pair, other);
    }
    stats_store(&job, place, pair);
}

template <enum elem KIND>
__global__ void __launch_bounds__(ATTEND_THREADS) blend_kernel(struct gpu_attend_job job)
{
    __shared__ __align__(16) struct blend_shared shared;
    struct tile tile = tiles_nth(blend_tiles(&job), (int)blockIdx.x);

    blend_stage(&job, tile, (int)threadIdx.x, &shared);
    __syncthreads();
    blend_hidden(&job, tile, (int)threadIdx.x, &shared);
    __syncthreads();
    blend_attention(&job, (int)threadIdx.x, &shared);
    __syncthreads();
    blend_mix(&job, tile, (int)threadIdx.x, &shared, KIND);
}

template <enum elem KIND>
__global__ void __launch_bounds__(CLASSES_THREADS) classes_kernel(struct gpu_classes_job job)
{
    __shared__ struct classes_sums warps[CLASSES_WARPS];
    __shared__ struct arith_tap rows[CLASSES_ROWS];
    struct tile tile = tiles_nth(classes_tiles(&job), (int)blockIdx.x);

    classes_stage(&job, tile, (int)threadIdx.x, rows);
    __syncthreads();
    struct classes_sums sums = classes_thread(&job, tile, (int)threadIdx.x, rows, KIND);

#pragma unroll
    for (int step = 1; step < WARP; step *= 2) {
        struct classes_sums other;
#pragma unroll
        for (int i = 0; i < ARITH_SUMS; i++)
            other.v[i] = __shfl_xor_sync(ALL_LANES, sums.v[i], step);
        sums = classes_join(sums, other);
    }
    if (threadIdx.x % WARP == 0)
        warps[threadIdx.x / WARP] = sums;
    __syncthreads();
    classes_store(&job, (int)blockIdx.x, (int)threadIdx.x, warps);
}

static __global__ void __launch_bounds__(SCORES_THREADS) scores_kernel(struct gpu_classes_job job)
{
    __shared__ double partials[SCORES_THREADS];

    partials[threadIdx.x] = scores_partial(&job, (int)blockIdx.x, (int)threadIdx.x);
    __syncthreads();
    scores_store(&job, (int)blockIdx.x, (int)threadIdx.x, partials);
}

cudaError_t gpu_stem(const struct gpu_stem_job *job, cudaStream_t stream)
{
    void (*const kernels[])(struct gpu_stem_job) = {stem_kernel, stem16_kernel<ELEM_F16>,
                                                    stem16_kernel<ELEM_BF16>};

    if (!gpu_stem_ok(job))
        return cudaErrorInvalidValue;
    return launch(kernels[job->kind], job, tiles_count(stem_tiles(job)), STEM_THREADS, stream);
}

cudaError_t gpu_halve(const struct gpu_halve_job *job, cudaStream_t stream)
{
    void (*const kernels[])(struct gpu_halve_job) = KINDS(halve_kernel);

    if (!gpu_halve_ok(job))
        return cudaErrorInvalidValue;
    return launch(kernels[job->kind], job, halve_blocks(job), HALVE_THREADS, stream);
}

cudaError_t gpu_join(const struct gpu_join_job *job, cudaStream_t stream)
{
    if (!gpu_join_ok(job))
        return cudaErrorInvalidValue;
    return launch(join_kernel, job, join_blocks(job), JOIN_THREADS, stream);
}

cudaError_t gpu_bins(const struct gpu_bins_job *job, cudaStream_t stream)
{
    void (*const kernels[])(struct gpu_bins_job) = KINDS(bins_kernel);

    if (!gpu_bins_ok(job))
        return cudaErrorInvalidValue;
    return launch(kernels[job->kind], job, bins_blocks(job), BINS_THREADS, stream);
}

cudaError_t gpu_sum(const struct gpu_sum_job *job, cudaStream_t stream)
{
    void (*const kernels[])(struct gpu_sum_job) = KINDS(sum_kernel);

    if (!gpu_sum_ok(job))
        return cudaErrorInvalidValue;
    return launch(kernels[job->kind], job, sum_blocks(job), SUM_THREADS, stream);
}

cudaError_t gpu_stats(const struct gpu_attend_job *job, cudaStream_t stream)
{
    void (*const kernels[])(struct gpu_attend_job) = KINDS(stats_kernel);

    if (!gpu_stats_ok(job))
        return cudaErrorInvalidValue;
    return launch(kernels[job->kind], job, stats_blocks(job), ATTEND_THREADS, stream);
}

cudaError_t gpu_attend(const struct gpu_attend_job *job, cudaStream_t stream)
{
    void (*const kernels[])(struct gpu_attend_job) = KINDS(blend_kernel);
    cudaError_t status;

    if (!gpu_attend_ok(job))
        return cudaErrorInvalidValue;
    status = gpu_stats(job, stream);
    if (status != cudaSuccess)
        return status;
    return launch(kernels[job->kind], job, tiles_count(blend_tiles(job)), ATTEND_THREADS, stream);
}

cudaError_t gpu_classes(const struct gpu_classes_job *job, cudaStream_t stream)
{
    void (*const kernels[])(struct gpu_classes_job) = KINDS(classes_kernel);
    cudaError_t status;

    if (!gpu_classes_ok(job))
        return cudaErrorInvalidValue;
    status =
        launch(kernels[job->kind], job, tiles_count(classes_tiles(job)), CLASSES_THREADS, stream);
    if (status != cudaSuccess)
        return status;
    return launch(scores_kernel, job, job->n, SCORES_THREADS, stream);
}
