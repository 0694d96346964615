/* held.h -- a run whose learner holds the weights (engine/learn.h): the banks of the trainer are copies,
 * brought up to date before anybody looks at them. */
#ifndef TRAIN_HELD_H
#define TRAIN_HELD_H

#include "train/trainer.h"

/* All banks, and the loss scaling of the state, to the learner. */
int held_begin(struct trainer *t, struct err *err);

/* One batch's share of the gradients; its loss. What is not finite shows in held_update. */
int held_learn(struct trainer *t, const struct batch *batch, double scale, double *loss,
               struct err *err);

/* The step. `*norm` of the gradients is not finite when one of them is not; then nothing was changed.
 * Where fp16's loss scaling was too large for each batch there is no step, and the norm is 0. */
int held_update(struct trainer *t, double rate, double *norm, struct err *err);

/* The banks, and the state's loss scaling, from the learner after `iteration` iterations; nothing is done
 * when they are of that one, or when the weights are the trainer's own. */
int held_fetch(struct trainer *t, int64_t iteration, struct err *err);

#endif
