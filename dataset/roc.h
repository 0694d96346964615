/* roc.h -- the ROC curve of a score and what is known of the area under it. */
#ifndef DATASET_ROC_H
#define DATASET_ROC_H

#include <stdint.h>

#include "common/err.h"

/* With the rule "score >= threshold is positive". */
struct roc_point {
    double threshold;                   /* INFINITY at the first point, where nothing is positive */
    double false_positive, sensitivity; /* shares, 0..1 */
};

/* The corners of the curve of n scores, from (0,0) to (1,1), one for each different score: at most n + 1
 * points in `out`, room for which is the caller's. Returns their number; 0 without both kinds. -1:
 * ERR_NOMEM. */
int roc_curve(const double *scores, const uint8_t *is_positive, int n, struct roc_point *out,
              struct err *err);

struct roc_area {
    double area,
        error; /* and its standard error; NAN without both kinds (error: without two of each) */
};

/* Areas under the curves of two scores of the same n pictures, and the standard error of their
 * difference. */
struct roc_pair {
    struct roc_area a, b;
    double difference_error;
};

/* By DeLong, DeLong and Clarke-Pearson (Biometrics 1988;44:837-45), with ranks instead of pairs (Sun and
 * Xu, IEEE Signal Proc Letters 2014;21:1389-93). Pictures count as independent; where lesions have
 * several, resample.h is the one to believe. All NAN without both kinds. */
int roc_delong(struct roc_pair *out, const double *a, const double *b, const uint8_t *is_positive,
               int n, struct err *err);

#endif
