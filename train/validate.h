/* validate.h -- a model folder looked at as it will be used: the validation split through the fast
 * engine, with the figures of dataset/metrics.h.
 *
 * Inputs are made as for screening (preprocess/frame.h) from the cached pictures; maps are compared
 * with the mask at the cached size. The score by which the best weights are chosen is
 *   mean_jaccard + auc_malignant,
 * the former alone where the split has no malignant or no benign picture, rounded to 12 decimals, which
 * JSON keeps. */
#ifndef TRAIN_VALIDATE_H
#define TRAIN_VALIDATE_H

#include "common/json.h"
#include "lesion/policy_fit.h"
#include "train/cache.h"

struct validator {
    const struct cache *cache;    /* borrowed */
    const int *rows;              /* n rows of the cache, each with a lesion; borrowed */
    int n, size, threads;         /* px */
    const char *backend, *device; /* as engine_config has them */
    const char *precision;
    int sketches; /* pictures whose outlines are kept, spread evenly */
};

/* A picture with two outlines: the mask's in white, the model's in yellow. */
struct sketch {
    uint8_t *rgb; /* h,w,3; owned */
    int w, h, row;
    double jaccard;
};

struct validation {
    json_t *figures; /* as metrics_to_json */
    double score;
    struct sketch *sketches; /* `sketches` of the validator */
    int n_sketches;
    struct policy_sample *samples; /* n: what a policy is made of (lesion/policy_fit.h) */
    int n_samples;
};

/* Looks at the model in `dir`. ERR_CONFIG, ERR_NOMEM, ERR_DEVICE. */
int validate(const struct validator *v, const char *dir, struct validation *out, struct err *err);
void validation_release(struct validation *v); /* safe on a zeroed one */

#endif
