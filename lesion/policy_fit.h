/* policy_fit.h -- thresholds and figures of a policy from a labelled validation set.
 *
 * Unusable pictures enter the shares only: no score of theirs is ever shown.
 *
 * urgent: two thresholds from one tail. For a share q of the benign pictures, melanoma's threshold
 * is the value that q of them exceed in melanoma, malignant's the value that q exceed in malignant
 * (of those that basal-cell carcinoma does not lead, which are not urgent by that rule); q is the
 * largest for which the two rules together leave at least SPECIFICITY of the benign not urgent.
 * review: the highest malignant threshold that SENSITIVITY of the malignant reach.
 * confidence_min: the value that 5 % of the pictures fall below. */
#ifndef LESION_POLICY_FIT_H
#define LESION_POLICY_FIT_H

#include <stddef.h>

#include "lesion/policy.h"

#define POLICY_FIT_SPECIFICITY 0.90
#define POLICY_FIT_SENSITIVITY 0.95
#define POLICY_FIT_FLAT        0.05

struct policy_sample {
    double classes[LESION_CLASSES];   /* [1..7], as in lesion_measures */
    double confidence;                /* NAN without a lesion */
    double asymmetry, border, colour; /* NAN when not measured */
    int truth;                        /* 1..7 */
    bool is_unusable;
    bool is_doubtful; /* a review whatever the scores: no lesion, cut off, several, degraded */
};

/* The sample of one measured picture whose diagnosis is `truth`. */
struct policy_sample policy_sample_of(const struct lesion_measures *m, int truth);

/* ERR_INPUT: a truth out of range, a score that is no number, or no usable malignant or benign
 * picture. `model` names the policy's model. */
int policy_fit(struct policy_facts *out, const char *model, const struct policy_sample *samples,
               size_t n, struct err *err);

/* Wilson's 95 % interval for k of n (Wilson, J Am Stat Assoc 1927;22:209-12); n > 0. */
struct policy_rate policy_rate_of(size_t k, size_t n);

/* A policy.json for policy_open: thresholds in full, other figures to four decimals; with
 * `f->sizes`, a policy-auto.json. */
int policy_write(const struct policy_facts *f, const char *path, struct err *err);

#endif
