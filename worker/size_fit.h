/* size_fit.h -- the sizes and the rule of `--size auto` (lesion/size_plan.h) from a labelled set.
 *
 * Every image was measured at every candidate size. The best single size is the one that fails least
 * (Jaccard < 0.65; when equal, the higher AUC, then the smaller). Of all pairs of sizes, bounds of the expected Jaccard
 * index and widths of the score's band, those are admissible that fail at most FAILURE_MORE oftener
 * and rank malignant before benign at most AUC_LESS worse than that, each with one standard error of
 * the paired difference to spare (of the AUC: DeLong, Biometrics 1988;44:837-45); the one with the
 * fewest pixels through the network an image wins. The same samples give the same plan.
 *
 * Without the standard error the cheapest of some 15,000 plans is the luckiest: 192 and 288 px at 8 %
 * fine passes, which on the test split failed 0.016 oftener than 256 and lost 0.028 of AUC. */
#ifndef WORKER_SIZE_FIT_H
#define WORKER_SIZE_FIT_H

#include <stdint.h>

#include "common/err.h"
#include "lesion/size_plan.h"

#define SIZE_FIT_FAILURE_MORE 0.005
#define SIZE_FIT_AUC_LESS     0.01

enum { SIZE_FIT_SIZES = 9 };
extern const int size_fit_sizes[SIZE_FIT_SIZES]; /* px, rising */

/* One image at one size. */
struct size_sample {
    double jaccard;   /* against the truth */
    double expected;  /* size_plan_expected_jaccard */
    double malignant; /* malignant probability */
    double pixels;    /* of the padded input */
};

struct size_samples {
    const struct size_sample *at; /* n,SIZE_FIT_SIZES */
    const uint8_t *is_malignant;  /* n */
    int n;
};

struct size_figures {
    double failure_rate, auc_malignant;
    double pixels; /* through the network, mean of an image */
};

struct size_fit {
    struct size_plan plan;
    int best_size; /* px, the single one */
    struct size_figures best, chosen;
};

/* ERR_INPUT: no malignant or no benign image. ERR_NOMEM. */
int size_fit(struct size_fit *out, const struct size_samples *samples, struct err *err);

/* Which of size_fit_sizes image `i` ends with under a plan made of two of them. */
int size_fit_last(const struct size_samples *samples, const struct size_plan *plan, int i);

#endif
