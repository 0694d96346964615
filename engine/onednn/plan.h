/* plan.h -- the table of layers made into steps for one input shape and batch.
 *
 * Several rows become one step where our own loops do them together: depthwise with average pool,
 * the context module's resizes with its sum, a fusion block from its resize to its blend. All
 * activations lie in one arena that the plans of a stream share. */
#ifndef ENGINE_ONEDNN_PLAN_H
#define ENGINE_ONEDNN_PLAN_H

#include <dnnl.h>

#include "engine/onednn/order.h"
#include "engine/onednn/own_weights.h"
#include "engine/onednn/packed.h"
#include "engine/onednn/quantised.h"
#include "engine/onednn/winograd.h"

/* What all streams of an engine share. */
struct shared {
    dnnl_engine_t engine;
    dnnl_data_type_t type; /* of maps that are no bytes: f32 or bf16 */
    const struct kernels *kernels;
    struct quantised quantised; /* all zero unless the precision is int8 */
    struct packed packed;
    struct own_weights own;
    bool use_winograd;
    struct winograd winograd;
};

struct plan_conv {
    dnnl_primitive_t primitive;
    dnnl_memory_t src, dst, scratchpad; /* ours; handles set before each run */
    dnnl_memory_t weight, bias;         /* the engine's */
};

struct plan {
    int n, h, w;
    uint64_t used; /* when it last ran, for the cache */
    struct shape shapes[LAYER_COUNT];
    struct order order;
    struct memory_plan memory;
    size_t bytes[LAYER_COUNT]; /* of `copies` images; 0: never stored */
    int copies[LAYER_COUNT];   /* outputs that are there at the same time: 1 or n */
    struct plan_conv conv[LAYER_COUNT_INFERENCE];           /* of those that oneDNN does */
    struct winograd_weight winograd[LAYER_COUNT_INFERENCE]; /* of those that we do; borrowed */
    struct tap *taps[LAYER_COUNT + 1][2]; /* rows and columns of each resize; last: the classes */
    /* behind the activations: oneDNN's scratchpad, our loops' scratch, a pixel of zeros */
    size_t scratchpad_at, scratch_at, zeros_at, arena_bytes;
};

enum { PIXEL_BYTES_MAX = 1024 * 4 };

/* What a plan is for. `keep`: every output has memory of its own. */
struct plan_shape {
    int n, h, w;
    bool keep;
};

/* ERR_DEVICE when oneDNN would fall back to its reference code for a layer; the text names the
 * layer and the implementation. */
int plan_new(struct plan **out, struct shared *shared, dnnl_stream_t stream,
             struct plan_shape shape, struct err *err);
void plan_free(struct plan *p);

/* True for a dense convolution that makes its output alone: not the stem, not the attention's. */
bool plan_is_conv(int layer);

/* Bytes of a value of `layer`'s map. */
size_t plan_elem_size(const struct shared *shared, int layer);

#endif
