/* parameters.h -- a model's weights on the device, packed as the steps want them.
 *
 * Norms are folded in (engine/weights.h). Filters and biases of cuDNN's convolutions are of the maps'
 * type (conv.h), what our kernels read is f32 (jobs.h). One block of device memory, written once and
 * then shared by all streams. */
#ifndef ENGINE_CUDNN_PARAMETERS_H
#define ENGINE_CUDNN_PARAMETERS_H

#include <cudnn.h>

#include "engine/cudnn/jobs.h"
#include "engine/model.h"
#include "engine/network.h"

struct parameters {
    cudnnDataType_t type;
    enum elem kind;
    char *block; /* device memory, owned */
    /* Of each convolution that has them, inside the block, else NULL. */
    const void *weight[LAYER_COUNT_INFERENCE], *bias[LAYER_COUNT_INFERENCE];
    struct gpu_attend_weights attend[LAYER_COUNT_INFERENCE]; /* of each blend; on the host */
};

/* How maps of "fp16", "bf16" or "f32" are stored, for cuDNN and for our kernels. */
void parameters_types(const char *precision, cudnnDataType_t *type, enum elem *kind);

/* For "fp16", "bf16" or "f32"; onto the current device. On failure nothing is left. */
int parameters_load(struct parameters *p, const struct model *model, const char *precision,
                    struct err *err);
void parameters_release(struct parameters *p); /* safe on a zeroed one */

#endif
