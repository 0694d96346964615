#include "engine/onednn/own_weights.h"

#include <stdlib.h>

#include "engine/weights.h"

/* What the stem reads is value - 127.5; the specification's input is that divided by 127.5. */
static const double input_unit = 1 / 127.5;

/* out,in,3,3 to 3,3,in,out, packed. */
static int load_stem(struct own_weights *own, const struct model *model,
                     const struct kernels *kernels, struct err *err)
{
    enum { CACHE_LINE = 64, TAPS = 9, COUNT = STEM_CHANNELS * STEM_INPUTS * TAPS };
    double weight[COUNT], bias[STEM_CHANNELS] = {0};
    float turned[COUNT];

    own->stem = aligned_alloc(CACHE_LINE, STEM_WEIGHTS * kernels->elem_size);
    if (!own->stem)
        return err_set(err, ERR_NOMEM, "out of memory for the weights of %s", network[L_F0].name);
    if (weights_fold(model, L_F0, weight, bias, err))
        return -1;
    for (int i = 0; i < COUNT; i++) {
        int out = i / (STEM_INPUTS * TAPS), in = i / TAPS % STEM_INPUTS, tap = i % TAPS;
        turned[(tap * STEM_INPUTS + in) * STEM_CHANNELS + out] = (float)(weight[i] * input_unit);
    }
    kernels->stem_pack(own->stem, turned);
    for (int i = 0; i < STEM_CHANNELS; i++)
        own->stem_bias[i] = (float)bias[i];
    return 0;
}

/* out,1,3,3 to 9,out with the bias behind it. */
static int load_depthwise(struct own_weights *own, const struct model *model, int layer,
                          struct err *err)
{
    int c = network[layer].channels;
    double *weight = malloc((size_t)c * 10 * sizeof(*weight));
    float *to = malloc((size_t)c * 10 * sizeof(*to));
    int ret = -1;

    own->depthwise[layer] = to;
    if (!weight || !to)
        err_set(err, ERR_NOMEM, "out of memory for the weights of %s", network[layer].name);
    else
        ret = weights_fold(model, layer, weight, weight + 9 * (size_t)c, err);
    for (int i = 0; i < 9 * c && !ret; i++)
        to[(i % 9) * c + i / 9] = (float)weight[i];
    for (int i = 9 * c; i < 10 * c && !ret; i++)
        to[i] = (float)weight[i];
    free(weight);
    return ret;
}

static int load_attend(struct own_weights *own, const struct model *model, int blend,
                       struct err *err)
{
    enum { HIDDEN_COUNT = HIDDEN_CHANNELS * STATS_CHANNELS * 9, OUT_COUNT = HIDDEN_CHANNELS * 9 };
    struct attend_weights *to = &own->attend[blend];
    int out_layer = network[blend].in[2], hidden_layer = network[out_layer].in[0];
    double hidden[HIDDEN_COUNT], hidden_bias[HIDDEN_CHANNELS], out[OUT_COUNT], out_bias;

    if (weights_fold(model, hidden_layer, hidden, hidden_bias, err) ||
        weights_fold(model, out_layer, out, &out_bias, err))
        return -1;
    for (int i = 0; i < HIDDEN_COUNT; i++)
        to->hidden[i / (HIDDEN_COUNT / HIDDEN_CHANNELS)][i % (HIDDEN_COUNT / HIDDEN_CHANNELS)] =
            (float)hidden[i];
    for (int i = 0; i < HIDDEN_CHANNELS; i++)
        to->hidden_bias[i] = (float)hidden_bias[i];
    for (int i = 0; i < OUT_COUNT; i++)
        to->out[i] = (float)out[i];
    to->out_bias = (float)out_bias;
    to->scale = (float)weights_scale(model, blend);
    return 0;
}

void own_weights_release(struct own_weights *own)
{
    free(own->stem);
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++)
        free(own->depthwise[i]);
}

int own_weights_load(struct own_weights *own, const struct model *model,
                     const struct kernels *kernels, struct err *err)
{
    if (load_stem(own, model, kernels, err))
        return -1;
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++) {
        if (network[i].groups > 1 && load_depthwise(own, model, i, err))
            return -1;
        if (network[i].op == LAYER_BLEND && load_attend(own, model, i, err))
            return -1;
    }
    return 0;
}
