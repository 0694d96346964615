/* engine_debug.h -- a look inside a stream: for the tests and `bench engine --layers` only. */
#ifndef ENGINE_ENGINE_DEBUG_H
#define ENGINE_ENGINE_DEBUG_H

#include "engine/engine.h"
#include "engine/network.h"

/* Before the first run: from then on each layer's output stays after a run. Costs memory. */
void engine_debug_keep(struct engine_stream *s);

/* Output of `layer` for image `image` of the last run as f32, h,w,c, into `out` (its size by
 * network_shapes). ERR_INPUT when the backend never stores that layer (it was fused away). */
int engine_debug_layer(struct engine_stream *s, enum layer_id layer, int image, float *out,
                       struct err *err);

/* Time in ms that each layer's step took in the last run, LAYER_COUNT + 1 values: the last is the
 * final resize with the class sums. A fused layer is 0, its time stands with the step it is in. */
const double *engine_debug_ms(struct engine_stream *s);

/* A convolution alone, by the library's own code, one image, one thread, its data hot. */
struct engine_limit {
    double ms;        /* by the fastest implementation; 0: the layer is no convolution */
    double direct_ms; /* by the fastest that does not transform (f32 has Winograd's as well) */
    char implementation[48]; /* the fastest one's name */
};

/* The fastest of `rounds` passes over the network's convolutions for an input of w x h. ERR_CONFIG
 * when this build or CPU does not do `precision` (a name, not "auto"). */
int engine_debug_limit(const char *precision, int w, int h, int rounds,
                       struct engine_limit out[LAYER_COUNT], struct err *err);

#endif
