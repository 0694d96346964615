/* metrics.h -- figures of a model on labelled images: design section 3, the same as the peers'.
 *
 * Jaccard, Dice and the confusion matrix count pixels at the mask's own resolution. A class that
 * is in neither prediction nor truth has IoU 0 here, as in the recorded figures of the starter
 * model (the specification's section 5.8 counts it as 1). Each image keeps its own counts, so that
 * figures of a part, or of a sample drawn with replacement, cost no second look at the pixels. */
#ifndef DATASET_METRICS_H
#define DATASET_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/json.h"

enum { METRICS_CLASSES = 8, METRICS_BINS = 10 };

#define METRICS_FAILURE 0.65 /* a Jaccard index below it is a failure: ISIC 2018, task 1 */

enum metric {
    METRIC_MIOU2,         /* mean of background's and lesion's IoU, pooled over all pixels */
    METRIC_LESION_IOU,    /* of lesion, whatever its class, pooled over all pixels */
    METRIC_MEAN_JACCARD,  /* mean over images */
    METRIC_THRESHOLDED,   /* the same, failures counted as 0 */
    METRIC_FAILURE,       /* share of images below METRICS_FAILURE */
    METRIC_DICE,          /* mean over images */
    METRIC_MIOU8,         /* mean of the eight classes' IoU, pooled over all pixels */
    METRIC_AUC_MALIGNANT, /* of the malignant probability */
    METRIC_AUC_MEL,       /* of each class's score against all others; METRIC_AUC_MEL + class - 1 */
    METRIC_AUC_NV,
    METRIC_AUC_BCC,
    METRIC_AUC_AKIEC,
    METRIC_AUC_BKL,
    METRIC_AUC_DF,
    METRIC_AUC_VASC,
    METRIC_SPECIFICITY, /* at the malignant probability that 95 % of the malignant reach */
    METRIC_BALANCED,    /* mean of the classes' shares with the right class first */
    METRIC_BRIER,       /* mean of (malignant probability - 0 or 1) squared */
    METRIC_NLL,         /* mean of -ln(score of the right class), scores at least 1e-9 */
    METRIC_ECE,         /* sum over bins of n_bin/n |mean probability - share of malignant| */
};
enum { METRIC_COUNT = METRIC_ECE + 1, METRICS_ALL = (1 << METRIC_COUNT) - 1 };

const char *metric_word(enum metric m); /* the key that `eval` prints, "mean_jaccard" ... */

struct metrics_image {
    int truth;                      /* class of the lesion, 1..7 */
    double scores[METRICS_CLASSES]; /* [1..7], sum 1 */
    double jaccard, dice;           /* 0..1 */
    uint32_t pixels[2]
                   [METRICS_CLASSES]; /* outside and inside the true lesion, by predicted class */
};

struct metrics {
    struct metrics_image *images;
    int n, capacity;
};

void metrics_release(struct metrics *m); /* safe on a zeroed one */

/* One labelled image; all borrowed. */
struct metrics_case {
    const uint8_t *predicted; /* h,w: classes 0..7 */
    const uint8_t *is_lesion; /* h,w: 0 or 1 */
    int w, h;
    int truth;            /* 1..7 */
    const double *scores; /* METRICS_CLASSES; [0] unused */
};

/* Count one image. ERR_INPUT: truth is no class of a lesion. */
int metrics_add(struct metrics *m, const struct metrics_case *image, struct err *err);

/* Figures of the images rows[0..n-1], which may stand there several times, or of all (rows NULL, n
 * ignored). `wanted` has a bit (1 << metric) for each that is to be worked out; the others stay as they
 * are. NAN where there is nothing to divide by: no image of a kind that is needed. -1: ERR_NOMEM. */
int metrics_figures(const struct metrics *m, const int *rows, int n, uint32_t wanted,
                    double out[METRIC_COUNT], struct err *err);

/* Of the malignant probability: images by tenth of it. */
struct metrics_bin {
    int n;
    double score, share; /* mean probability; share that is malignant; 0 of none */
};
void metrics_reliability(const struct metrics *m, struct metrics_bin bins[METRICS_BINS]);

/* MEL + BCC + AKIEC. */
double metrics_malignant(const struct metrics_image *image);

/* The class with the highest score, 1..7. */
int metrics_best_class(const struct metrics_image *image);

/* A new object of the caller with the keys that `eval` prints, without "size"; NULL when memory is
 * gone. */
json_t *metrics_to_json(const struct metrics *m);

struct metrics_ranked {
    double score;
    bool is_positive;
};

/* Area under the ROC curve by ranks (ties count half); NAN without both kinds. Sorts `all`. */
double metrics_auc(struct metrics_ranked *all, int n);

#endif
