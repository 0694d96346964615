#include "engine/learn_table.h"

#include <assert.h>
#include <string.h>

const int learn_heads_at[3] = {L_LOGITS, L_LOGITS1, L_LOGITS2};

enum { PLANE_CHANNELS_MAX = 2 };

bool learn_is_plane(int layer)
{
    return network[layer].op == LAYER_CONV && network[layer].channels <= PLANE_CHANNELS_MAX;
}

bool learn_is_dense(int layer)
{
    const struct layer *l = &network[layer];

    return l->op == LAYER_CONV && l->norm && l->groups == 1 && layer != L_F0 &&
           !learn_is_plane(layer);
}

bool learn_is_logits(int layer)
{
    return network[layer].op == LAYER_CONV && !network[layer].norm;
}

static bool reads(int reader, int layer)
{
    for (int k = 0; k < layer_inputs(&network[reader]); k++)
        if (network[reader].in[k] == layer)
            return true;
    return false;
}

bool learn_wants_map(int layer)
{
    for (int i = layer + 1; i < LAYER_COUNT; i++)
        if (network[i].op != LAYER_CONCAT && reads(i, layer))
            return true;
    return false;
}

int learn_reader_of(int layer)
{
    int reader = layer + 1;

    while (network[reader].op != LAYER_CONV || network[reader].in[0] != layer)
        reader++;
    return reader;
}

int learn_pool_beside(int layer)
{
    int pool = layer + 1;

    while (network[pool].op != LAYER_AVERAGE)
        pool++;
    return pool;
}

bool learn_has_back(int layer)
{
    enum layer_op op = network[layer].op;

    return (op == LAYER_CONV && layer != L_F0) || op == LAYER_RESIZE || op == LAYER_BLEND;
}

int learn_sources(int layer, struct learn_part out[LEARN_SOURCES_MAX])
{
    struct learn_part wide[LEARN_SOURCES_MAX];
    int n = 0, before = 0, concat = network_concat_of(layer, &before);

    for (int i = layer + 1; i < LAYER_COUNT; i++)
        if (network[i].in[0] == layer && learn_has_back(i)) {
            assert(n < LEARN_SOURCES_MAX);
            out[n++] = (struct learn_part){i, 0, network[layer].channels};
        }
    int more = concat == L_NONE ? 0 : learn_sources(concat, wide);
    assert(n + more <= LEARN_SOURCES_MAX);
    for (int i = 0; i < more; i++) {
        wide[i].before += before;
        out[n++] = wide[i];
    }
    return n;
}

void learn_find_params(int of[LAYER_COUNT][ROLE_SCALE + 1])
{
    struct param params[PARAM_COUNT];

    network_params(params);
    memset(of, -1, sizeof(int) * LAYER_COUNT * (ROLE_SCALE + 1));
    for (int i = 0; i < PARAM_COUNT; i++)
        of[params[i].layer][params[i].role] = i;
}
