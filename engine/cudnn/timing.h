/* timing.h -- how long a plan takes on this device: what choose.h asks.
 *
 * A plan is timed as it will run: several runs of it in one CUDA graph, so that what the host does
 * for a launch does not count, on maps of made-up values. One that cannot be captured is passed
 * over. */
#ifndef ENGINE_CUDNN_TIMING_H
#define ENGINE_CUDNN_TIMING_H

#include "engine/cudnn/conv.h"

struct timing {
    cudnnHandle_t handle; /* on `stream`; both borrowed */
    cudaStream_t stream;
    cudaEvent_t begin, end;
    char *memory; /* of the largest so far */
    size_t bytes;
};

int timing_open(struct timing *t, cudnnHandle_t handle, cudaStream_t stream, struct err *err);
void timing_close(struct timing *t); /* safe on a zeroed one */

/* choose.h's `time`; `timing` is a struct timing. */
int timing_run(void *timing, const struct conv *c, struct graph_plan *p, double *us,
               struct err *err);

#endif
