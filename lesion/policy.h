/* policy.h -- how soon a doctor should look: thresholds of models/<name>/policy.json applied.
 *
 * Section 7 of the design: urgent, review, routine (never "healthy"), retake. */
#ifndef LESION_POLICY_H
#define LESION_POLICY_H

#include "common/err.h"
#include "common/sha256.h"
#include "lesion/measure.h"

enum risk { RISK_URGENT, RISK_REVIEW, RISK_RETAKE, RISK_ROUTINE }; /* worst first */

struct policy; /* immutable after policy_open */

/* ERR_CONFIG names file and key. */
int policy_open(struct policy **out, const char *path, struct err *err);
void policy_close(struct policy *p);
const char *policy_sha256(const struct policy *p);

struct risk_decision {
    enum risk risk;
    char reason[96]; /* words joined by '+', worst first: "malignant_high", "melanoma_high",
                        "malignant_raised", "bcc", "no_lesion", "cut_off", "several", "flat_scores",
                        "quality", "duplicate", "unusable", "below_threshold" */
};

/* `is_duplicate`: the same picture is filed under another patient too. */
void policy_decide(const struct policy *p, const struct lesion_measures *m, bool is_duplicate,
                   struct risk_decision *out);

const char *risk_word(enum risk r); /* "urgent" ... */
enum risk risk_of(const char *word); /* RISK_REVIEW for an unknown word: in doubt a doctor looks */

#endif
