/* grids_learn.h -- as grids.h: the kernels of training as plain loops. Each is a launch of
 * learn_kernels.h. The last block is the last one. */
#ifndef TESTS_ENGINE_GRIDS_LEARN_H
#define TESTS_ENGINE_GRIDS_LEARN_H

#include "engine/cudnn/learn_jobs.h"

void grid_norm(const struct gpu_norm_job *job);
void grid_norm_back(const struct gpu_norm_job *job);
void grid_stem_learn(const struct gpu_stem_learn_job *job);
void grid_halve_back(const struct gpu_halve_back_job *job);
void grid_bins_back(const struct gpu_bins_back_job *job);
void grid_resize_back(const struct gpu_resize_back_job *job);
void grid_plane(const struct gpu_plane_job *job);
void grid_plane_back(const struct gpu_plane_job *job);
void grid_fuse(const struct gpu_fuse_job *job);
void grid_fuse_attention(const struct gpu_fuse_job *job);
void grid_fuse_back(const struct gpu_fuse_job *job);
void grid_classify(const struct gpu_classify_job *job);
void grid_classify_back(const struct gpu_classify_job *job);
void grid_columns(const struct gpu_columns_job *job);
void grid_loss(const struct gpu_loss_job *job);
void grid_gather(const struct gpu_gather_job *job);
void grid_update(const struct gpu_update_job *job);

#endif
