/* learn.h -- one step of training PP-LiteSeg-T: forward with batch statistics, then gradients.
 *
 * A learner is the network in training mode on one backend and precision. The parameters are the
 * caller's: f32 arrays in the order and layouts of network_params, which the learner reads anew at
 * each step (the optimiser changes them in between) and whose running statistics it updates. The loss
 * is the caller's too: it reads the three heads' logits and writes their gradients between
 * learner_forward and learner_backward.
 *
 * On a GPU that would move 64 MB of parameters and gradients over the bus for steps of a few
 * milliseconds, and leave the loss and the optimiser to a few cores. So a learner there can hold the
 * parameters, make the commonest losses and change the weights itself (second half of this file);
 * which it does is in learner_facts.
 *
 * The same parameters, pictures, gradients and `threads` give the same bits. A learner belongs to the
 * thread that opened it; it may use `threads` threads of its own while a call runs. Memory is kept
 * for the largest batch seen. */
#ifndef ENGINE_LEARN_H
#define ENGINE_LEARN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "engine/network.h"

struct learner;

struct learner_config {
    const char *backend;   /* "auto", "ref", "onednn", "cudnn" */
    const char *precision; /* of maps and of the weights that are multiplied: "auto" (bf16
                              where processor or GPU has it, else f32, on a GPU fp16), "f32", "bf16",
                              "fp16"; sums, statistics, parameters and their gradients are f32 */
    const char *device;    /* "auto" (cpu), "cpu", "cuda:N" */
    int threads;           /* at least 1 */
};

struct learner_facts {
    char backend[16], precision[16], device[32];
    bool holds; /* it can hold the parameters: learner_put and what follows it */
};

/* PARAM_COUNT arrays in the order of network_params; none is NULL. */
struct learn_params {
    float *at[PARAM_COUNT];
};

/* What a step is made on. */
struct learn_batch {
    const uint8_t *rgb; /* n,h,w,3; normalised as for inference: (x/255 - 0.5)/0.5 */
    int n, h, w;
};

/* One head's output before the resize to h x w: heads 0, 1, 2 at an eighth, a sixteenth and a
 * thirty-second of the input's size (rounded up). */
enum { LEARN_HEADS = 3 };
enum { LEARN_CLASSES = 8 };
struct learn_head {
    int h, w;
    const float *logits; /* n,h,w,8 */
    float *gradient;     /* n,h,w,8: of the loss by these logits; written by the caller */
};

/* ERR_CONFIG: this build or machine has no such backend, precision or device, and why. */
int learner_open(struct learner **out, const struct learner_config *config, struct err *err);
void learner_close(struct learner *l); /* NULL is fine */
const struct learner_facts *learner_facts(const struct learner *l);

/* Forward over a batch of any size. Norms use the batch's mean and biased variance; where a norm has
 * a single value per channel (n*h*w = 1) it is left out, output = input, statistics untouched.
 * Running statistics in `params` become 0.9*old + 0.1*batch, the variance unbiased (specification
 * 5.5). `heads` points into the learner until the next call. ERR_NOMEM, ERR_DEVICE. */
int learner_forward(struct learner *l, const struct learn_params *params,
                    const struct learn_batch *batch, struct learn_head heads[LEARN_HEADS],
                    struct err *err);

/* Once for each forward: gradients of its batch, ADDED to `gradients` (the caller zeroes them, or goes on to
 * accumulate). Arrays of what is not trained (means, variances, _scale) are left alone. `params` is
 * what learner_forward was given, unchanged but for the statistics. ERR_BUG when there is no forward
 * that went well and has not been used up. */
int learner_backward(struct learner *l, const struct learn_params *params,
                     const struct learn_params *gradients, struct err *err);

/* ---- a learner that holds the parameters ----------------------------------------------------
 *
 *   learner_put: weights, and what the optimiser keeps
 *   for each step: learner_learn for each batch of it, then learner_update
 *   learner_get: before anything is written or validated
 *
 * With a loss of the caller's, learner_forward and learner_backward take the place of learner_learn;
 * their parameters and gradients are NULL then: those that are held. */

/* One array for each parameter. AVERAGE is the moving average of the weights; what was never put does
 * not exist, and is not kept up. */
enum learn_bank {
    LEARN_WEIGHTS,
    LEARN_GRADIENTS, /* the sum over the batches since the last update; only to get */
    LEARN_FIRST,
    LEARN_SECOND,
    LEARN_AVERAGE,
    LEARN_BANKS
};

/* ERR_NOMEM, ERR_DEVICE. What is not trained is 0 in GRADIENTS. */
int learner_put(struct learner *l, enum learn_bank bank, const struct learn_params *from,
                struct err *err);
int learner_get(struct learner *l, enum learn_bank bank, const struct learn_params *to,
                struct err *err);

/* total = sum over heads h of head[h] * (entropy * cross-entropy + dice * Dice); train/loss.h has the
 * formulas, and losses that are not made here. */
struct learn_loss {
    double entropy, dice; /* not negative, not both 0 */
    double head[LEARN_HEADS];
    float class_weight[LEARN_CLASSES];
};

/* What came of a batch. */
struct learn_made {
    double loss;              /* the total; learner_learn only */
    double head[LEARN_HEADS]; /* of each head, before its coefficient */
    /* Of the sum of gradients so far. Not finite: a gradient is not, and an update would spoil all. */
    double norm;
    /* fp16 only: a gradient was too large for the loss scaling. The batch is not in the sum, the
     * scaling was made smaller, and the next batch can come. */
    bool is_dropped;
};

/* Forward, loss, gradients of the total times `scale`. `labels` are n,h,w: 0 to 7, anything else is
 * ignored. */
int learner_learn(struct learner *l, const struct learn_batch *batch, const uint8_t *labels,
                  const struct learn_loss *loss, double scale, struct learn_made *out,
                  struct err *err);

/* After learner_backward with gradients that are held; loss and head are 0. */
int learner_made(struct learner *l, struct learn_made *out, struct err *err);

/* A step of train/optimiser.h with everything worked out that is the same for all weights. */
struct learn_update {
    bool is_adamw; /* else SGD */
    float rate, scale, momentum, beta2, unbias_first, unbias_second;
    float decay, decay_spared; /* of weights; of biases and of norms' factors and offsets */
    float share;               /* of the new weights in the average */
};

/* Changes weights, FIRST, SECOND (AdamW) and AVERAGE; the next batch begins a new sum. */
int learner_update(struct learner *l, const struct learn_update *u, struct err *err);

/* Page-locks memory of the caller's until the learner is closed, which has to be before the memory is
 * freed: batches that lie in it go to the device without a copy by the processor. Ranges do not touch.
 * ERR_CONFIG: it cannot be locked; all goes on without. */
int learner_pin(struct learner *l, const void *base, size_t size, struct err *err);

/* fp16's loss scaling, a part of the state of a run; else 1 and 0. */
struct learn_scaling {
    double scale; /* 1 to 65536, a power of two */
    int64_t good; /* batches since it changed */
};
struct learn_scaling learner_scaling(const struct learner *l);
void learner_set_scaling(struct learner *l, const struct learn_scaling *scaling);

#endif
