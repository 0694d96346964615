/* pass.h -- the network for one shape and one number of images on a device: a plan for every
 * convolution, where everything lies in the stream's memory, and all of it as CUDA graphs, one for each
 * berth (memory.h). As work it has maps | workspace | partial sums. */
#ifndef ENGINE_CUDNN_PASS_H
#define ENGINE_CUDNN_PASS_H

#include "engine/cudnn/choose.h"
#include "engine/cudnn/memory.h"
#include "engine/cudnn/parameters.h"
#include "engine/cudnn/steps.h"

/* What lies in one, on the device or the host; one image after the other in each. */
struct berth {
    uint8_t *rgb, *class_map;
    struct gpu_content *content;
    struct gpu_scores *scores;
};

struct pass {
    struct steps steps;
    struct graph_plan *plans[LAYER_COUNT_INFERENCE]; /* of its STEP_CONVs */
    size_t workspace_bytes;                          /* the most that one of them wants */
    /* What is bound to the memory of `generation`, 0 when nothing is. */
    unsigned generation;
    struct berth device[BERTHS], host[BERTHS];
    float *partials; /* scratch of STEP_CLASSES */
    cudaGraphExec_t exec[BERTHS];
    uint64_t used; /* the stream's: when it ran last */
};

/* Chooses the plans, which takes seconds where the cache has none. The caller owns the pass. */
int pass_new(struct pass **out, const struct steps_shape *shape, cudnnDataType_t type,
             struct choose *how, struct err *err);
void pass_free(struct pass *p); /* NULL is fine */

/* What it needs of memory.h. */
size_t pass_work_bytes(const struct pass *p);
size_t pass_berth_bytes(const struct pass *p);

/* Where passes are computed. */
struct pass_site {
    const struct parameters *parameters;
    const struct memory *memory;
    cudnnHandle_t handle; /* on `stream` */
    cudaStream_t stream;
};

/* Binds the plans and captures the graphs, unless that was done for this memory. */
int pass_bind(struct pass *p, const struct pass_site *site, struct err *err);

/* Starts what is in berth `berth`, bound. */
int pass_launch(const struct pass *p, int berth, cudaStream_t stream, struct err *err);

/* Starts one step alone of what is in berth 0, outside the graph. */
int pass_step(const struct pass *p, const struct pass_site *site, const struct step *step,
              struct err *err);

#endif
