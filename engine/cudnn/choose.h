/* choose.h -- which plan a convolution gets.
 *
 * cuDNN's heuristics propose up to some forty kernels, the likely best first, and a few that always
 * work; the caller times the first of the first list on the device, of the second where none of those
 * runs, and the fastest is kept in the cache. It has to be time that decides: on an H200 the fastest stood
 * at place 24 for one convolution and took two thirds of the first four's time (docs/figures.md). */
#ifndef ENGINE_CUDNN_CHOOSE_H
#define ENGINE_CUDNN_CHOOSE_H

#include "engine/cudnn/conv.h"
#include "engine/cudnn/plan_cache.h"

/* More than are ever proposed. Timing one takes 1.5 ms (inference on an H200; a gradient was not measured);
 * those of the second list can take seconds. */
enum { CHOOSE_ALL = 64 };

struct choose {
    const struct graph_target *target;
    size_t workspace_max;     /* bytes; a plan that wants more is passed over */
    bool deterministic;       /* a plan that does not give the same bits again is passed over */
    struct plan_cache *cache; /* NULL: none */
    /* The time of one run of `p`, which is not bound, in microseconds. ERR_CONFIG: the plan does
     * not run, try another; any other failure ends the choice. NULL: the first plan is taken, and
     * the cache not written. */
    int (*time)(void *ctx, const struct conv *c, struct graph_plan *p, double *us, struct err *err);
    void *ctx;
    int tries; /* plans to time of a list, at least 1 */
};

/* The caller owns the plan. ERR_CONFIG names the convolution when there is none. */
int choose_plan(struct graph_plan **out, const struct choose *how, const struct conv *c,
                struct err *err);

#endif
