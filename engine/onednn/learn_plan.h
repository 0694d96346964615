/* learn_plan.h -- a training step for one batch and size: where everything lies, and how each dense
 * convolution is done.
 *
 * A layer with a norm has its convolution's output (`inner`), which its gradient overwrites on the
 * way back, and its own output (`map`), unless only a concatenation wants that: norms and pools write
 * straight into their places in one. `back` is the gradient by a layer's first input. The gradient by
 * a map is the sum of what those who read it have: the norm in front adds them up while it reads
 * (learn_plan_sources), so that no pass over a map is made for adding. */
#ifndef ENGINE_ONEDNN_LEARN_PLAN_H
#define ENGINE_ONEDNN_LEARN_PLAN_H

#include <dnnl.h>

#include "engine/learn_table.h"
#include "engine/onednn/learn_direct.h"
#include "engine/onednn/learn_kernels.h"

enum learn_way {
    WAY_NONE,     /* not dense: our own loops */
    WAY_DIRECT,   /* oneDNN */
    WAY_PRODUCT,  /* f32, 1x1: a product of matrices */
    WAY_WINOGRAD, /* f32, 3x3 */
};

/* What all plans of a learner share. */
struct learn_shared {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_data_type_t type; /* of maps: f32 or bf16 */
    const struct learn_kernels *kernels;
    int threads;
};

struct learn_plan {
    int n, h, w;
    uint64_t used; /* when it last ran, for the cache */
    struct shape shapes[LAYER_COUNT];
    enum learn_way ways[LAYER_COUNT];
    struct direct direct[LAYER_COUNT]; /* of those with WAY_DIRECT */
    struct tap *taps[LAYER_COUNT][2];  /* rows and columns of each resize */
    /* Bytes into the arena; LEARN_NOWHERE where there is none. Planes (statistics and attention) and
     * logits are f32; the gradient by the logits is where a norm's `inner` would be. */
    size_t map[LAYER_COUNT], inner[LAYER_COUNT], back[LAYER_COUNT];
    size_t rgb_at;       /* the batch's pictures */
    size_t weights_at;   /* packed weights of one convolution */
    size_t scratch_at;   /* oneDNN's, or Winograd's, or the threads' own */
    size_t thread_bytes; /* of it for each thread */
    size_t arena_bytes;
};

#define LEARN_NOWHERE SIZE_MAX

enum { LEARN_OWN_SUMS = 9 * 512 }; /* the most weights of a layer with sums for each thread */

/* ERR_NOMEM, ERR_DEVICE. */
int learn_plan_new(struct learn_plan **out, const struct learn_shared *shared, int n, int h, int w,
                   struct err *err);
void learn_plan_free(struct learn_plan *p); /* NULL is fine */

/* The parts of the gradient by the output of `layer`; `arena` is where the plan's is. */
int learn_plan_sources(const struct learn_plan *p, const struct learn_shared *shared, char *arena,
                       int layer, struct learn_source out[LEARN_SOURCES_MAX]);

#endif
