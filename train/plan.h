/* plan.h -- the settings of a training run, read and checked once.
 *
 * What decides the outcome is written into the run's config.json as it was asked for, so that --resume
 * can tell whether it is asked for the same. Settings that change no bit (loaders, decoders, where the
 * cache lies) are not compared. */
#ifndef TRAIN_PLAN_H
#define TRAIN_PLAN_H

#include "common/json.h"
#include "common/settings.h"
#include "dataset/augment.h"
#include "dataset/sampling.h"
#include "train/loader.h"
#include "train/loss.h"
#include "train/optimiser.h"
#include "train/schedule.h"

enum { PLAN_SIZE = 256 /* px, when --size is not given */ };

struct plan {
    const struct settings *settings; /* borrowed */
    struct learner_config learner;
    struct loss_config loss;
    struct optimiser_config optimiser;
    struct schedule schedule;
    int64_t end; /* iterations after which this process has done its part: stop-at or all */
    struct augment_config augment;
    enum sampling_rule sampling;
    bool samples_by_file;        /* weights.csv in place of the rule (weights.h) */
    int size;                    /* px: of validation, and of the model that comes out */
    int sizes[LOADER_SIZES_MAX]; /* of the batches */
    int n_sizes;
    int bound;            /* px, of the cached pictures */
    int threads, loaders; /* each at least 1 */
};

/* ERR_INPUT: a setting that is missing or has no meaning, by name. */
int plan_make(struct plan *out, const struct settings *s, struct err *err);

/* A new object of the caller with the text of each setting that counts, and the number of threads; NULL
 * when memory is gone. */
json_t *plan_settings(const struct plan *p);

/* The first key in which two such objects differ, borrowed from `a` or `b`; NULL: they are the same. */
const char *plan_difference(json_t *a, json_t *b);

#endif
