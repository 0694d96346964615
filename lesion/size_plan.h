/* size_plan.h -- `--size auto`: a coarse pass of the network for every image, a fine one where the
 * coarse one leaves the contour or the score in doubt.
 *
 * Contour: the Jaccard index to expect, were the network's probabilities right. A pixel is lesion
 * with probability q = 1 - P(background), so of the mask M
 *     expected = sum of q over M / (|M| + sum of q over the rest)
 * needs nothing but the sums that every pass makes. On the validation split it tells failed outlines
 * (Jaccard < 0.65) from others with an area under the ROC curve of 0.92; the mean winning softmax
 * over the lesion reaches 0.75, the lesion's area 0.55. No mask: 0.
 * Score: malignant probability within [score_low, score_high), around the line between routine and
 * review, where a better look may change what happens; empty when that did not pay.
 *
 * The decision sees one image only, so batches, streams and order cannot change it. Masks, measures
 * and scores of an image all come from its last pass. worker/size_fit.h chooses the numbers. In
 * policy-auto.json (lesion/policy.h):
 *     "sizes": {"coarse", "fine": px, "expected_jaccard_min": number, "score": [low, high],
 *               "fine_share": of the images it was chosen on} */
#ifndef LESION_SIZE_PLAN_H
#define LESION_SIZE_PLAN_H

#include <stdbool.h>

#include "common/json.h"
#include "lesion/measure.h"

enum { SIZE_PLAN_MAX = 1024 }; /* px: what the measuring image can give */

struct size_plan {
    int coarse, fine; /* px, longest side of the input; 0: no plan */
    double expected_min;
    double score_low, score_high;
    double fine_share;
};

/* What a coarse pass says, as the fit sees it. */
double size_plan_expected_jaccard(const struct lesion_input *in);

bool size_plan_doubts(const struct size_plan *p, double expected_jaccard, double malignant);

/* The same of an image after its coarse pass. */
bool size_plan_is_doubtful(const struct size_plan *p, const struct lesion_input *in);

/* ERR_CONFIG names the key. */
int size_plan_from_json(struct size_plan *out, const json_t *object, struct err *err);
json_t *size_plan_to_json(const struct size_plan *p); /* the caller's; NULL when memory is gone */

#endif
