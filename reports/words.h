/* words.h -- findings put into words: what HTML, PDF, summary and CSV say alike.
 *
 * Text is appended raw; whoever writes HTML or CSV escapes it. */
#ifndef REPORTS_WORDS_H
#define REPORTS_WORDS_H

#include "reports/dossier.h"
#include "reports/strings.h"

enum { CLASS_MELANOMA = 1 };

const char *words_risk(enum language l, enum risk r);
const char *words_advice(enum language l, enum risk r);
const char *words_class(enum language l, int class_id); /* 1..7 */
bool words_class_is_malignant(int class_id);

/* Dark enough for white text on it and for itself on white (contrast over 7:1), 0xrrggbb. No
 * green: routine is not "healthy". */
unsigned words_risk_colour(enum risk r);
unsigned words_risk_tint(enum risk r); /* pale background of the same kind */

/* "62 %", "4.1 %", "< 0.1 %", "> 99 %"; a dash when NAN. */
void words_percent(struct buf *out, double share);
void words_number(struct buf *out, double value, int decimals); /* a dash when NAN */

/* "2 of 5 pictures could not be assessed"; nothing when none is such, or the only one. */
void words_also_retake(struct buf *out, enum language l, const struct dossier *d);

/* Why this risk: the reasons joined by "; ". */
void words_why(struct buf *out, enum language l, const struct finding *f);
/* The picture's quality and what it means for the result. */
void words_quality(struct buf *out, enum language l, const struct lesion_quality *q);
void words_quality_figures(struct buf *out, enum language l, const struct lesion_quality *q);
void words_area(struct buf *out, enum language l, const struct lesion_measures *m);

/* The dermoscopic colours found, "" when not known: "light brown, dark brown". */
void words_colours(struct buf *out, enum language l, unsigned colours);

/* What the policy says, `p` NULL = not known. Thresholds in one sentence; the predictive value of
 * this result ("" when there is none to tell); the figures in full, for "use and limits"; how far
 * the ABCD rule can be trusted. */
void words_thresholds(struct buf *out, enum language l, const struct policy_facts *p);
void words_ppv(struct buf *out, enum language l, const struct policy_facts *p,
               const struct finding *f);
void words_policy(struct buf *out, enum language l, const struct policy_facts *p);
void words_abcd_field(struct buf *out, enum language l, const struct policy_facts *p);

/* Model name, version, size, precision, backend and digest in one line. */
void words_model(struct buf *out, enum language l, const json_t *model);

/* "Lesion 1 of 3", or "Lesion" for the only one. */
void words_lesion(struct buf *out, enum language l, const struct dossier *d,
                  const struct finding *f);

/* "2026-11-23 05:12 UTC" of an ISO 8601 time in UTC; "" of none. */
void words_date(char out[32], const char *iso);

/* Text from outside as one line for a page: line breaks and tabs become a space, other control
 * characters and those that turn the direction of writing are dropped. `text` is UTF-8. */
void words_outside(struct buf *out, const char *text);

#endif
