/* facts.h -- what a report tells of the model's policy: thresholds with their confidence
 * intervals, predictive values. For showing only; lesion/policy.h decides. */
#ifndef REPORTS_FACTS_H
#define REPORTS_FACTS_H

#include "common/err.h"
#include "common/json.h"
#include "common/sha256.h"
#include "lesion/policy.h"

enum { RISK_COUNT = RISK_ROUTINE + 1 };

/* Unknown numbers are NAN; a zeroed one with is_known false is "nothing known". */
struct policy_facts {
    bool is_known;
    char sha256[SHA256_HEX_SIZE]; /* of the file's bytes */
    double urgent, urgent_ci[2];  /* malignant probability, 0..1 */
    double melanoma;              /* melanoma score that is urgent by itself */
    double specificity;           /* at the urgent threshold, 0..1 */
    double review, review_ci[2], sensitivity;
    double ppv_1[RISK_COUNT], ppv_7[RISK_COUNT]; /* share with cancer at 1 % and 7 % prevalence */
    double share[RISK_COUNT];                    /* of the validation pictures, 0..1 */
};

/* Read `model_dir`/policy.json. A missing file is no error: is_known is false. */
int policy_facts_read(struct policy_facts *out, const char *model_dir, struct err *err);

/* May these facts be shown beside results of `model` (the object of a result)? Only when the
 * results were decided with this very policy. */
bool policy_facts_fit(const struct policy_facts *f, const json_t *model);

#endif
