/* learn_net.c -- walks the table forwards, layer by layer over the whole batch because a norm needs
 * all of it, and backwards. Every map stays, and so does every gradient: nobody counts the oracle's
 * memory. */
#include "engine/ref/learn_net.h"

#include <stdlib.h>
#include <string.h>

#include "engine/learn_table.h"
#include "engine/ref/learn_ops.h"

/* What belongs to one layer. Values, inner values and gradients are n,h,w,c. */
struct place {
    struct shape shape;
    double *value;    /* the output */
    double *gradient; /* by the output; behind a norm it becomes that by the inner values */
    double *inner;    /* what the norm saw; NULL without one */
    struct ref_conv conv, learned;
    double *mean, *variance; /* of the batch */
    int of[ROLE_SCALE + 1];  /* the parameter of each role, -1 for none */
};

struct learn_net {
    struct place places[LAYER_COUNT];
    int n, h, w;     /* of the last batch */
    double *weights; /* of all convolutions, with mean and variance */
    double *maps;
    size_t maps_count; /* what `maps` has room for */
    double *scratch;   /* in `maps` */
    struct learn_net_settle settle;
};

static int inputs_of(const struct layer *l)
{
    return network[l->in[0]].channels / l->groups;
}

static size_t weight_count(const struct layer *l)
{
    return (size_t)l->channels * (size_t)inputs_of(l) * (size_t)l->kernel * (size_t)l->kernel;
}

/* The next `count` doubles of a block; with `at` NULL it only counts them. */
struct block {
    double *at;
    size_t used;
};

static double *take(struct block *b, size_t count)
{
    double *start = b->at ? b->at + b->used : NULL;

    b->used += count;
    return start;
}

static void place_weights(struct learn_net *net, struct block *b)
{
    for (int i = 0; i < LAYER_COUNT; i++) {
        const struct layer *l = &network[i];
        struct place *p = &net->places[i];
        if (l->op != LAYER_CONV)
            continue;
        p->conv.weight = take(b, weight_count(l));
        p->conv.transposed = take(b, weight_count(l));
        p->learned.weight = take(b, weight_count(l));
        p->mean = take(b, (size_t)l->channels);
        p->variance = take(b, (size_t)l->channels);
    }
}

static void place_params(struct learn_net *net)
{
    struct param params[PARAM_COUNT];

    network_params(params);
    for (int i = 0; i < LAYER_COUNT; i++)
        memset(net->places[i].of, -1, sizeof(net->places[i].of));
    for (int i = 0; i < PARAM_COUNT; i++)
        net->places[params[i].layer].of[params[i].role] = i;
}

int learn_net_open(struct learn_net **out, struct err *err)
{
    struct learn_net *net = calloc(1, sizeof(*net));
    struct block block = {0};

    if (!net)
        return err_set(err, ERR_NOMEM, "out of memory for a learner");
    place_weights(net, &block);
    block.at = net->weights = malloc(block.used * sizeof(double));
    if (!net->weights) {
        free(net);
        return err_set(err, ERR_NOMEM, "out of memory for a learner's weights");
    }
    block.used = 0;
    place_weights(net, &block);
    place_params(net);
    *out = net;
    return 0;
}

void learn_net_close(struct learn_net *net)
{
    if (!net)
        return;
    free(net->weights);
    free(net->maps);
    free(net);
}

static size_t map_count(const struct learn_net *net, int layer)
{
    struct shape s = net->places[layer].shape;

    return (size_t)net->n * (size_t)s.h * (size_t)s.w * (size_t)s.c;
}

static void place_maps(struct learn_net *net, size_t scratch, struct block *b)
{
    net->scratch = take(b, scratch);
    for (int i = 0; i < LAYER_COUNT; i++) {
        struct place *p = &net->places[i];
        p->value = take(b, map_count(net, i));
        p->gradient = take(b, map_count(net, i));
        p->inner = network[i].norm ? take(b, map_count(net, i)) : NULL;
    }
}

