/* learn_weights.h -- the parameters of a training run on the device: weights, gradients and what the
 * optimiser keeps, each bank one block with the same places.
 *
 * Filters stand in the order in which the kernels read them (cuDNN's: out,kernel,kernel,in), and beside
 * the weights is a copy in the maps' type; learn_weights_put and _get turn them. Running statistics are
 * the last of a bank. */
#ifndef ENGINE_CUDNN_LEARN_WEIGHTS_H
#define ENGINE_CUDNN_LEARN_WEIGHTS_H

#include "engine/cudnn/learn_jobs.h"
#include "engine/learn.h"

struct learn_weights {
    enum elem kind;
    struct param table[PARAM_COUNT];
    int of[LAYER_COUNT][ROLE_SCALE + 1]; /* learn_find_params */
    size_t at[PARAM_COUNT];              /* values from a bank's begin */
    size_t count, statistics_at;         /* values of a bank; where the statistics begin */
    char *block;              /* device memory, owned: what follows but for three banks */
    float *bank[LEARN_BANKS]; /* FIRST, SECOND, AVERAGE: blocks of their own, maybe NULL */
    float *fresh;             /* of the last batch: gradients that are f32 */
    void *dense, *packed;     /* gradients and weights of `kind` */
    uint8_t *rule;            /* count/4: enum update_rule */
    float *zeros;             /* of LEARN_CHANNELS_MAX channels */
    float *staging;           /* a bank on the host, owned */
};

/* Onto the current device. On failure nothing is left. */
int learn_weights_open(struct learn_weights *w, const char *precision, struct err *err);
void learn_weights_release(struct learn_weights *w); /* safe on a zeroed one */

/* Nothing on the device may use the bank meanwhile. After WEIGHTS, `packed` is old (gpu_update). */
int learn_weights_put(struct learn_weights *w, enum learn_bank bank,
                      const struct learn_params *from, struct err *err);
/* With `only_statistics` all other arrays are left alone. What was never put is ERR_BUG. */
int learn_weights_get(struct learn_weights *w, enum learn_bank bank, const struct learn_params *to,
                      bool only_statistics, struct err *err);

/* Adds the gradients of what is trained to the caller's. */
int learn_weights_add(struct learn_weights *w, const struct learn_params *to, struct err *err);

/* Into a bank, or NULL where the layer has none. */
float *learn_weights_in(const struct learn_weights *w, float *bank, int layer, enum role role);

/* Into `packed` or `dense`: the filter of `layer`. */
void *learn_weights_filter(const struct learn_weights *w, void *block, int layer);

#endif
