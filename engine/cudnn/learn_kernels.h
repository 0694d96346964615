/* learn_kernels.h -- launches of our CUDA kernels of training (learn_jobs.h); all that kernels.h says
 * holds. `..._back` are gradients: by the input and by the weights, the latter as partial sums that
 * gpu_columns adds up. */
#ifndef ENGINE_CUDNN_LEARN_KERNELS_H
#define ENGINE_CUDNN_LEARN_KERNELS_H

#include <cuda_runtime_api.h>

#include "engine/cudnn/learn_jobs.h"

#ifdef __cplusplus
extern "C" {
#endif

cudaError_t gpu_norm(const struct gpu_norm_job *job, cudaStream_t stream);
cudaError_t gpu_norm_back(const struct gpu_norm_job *job, cudaStream_t stream);
cudaError_t gpu_stem_learn(const struct gpu_stem_learn_job *job, cudaStream_t stream);
cudaError_t gpu_halve_back(const struct gpu_halve_back_job *job, cudaStream_t stream);
cudaError_t gpu_bins_back(const struct gpu_bins_back_job *job, cudaStream_t stream);
cudaError_t gpu_resize_back(const struct gpu_resize_back_job *job, cudaStream_t stream);
cudaError_t gpu_plane(const struct gpu_plane_job *job, cudaStream_t stream);
cudaError_t gpu_plane_back(const struct gpu_plane_job *job, cudaStream_t stream);
cudaError_t gpu_fuse(const struct gpu_fuse_job *job, cudaStream_t stream);
cudaError_t gpu_fuse_attention(const struct gpu_fuse_job *job, cudaStream_t stream); /* g to g_t */
cudaError_t gpu_fuse_back(const struct gpu_fuse_job *job, cudaStream_t stream); /* to g_x, g_y */
cudaError_t gpu_classify(const struct gpu_classify_job *job, cudaStream_t stream);
cudaError_t gpu_classify_back(const struct gpu_classify_job *job, cudaStream_t stream);
cudaError_t gpu_columns(const struct gpu_columns_job *job, cudaStream_t stream);
cudaError_t gpu_loss(const struct gpu_loss_job *job, cudaStream_t stream);
cudaError_t gpu_gather(const struct gpu_gather_job *job, cudaStream_t stream);
cudaError_t gpu_update(const struct gpu_update_job *job, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
