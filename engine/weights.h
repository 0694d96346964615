/* weights.h -- what backends see of a model: each layer's weights with the norm folded in. */
#ifndef ENGINE_WEIGHTS_H
#define ENGINE_WEIGHTS_H

#include "common/err.h"
#include "engine/model.h"
#include "engine/network.h"

/* Values in a convolution's weight: channels * in/groups * kernel * kernel. */
size_t weights_count(int layer);

/* Weight (out, in/groups, kernel, kernel) and bias (out) of convolution `layer`, norm folded
 * (specification 1.8), in double. */
int weights_fold(const struct model *m, int layer, double *weight, double *bias, struct err *err);

/* The _scale of blend `layer`. */
double weights_scale(const struct model *m, int layer);

#endif
