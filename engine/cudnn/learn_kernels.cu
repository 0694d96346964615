/* learn_kernels.cu -- thin shells, as kernels.cu, around what each thread does in training. */
#include "engine/cudnn/learn_kernels.h"

#include "engine/cudnn/launch.cuh"
#include "engine/cudnn/threads_learn.h"
#include "engine/cudnn/threads_loss.h"
#include "engine/cudnn/threads_plane.h"
#include "engine/cudnn/threads_update.h"

/* Is this the last of `blocks` blocks to get here? What the others wrote before is to be seen then. */
static __device__ bool is_last(unsigned *done, int blocks, bool *shared)
{
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0)
        *shared = atomicInc(done, (unsigned)blocks - 1) == (unsigned)blocks - 1;
    __syncthreads();
    __threadfence();
    return *shared;
}

/* ---- norms ------------------------------------------------------------------------------- */

template <enum elem KIND, bool BACK>
static __device__ void measure_norm(const struct gpu_norm_job *job)
{
    __shared__ __align__(16) struct norm_shared shared;
    __shared__ bool last;
    struct norm_grid grid = norm_grid(job);
    int slice = (int)blockIdx.x % grid.slices;

    if (BACK)
        norm_back_sum(job, (int)blockIdx.x, (int)threadIdx.x, &shared, KIND);
    else
        norm_sum(job, (int)blockIdx.x, (int)threadIdx.x, &shared, KIND);
    __syncthreads();
    norm_store(job, (int)blockIdx.x, (int)threadIdx.x, &shared);
    if (!is_last(&job->done[slice], grid.chunks, &last))
        return;
    norm_gather(job, slice, (int)threadIdx.x, &shared);
    __syncthreads();
    norm_finish(job, slice, (int)threadIdx.x, &shared, BACK, KIND);
}

template <enum elem KIND>
__global__ void __launch_bounds__(NORM_THREADS) norm_measure_kernel(struct gpu_norm_job job)
{
    measure_norm<KIND, false>(&job);
}

template <enum elem KIND>
__global__ void __launch_bounds__(NORM_THREADS, 2) norm_back_measure_kernel(struct gpu_norm_job job)
{
    measure_norm<KIND, true>(&job);
}

template <enum elem KIND>
__global__ void __launch_bounds__(NORM_THREADS) norm_apply_kernel(struct gpu_norm_job job)
{
    norm_apply(&job, (int)blockIdx.x, (int)threadIdx.x, KIND);
}

template <enum elem KIND>
__global__ void __launch_bounds__(NORM_THREADS) norm_back_apply_kernel(struct gpu_norm_job job)
{
    norm_back_apply(&job, (int)blockIdx.x, (int)threadIdx.x, KIND);
}

cudaError_t gpu_norm(const struct gpu_norm_job *job, cudaStream_t stream)
{
    void (*const measure[])(struct gpu_norm_job) = KINDS(norm_measure_kernel);
    void (*const apply[])(struct gpu_norm_job) = KINDS(norm_apply_kernel);

    if (!gpu_norm_ok(job))
        return cudaErrorInvalidValue;
    cudaError_t status = launch(measure[job->kind], job, norm_blocks(job), NORM_THREADS, stream);
    if (status != cudaSuccess)
        return status;
    return launch(apply[job->kind], job, norm_apply_blocks(job), NORM_THREADS, stream);
}

cudaError_t gpu_norm_back(const struct gpu_norm_job *job, cudaStream_t stream)
{
    void (*const measure[])(struct gpu_norm_job) = KINDS(norm_back_measure_kernel);
    void (*const apply[])(struct gpu_norm_job) = KINDS(norm_back_apply_kernel);

    if (!gpu_norm_ok(job))
        return cudaErrorInvalidValue;
    cudaError_t status = launch(measure[job->kind], job, norm_blocks(job), NORM_THREADS, stream);
    if (status != cudaSuccess)
        return status;
    return launch(apply[job->kind], job, norm_apply_blocks(job), NORM_THREADS, stream);
}

/* ---- maps -------------------------------------------------------------------------------- */

