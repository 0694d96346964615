/* network_params.c -- the names and shapes of every tensor, made from the table of layers.
 *
 * Paddle numbers its variables per kind in the order in which layers are built (specification
 * 2.3); a row's `serial` is that number for its convolution. Convolutions without norm make the
 * norm's number smaller than the convolution's. */
#include <assert.h>
#include <stdio.h>

#include "engine/network.h"

static const char *const conv_suffix[] = {
    [NAMES_BACKBONE] = ".conv",
    [NAMES_AVD] = ".0",
    [NAMES_DECODER] = "._conv",
    [NAMES_PLAIN] = "",
};

static const char *const norm_suffix[] = {
    [NAMES_BACKBONE] = ".bn",
    [NAMES_AVD] = ".1",
    [NAMES_DECODER] = "._batch_norm",
};

static int norm_serial(const struct layer *l)
{
    int n = 0;

    for (int i = 0; i < LAYER_COUNT; i++)
        n += network[i].op == LAYER_CONV && network[i].norm && network[i].serial < l->serial;
    return n;
}

struct params {
    struct param *out;
    int count;
};

static struct param *next_param(struct params *ps, int layer, enum role role)
{
    assert(ps->count < PARAM_COUNT);
    struct param *p = &ps->out[ps->count++];

    *p = (struct param){.layer = layer, .role = role, .rank = 1};
    p->shape[0] = network[layer].channels;
    return p;
}

static void add_conv(struct params *ps, int layer)
{
    const struct layer *l = &network[layer];
    struct param *p = next_param(ps, layer, ROLE_WEIGHT);

    p->rank = 4;
    p->shape[1] = network[l->in[0]].channels / l->groups;
    p->shape[2] = p->shape[3] = l->kernel;
    snprintf(p->name, sizeof(p->name), "%s%s.weight", l->name, conv_suffix[l->names]);
    snprintf(p->variable, sizeof(p->variable), "conv2d_%d.w_0", l->serial);
    if (!l->bias)
        return;
    p = next_param(ps, layer, ROLE_BIAS);
    snprintf(p->name, sizeof(p->name), "%s%s.bias", l->name, conv_suffix[l->names]);
    snprintf(p->variable, sizeof(p->variable), "conv2d_%d.b_0", l->serial);
}

static void add_norm(struct params *ps, int layer)
{
    static const struct {
        enum role role;
        const char *name, *variable;
    } parts[] = {
        {ROLE_GAMMA,    "weight",    "w_0"},
        {ROLE_BETA,     "bias",      "b_0"},
        {ROLE_MEAN,     "_mean",     "w_1"},
        {ROLE_VARIANCE, "_variance", "w_2"},
    };
    const struct layer *l = &network[layer];

    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        struct param *p = next_param(ps, layer, parts[i].role);
        snprintf(p->name, sizeof(p->name), "%s%s.%s", l->name, norm_suffix[l->names],
                 parts[i].name);
        snprintf(p->variable, sizeof(p->variable), "batch_norm2d_%d.%s", norm_serial(l),
                 parts[i].variable);
    }
}

static void add_scale(struct params *ps, int layer)
{
    const struct layer *l = &network[layer];
    struct param *p = next_param(ps, layer, ROLE_SCALE);

    p->shape[0] = 1;
    snprintf(p->name, sizeof(p->name), "%s._scale", l->name);
    snprintf(p->variable, sizeof(p->variable), "uafm__sp_atten_%d.w_0", l->serial);
}

void network_params(struct param out[PARAM_COUNT])
{
    struct params ps = {.out = out};

    for (int i = 0; i < LAYER_COUNT; i++) {
        if (network[i].op == LAYER_CONV)
            add_conv(&ps, i);
        if (network[i].op == LAYER_CONV && network[i].norm)
            add_norm(&ps, i);
        if (network[i].op == LAYER_BLEND)
            add_scale(&ps, i);
        if (i == LAYER_COUNT_INFERENCE - 1)
            assert(ps.count == PARAM_COUNT_INFERENCE);
    }
    assert(ps.count == PARAM_COUNT);
}

size_t param_count(const struct param *p)
{
    size_t n = 1;

    for (int i = 0; i < p->rank; i++)
        n *= (size_t)p->shape[i];
    return n;
}

bool param_is_trained(const struct param *p)
{
    return p->role != ROLE_MEAN && p->role != ROLE_VARIANCE && p->role != ROLE_SCALE;
}
