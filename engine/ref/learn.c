/* learn.c -- the oracle behind learn.h: f32 in and out, all between in double (learn_net.h). */
#include <stdlib.h>
#include <string.h>

#include "engine/learn_backend.h"
#include "engine/ref/learn_net.h"

struct learn_inner {
    struct learn_net *net;
    struct param table[PARAM_COUNT];
    double *block; /* parameters, then gradients, in the order of the table */
    struct learn_net_params params, gradients;
    struct learn_net_head heads[LEARN_HEADS];
    float *logits;       /* of the three heads, then their gradients */
    size_t logits_count; /* what `logits` has room for */
    struct learn_head at[LEARN_HEADS];
    int n;
};

static bool ref_can(const char *precision, int number)
{
    (void)number;
    return !strcmp(precision, "f32");
}

static void ref_close(struct learn_inner *l)
{
    learn_net_close(l->net);
    free(l->block);
    free(l->logits);
    free(l);
}

/* Room for all parameters and gradients. */
static int place_params(struct learn_inner *l, struct err *err)
{
    size_t count = 0;

    network_params(l->table);
    for (int i = 0; i < PARAM_COUNT; i++)
        count += param_count(&l->table[i]);
    l->block = malloc(2 * count * sizeof(double));
    if (!l->block)
        return err_set(err, ERR_NOMEM, "out of memory for a learner's parameters");
    double *at = l->block;
    for (int i = 0; i < PARAM_COUNT; i++) {
        l->params.at[i] = at;
        l->gradients.at[i] = at + count;
        at += param_count(&l->table[i]);
    }
    return 0;
}

static int ref_open(struct learn_inner **out, const struct learner_config *config, int number,
                    struct err *err)
{
    struct learn_inner *l = calloc(1, sizeof(*l));

    (void)config; /* one thread, double, whatever was asked */
    (void)number;
    if (!l)
        return err_set(err, ERR_NOMEM, "out of memory for a learner");
    if (place_params(l, err) || learn_net_open(&l->net, err)) {
        ref_close(l);
        return -1;
    }
    *out = l;
    return 0;
}

static size_t head_count(const struct learn_inner *l, int head)
{
    return (size_t)l->n * (size_t)l->heads[head].h * (size_t)l->heads[head].w *
           (size_t)network[L_LOGITS].channels;
}

static int place_heads(struct learn_inner *l, struct err *err)
{
    size_t count = 0;

    for (int i = 0; i < LEARN_HEADS; i++)
        count += 2 * head_count(l, i);
    if (count > l->logits_count) {
        free(l->logits);
        l->logits = malloc(count * sizeof(float));
        l->logits_count = l->logits ? count : 0;
    }
    if (!l->logits)
        return err_set(err, ERR_NOMEM, "out of memory for the logits of %d images", l->n);
    float *at = l->logits;
    for (int i = 0; i < LEARN_HEADS; i++) {
        for (size_t k = 0; k < head_count(l, i); k++)
            at[k] = (float)l->heads[i].logits[k];
        l->at[i] = (struct learn_head){l->heads[i].h, l->heads[i].w, at, at + head_count(l, i)};
        at += 2 * head_count(l, i);
    }
    return 0;
}

static void write_statistics(const struct learn_inner *l, const struct learn_params *params)
{
    for (int i = 0; i < PARAM_COUNT; i++)
        if (l->table[i].role == ROLE_MEAN || l->table[i].role == ROLE_VARIANCE)
            for (size_t k = 0; k < param_count(&l->table[i]); k++)
                params->at[i][k] = (float)l->params.at[i][k];
}

static int ref_forward(struct learn_inner *l, const struct learn_params *params,
                       const struct learn_batch *batch, struct learn_head heads[LEARN_HEADS],
                       struct err *err)
{
    l->n = batch->n;
    for (int i = 0; i < PARAM_COUNT; i++)
        for (size_t k = 0; k < param_count(&l->table[i]); k++)
            l->params.at[i][k] = params->at[i][k];
    if (learn_net_forward(l->net, &l->params, batch, l->heads, err) || place_heads(l, err))
        return -1;
    write_statistics(l, params);
    memcpy(heads, l->at, sizeof(l->at));
    return 0;
}

static int ref_backward(struct learn_inner *l, const struct learn_params *params,
                        const struct learn_params *gradients, struct err *err)
{
    (void)params; /* as the forward read them */
    (void)err;
    for (int h = 0; h < LEARN_HEADS; h++)
        for (size_t k = 0; k < head_count(l, h); k++)
            l->heads[h].gradient[k] = l->at[h].gradient[k];
    for (int i = 0; i < PARAM_COUNT; i++)
        memset(l->gradients.at[i], 0, param_count(&l->table[i]) * sizeof(double));
    learn_net_backward(l->net, &l->params, &l->gradients);
    for (int i = 0; i < PARAM_COUNT; i++)
        for (size_t k = 0; k < param_count(&l->table[i]) && param_is_trained(&l->table[i]); k++)
            gradients->at[i][k] = (float)(gradients->at[i][k] + l->gradients.at[i][k]);
    return 0;
}

const struct learn_backend learn_backend_ref = {
    .name = "ref",
    .device = "cpu",
    .can = ref_can,
    .open = ref_open,
    .close = ref_close,
    .forward = ref_forward,
    .backward = ref_backward,
};
