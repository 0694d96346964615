/* learn_debug.h -- a look inside a learner, for tests only. */
#ifndef ENGINE_LEARN_DEBUG_H
#define ENGINE_LEARN_DEBUG_H

#include "engine/learn.h"

/* Output of `layer` for the last forward's whole batch as f32, n,h,w,c, into `out` (its size by
 * network_shapes); before the way back. ERR_INPUT when the backend does not keep it so. */
int learner_debug_values(const struct learner *l, int layer, float *out, struct err *err);

#endif