template <enum elem KIND>
__global__ void __launch_bounds__(STEM_THREADS) stem_learn_kernel(struct gpu_stem_learn_job job)
{
    __shared__ __align__(16) struct stem_shared staged;
    __shared__ __align__(16) struct learn_shared shared;
    struct tiles tiles = stem_tiles(&job.stem);
    struct elem_group acc = elem_fill(0);

    for (int i = (int)blockIdx.x; i < tiles_count(tiles); i += (int)gridDim.x) {
        stem_stage(&job.stem, tiles_nth(tiles, i), (int)threadIdx.x, &staged);
        __syncthreads();
        acc = stem_learn_tile(&job, tiles_nth(tiles, i), (int)threadIdx.x, &staged, acc, KIND);
        __syncthreads();
    }
    shared.v[threadIdx.x] = acc;
    __syncthreads();
    learn_store(&shared, STEM_SLOTS, STEM_PARTS, (int)threadIdx.x,
                job.partials + (size_t)blockIdx.x * STEM_TAPS * STEM_CHANNELS);
}

cudaError_t gpu_stem_learn(const struct gpu_stem_learn_job *job, cudaStream_t stream)
{
    void (*const kernels[])(struct gpu_stem_learn_job) = KINDS(stem_learn_kernel);

    if (!gpu_stem_learn_ok(job))
        return cudaErrorInvalidValue;
    return launch(kernels[job->stem.kind], job, stem_learn_blocks(job), STEM_THREADS, stream);
}

template <enum elem KIND>
__global__ void __launch_bounds__(LEARN_THREADS) halve_back_kernel(struct gpu_halve_back_job job)
{
    halve_back_thread(&job, (int)blockIdx.x, (int)threadIdx.x, KIND);
}

template <enum elem KIND>
__global__ void __launch_bounds__(LEARN_THREADS) halve_learn_kernel(struct gpu_halve_back_job job)
{
    __shared__ __align__(16) struct learn_shared shared;

    halve_learn(&job, (int)blockIdx.x, (int)threadIdx.x, &shared, KIND);
    __syncthreads();
    halve_learn_store(&job, (int)blockIdx.x, (int)threadIdx.x, &shared);
}

cudaError_t gpu_halve_back(const struct gpu_halve_back_job *job, cudaStream_t stream)
{
    void (*const back[])(struct gpu_halve_back_job) = KINDS(halve_back_kernel);
    void (*const learn[])(struct gpu_halve_back_job) = KINDS(halve_learn_kernel);
    enum elem kind = job->halve.kind;

    if (!gpu_halve_back_ok(job))
        return cudaErrorInvalidValue;
    cudaError_t status = launch(back[kind], job, halve_back_blocks(job), LEARN_THREADS, stream);
    if (status != cudaSuccess)
        return status;
    return launch(learn[kind], job, halve_learn_blocks(job), LEARN_THREADS, stream);
}

template <enum elem KIND>
__global__ void __launch_bounds__(LEARN_THREADS) bins_back_kernel(struct gpu_bins_back_job job)
{
    bins_back_thread(&job, (int)blockIdx.x, (int)threadIdx.x, KIND);
}

cudaError_t gpu_bins_back(const struct gpu_bins_back_job *job, cudaStream_t stream)
{
    void (*const kernels[])(struct gpu_bins_back_job) = KINDS(bins_back_kernel);

    if (!gpu_bins_back_ok(job))
        return cudaErrorInvalidValue;
    return launch(kernels[job->kind], job, bins_back_blocks(job), LEARN_THREADS, stream);
}

template <enum elem KIND>
__global__ void __launch_bounds__(LEARN_THREADS)
    resize_back_kernel(const __grid_constant__ struct gpu_resize_back_job job)
{
    resize_back_thread(&job, (int)blockIdx.x, (int)threadIdx.x, KIND);
}

cudaError_t gpu_resize_back(const struct gpu_resize_back_job *job, cudaStream_t stream)
{
    void (*const kernels[])(struct gpu_resize_back_job) = KINDS(resize_back_kernel);

    if (!gpu_resize_back_ok(job))
        return cudaErrorInvalidValue;
    return launch(kernels[job->kind], job, resize_back_blocks(job), LEARN_THREADS, stream);
}

