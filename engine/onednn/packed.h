/* packed.h -- folded weights in the formats that oneDNN's implementations want, shared by all
 * streams of an engine.
 *
 * Which format a layer wants depends on the input's shape and the CPU, so a layer may have several;
 * each is made when a plan first asks for it and kept. */
#ifndef ENGINE_ONEDNN_PACKED_H
#define ENGINE_ONEDNN_PACKED_H

#include <pthread.h>

#include <dnnl.h>

#include "common/err.h"
#include "engine/model.h"
#include "engine/network.h"

struct packed_weight {
    dnnl_memory_t memory;
    struct packed_weight *next;
};

struct packed {
    const struct model *model; /* borrowed */
    dnnl_engine_t engine;      /* borrowed */
    pthread_mutex_t lock;      /* guards what follows */
    struct packed_weight *weights[LAYER_COUNT_INFERENCE];
    dnnl_memory_t bias[LAYER_COUNT_INFERENCE];
};

void packed_init(struct packed *p, const struct model *model, dnnl_engine_t engine);
void packed_release(struct packed *p);

/* Borrowed memories of convolution `layer`, its weight as `desc`. `stream` runs the reorder. Any
 * thread. */
int packed_get(struct packed *p, int layer, const dnnl_memory_desc_t *desc, dnnl_stream_t stream,
               dnnl_memory_t out[2], struct err *err);

#endif
