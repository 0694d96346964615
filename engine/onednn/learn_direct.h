/* learn_direct.h -- a convolution in training by oneDNN: forwards, by its input and by its weights.
 *
 * Maps are NHWC in the learner's type. Weights and their gradients are plain f32 outside; what
 * oneDNN wants is made anew at each step, since the optimiser has changed them. */
#ifndef ENGINE_ONEDNN_LEARN_DIRECT_H
#define ENGINE_ONEDNN_LEARN_DIRECT_H

#include <dnnl.h>

#include "common/err.h"
#include "engine/network.h"

/* One primitive and what it reads and writes. */
enum { DIRECT_MAPS = 3 };
struct direct_pass {
    dnnl_primitive_t primitive;
    dnnl_memory_t maps[DIRECT_MAPS], scratchpad; /* handles are set before each run */
    int args[DIRECT_MAPS], count;
};

enum direct_kind {
    DIRECT_FORWARD,      /* source, weights, destination */
    DIRECT_BACK,         /* gradient by the destination, weights, gradient by the source */
    DIRECT_LEARN,        /* source, gradient by the destination, gradient by the weights */
    DIRECT_PACK_FORWARD, /* weights, packed weights */
    DIRECT_PACK_BACK,
    DIRECT_UNPACK, /* packed gradients, gradients that they are added to */
    DIRECT_KINDS
};

struct direct {
    struct direct_pass passes[DIRECT_KINDS];
    size_t scratchpad, packed; /* bytes that the hungriest pass wants, and for packed weights */
};

struct direct_shape {
    dnnl_engine_t engine;
    dnnl_data_type_t type;
    int n, layer;
    struct shape in, out;
};

/* ERR_DEVICE where oneDNN would use its reference code; frees what was made on failure. */
int direct_init(struct direct *d, const struct direct_shape *shape, struct err *err);
void direct_release(struct direct *d); /* safe on a zeroed one */

/* `at` in the order of the kind. */
int direct_run(const struct direct *d, enum direct_kind kind, dnnl_stream_t stream,
               void *const at[DIRECT_MAPS], void *scratchpad, struct err *err);

#endif