/* ---- planes ------------------------------------------------------------------------------ */

static __device__ void fold_planes(struct plane_shared *shared, int entries)
{
    for (int step = entries / 2; step > 0; step /= 2) {
        __syncthreads();
        plane_fold(shared, (int)threadIdx.x, step);
    }
    __syncthreads();
}

/* A block's sums, staged, and in the last block those of all. */
static __device__ bool sum_planes(double *partials, unsigned *done, int blocks,
                                  struct plane_shared *shared, bool *last)
{
    fold_planes(shared, PLANE_THREADS);
    plane_store(partials, (int)blockIdx.x, (int)threadIdx.x, shared);
    if (!is_last(done, blocks, last))
        return false;
    plane_gather(partials, blocks, (int)threadIdx.x, shared);
    fold_planes(shared, PLANE_PARTS);
    return true;
}

template <int CI, int CO>
__global__ void __launch_bounds__(PLANE_THREADS) plane_kernel(struct gpu_plane_job job)
{
    __shared__ struct plane_shared shared;
    __shared__ bool last;

    plane_forward(&job, (int)blockIdx.x, (int)threadIdx.x, &shared, CI, CO);
    if (sum_planes(job.partials, job.done, (int)gridDim.x, &shared, &last))
        plane_finish(&job, (int)threadIdx.x, &shared, CO);
}

template <int CI, int CO>
__global__ void __launch_bounds__(PLANE_THREADS) plane_back_kernel(struct gpu_plane_job job)
{
    __shared__ struct plane_shared shared;
    __shared__ bool last;

    plane_back(&job, (int)blockIdx.x, (int)threadIdx.x, &shared, CI, CO);
    if (job.front.scale && sum_planes(job.partials, job.done, (int)gridDim.x, &shared, &last))
        plane_back_finish(&job, (int)threadIdx.x, &shared, CI);
}

template <int CI, int CO>
__global__ void __launch_bounds__(PLANE_THREADS) plane_learn_kernel(struct gpu_plane_job job)
{
    __shared__ float shared[PLANE_THREADS];

    plane_learn(&job, (int)blockIdx.x, (int)threadIdx.x, shared, CI, CO);
    __syncthreads();
    plane_learn_store(&job, (int)blockIdx.x, (int)threadIdx.x, shared, CI, CO);
}

/* The first convolution of a block, and the second, which has a norm in front. */
#define PLANES(kernel)                                                      \
    {                                                                       \
        kernel<STATS_CHANNELS, HIDDEN_CHANNELS>, kernel<HIDDEN_CHANNELS, 1> \
    }

cudaError_t gpu_plane(const struct gpu_plane_job *job, cudaStream_t stream)
{
    void (*const kernels[])(struct gpu_plane_job) = PLANES(plane_kernel);

    if (!gpu_plane_ok(job))
        return cudaErrorInvalidValue;
    return launch(kernels[job->front.scale != NULL], job, plane_blocks(job), PLANE_THREADS, stream);
}

cudaError_t gpu_plane_back(const struct gpu_plane_job *job, cudaStream_t stream)
{
    void (*const back[])(struct gpu_plane_job) = PLANES(plane_back_kernel);
    void (*const learn[])(struct gpu_plane_job) = PLANES(plane_learn_kernel);
    int which = job->front.scale != NULL;

    if (!gpu_plane_ok(job))
        return cudaErrorInvalidValue;
    cudaError_t status = launch(back[which], job, plane_blocks(job), PLANE_THREADS, stream);
    if (status != cudaSuccess)
        return status;
    return launch(learn[which], job, plane_learn_blocks(job), PLANE_THREADS, stream);
}

template <enum elem KIND>
__global__ void __launch_bounds__(ATTEND_THREADS) fuse_kernel(struct gpu_fuse_job job)
{
    fuse_thread(&job, (int)blockIdx.x, (int)threadIdx.x, KIND);
}

