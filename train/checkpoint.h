/* checkpoint.h -- the state that a killed run goes on from: the two latest are kept.
 *
 *   RUN/state/<iteration>.safetensors   weights, momentum, second moments, average: f32
 *   RUN/state/<iteration>.json          the rest, and the digest of the former
 *
 * The JSON is renamed into place after the tensors are on the disk, so a state is whole or not there;
 * what is older than the two latest goes only then. A full disk leaves the states that there were. */
#ifndef TRAIN_CHECKPOINT_H
#define TRAIN_CHECKPOINT_H

#include <stdint.h>

#include "train/optimiser.h"

struct progress_state {
    int64_t iteration; /* done */
    double best_score; /* -INFINITY before the first validation */
    int64_t best_iteration;
    double loss_sum; /* since the last line of the log */
    int64_t loss_count;
    struct learn_scaling scaling; /* of a learner that holds the weights; scale 0: none was */
};

/* ERR_AGAIN: the disk. */
int checkpoint_save(const char *dir, const struct progress_state *state, const struct bank *weights,
                    const struct optimiser *o, struct err *err);

/* The latest whole state into `state`, `weights` and `o` (made with the run's configuration): 1, or 0
 * when there is none. What is broken is passed over with a warning in the log, and removed when an older
 * one serves: it would count as one of the two that are kept. ERR_AGAIN: one cannot be read now. */
int checkpoint_load(const char *dir, struct progress_state *state, struct bank *weights,
                    struct optimiser *o, struct err *err);

#endif
