#include "engine/onednn/own_weights.h"

#include <math.h>
#include <stdlib.h>

#include "engine/weights.h"

/* What the stem reads is value - 127.5; the specification's input is that divided by 127.5. */
static const double input_unit = 1 / 127.5;

/* out,in,3,3 to 3,3,in,out, packed; the output counts in `step`s. */
static int load_stem(struct own_weights *own, const struct model *model,
                     const struct kernels *kernels, double step, struct err *err)
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
        turned[(tap * STEM_INPUTS + in) * STEM_CHANNELS + out] =
            (float)(weight[i] * input_unit / step);
    }
    kernels->stem_pack(own->stem, turned);
    for (int i = 0; i < STEM_CHANNELS; i++)
        own->stem_bias[i] = (float)(bias[i] / step);
    return 0;
}

enum { S8_LAST = 127 };

/* Channel `ch` of a depthwise convolution in bytes: weights as whole numbers, the largest of them
 * the last; the bias and the scale in steps of the output. */
static void quantise_channel(const struct quantised *q, int layer, const double *weight, int ch,
                             float *to)
{
    size_t c = (size_t)network[layer].channels;
    double in = q->step[network[layer].in[0]], out = q->step[layer], largest = 1e-30;

    for (int t = 0; t < 9; t++)
        largest = fmax(largest, fabs(weight[9 * ch + t]));
    for (int t = 0; t < 9; t++)
        to[(size_t)t * c + ch] = rintf((float)(weight[9 * ch + t] / largest * S8_LAST));
    to[9 * c + ch] = (float)(weight[9 * c + ch] / out);
    to[10 * c + ch] = (float)(largest / S8_LAST * in / out);
}

/* out,1,3,3 to 9,out with bias and scale behind it. */
static int load_depthwise(struct own_weights *own, const struct model *model,
                          const struct quantised *q, int layer, struct err *err)
{
    int c = network[layer].channels;
    double *weight = malloc((size_t)c * 10 * sizeof(*weight));
    float *to = malloc((size_t)c * 11 * sizeof(*to));
    int ret = -1;

    own->depthwise[layer] = to;
    if (!weight || !to)
        err_set(err, ERR_NOMEM, "out of memory for the weights of %s", network[layer].name);
    else
        ret = weights_fold(model, layer, weight, weight + 9 * (size_t)c, err);
    for (int i = 0; i < 9 * c && !ret; i++)
        to[(i % 9) * c + i / 9] = (float)weight[i];
    for (int i = 9 * c; i < 10 * c && !ret; i++) {
        to[i] = (float)weight[i];
        to[i + c] = 1;
    }
    for (int i = 0; i < c && !ret && quantised_bytes(q, layer); i++)
        quantise_channel(q, layer, weight, i, to);
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
                     const struct kernels *kernels, const struct quantised *quantised,
                     struct err *err)
{
    if (load_stem(own, model, kernels, quantised_step(quantised, L_F0), err))
        return -1;
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++) {
        if (network[i].groups > 1 && load_depthwise(own, model, quantised, i, err))
            return -1;
        if (network[i].op == LAYER_BLEND && load_attend(own, model, i, err))
            return -1;
    }
    return 0;
}
