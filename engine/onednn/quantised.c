#include "engine/onednn/quantised.h"

#include <math.h>
#include <stdlib.h>

#include "engine/onednn/dnnl_try.h"
#include "engine/weights.h"

enum { U8_STEPS = 255, S8_STEPS = 127, CHANNELS_MAX = 1024 };

static float step_of(const struct ranges *ranges, int layer)
{
    static const float steps[] = {[RANGES_U8] = U8_STEPS, [RANGES_S8] = S8_STEPS};
    enum ranges_kind kind = ranges_kind(layer);

    return kind == RANGES_NONE ? 0 : ranges->of[ranges_owner(layer)] / steps[kind];
}

/* The largest weight of each channel is the last step. */
static int measure_weights(struct quantised *q, const struct model *model, int layer,
                           struct err *err)
{
    size_t count = weights_count(layer), channels = (size_t)network[layer].channels;
    double *weight = malloc(count * sizeof(*weight)), bias[CHANNELS_MAX];
    float *step = calloc(channels, sizeof(*step));
    int ret = -1;

    q->weight_step[layer] = step;
    if (!weight || !step)
        err_set(err, ERR_NOMEM, "out of memory for the weights of %s", network[layer].name);
    else
        ret = weights_fold(model, layer, weight, bias, err);
    for (size_t i = 0; i < count && !ret; i++) {
        float *of = &step[i / (count / channels)];
        *of = fmaxf(*of, (float)(fabs(weight[i]) / S8_STEPS));
    }
    for (size_t c = 0; c < channels && !ret; c++)
        if (step[c] < 1e-30F) /* a channel of zeros */
            step[c] = 1e-30F;
    free(weight);
    return ret;
}

int quantised_load(struct quantised *q, const struct model *model, struct err *err)
{
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++)
        q->step[i] = step_of(model_ranges(model), i);
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++)
        if (quantised_conv(q, i) && measure_weights(q, model, i, err))
            return -1;
    return 0;
}

void quantised_release(struct quantised *q)
{
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++)
        free(q->weight_step[i]);
}

enum cell quantised_cell(const struct quantised *q, int layer)
{
    if (!quantised_bytes(q, layer))
        return CELL_ELEM;
    return ranges_kind(layer) == RANGES_S8 ? CELL_S8 : CELL_U8;
}

bool quantised_bytes(const struct quantised *q, int layer)
{
    return q->step[layer] > 0;
}

float quantised_step(const struct quantised *q, int layer)
{
    return q->step[layer] > 0 ? q->step[layer] : 1;
}

dnnl_data_type_t quantised_type(const struct quantised *q, int layer, dnnl_data_type_t wide)
{
    const dnnl_data_type_t types[] = {[CELL_ELEM] = wide, [CELL_U8] = dnnl_u8, [CELL_S8] = dnnl_s8};

    return types[quantised_cell(q, layer)];
}

bool quantised_conv(const struct quantised *q, int layer)
{
    const struct layer *l = &network[layer];

    return l->op == LAYER_CONV && l->groups == 1 && quantised_bytes(q, l->in[0]);
}

int quantised_attributes(const struct quantised *q, int layer, dnnl_primitive_attr_t attr,
                         struct err *err)
{
    float in = q->step[network[layer].in[0]], out = quantised_step(q, layer), scales[CHANNELS_MAX];
    int channels = network[layer].channels;

    for (int c = 0; c < channels; c++)
        scales[c] = in * q->weight_step[layer][c] / out;
    return DNNL_FAILED(err, dnnl_primitive_attr_set_output_scales(attr, channels, 1 << 1, scales));
}

void quantised_fold(const struct quantised *q, int layer, double *weight, double *bias)
{
    size_t count = weights_count(layer), channels = (size_t)network[layer].channels;
    size_t per_channel = count / channels;
    double in = q->step[network[layer].in[0]];

    for (size_t c = 0; c < channels; c++)
        bias[c] /= in * q->weight_step[layer][c];
    for (size_t i = 0; i < count; i++)
        weight[i] /= q->weight_step[layer][i / per_channel];
}
