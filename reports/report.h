/* report.h -- one study's report: what HTML, PDF and JSON are made of. */
#ifndef REPORTS_REPORT_H
#define REPORTS_REPORT_H

#include "reports/plate.h"

struct fonts;

struct report {
    const struct dossier *dossier; /* borrowed */
    enum language language;
    const struct policy_facts *policy; /* NULL unless the results were decided with it */
    struct plate *plates[PLATES_MAX];  /* the worst ones, in the order of the findings */
    int n_plates;
};

/* `d` and `policy` (may be NULL) are borrowed and must outlive the report. */
int report_prepare(struct report *out, const struct dossier *d, const struct policy *policy,
                   enum language l, struct err *err);
void report_release(struct report *r); /* safe on a zeroed one */

/* Append report.json: `entries` as dossier_open made them. */
int report_json(const struct dossier *d, const struct buf *entries, struct buf *out,
                struct err *err);

/* Append the page. The same report gives the same bytes. */
int report_html(const struct report *r, struct buf *out, struct err *err);
int report_pdf(const struct report *r, struct fonts *fonts, struct buf *out, struct err *err);

#endif