/* Memory for a batch; kept for the largest. */
static int prepare(struct learn_net *net, const struct learn_batch *batch, struct err *err)
{
    struct shape shapes[LAYER_COUNT];
    struct block block = {0};

    net->n = batch->n;
    net->h = batch->h;
    net->w = batch->w;
    network_shapes(shapes, batch->h, batch->w);
    for (int i = 0; i < LAYER_COUNT; i++)
        net->places[i].shape = shapes[i];
    size_t scratch = ref_conv_scratch_most(shapes);
    place_maps(net, scratch, &block);
    if (block.used > net->maps_count) {
        free(net->maps);
        net->maps = malloc(block.used * sizeof(double));
        net->maps_count = net->maps ? block.used : 0;
    }
    if (!net->maps)
        return err_set(err, ERR_NOMEM, "out of memory for a batch of %d images of %dx%d", batch->n,
                       batch->w, batch->h);
    block = (struct block){.at = net->maps};
    place_maps(net, scratch, &block);
    return 0;
}

static const double *param_of(const struct learn_net_params *params, const struct place *p,
                              enum role role)
{
    return p->of[role] < 0 ? NULL : params->at[p->of[role]];
}

static struct ref_map image_of(const struct learn_net *net, int layer, double *at, int image)
{
    struct shape s = net->places[layer].shape;

    return (struct ref_map){s, at + map_count(net, layer) / (size_t)net->n * (size_t)image};
}

/* The batch as one tall map. */
static struct ref_map batch_of(const struct learn_net *net, int layer, double *at)
{
    struct shape s = net->places[layer].shape;

    s.h *= net->n;
    return (struct ref_map){s, at};
}

static void gather(const struct learn_net *net, int layer, int image,
                   struct ref_map value[LAYER_INPUTS_MAX],
                   struct ref_map gradient[LAYER_INPUTS_MAX])
{
    const struct layer *l = &network[layer];

    for (int k = 0; k < layer_inputs(l); k++) {
        value[k] = image_of(net, l->in[k], net->places[l->in[k]].value, image);
        gradient[k] = image_of(net, l->in[k], net->places[l->in[k]].gradient, image);
    }
}

static void run_image(const struct learn_net *net, const struct learn_net_params *params, int layer,
                      int image)
{
    const struct layer *l = &network[layer];
    const struct place *p = &net->places[layer];
    struct ref_map in[LAYER_INPUTS_MAX] = {0}, unused[LAYER_INPUTS_MAX];
    struct ref_map out = image_of(net, layer, p->inner ? p->inner : p->value, image);

    gather(net, layer, image, in, unused);
    switch (l->op) {
    case LAYER_INPUT: break;
    case LAYER_CONV: ref_conv(l, &p->conv, in[0], out, net->scratch); break;
    case LAYER_AVERAGE: ref_average(in[0], out); break;
    case LAYER_CONCAT: ref_concat(in, layer_inputs(l), out); break;
    case LAYER_BINS: ref_bins(in[0], out); break;
    case LAYER_RESIZE: ref_resize(in[0], out); break;
    case LAYER_SUM: ref_sum(in, layer_inputs(l), out); break;
    case LAYER_STATS: ref_stats(in, out); break;
    case LAYER_BLEND: ref_blend(in, *param_of(params, p, ROLE_SCALE), out); break;
    }
}

/* Running statistics; the variance becomes unbiased. */
static void update(const struct place *p, const struct learn_net_params *params, struct ref_map in)
{
    double n = (double)in.shape.h * in.shape.w;
    double *mean = params->at[p->of[ROLE_MEAN]], *variance = params->at[p->of[ROLE_VARIANCE]];

    for (int c = 0; c < in.shape.c && n > 1; c++) {
        mean[c] = 0.9 * mean[c] + 0.1 * p->mean[c];
        variance[c] = 0.9 * variance[c] + 0.1 * p->variance[c] * n / (n - 1);
    }
}

static struct ref_norm norm_of(const struct place *p, const struct learn_net_params *params)
{
    return (struct ref_norm){.gamma = param_of(params, p, ROLE_GAMMA),
                             .beta = param_of(params, p, ROLE_BETA),
                             .mean = p->mean,
                             .variance = p->variance};
}

static void run_layer(struct learn_net *net, const struct learn_net_params *params, int layer)
{
    const struct layer *l = &network[layer];
    struct place *p = &net->places[layer];
    struct ref_map value = batch_of(net, layer, p->value), inner = batch_of(net, layer, p->inner);

    if (l->op == LAYER_CONV) {
        p->conv.bias = l->bias ? params->at[p->of[ROLE_BIAS]] : NULL;
        ref_conv_load(l, inputs_of(l), param_of(params, p, ROLE_WEIGHT), &p->conv);
    }
    for (int i = 0; i < net->n; i++)
        run_image(net, params, layer, i);
    if (l->norm) {
        struct ref_norm norm = norm_of(p, params);
        ref_norm(&norm, inner, value);
        update(p, params, inner);
    }
    if (l->relu)
        ref_relu(value);
}

