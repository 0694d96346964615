/* ops.h -- the operations of network.h on one image in double precision. What is not a convolution is
 * in the arithmetic that the CUDA kernels share (engine/cudnn/arith.h). */
#ifndef ENGINE_REF_OPS_H
#define ENGINE_REF_OPS_H

#include "engine/engine.h"
#include "engine/network.h"
#include "engine/ref/conv.h"

void ref_input(const uint8_t *rgb, struct ref_map out); /* normalised */
void ref_relu(struct ref_map map);                      /* in place */
void ref_average(struct ref_map in, struct ref_map out);
void ref_concat(const struct ref_map *in, int inputs, struct ref_map out);
void ref_bins(struct ref_map in, struct ref_map out);
void ref_resize(struct ref_map in, struct ref_map out);
void ref_sum(const struct ref_map *in, int inputs, struct ref_map out);
void ref_stats(const struct ref_map *in, struct ref_map out);
void ref_blend(const struct ref_map *in, double scale, struct ref_map out);

/* Logits resized to h x w, then the label of each pixel (engine.h) and the softmax sums over the
 * content. */
void ref_classes(struct ref_map logits, int h, int w, struct engine_image *image);

#endif
