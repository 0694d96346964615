#include "engine/cudnn/learn_weights.h"

#include <stdlib.h>
#include <string.h>

#include "engine/cudnn/cudnn_try.h"
#include "engine/cudnn/memory.h"
#include "engine/cudnn/parameters.h"
#include "engine/learn_table.h"

enum { ALIGN = 64 /* values */, GROUP = 4 };

static bool is_statistic(const struct param *p)
{
    return p->role == ROLE_MEAN || p->role == ROLE_VARIANCE;
}

static void place(struct learn_weights *w, bool statistics)
{
    for (int i = 0; i < PARAM_COUNT; i++)
        if (is_statistic(&w->table[i]) == statistics) {
            w->at[i] = w->count;
            w->count += (param_count(&w->table[i]) + ALIGN - 1) / ALIGN * ALIGN;
        }
}

static enum update_rule rule_of(const struct param *p)
{
    if (!param_is_trained(p))
        return UPDATE_NOTHING;
    if (p->role != ROLE_WEIGHT)
        return UPDATE_NORM_OR_BIAS;
    return learn_is_dense(p->layer) ? UPDATE_DENSE : UPDATE_WEIGHT;
}

/* What lies between arrays is never changed. */
static int upload_rules(struct learn_weights *w, struct err *err)
{
    uint8_t *rules = calloc(w->count / GROUP, 1);

    if (!rules)
        return err_set(err, ERR_NOMEM, "out of memory for what becomes of the weights");
    for (int i = 0; i < PARAM_COUNT; i++)
        memset(rules + w->at[i] / GROUP, (int)rule_of(&w->table[i]),
               (param_count(&w->table[i]) + GROUP - 1) / GROUP);
    int ret =
        CUDA_FAILED(err, cudaMemcpy(w->rule, rules, w->count / GROUP, cudaMemcpyHostToDevice));
    free(rules);
    return ret;
}

static int allocate(struct learn_weights *w, struct err *err)
{
    size_t bank = memory_align(w->count * sizeof(float));
    size_t half = memory_align(w->count * elem_size(w->kind));
    size_t rules = memory_align(w->count / GROUP), zeros = LEARN_CHANNELS_MAX * sizeof(float);
    size_t all = 3 * bank + 2 * half + zeros + rules;

    w->staging = malloc(w->count * sizeof(float));
    if (!w->staging)
        return err_set(err, ERR_NOMEM, "out of memory for %zu parameters", w->count);
    if (CUDA_FAILED(err, cudaMalloc((void **)&w->block, all)) ||
        CUDA_FAILED(err, cudaMemset(w->block, 0, all)))
        return err_wrap(err, "%zu MiB of parameters", all >> 20);
    w->bank[LEARN_WEIGHTS] = (float *)w->block;
    w->bank[LEARN_GRADIENTS] = (float *)(w->block + bank);
    w->fresh = (float *)(w->block + 2 * bank);
    w->dense = w->block + 3 * bank;
    w->packed = w->block + 3 * bank + half;
    w->zeros = (float *)(w->block + 3 * bank + 2 * half);
    w->rule = (uint8_t *)w->zeros + zeros;
    if (w->kind == ELEM_F32)
        w->packed = w->bank[LEARN_WEIGHTS];
    return 0;
}

int learn_weights_open(struct learn_weights *w, const char *precision, struct err *err)
{
    cudnnDataType_t type;

    *w = (struct learn_weights){0};
    parameters_types(precision, &type, &w->kind);
    network_params(w->table);
    learn_find_params(w->of);
    place(w, false);
    w->statistics_at = w->count;
    place(w, true);
    if (allocate(w, err) || upload_rules(w, err)) {
        learn_weights_release(w);
        return -1;
    }
    return 0;
}

