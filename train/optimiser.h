/* optimiser.h -- from gradients to new weights: SGD with momentum, AdamW, clipping, moving average.
 *
 *   SGD     g' = c g + decay w;  v = momentum v + g';  w = w - rate v          (specification 5.4)
 *   AdamW   m = momentum m + (1 - momentum) c g;  s = beta2 s + (1 - beta2) (c g)^2
 *           w = w - rate (m^ / (sqrt(s^) + 1e-8) + decay w), ^ corrected for the start at 0
 *           (Loshchilov and Hutter 2019)
 *   c       1, or clip / norm when the norm over all gradients is larger than clip
 *   average a = d a + (1 - d) w with d = min(ema, (1 + t) / (10 + t)), t counted from 0; running
 *           statistics are averaged like weights
 * All in f32, norms in f64; the number of threads changes no bit. */
#ifndef TRAIN_OPTIMISER_H
#define TRAIN_OPTIMISER_H

#include <stdint.h>

#include "train/bank.h"

enum optimiser_kind { OPTIMISER_SGD, OPTIMISER_ADAMW };

struct optimiser_config {
    enum optimiser_kind kind;
    double momentum, beta2; /* beta2: AdamW only */
    double decay;
    bool spares_norms; /* no decay of biases and of norms' factors and offsets */
    double clip;       /* 0: never */
    double ema;        /* 0: no average is kept */
    int threads;       /* 1..SPREAD_THREADS_MAX */
};

struct optimiser {
    struct optimiser_config config;
    struct bank first, second, average; /* v or m; s; a. Unused ones are zeroed structs */
    int64_t steps;                      /* done */
    float decay[PARAM_COUNT];
    bool is_trained[PARAM_COUNT];
    double *parts; /* a sum of squares for each part of the bank */
};

/* The average begins as `weights`. ERR_NOMEM. */
int optimiser_init(struct optimiser *o, const struct optimiser_config *config,
                   const struct bank *weights, struct err *err);
void optimiser_release(struct optimiser *o); /* safe on a zeroed one */

/* One step; the gradients of what is trained become zero. Returns their norm before clipping, which is not
 * finite when one of them is not; then nothing was changed, the gradients neither. */
double optimiser_step(struct optimiser *o, struct bank *weights, struct bank *gradients,
                      double rate);

/* The same step where a learner holds all of it (learner_update), which is to be made: it counts as done.
 * `norm` is finite. */
struct learn_update optimiser_plan(struct optimiser *o, double norm, double rate);

/* What is to be looked at and shipped: the average, or the weights where none is kept. */
const struct bank *optimiser_result(const struct optimiser *o, const struct bank *weights);

#endif
