/* thresholds.h -- from the measures of a labelled set to a policy: temperature, thresholds, and how far
 * each could lie elsewhere. */
#ifndef LESION_THRESHOLDS_H
#define LESION_THRESHOLDS_H

#include "common/resample.h"
#include "lesion/policy_fit.h"

struct thresholds_set {
    const char *model;             /* the policy's */
    struct policy_sample *samples; /* n, with the scores of the network; `lesion` is written */
    const char *const *lesions;    /* n: lesion_id of each, "" for one of its own */
    int n;
    int replicates; /* of the intervals, at least 1 */
    uint64_t seed;
};

/* Temperature first, then thresholds for what it makes of the scores; both anew for each replicate.
 * ERR_INPUT: as policy_fit says, or the set is too small for its thresholds (policy_check_support).
 * The samples' scores stay as they are. */
int thresholds_fit(struct policy_facts *out, const struct thresholds_set *set, struct err *err);

#endif
