/* own_weights.h -- folded weights of the layers that our own loops do: stem, depthwise, attention. */
#ifndef ENGINE_ONEDNN_OWN_WEIGHTS_H
#define ENGINE_ONEDNN_OWN_WEIGHTS_H

#include "common/err.h"
#include "engine/model.h"
#include "engine/network.h"
#include "engine/onednn/kernels.h"
#include "engine/onednn/quantised.h"

struct own_weights {
    void *stem; /* as kernels->stem_pack makes it */
    float stem_bias[STEM_CHANNELS];
    /* weight 9,c; bias c; scale c, as a halve_job wants them; NULL elsewhere */
    float *depthwise[LAYER_COUNT_INFERENCE];
    struct attend_weights attend[LAYER_COUNT_INFERENCE]; /* of blends */
};

/* `own` comes zeroed; release it after a failure too. */
int own_weights_load(struct own_weights *own, const struct model *model,
                     const struct kernels *kernels, const struct quantised *quantised,
                     struct err *err);
void own_weights_release(struct own_weights *own);

#endif
