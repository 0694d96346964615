/* compare.h -- are two models different on the same images?
 *
 * Both are seen through the same draws of lesions (common/resample.h), so what makes an image easy or
 * hard for both does not count: the interval and p are of the difference. Of the area under the ROC curve
 * DeLong's paired error says the same for single images. */
#ifndef WORKER_COMPARE_H
#define WORKER_COMPARE_H

#include "worker/judge.h"

struct comparison {
    int n, lesions;
    uint32_t known; /* a bit for each figure that both have */
    double a[METRIC_COUNT], b[METRIC_COUNT], p[METRIC_COUNT];
    struct interval difference[METRIC_COUNT]; /* of a - b */
    struct roc_pair malignant;                /* NAN when scores are not known */
};

/* `b` has the images of `a`, in its order; `known` has a bit for each figure that b's images allow.
 * plan->replicates is at least 1. */
int compare_models(struct comparison *out, const struct judgement *a, const struct metrics *b,
                   uint32_t known, const struct judge_plan *plan, struct err *err);

/* {"with": `name`, "n", "lesions", "figures": {"mean_jaccard": {"this", "other", "difference", "ci", "p"}},
 * "auc_malignant_delong_p"}; the caller's, NULL when memory is gone. */
json_t *comparison_to_json(const struct comparison *c, const char *name);

#endif
