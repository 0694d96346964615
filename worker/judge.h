/* judge.h -- all that `eval` says of one model on one labelled set, from its images' counts.
 *
 *      images counted one by one ──► judgement_finish ──► figures with intervals: of all, of each class,
 *      (metrics.h)                                        of each source; calibration; JSON
 *
 * Intervals are 95 % ones by drawing lesions again (common/resample.h). A class's figures are of its own
 * images; its area under the ROC curve is that of its score against all other classes' images. */
#ifndef WORKER_JUDGE_H
#define WORKER_JUDGE_H

#include "common/resample.h"
#include "dataset/labels.h"
#include "dataset/metrics.h"
#include "dataset/roc.h"

/* Figures of some of the images. */
struct judged_part {
    const char *name; /* "MEL", "HAM10000"; borrowed */
    int n, lesions;
    double value[METRIC_COUNT];          /* NAN: not worked out, or nothing to divide by */
    struct interval range[METRIC_COUNT]; /* NAN, NAN without replicates */
};

/* Scores as they are and after the temperature that suits these images best. */
struct judged_scores {
    double temperature; /* of the best; 1: they are as good as they get */
    double before[METRIC_COUNT], after[METRIC_COUNT]; /* brier, nll, ece; the rest NAN */
    struct metrics_bin bins_before[METRICS_BINS], bins_after[METRICS_BINS];
};

struct judgement {
    struct metrics metrics;
    const struct label **labels; /* metrics.n of them: of which image; borrowed */
    int capacity;                /* of `labels` */
    struct judged_part whole, classes[METRICS_CLASSES]; /* classes[0] is not used */
    struct judged_part *sources;
    int n_sources;
    struct judged_scores scores;
    struct roc_point *curve; /* of the malignant probability */
    int n_curve;
    struct roc_area delong; /* the area under it, images taken as independent */
};

struct judge_plan {
    int replicates; /* 0: no intervals */
    uint64_t seed;
};

/* Count one image of `label`, which has to stay. */
int judgement_add(struct judgement *j, const struct metrics_case *image, const struct label *label,
                  struct err *err);

/* Work it all out; once, after the last image. */
int judgement_finish(struct judgement *j, const struct judge_plan *plan, struct err *err);
void judgement_release(struct judgement *j); /* safe on a zeroed one */

/* The lesions of the images, for resampler_init: metrics.n texts. The caller frees the list, not the
 * texts; NULL: ERR_NOMEM. */
const char **judgement_lesions(const struct judgement *j, struct err *err);

/* The malignant probability of each image and whether it is malignant: metrics.n each; the caller frees
 * `*scores`, which holds both. */
int judgement_malignant(const struct judgement *j, double **scores, uint8_t **is_malignant,
                        struct err *err);

/* The keys that `eval` prints, without size and model; the caller's, NULL when memory is gone. */
json_t *judgement_to_json(const struct judgement *j);

#endif
