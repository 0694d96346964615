/* quantised.h -- the int8 half of an engine: which maps are bytes, what a step of each is worth, and
 * how convolutions that read bytes are described.
 *
 * value = step * byte, without zero points: what has signs is s8. A convolution whose source is
 * bytes has s8 weights with a step for each output channel (its largest weight is 127 steps) and
 * writes bytes or f32/bf16, whatever its own map is; oneDNN multiplies by the output scales after it
 * has added the bias. A bias counts in units of source step times weight step. */
#ifndef ENGINE_ONEDNN_QUANTISED_H
#define ENGINE_ONEDNN_QUANTISED_H

#include <dnnl.h>

#include "engine/model.h"
#include "engine/network.h"
#include "engine/onednn/kernels.h"

struct quantised {
    float step[LAYER_COUNT_INFERENCE]; /* of the layer's bytes; 0: its map is no bytes */
    /* of the convolutions that read bytes, for each output channel; NULL elsewhere */
    float *weight_step[LAYER_COUNT_INFERENCE];
};

/* Fill a zeroed one out of the model's ranges; release it after a failure too. */
int quantised_load(struct quantised *q, const struct model *model, struct err *err);
void quantised_release(struct quantised *q);

/* What the map of `layer` is, whether that is bytes, and what a step of it is worth: 1 when not. */
enum cell quantised_cell(const struct quantised *q, int layer);
bool quantised_bytes(const struct quantised *q, int layer);
float quantised_step(const struct quantised *q, int layer);

/* Of the map of `layer`; `wide` is what maps are that are no bytes. */
dnnl_data_type_t quantised_type(const struct quantised *q, int layer, dnnl_data_type_t wide);

/* Does convolution `layer` read bytes? */
bool quantised_conv(const struct quantised *q, int layer);

/* The output scales of such a convolution. */
int quantised_attributes(const struct quantised *q, int layer, dnnl_primitive_attr_t attr,
                         struct err *err);

/* Folded weight and bias of such a convolution into steps, in place; not rounded. */
void quantised_fold(const struct quantised *q, int layer, double *weight, double *bias);

#endif
