/* history.h -- what a run did so far: RUN/log.jsonl, and the same in memory for its curves.
 *
 *   {"iter","loss","lr","gradient","images_per_s"}       a line each few iterations: means since the last
 *   {"iter","validation":{metrics},"score","is_best"}
 *   {"iter","stopped":"why","batch":["id", ...]}
 *
 * A line that cannot be written (a full disk) is left out whole, and training goes on. One thread. */
#ifndef TRAIN_HISTORY_H
#define TRAIN_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/json.h"

struct history_step {
    int64_t iteration;
    double loss, rate, gradient, images_per_s;
};

struct history_look {
    int64_t iteration;
    double score, mean_jaccard, failure_rate, auc_malignant, balanced_accuracy; /* NAN: unknown */
};

struct history {
    int fd; /* of the log; -1: closed */
    struct history_step *steps;
    struct history_look *looks;
    int n_steps, n_looks, steps_capacity, looks_capacity;
};

/* Opens the log and reads what it says up to `iteration`; what comes after that is cut off, since it
 * will be done again. */
int history_open(struct history *h, const char *path, int64_t iteration, struct err *err);
void history_close(struct history *h); /* safe on {.fd = -1} */

/* Reads the log of a run that is another's or over; nothing can be added then. ERR_INPUT: there is none. */
int history_read(struct history *h, const char *path, struct err *err);

int history_add_step(struct history *h, const struct history_step *step, struct err *err);

/* `figures` as metrics_to_json makes them; borrowed. */
int history_add_look(struct history *h, int64_t iteration, const json_t *figures, double score,
                     bool is_best, struct err *err);

/* Any other line; takes `line` over. */
int history_note(struct history *h, json_t *line, struct err *err);

#endif