template <enum elem KIND>
__global__ void __launch_bounds__(ATTEND_THREADS) fuse_attention_kernel(struct gpu_fuse_job job)
{
    __shared__ struct plane_shared shared;
    __shared__ bool last;
    struct attend_place place = stats_place(&job.attend, (int)blockIdx.x, (int)threadIdx.x);
    float sum = fuse_by_attention(&job, place, KIND);

    for (int step = 1; step < job.attend.c / ELEM_GROUP; step *= 2)
        sum += __shfl_xor_sync(ALL_LANES, sum, step);
    fuse_store_attention(&job, place, sum, (int)threadIdx.x, &shared);
    if (sum_planes(job.partials, job.done, (int)gridDim.x, &shared, &last))
        fuse_finish(&job, (int)threadIdx.x, &shared);
}

static __device__ struct fuse_top join_tops(struct fuse_top top, int c)
{
    for (int step = 1; step < c / ELEM_GROUP; step *= 2) {
        struct fuse_top other;
        other.value = __shfl_xor_sync(ALL_LANES, top.value, step);
        other.at = __shfl_xor_sync(ALL_LANES, top.at, step);
        top = fuse_top_join(top, other);
    }
    return top;
}

template <enum elem KIND>
__global__ void __launch_bounds__(ATTEND_THREADS) fuse_back_kernel(struct gpu_fuse_job job)
{
    struct attend_place p = stats_place(&job.attend, (int)blockIdx.x, (int)threadIdx.x);
    size_t at = p.pixel * job.attend.c + p.channel;
    struct fuse_top x = fuse_top_of(elem_load(job.attend.x, at, KIND), p.channel);
    struct fuse_top y = fuse_top_of(attend_y(&job.attend, p, KIND), p.channel);

    x = join_tops(x, job.attend.c);
    y = join_tops(y, job.attend.c);
    fuse_back_store(&job, p, x.at, y.at, KIND);
}

cudaError_t gpu_fuse(const struct gpu_fuse_job *job, cudaStream_t stream)
{
    void (*const kernels[])(struct gpu_fuse_job) = KINDS(fuse_kernel);

    if (!gpu_fuse_ok(job))
        return cudaErrorInvalidValue;
    return launch(kernels[job->attend.kind], job, stats_blocks(&job->attend), ATTEND_THREADS,
                  stream);
}

cudaError_t gpu_fuse_attention(const struct gpu_fuse_job *job, cudaStream_t stream)
{
    void (*const kernels[])(struct gpu_fuse_job) = KINDS(fuse_attention_kernel);

    if (!gpu_fuse_ok(job))
        return cudaErrorInvalidValue;
    return launch(kernels[job->attend.kind], job, stats_blocks(&job->attend), ATTEND_THREADS,
                  stream);
}

cudaError_t gpu_fuse_back(const struct gpu_fuse_job *job, cudaStream_t stream)
{
    void (*const kernels[])(struct gpu_fuse_job) = KINDS(fuse_back_kernel);

    if (!gpu_fuse_ok(job))
        return cudaErrorInvalidValue;
    return launch(kernels[job->attend.kind], job, stats_blocks(&job->attend), ATTEND_THREADS,
                  stream);
}

/* ---- heads ------------------------------------------------------------------------------- */

template <enum elem KIND>
__global__ void __launch_bounds__(LEARN_THREADS) classify_kernel(struct gpu_classify_job job)
{
    classify_thread(&job, (int)blockIdx.x, (int)threadIdx.x, KIND);
}

template <enum elem KIND>
__global__ void __launch_bounds__(LEARN_THREADS) classify_back_kernel(struct gpu_classify_job job)
{
    classify_back_thread(&job, (int)blockIdx.x, (int)threadIdx.x, KIND);
}

template <enum elem KIND>
__global__ void __launch_bounds__(LEARN_THREADS) classify_learn_kernel(struct gpu_classify_job job)
{
    __shared__ __align__(16) struct learn_shared shared;

    classify_learn(&job, (int)blockIdx.x, (int)threadIdx.x, &shared, KIND);
    __syncthreads();
    classify_learn_store(&job, (int)blockIdx.x, (int)threadIdx.x, &shared);
}

cudaError_t gpu_classify(const struct gpu_classify_job *job, cudaStream_t stream)
{
    void (*const kernels[])(struct gpu_classify_job) = KINDS(classify_kernel);

    if (!gpu_classify_ok(job))
        return cudaErrorInvalidValue;
    return launch(kernels[job->kind], job, learn_blocks_of(job->pixels), LEARN_THREADS, stream);
}

