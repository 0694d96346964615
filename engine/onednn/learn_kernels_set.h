/* learn_kernels_set.h -- the members of one set of learn_kernels.h, named after it as in
 * kernels_set.h. Private to the kernels. */
#ifndef ENGINE_ONEDNN_LEARN_KERNELS_SET_H
#define ENGINE_ONEDNN_LEARN_KERNELS_SET_H

#include "engine/onednn/kernels_set.h"
#include "engine/onednn/learn_kernels.h"

void KERNEL(norm_sums)(const struct norm_job *job, size_t first, size_t count, double *sums);
void KERNEL(norm)(const struct norm_job *job, size_t first, size_t count);
void KERNEL(norm_back_sums)(const struct norm_back_job *job, size_t first, size_t count,
                            double *sums);
void KERNEL(norm_back)(const struct norm_back_job *job, size_t first, size_t count);
void KERNEL(learn_stem)(const struct learn_stem_job *job);
void KERNEL(learn_stem_back)(const struct learn_stem_job *job);
void KERNEL(halve_back)(const struct halve_back_job *job);
void KERNEL(bins_back)(const struct bins_back_job *job);
void KERNEL(resize_back)(const struct resize_back_job *job);
void KERNEL(fuse_stats)(const struct fuse_job *job);
void KERNEL(fuse)(const struct fuse_job *job);
void KERNEL(fuse_back_attention)(const struct fuse_job *job);
void KERNEL(fuse_back)(const struct fuse_job *job);
void KERNEL(plane)(const struct plane_job *job);
void KERNEL(plane_back)(const struct plane_job *job);
void KERNEL(sigmoid)(float *plane, size_t count);
void KERNEL(classify)(const struct classify_job *job, size_t first, size_t count);
void KERNEL(classify_back)(const struct classify_job *job, size_t first, size_t count);
void KERNEL(outer)(const struct outer_job *job);
void KERNEL(multiply_pack)(float *to, const float *from, int c, int k, int step_in, int step_out);
void KERNEL(winograd_learn_in)(const struct winograd_learn_job *job, int first, int n);
void KERNEL(winograd_learn_out)(const float *sums, size_t step, int c, float *out);

extern const struct learn_kernels KERNEL(learn_kernels);

#endif
