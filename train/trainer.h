/* trainer.h -- a training run at work: what its parts share.
 *
 *   loader ──► learner forward ──► loss ──► learner backward ──► optimiser        step.c
 *                                                                    │ each validate-every
 *                                           last/, validate, best/ ◄─┤            look.c
 *                                                    checkpoint ◄────┘ each save-every
 *
 * What comes out is a function of settings, pictures, precision and threads: killed at any moment and
 * gone on with, a run ends with the same bits. */
#ifndef TRAIN_TRAINER_H
#define TRAIN_TRAINER_H

#include "train/checkpoint.h"
#include "train/history.h"
#include "train/plan.h"
#include "train/run_folder.h"
#include "train/teacher.h"
#include "train/ticker.h"

struct trainer {
    struct plan plan;
    struct run_folder folder;
    json_t *config;
    struct cache *cache;
    int *train_rows, *val_rows; /* of the cache */
    int n_train, n_val;
    float *draws; /* n_train: how often each is drawn (dataset/sampling.h) */
    struct learner *learner;
    struct loss *loss;
    struct teacher *teacher; /* NULL: labels alone */
    struct loader *loader;
    struct bank weights, gradients;
    struct optimiser optimiser;
    struct history history;
    struct progress_state state;
    struct ticker ticker;
    int64_t saved; /* iteration of the latest state on disk; -1: none */
    /* Where the learner holds the weights (held.h): */
    int64_t fetched;  /* the iteration of what the banks hold */
    double held_norm; /* of the gradients of this step so far, if there are any */
    bool has_held;
};

/* Zeroed but for the descriptors. */
#define TRAINER_CLOSED                                             \
    {                                                              \
        .folder = {.lock = -1}, .history = {.fd = -1}, .saved = -1 \
    }

/* Opens all parts, and with --resume goes to where the run was saved. */
int trainer_open(struct trainer *t, const struct settings *s, struct err *err);
void trainer_close(struct trainer *t); /* safe on TRAINER_CLOSED */

/* One iteration. 1: the loss, a gradient, a weight or a running statistic is not finite; `err` says what,
 * and the log names the pictures. What is in memory is of no use then (the step may have been taken),
 * and nothing of it was written. */
int trainer_step(struct trainer *t, struct err *err);

/* The losses of a batch from its logits, the teacher's among them; its total, and the gradients of that times
 * `scale` into the heads. */
int trainer_lose(struct trainer *t, const struct batch *batch, double scale,
                 struct learn_head heads[LEARN_HEADS], double *loss, struct err *err);

/* The weights as they are into last/, the validation split through them, and into best/ when the score
 * is the highest so far. Without a validation split only last/. */
int trainer_look(struct trainer *t, struct err *err);

/* Writes the page; `state` is what it says of the run. An error is a line of the log, no more. */
void trainer_show(struct trainer *t, const char *state, bool is_live);

#endif
