/* html_plate.h -- one picture of an HTML report; within reports/html*.c. */
#ifndef REPORTS_HTML_PLATE_H
#define REPORTS_HTML_PLATE_H

#include "reports/html_part.h"
#include "reports/report.h"

void html_plate(struct html *h, const struct report *r, int i);
void html_scores(struct html *h, const struct report *r, const struct plate *v); /* html_scores.c */
void html_abcd(struct html *h, const struct report *r, const struct plate *v);

/* "Why: ..." as a paragraph. */
void html_why(struct html *h, const struct finding *f);
/* The steps a doctor can tick; with the boxes to count structures. */
void html_decision_boxes(struct html *h, bool with_structures);

#endif
