/* learn.h -- one step of training PP-LiteSeg-T: forward with batch statistics, then gradients.
 *
 * A learner is the network in training mode on one backend and precision. The parameters are the
 * caller's: f32 arrays in the order and layouts of network_params, which the learner reads anew at
 * each step (the optimiser changes them in between) and whose running statistics it updates. The loss
 * is the caller's too: it reads the three heads' logits and writes their gradients between
 * learner_forward and learner_backward.
 *
 * The same parameters, pictures, gradients and `threads` give the same bits. A learner belongs to the
 * thread that opened it; it may use `threads` threads of its own while a call runs. Memory is kept
 * for the largest batch seen. */
#ifndef ENGINE_LEARN_H
#define ENGINE_LEARN_H

#include <stdint.h>

#include "common/err.h"
#include "engine/network.h"

struct learner;

struct learner_config {
    const char *backend;   /* "auto", "ref", "onednn", "cudnn" */
    const char *precision; /* of maps and of the weights that are multiplied: "auto" (f32),
                              "f32", "bf16"; sums, statistics, parameters and their gradients are f32 */
    const char *device;    /* "auto", "cpu", "cuda:N" */
    int threads;           /* at least 1 */
};

struct learner_facts {
    char backend[16], precision[16], device[32];
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
struct learn_head {
    int h, w;
    const float *logits; /* n,h,w,8 */
    float *gradient;     /* n,h,w,8: of the loss by these logits; written by the caller */
};

/* ERR_CONFIG: this build or machine has no such backend or precision. */
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

#endif