cudaError_t gpu_classify_back(const struct gpu_classify_job *job, cudaStream_t stream)
{
    void (*const back[])(struct gpu_classify_job) = KINDS(classify_back_kernel);
    void (*const learn[])(struct gpu_classify_job) = KINDS(classify_learn_kernel);

    if (!gpu_classify_ok(job))
        return cudaErrorInvalidValue;
    cudaError_t status =
        launch(back[job->kind], job, classify_back_blocks(job), LEARN_THREADS, stream);
    if (status != cudaSuccess)
        return status;
    return launch(learn[job->kind], job, learn_runs(job->pixels), LEARN_THREADS, stream);
}

static __global__ void __launch_bounds__(LEARN_THREADS)
    columns_kernel(const __grid_constant__ struct gpu_columns_job job)
{
    __shared__ float shared[LEARN_THREADS];

    shared[threadIdx.x] = columns_partial(&job, (int)blockIdx.x, (int)threadIdx.x);
    __syncthreads();
    columns_store(&job, (int)blockIdx.x, (int)threadIdx.x, shared);
}

cudaError_t gpu_columns(const struct gpu_columns_job *job, cudaStream_t stream)
{
    if (!gpu_columns_ok(job))
        return cudaErrorInvalidValue;
    return launch(columns_kernel, job, columns_blocks(job), LEARN_THREADS, stream);
}

/* ---- losses ------------------------------------------------------------------------------ */

static __global__ void __launch_bounds__(LOSS_SUM_THREADS)
    loss_labels_kernel(const __grid_constant__ struct gpu_loss_job job)
{
    __shared__ struct loss_label_shared shared;
    __shared__ bool last;

    loss_count(&job, (int)blockIdx.x, (int)threadIdx.x, &shared);
    __syncthreads();
    loss_count_store(&job, (int)blockIdx.x, (int)threadIdx.x, &shared);
    if (is_last(job.done, LOSS_LABEL_BLOCKS, &last))
        loss_count_finish(&job, (int)threadIdx.x);
}

/* Sums for the Dice of the heads, or with them the loss and the gradient of each cell. */
template <bool CELLS>
__global__ void __launch_bounds__(LOSS_THREADS)
    loss_kernel(const __grid_constant__ struct gpu_loss_job job)
{
    __shared__ struct loss_shared shared;

    if (CELLS)
        loss_cells(&job, (int)blockIdx.x, (int)threadIdx.x, &shared);
    else
        loss_measure(&job, (int)blockIdx.x, (int)threadIdx.x, &shared);
    __syncthreads();
    loss_store(CELLS ? job.cells : job.cell_sums, (int)blockIdx.x, CELLS ? LOSS_CELL : LOSS_SUMS,
               (int)threadIdx.x, &shared);
}

static __device__ double fold_doubles(struct update_shared *shared, double sum)
{
    shared->v[threadIdx.x] = sum;
    for (int step = UPDATE_THREADS / 2; step > 0; step /= 2) {
        __syncthreads();
        update_fold(shared, (int)threadIdx.x, step);
    }
    __syncthreads();
    return shared->v[0];
}

static __global__ void __launch_bounds__(LOSS_SUM_THREADS)
    loss_sums_kernel(const __grid_constant__ struct gpu_loss_job job)
{
    __shared__ struct update_shared shared;
    int head = (int)blockIdx.x / LOSS_SUMS, value = (int)blockIdx.x % LOSS_SUMS;
    double sum = fold_doubles(
        &shared, loss_sum(&job, head, job.cell_sums, LOSS_SUMS, value, (int)threadIdx.x));

    if (threadIdx.x == 0)
        job.sums[blockIdx.x] = sum;
}

static __global__ void __launch_bounds__(LOSS_SUM_THREADS)
    loss_value_kernel(const __grid_constant__ struct gpu_loss_job job)
{
    __shared__ struct update_shared shared;
    int head = (int)blockIdx.x;
    double sum = fold_doubles(
        &shared, loss_sum(&job, head, job.cells, LOSS_CELL, LOSS_CELL - 1, (int)threadIdx.x));

    if (threadIdx.x == 0)
        loss_value(&job, head, sum);
}

