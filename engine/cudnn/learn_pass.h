/* learn_pass.h -- a training step for one batch and size on a device: where everything lies, a plan for
 * each direction of each dense convolution, and both ways as CUDA graphs.
 *
 * As on a processor (engine/onednn/learn_plan.h) a layer has its convolution's output (`inner`), which its
 * gradient overwrites, its own output (`map`), and the gradient by its first input (`back`); no two
 * share bytes, because the way back needs all of it. */
#ifndef ENGINE_CUDNN_LEARN_PASS_H
#define ENGINE_CUDNN_LEARN_PASS_H

#include "engine/cudnn/choose.h"
#include "engine/cudnn/learn_weights.h"
#include "engine/cudnn/memory.h"
#include "engine/learn_table.h"

enum { LEARN_PASSES = GRAPH_WEIGHT_GRADIENT + 1 };

#define LEARN_NOWHERE SIZE_MAX

struct learn_shape {
    int n, h, w;
    cudnnDataType_t type;
    enum elem kind;
};

struct learn_pass {
    struct learn_shape shape;
    struct shape shapes[LAYER_COUNT];
    struct graph_plan *plans[LAYER_COUNT][LEARN_PASSES]; /* of dense convolutions */
    /* Bytes into the arena; LEARN_NOWHERE where there is none. Planes and logits are f32; the gradient by
     * the logits is where a norm's `inner` would be. */
    size_t map[LAYER_COUNT], inner[LAYER_COUNT], back[LAYER_COUNT];
    size_t values[LAYER_COUNT];  /* of norms: GPU_NORM_ARRAYS arrays */
    size_t learned[LAYER_COUNT]; /* partial sums of the weights' gradients that are ours */
    size_t wide_at;              /* the gradient by a resized map */
    size_t partials_at, planes_at, done_at, workspace_at;
    size_t counts_at, sums_at, cells_at, cell_sums_at, labels_at; /* of the loss */
    size_t arena_bytes, workspace_bytes;
    unsigned generation; /* what is bound to the memory of; 0: nothing is */
    cudaGraphExec_t forward, backward;
    uint64_t used; /* when it ran last */
};

/* The graph of a direction of dense convolution `layer`: maps and gradients are dense, a filter's
 * gradient is of the maps' type (cuDNN has no other on some devices). */
void learn_conv(struct conv *out, const struct learn_pass *p, int layer, enum graph_pass pass);

/* Where everything lies, without plans. */
void learn_pass_lay_out(struct learn_pass *p, const struct learn_shape *shape);

/* Chooses the plans, which takes up to minutes where the cache has none. The caller owns the pass. */
int learn_pass_new(struct learn_pass **out, const struct learn_shape *shape, struct choose *how,
                   struct err *err);
void learn_pass_free(struct learn_pass *p); /* NULL is fine */

/* Where passes are computed. In the first berth is what goes up, in the second what comes down. */
struct learn_site {
    const struct learn_weights *weights;
    const struct memory *memory;
    cudnnHandle_t handle; /* on `stream` */
    cudaStream_t stream;
};

/* Where a batch's parts lie in the berths. Those of the heads are on the host only. */
struct learn_berths {
    size_t rgb, labels, control, gradients[LEARN_HEADS]; /* up */
    size_t outcome, logits[LEARN_HEADS];                 /* down */
    size_t bytes;                                        /* of the larger */
};
struct learn_berths learn_pass_berths(const struct learn_pass *p);

/* Binds the plans and captures the graphs, unless that was done for this memory. */
int learn_pass_bind(struct learn_pass *p, const struct learn_site *site, struct err *err);

#endif
