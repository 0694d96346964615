/* gpus.h -- the GPUs that this process can use: those that CUDA shows (CUDA_VISIBLE_DEVICES, MIG) from
 * Turing on, the oldest that the kernels are built for. */
#ifndef ENGINE_CUDNN_GPUS_H
#define ENGINE_CUDNN_GPUS_H

#include <stdbool.h>

#include "common/err.h"
#include "engine/device.h"

/* "cuda:0" and so on; returns how many, at least 1. -1 and ERR_CONFIG: none, and why. */
int gpus_list(struct engine_device *out, int max, struct err *err);

/* Does GPU `gpu` have tensor cores for "fp16" or "bf16", or can it do "f32"? */
bool gpus_can(const char *precision, int gpu);

#endif