static __global__ void __launch_bounds__(LOSS_SUM_THREADS)
    loss_gather_kernel(const __grid_constant__ struct gpu_loss_job job)
{
    loss_gather(&job, (int)blockIdx.x, (int)threadIdx.x);
}

cudaError_t gpu_loss(const struct gpu_loss_job *job, cudaStream_t stream)
{
    if (!gpu_loss_ok(job))
        return cudaErrorInvalidValue;
    long long cells = loss_blocks(job);
    const struct {
        void (*kernel)(struct gpu_loss_job);
        long long blocks;
        int threads;
    } steps[] = {
        {loss_labels_kernel, LOSS_LABEL_BLOCKS,                                 LOSS_SUM_THREADS},
        {loss_kernel<false>, job->dice > 0 ? cells : 0,                         LOSS_THREADS    },
        {loss_sums_kernel,   job->dice > 0 ? LOSS_HEADS * LOSS_SUMS : 0,        LOSS_SUM_THREADS},
        {loss_kernel<true>,  cells,                                             LOSS_THREADS    },
        {loss_value_kernel,  LOSS_HEADS,                                        LOSS_SUM_THREADS},
        {loss_gather_kernel, (cells + LOSS_SUM_THREADS - 1) / LOSS_SUM_THREADS, LOSS_SUM_THREADS},
    };
    cudaError_t status = cudaSuccess;

    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps) && status == cudaSuccess; i++)
        if (steps[i].blocks)
            status = launch(steps[i].kernel, job, steps[i].blocks, steps[i].threads, stream);
    return status;
}

/* ---- weights ----------------------------------------------------------------------------- */

/* A block's sum, and in the last block that of all, in thread 0. */
static __device__ bool sum_blocks_of(const struct gpu_gather_job *job, struct update_shared *shared,
                                     bool *last, double *sum)
{
    double own = fold_doubles(shared, *sum);

    if (threadIdx.x == 0)
        job->partials[blockIdx.x] = own;
    if (!is_last(job->done, GATHER_BLOCKS, last))
        return false;
    *sum = fold_doubles(shared, update_blocks(job, (int)threadIdx.x));
    return threadIdx.x == 0;
}

/* Adds a batch's gradients to the sum and measures it, or measures the batch's own before that. */
template <bool FRESH>
__global__ void __launch_bounds__(UPDATE_THREADS) gather_kernel(struct gpu_gather_job job)
{
    __shared__ struct update_shared shared;
    __shared__ bool last;
    double sum = FRESH ? update_squares(&job, (int)blockIdx.x, (int)threadIdx.x)
                       : update_gather(&job, (int)blockIdx.x, (int)threadIdx.x);

    if (sum_blocks_of(&job, &shared, &last, &sum))
        *(FRESH ? &job.outcome->fresh : &job.outcome->norm) = sum;
}

cudaError_t gpu_gather(const struct gpu_gather_job *job, cudaStream_t stream)
{
    if (!gpu_gather_ok(job))
        return cudaErrorInvalidValue;
    cudaError_t status = launch(gather_kernel<true>, job, GATHER_BLOCKS, UPDATE_THREADS, stream);
    if (status != cudaSuccess)
        return status;
    return launch(gather_kernel<false>, job, GATHER_BLOCKS, UPDATE_THREADS, stream);
}

template <bool ADAMW>
__global__ void __launch_bounds__(UPDATE_THREADS) update_kernel(struct gpu_update_job job)
{
    update_thread(&job, (int)blockIdx.x, (int)threadIdx.x, ADAMW);
}

cudaError_t gpu_update(const struct gpu_update_job *job, cudaStream_t stream)
{
    void (*const kernels[])(struct gpu_update_job) = {update_kernel<false>, update_kernel<true>};

    if (!gpu_update_ok(job))
        return cudaErrorInvalidValue;
    return launch(kernels[job->second != NULL], job, update_blocks_of(job), UPDATE_THREADS, stream);
}
