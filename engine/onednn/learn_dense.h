/* learn_dense.h -- the dense convolutions of a training step, and how each is done.
 *
 * bf16: oneDNN's direct ones. f32: our own products for 1x1 and Winograd for 3x3 with stride 1, since
 * direct convolutions run near the cores' peak and only fewer products can beat them; oneDNN for what
 * is left. */
#ifndef ENGINE_ONEDNN_LEARN_DENSE_H
#define ENGINE_ONEDNN_LEARN_DENSE_H

#include "engine/onednn/learn_plan.h"

enum learn_way dense_way(dnnl_data_type_t type, int layer, struct shape out);

/* Bytes for packed weights (and Winograd's sums of their gradients), and of scratch. */
size_t dense_packed_bytes(const struct learn_plan *p, int layer);
size_t dense_scratch_bytes(const struct learn_plan *p, int layer);

/* Maps, weights (out,in,kernel,kernel) and memory of one convolution. */
struct dense_job {
    const struct learn_shared *shared;
    const struct learn_plan *plan;
    int layer;
    char *arena;
    const float *weight;
    float *learned; /* the gradient by the weights; added to */
    void *in, *out; /* backwards: the gradients by them, but for dense_learn's `in` */
};

int dense_forward(const struct dense_job *job, struct err *err);
int dense_back(const struct dense_job *job, struct err *err);  /* out to in */
int dense_learn(const struct dense_job *job, struct err *err); /* in and out to learned */

#endif
