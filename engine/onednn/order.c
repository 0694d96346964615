#include "engine/onednn/order.h"

#include "engine/onednn/kernels.h"

/* The first row behind `layer` with this operation. */
static int next_row(int layer, enum layer_op op)
{
    for (int i = layer + 1; i < LAYER_COUNT_INFERENCE; i++)
        if (network[i].op == op)
            return i;
    return layer;
}

int order_step_of(int layer)
{
    const struct layer *l = &network[layer];

    switch (l->op) {
    case LAYER_INPUT: return L_F0;        /* the stem reads the picture itself */
    case LAYER_AVERAGE: return layer - 1; /* with the depthwise convolution in front of it */
    case LAYER_RESIZE:
        return network[layer + 1].op == LAYER_STATS ? next_row(layer, LAYER_BLEND)
                                                    : next_row(layer, LAYER_SUM);
    case LAYER_STATS: return next_row(layer, LAYER_BLEND);
    case LAYER_CONV: return l->channels <= HIDDEN_CHANNELS ? next_row(layer, LAYER_BLEND) : layer;
    default: return layer;
    }
}

/* Rows that run earlier than the table has them: right behind their input. */
static bool is_early(int layer)
{
    return layer == L_X0 || layer == L_X1;
}

static void add_step(struct order *o, int layer)
{
    o->run.at[layer] = o->steps;
    o->layer[o->steps++] = layer;
}

/* The parts when the maps of `block` are the first small ones. */
static const struct {
    int block, front_last, middle_last;
} cuts[] = {
    {L_F2, L_F2D, L_ARM0},
    {L_F4, L_F4D, L_ARM1},
    {L_F6, L_F6D, L_ARM2},
};

/* Pixels of a map from which on one image alone makes full use of a layer's weights: 64 tiles of a
 * Winograd convolution. Measured from 128 to 512 px. */
enum { LARGE_PX = 1024 };

static void cut(struct order *o, const struct shape shapes[LAYER_COUNT])
{
    o->run.front = o->run.back = o->steps;
    for (int i = (int)(sizeof(cuts) / sizeof(*cuts)) - 1; i >= 0; i--) {
        struct shape s = shapes[cuts[i].block];
        if (s.h * s.w >= LARGE_PX)
            return;
        o->run.front = o->run.at[cuts[i].front_last] + 1;
        o->run.back = o->run.at[cuts[i].middle_last] + 1;
    }
}

void order_make(struct order *o, const struct shape shapes[LAYER_COUNT])
{
    *o = (struct order){0};
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++) {
        if (order_step_of(i) != i || is_early(i))
            continue;
        add_step(o, i);
        for (int x = 0; x < LAYER_COUNT_INFERENCE; x++)
            if (is_early(x) && network[x].in[0] == i)
                add_step(o, x);
    }
    for (int i = 0; i < LAYER_COUNT; i++)
        o->run.at[i] = i < LAYER_COUNT_INFERENCE ? o->run.at[order_step_of(i)] : o->steps;
    cut(o, shapes);
}

bool order_runs_all(const struct order *o, int layer)
{
    return o->run.at[layer] >= o->run.front && o->run.at[layer] < o->run.back;
}

bool order_keeps_all(const struct order *o, int layer)
{
    bool all = order_runs_all(o, layer);

    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++)
        for (int k = 0; k < layer_inputs(&network[i]); k++)
            if (network[i].in[k] == layer && o->run.at[layer] < o->run.front)
                all |= o->run.at[i] >= o->run.front;
    return all;
}
