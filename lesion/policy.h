/* policy.h -- how soon a doctor should look: thresholds of models/<name>/policy.json applied.
 *
 * retake   the picture is unusable.
 * urgent   melanoma >= urgent.melanoma, or malignant >= urgent.malignant unless the most likely of
 *          the three malignant classes is basal-cell carcinoma, which can wait for a review.
 * review   malignant >= review.malignant, or any doubt: no lesion found (or one below
 *          POLICY_LESION_MIN of the picture), cut off by the frame, several, flat scores, degraded
 *          quality, the same picture under two patients. Scores that are not numbers are doubt.
 * routine  otherwise; never "healthy".
 *
 * All of it after temperature scaling of the scores (lesion/temperature.h, policy_warm).
 *
 * policy.json, every key required, unknown ones refused; numbers are 0..1 unless said otherwise:
 *   {"version": 2, "model": "starter",
 *    "temperature": {"value", "ci"},            0.01..100
 *    "urgent": {"malignant", "malignant_ci", "melanoma", "melanoma_ci", "specificity", "ci"},
 *    "review": {"malignant", "malignant_ci", "sensitivity", "ci"},
 *    "flat_scores": {"confidence_min"},
 *    "shares": {"urgent", "review", "routine", "retake"},
 *    "ppv": {"0.01": {"urgent", "flagged"}, "0.07": {"urgent", "flagged"}},
 *    "per_10000": {"0.01": {"urgent", "referred", "referred_ci", "missed", "missed_ci"}, "0.07": {...}},
 *    "support": {"malignant", "benign", "below_review", "above_urgent"},     lesions
 *    "abcd_field_accuracy": number or null,
 *    "sizes": {...}}                            in policy-auto.json only: lesion/size_plan.h
 * Each "ci" is a 95 % interval [low, high]: of a share Wilson's, of temperature and thresholds by
 * choosing them anew on lesions drawn again, of counts by what this policy makes of such lesions.
 * `specificity` is that of urgent, `sensitivity` that of review or worse, both by scores alone; `shares`
 * are of all validation pictures, doubts included; `ppv` is worked out for the prevalence that names it,
 * `flagged` being urgent or review by scores; `per_10000` counts pictures at that prevalence, doubts
 * included: `referred` urgent or review, `missed` malignant ones that come out routine; `support` counts
 * the lesions that the thresholds stand on, those beyond them apart (policy_fit.h);
 * `abcd_field_accuracy` is the area under the ROC curve of 13 A + B + 5 C for malignant against benign.
 * Version 1 had no temperature (1 is meant), per_10000, support and no ci but those of the two rates;
 * it is read still (intervals NAN, counts 0) and never written. */
#ifndef LESION_POLICY_H
#define LESION_POLICY_H

#include "common/err.h"
#include "common/sha256.h"
#include "lesion/measure.h"
#include "lesion/size_plan.h"

enum risk { RISK_URGENT, RISK_REVIEW, RISK_RETAKE, RISK_ROUTINE }; /* worst first */
enum { RISK_COUNT = RISK_ROUTINE + 1 };

/* A lesion smaller than this share of the picture is as good as none. */
#define POLICY_LESION_MIN 0.001

struct policy_rate {
    double value, low, high; /* 95 % interval */
};

enum { POLICY_PREVALENCES = 2 }; /* 1 % and 7 % */

struct policy_range {
    double low, high; /* 95 % interval */
};

/* Pictures of 10,000. */
struct policy_expected {
    double urgent, referred, missed;
    struct policy_range referred_range, missed_range;
};

/* Lesions of the set that thresholds were chosen on. */
struct policy_support {
    int malignant, benign;
    int below_review; /* malignant ones with a picture below the review threshold */
    int above_urgent; /* benign ones with a picture that its scores make urgent */
};

struct policy_facts {
    char model[64];
    double temperature; /* of the scores that all below speaks of; 1: as they are */
    struct policy_range temperature_range;
    double urgent_malignant, urgent_melanoma, review_malignant, confidence_min; /* thresholds */
    struct policy_range urgent_malignant_range, urgent_melanoma_range, review_range;
    struct policy_rate specificity, sensitivity;
    double shares[RISK_COUNT];
    double ppv_urgent[POLICY_PREVALENCES], ppv_flagged[POLICY_PREVALENCES];
    struct policy_expected expected[POLICY_PREVALENCES];
    struct policy_support support;
    double abcd_field_accuracy; /* NAN when not measured */
    struct size_plan sizes;     /* of --size auto; all 0 for a policy of one size */
};

struct policy; /* immutable after policy_open; any thread may read it */

/* ERR_CONFIG names file and key. */
int policy_open(struct policy **out, const char *path, struct err *err);
void policy_close(struct policy *p);

/* A policy.json for policy_open: thresholds in full, other figures rounded; with `f->sizes`, a
 * policy-auto.json. ERR_BUG, and nothing is written: facts that policy_open would refuse. */
int policy_write(const struct policy_facts *f, const char *path, struct err *err);

/* The policy of a model folder: policy.json for one size, policy-auto.json, whose thresholds were
 * chosen on the scores that its two sizes give, for --size auto. */
const char *policy_file_name(bool is_auto);
int policy_open_in(struct policy **out, const char *model_dir, bool is_auto, struct err *err);

const char *policy_sha256(const struct policy *p);               /* of the file's bytes */
const struct policy_facts *policy_facts(const struct policy *p); /* lives as long as the policy */

/* Scores of the network become those that the policy speaks of. */
void policy_warm(const struct policy *p, struct lesion_measures *m);

/* What the scores alone say, as bits. classes[1..7] as in lesion_measures. */
enum policy_score {
    POLICY_MALIGNANT_HIGH = 1,
    POLICY_MELANOMA_HIGH = 2,
    POLICY_MALIGNANT_RAISED = 4,
    POLICY_BCC = 8, /* malignant at least raised, and basal-cell carcinoma leads */
    POLICY_URGENT = POLICY_MALIGNANT_HIGH | POLICY_MELANOMA_HIGH,
};
unsigned policy_score(const struct policy_facts *facts, const double classes[LESION_CLASSES]);
bool policy_is_flat(const struct policy_facts *facts, double confidence);

/* A review whatever the scores say: no lesion, cut off, several, poor quality. */
bool policy_is_doubtful(const struct lesion_measures *m);

struct risk_decision {
    enum risk risk;
    char reason[96]; /* words joined by '+', worst first: "malignant_high", "melanoma_high",
                        "malignant_raised", "bcc", "no_lesion", "cut_off", "several", "flat_scores",
                        "quality", "duplicate", "unusable", "below_threshold" */
};

/* `m` after policy_warm. `is_duplicate`: the same picture is filed under another patient too. */
void policy_decide(const struct policy *p, const struct lesion_measures *m, bool is_duplicate,
                   struct risk_decision *out);

const char *risk_word(enum risk r);  /* "urgent" ... */
enum risk risk_of(const char *word); /* RISK_REVIEW for an unknown word: in doubt a doctor looks */

#endif
