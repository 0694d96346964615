/* kernels.h -- launches of our CUDA kernels: everything between the convolutions.
 *
 * A launch puts its kernels into `stream` and returns; nothing is allocated, so all of them may be
 * captured into a graph. The job is copied, what it points to must stay until the stream is through.
 * cudaErrorInvalidValue: a size or pointer is not as jobs.h asks. Any thread. Private to
 * engine/cudnn.
 *
 * Same input, same bits: no atomics, and each sum is made in one fixed order.
 *
 * What they move, fp16, one image of 512x512, and the time that takes at an H200's 4.8 TB/s: computed from
 * the jobs' sizes, a bound from below. Beside it what they took there, 32 images at once
 * (docs/figures.md); some 3 us of each launch are the measuring's own.
 *
 *   kernel          MB read, written          memory us   measured us
 *   gpu_stem         0.79  4.19                 1.04        2.9
 *   gpu_halve x3     7.34  3.67                 2.29        5.3
 *   gpu_join x6      5.51  5.51                 2.29        3.7
 *   gpu_bins         0.52  0.04                 0.12        1.2 (read three times, twice from cache)
 *   gpu_sum          0.01  0.07                 0.02        0.4
 *   gpu_attend x3    2.32  0.94                 0.68        2.9
 *   gpu_classes      0.07  0.27                 0.07        2.2 (instructions: about 200 a pixel)
 *   together        16.6  14.7                  6.5        18.6
 *
 * To the host go 0.262 MB of class map and 144 bytes of sums an image. */
#ifndef ENGINE_CUDNN_KERNELS_H
#define ENGINE_CUDNN_KERNELS_H

#include <cuda_runtime_api.h>

#include "engine/cudnn/jobs.h"

#ifdef __cplusplus
extern "C" {
#endif

cudaError_t gpu_stem(const struct gpu_stem_job *job, cudaStream_t stream);
cudaError_t gpu_halve(const struct gpu_halve_job *job, cudaStream_t stream);
cudaError_t gpu_join(const struct gpu_join_job *job, cudaStream_t stream);
cudaError_t gpu_bins(const struct gpu_bins_job *job, cudaStream_t stream);
cudaError_t gpu_sum(const struct gpu_sum_job *job, cudaStream_t stream);
cudaError_t gpu_stats(const struct gpu_attend_job *job, cudaStream_t stream);    /* its first */
cudaError_t gpu_attend(const struct gpu_attend_job *job, cudaStream_t stream);   /* two kernels */
cudaError_t gpu_classes(const struct gpu_classes_job *job, cudaStream_t stream); /* two kernels */

#ifdef __cplusplus
}
#endif

#endif
