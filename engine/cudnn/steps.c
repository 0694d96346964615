#include "engine/cudnn/steps.h"

/* The first row behind `layer` with this operation. */
static int next_row(int layer, enum layer_op op)
{
    while (network[layer].op != op)
        layer++;
    return layer;
}

static bool is_attention(int layer)
{
    return network[layer].op == LAYER_CONV && network[layer].channels < 8;
}

/* The row whose step makes `layer`'s output. */
static int step_of(int layer)
{
    const struct layer *l = &network[layer];

    switch (l->op) {
    case LAYER_INPUT: return L_F0;
    case LAYER_AVERAGE: return layer - 1;
    case LAYER_BINS: return L_BIN1;
    case LAYER_RESIZE:
        return network[layer + 1].op == LAYER_STATS ? next_row(layer, LAYER_BLEND) : L_CMS;
    case LAYER_STATS: return next_row(layer, LAYER_BLEND);
    case LAYER_CONV: return is_attention(layer) ? next_row(layer, LAYER_BLEND) : layer;
    default: return layer;
    }
}

static enum step_kind kind_of(int layer)
{
    const struct layer *l = &network[layer];

    switch (l->op) {
    case LAYER_CONCAT: return STEP_JOIN;
    case LAYER_BINS: return STEP_BINS;
    case LAYER_SUM: return STEP_SUM;
    case LAYER_BLEND: return STEP_ATTEND;
    default: return layer == L_F0 ? STEP_STEM : l->groups > 1 ? STEP_HALVE : STEP_CONV;
    }
}

static bool is_early(int layer)
{
    return layer == L_X0 || layer == L_X1;
}

static void add_step(struct steps *s, struct run_order *order, int layer)
{
    order->at[layer] = s->count;
    s->list[s->count++] = (struct step){kind_of(layer), layer};
}

static void order_steps(struct steps *s, struct run_order *order)
{
    for (int i = L_F0; i < LAYER_COUNT_INFERENCE; i++) {
        if (step_of(i) == i && !is_early(i))
            add_step(s, order, i);
        for (int x = 0; x < LAYER_COUNT_INFERENCE; x++)
            if (is_early(x) && network[x].in[0] == i)
                add_step(s, order, x);
    }
    s->list[s->count++] = (struct step){STEP_CLASSES, L_LOGITS};
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++)
        order->at[i] = order->at[step_of(i)];
    order->back = s->count; /* the rows of training, which never run, hold nothing: at 0 */
}

/* The concatenation that `layer` is written into, or L_NONE; `channel` is where it begins in it. */
static int whole_of(int layer, int *channel)
{
    return network[layer].op == LAYER_AVERAGE ? network_concat_of(layer, channel) : L_NONE;
}

/* Values of a pixel that are stored; 0 when the layer never is. */
static int stored_channels(int layer)
{
    if (layer == L_IN || layer >= LAYER_COUNT_INFERENCE || network[layer].op == LAYER_RESIZE ||
        is_attention(layer))
        return 0;
    return network[layer].channels;
}

static size_t own_bytes(const struct steps *s, int layer)
{
    struct shape shape = s->shapes[layer];
    size_t elem = network[layer].op == LAYER_STATS ? sizeof(float) : s->shape.elem_size;
    int channel;

    if (whole_of(layer, &channel) != L_NONE)
        return 0;
    return (size_t)s->shape.n * (size_t)shape.h * (size_t)shape.w * (size_t)stored_channels(layer) *
           elem;
}

void steps_make(struct steps *s, const struct steps_shape *shape)
{
    struct run_order order = {0};
    struct memory_plan memory;
    size_t bytes[LAYER_COUNT];

    *s = (struct steps){.shape = *shape};
    network_shapes(s->shapes, shape->h, shape->w);
    order_steps(s, &order);
    for (int i = 0; i < LAYER_COUNT; i++)
        bytes[i] = own_bytes(s, i);
    network_memory(&memory, bytes, &order, shape->keep);
    for (int i = 0; i < LAYER_COUNT; i++) {
        int channel = 0, whole = whole_of(i, &channel), from = whole == L_NONE ? i : whole;
        s->place[i] = (struct step_place){memory.offset[from], bytes[i], stored_channels(from)};
        if (whole != L_NONE)
            s->place[i].offset += (size_t)channel * shape->elem_size;
    }
    s->arena_bytes = memory.total;
}

void steps_conv(struct conv *out, const struct steps *s, int layer, cudnnDataType_t type)
{
    const struct layer *l = &network[layer];

    conv_of_layer(out, l, s->shape.n, s->shapes[l->in[0]], type);
    out->bias = l->norm || l->bias;
    out->relu = l->relu;
}