int learn_net_forward(struct learn_net *net, const struct learn_net_params *params,
                      const struct learn_batch *batch, struct learn_net_head heads[LEARN_HEADS],
                      struct err *err)
{
    if (prepare(net, batch, err))
        return -1;
    ref_input(batch->rgb, batch_of(net, L_IN, net->places[L_IN].value));
    for (int i = 0; i < LAYER_COUNT; i++) {
        run_layer(net, params, i);
        if (net->settle.settle)
            net->settle.settle(net->settle.context, i, net->places[i].value);
    }
    for (int i = 0; i < LEARN_HEADS; i++) {
        const struct place *p = &net->places[learn_heads_at[i]];
        heads[i] = (struct learn_net_head){p->shape.h, p->shape.w, p->value, p->gradient};
    }
    return 0;
}

static void back_image(const struct learn_net *net, const struct learn_net_params *params,
                       int layer, int image)
{
    const struct layer *l = &network[layer];
    const struct place *p = &net->places[layer];
    struct ref_map value[LAYER_INPUTS_MAX] = {0}, in[LAYER_INPUTS_MAX] = {0};
    struct ref_map out = image_of(net, layer, p->gradient, image);

    gather(net, layer, image, value, in);
    switch (l->op) {
    case LAYER_INPUT: break;
    case LAYER_CONV:
        ref_conv_learn(l, value[0], out, &p->learned, net->scratch);
        if (l->in[0] != L_IN)
            ref_conv_back(l, &p->conv, out, in[0], net->scratch);
        break;
    case LAYER_AVERAGE: ref_average_back(out, in[0]); break;
    case LAYER_CONCAT: ref_concat_back(out, in, layer_inputs(l)); break;
    case LAYER_BINS: ref_bins_back(out, in[0]); break;
    case LAYER_RESIZE: ref_resize_back(out, in[0]); break;
    case LAYER_SUM: ref_sum_back(out, in, layer_inputs(l)); break;
    case LAYER_STATS: ref_stats_back(value, out, in); break;
    case LAYER_BLEND: ref_blend_back(value, *param_of(params, p, ROLE_SCALE), out, in); break;
    }
}

static void back_layer(struct learn_net *net, const struct learn_net_params *params,
                       const struct learn_net_params *gradients, int layer)
{
    const struct layer *l = &network[layer];
    struct place *p = &net->places[layer];
    struct ref_map value = batch_of(net, layer, p->value), inner = batch_of(net, layer, p->inner);
    struct ref_map gradient = batch_of(net, layer, p->gradient);

    if (l->relu)
        ref_relu_back(value, gradient);
    if (l->norm) {
        struct ref_norm norm = norm_of(p, params);
        ref_norm_back(&norm, inner, gradient, gradients->at[p->of[ROLE_GAMMA]],
                      gradients->at[p->of[ROLE_BETA]]);
    }
    if (l->op == LAYER_CONV) {
        ref_conv_transpose(l, inputs_of(l), &p->conv);
        memset(p->learned.weight, 0, weight_count(l) * sizeof(double));
        p->learned.bias = l->bias ? gradients->at[p->of[ROLE_BIAS]] : NULL;
    }
    for (int i = 0; i < net->n; i++)
        back_image(net, params, layer, i);
    if (l->op == LAYER_CONV)
        ref_conv_unload(l, inputs_of(l), &p->learned, gradients->at[p->of[ROLE_WEIGHT]]);
}

void learn_net_backward(struct learn_net *net, const struct learn_net_params *params,
                        const struct learn_net_params *gradients)
{
    for (int i = 0; i < LAYER_COUNT; i++)
        if (i != L_LOGITS && i != L_LOGITS1 && i != L_LOGITS2)
            memset(net->places[i].gradient, 0, map_count(net, i) * sizeof(double));
    for (int i = LAYER_COUNT - 1; i > L_IN; i--)
        back_layer(net, params, gradients, i);
}

void learn_net_settle(struct learn_net *net, const struct learn_net_settle *settle)
{
    net->settle = settle ? *settle : (struct learn_net_settle){0};
}

const double *learn_net_value(const struct learn_net *net, int layer)
{
    return net->places[layer].value;
}

const double *learn_net_gradient(const struct learn_net *net, int layer)
{
    return net->places[layer].gradient;
}