void learn_weights_release(struct learn_weights *w)
{
    const enum learn_bank own[] = {LEARN_FIRST, LEARN_SECOND, LEARN_AVERAGE};

    for (int i = 0; i < 3; i++)
        if (w->bank[own[i]])
            cudaFree(w->bank[own[i]]);
    if (w->block)
        cudaFree(w->block);
    free(w->staging);
    *w = (struct learn_weights){0};
}

/* Where value i of a parameter (out,in,tap) stands on the device. */
static size_t turned(const struct param *p, size_t i)
{
    if (p->role != ROLE_WEIGHT || learn_is_plane(p->layer) || learn_is_logits(p->layer))
        return i;
    size_t taps = (size_t)(p->shape[2] * p->shape[3]), in = (size_t)p->shape[1];
    size_t o = i / (in * taps), k = i / taps % in, tap = i % taps, out = (size_t)p->shape[0];
    if (p->layer == L_F0)
        return (tap * in + k) * out + o;
    if (network[p->layer].groups > 1)
        return tap * out + o;
    return (o * taps + tap) * in + k;
}

/* Banks other than the weights' begin as NULL. */
static int make_bank(struct learn_weights *w, enum learn_bank bank, struct err *err)
{
    if (w->bank[bank])
        return 0;
    if (CUDA_FAILED(err, cudaMalloc((void **)&w->bank[bank], w->count * sizeof(float))))
        return err_wrap(err, "%zu MiB for the optimiser", w->count * sizeof(float) >> 20);
    return 0;
}

int learn_weights_put(struct learn_weights *w, enum learn_bank bank,
                      const struct learn_params *from, struct err *err)
{
    if (make_bank(w, bank, err))
        return -1;
    memset(w->staging, 0, w->count * sizeof(float));
    for (int i = 0; i < PARAM_COUNT; i++)
        for (size_t k = 0; k < param_count(&w->table[i]); k++)
            w->staging[w->at[i] + turned(&w->table[i], k)] = from->at[i][k];
    if (CUDA_FAILED(err, cudaMemcpy(w->bank[bank], w->staging, w->count * sizeof(float),
                                    cudaMemcpyHostToDevice)) ||
        CUDA_FAILED(err, cudaDeviceSynchronize())) /* the copy may return before its end */
        return -1;
    return 0;
}

/* A bank from value `from` on, into the staging. */
static int fetch(struct learn_weights *w, enum learn_bank bank, size_t from, struct err *err)
{
    if (!w->bank[bank])
        return err_set(err, ERR_BUG, "what was never put is asked for");
    return CUDA_FAILED(err, cudaMemcpy(w->staging + from, w->bank[bank] + from,
                                       (w->count - from) * sizeof(float), cudaMemcpyDeviceToHost));
}

int learn_weights_get(struct learn_weights *w, enum learn_bank bank, const struct learn_params *to,
                      bool only_statistics, struct err *err)
{
    size_t from = only_statistics ? w->statistics_at : 0;

    if (fetch(w, bank, from, err))
        return -1;
    for (int i = 0; i < PARAM_COUNT; i++)
        for (size_t k = 0; w->at[i] >= from && k < param_count(&w->table[i]); k++)
            to->at[i][k] = w->staging[w->at[i] + turned(&w->table[i], k)];
    return 0;
}

int learn_weights_add(struct learn_weights *w, const struct learn_params *to, struct err *err)
{
    if (fetch(w, LEARN_GRADIENTS, 0, err))
        return -1;
    for (int i = 0; i < PARAM_COUNT; i++)
        for (size_t k = 0; param_is_trained(&w->table[i]) && k < param_count(&w->table[i]); k++)
            to->at[i][k] += w->staging[w->at[i] + turned(&w->table[i], k)];
    return 0;
}

float *learn_weights_in(const struct learn_weights *w, float *bank, int layer, enum role role)
{
    int i = w->of[layer][role];

    return i < 0 ? NULL : bank + w->at[i];
}

void *learn_weights_filter(const struct learn_weights *w, void *block, int layer)
{
    return (char *)block + w->at[w->of[layer][ROLE_WEIGHT]] * elem_size(w->kind);
}
