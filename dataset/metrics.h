/* metrics.h -- figures of a model on labelled images: design section 3, the same as the peers'.
 *
 * Jaccard, Dice and the confusion matrix count pixels at the mask's own resolution. A class that
 * is in neither prediction nor truth has IoU 0 here, as in the recorded figures of the starter
 * model (the specification's section 5.8 counts it as 1). */
#ifndef DATASET_METRICS_H
#define DATASET_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/json.h"

enum { METRICS_CLASSES = 8 };

#define METRICS_FAILURE 0.65 /* a Jaccard index below it is a failure: ISIC 2018, task 1 */

struct metrics_image {
    int truth;                      /* class of the lesion, 1..7 */
    double scores[METRICS_CLASSES]; /* [1..7], sum 1 */
    double jaccard, dice;
};

struct metrics {
    int64_t confusion[METRICS_CLASSES][METRICS_CLASSES]; /* truth, predicted; pixels */
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

/* A new object of the caller with the keys that `eval` prints, without "size"; NULL when memory is
 * gone. */
json_t *metrics_to_json(const struct metrics *m);

/* Area under the ROC curve by ranks (ties in order of appearance broken evenly); NAN without both
 * kinds. `is_positive` is n flags. */
double metrics_auc(const double *scores, const uint8_t *is_positive, int n);

#endif
