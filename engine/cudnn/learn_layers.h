/* learn_layers.h -- the table of layers walked forwards and backwards: each row as a cuDNN graph or a
 * job for our kernels, put into a stream. */
#ifndef ENGINE_CUDNN_LEARN_LAYERS_H
#define ENGINE_CUDNN_LEARN_LAYERS_H

#include "engine/cudnn/learn_pass.h"

/* A pass on its site. */
struct learn_at {
    const struct learn_pass *pass;
    const struct learn_weights *weights;
    char *arena, *up, *down; /* on the device: memory's work and its two berths */
    cudnnHandle_t handle;
    cudaStream_t stream;
};
struct learn_at learn_at(const struct learn_pass *p, const struct learn_site *site);

/* From the pixels to the logits, and running statistics. */
int layers_forward(const struct learn_at *at, struct err *err);

/* From the gradients by the logits to those of the parameters, added to the sum (gpu_gather). */
int layers_back(const struct learn_at *at, struct err *err);

/* Between the two: the loss and its gradients. */
int layers_loss(const struct learn_at *at, const struct learn_loss *loss, struct err *err);

#endif
