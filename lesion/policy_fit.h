/* policy_fit.h -- thresholds and figures of a policy from a labelled validation set.
 *
 * Unusable pictures enter the shares only: no score of theirs is ever shown.
 *
 * urgent: two thresholds from one tail. For a share q of the benign pictures, melanoma's threshold
 * is the value that q of them exceed in melanoma, malignant's the value that q exceed in malignant
 * (of those that basal-cell carcinoma does not lead, which are not urgent by that rule); q is the
 * largest for which the two rules together leave at least SPECIFICITY of the benign not urgent.
 * review: the highest malignant threshold that SENSITIVITY of the malignant reach.
 * confidence_min: the value that 5 % of the pictures fall below.
 *
 * A threshold stands on the few lesions beyond it, and pictures of one lesion say much the same. So
 * policy_check_support takes lesions for what was counted, and refuses when fewer than
 * POLICY_FIT_BEYOND malignant ones lie below the review threshold or benign ones above urgent, where
 * one odd lesion more or less would move it; or when the lower end of Wilson's interval, for as many
 * lesions as there are, of the sensitivity is below POLICY_FIT_SENSITIVITY_LOW or of the specificity
 * below POLICY_FIT_SPECIFICITY_LOW. At 95 % that takes some 135 malignant lesions. */
#ifndef LESION_POLICY_FIT_H
#define LESION_POLICY_FIT_H

#include <stddef.h>

#include "lesion/policy.h"

#define POLICY_FIT_SPECIFICITY 0.90
#define POLICY_FIT_SENSITIVITY 0.95
#define POLICY_FIT_FLAT        0.05

#define POLICY_FIT_SENSITIVITY_LOW 0.90
#define POLICY_FIT_SPECIFICITY_LOW 0.85
enum { POLICY_FIT_BEYOND = 5 };

struct policy_sample {
    double classes[LESION_CLASSES];   /* [1..7], as in lesion_measures */
    double confidence;                /* NAN without a lesion */
    double asymmetry, border, colour; /* NAN when not measured */
    int truth;                        /* 1..7 */
    int lesion;                       /* 0..n-1: pictures of one lesion share it */
    bool is_unusable;
    bool is_doubtful; /* a review whatever the scores: no lesion, cut off, several, degraded */
};

/* The sample of one measured picture whose diagnosis is `truth`. */
struct policy_sample policy_sample_of(const struct lesion_measures *m, int truth);

/* Thresholds for the scores as they are, which have been through `temperature` already; intervals that
 * take drawing lesions again are left 0. ERR_INPUT: a truth or lesion out of range, a score that is no number, or no usable malignant or benign
 * picture. `model` names the policy's model. */
int policy_fit(struct policy_facts *out, const char *model, const struct policy_sample *samples,
               size_t n, struct err *err);

/* Wilson's 95 % interval for k of n (Wilson, J Am Stat Assoc 1927;22:209-12); n > 0. */
struct policy_rate policy_rate_of(size_t k, size_t n);

/* What `f` makes of the samples, whose scores have been through its temperature, into f->expected. */
void policy_expect(struct policy_facts *f, const struct policy_sample *samples, size_t n);

/* Is the set large enough for its thresholds? ERR_INPUT says which one is not and what it would take. */
int policy_check_support(const struct policy_facts *f, struct err *err);

#endif
