/* grids.h -- the CUDA kernels without a GPU: their grids, blocks, threads, barriers and shuffles as
 * plain loops over the very functions that the kernels are made of. Shared memory is poisoned before
 * each block. Jobs must be good (jobs.h); their pointers are to the host's memory. */
#ifndef TESTS_ENGINE_GRIDS_H
#define TESTS_ENGINE_GRIDS_H

#include "engine/cudnn/jobs.h"

void grid_stem(const struct gpu_stem_job *job);
void grid_halve(const struct gpu_halve_job *job);
void grid_join(const struct gpu_join_job *job);
void grid_bins(const struct gpu_bins_job *job);
void grid_sum(const struct gpu_sum_job *job);
void grid_stats(const struct gpu_attend_job *job); /* the first of gpu_attend's kernels */
void grid_blend(const struct gpu_attend_job *job); /* the second */
void grid_classes(const struct gpu_classes_job *job);

#endif
