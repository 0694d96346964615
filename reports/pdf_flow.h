/* pdf_flow.h -- the column of a PDF page and the types of its text; within reports/pdf*.c. */
#ifndef REPORTS_PDF_FLOW_H
#define REPORTS_PDF_FLOW_H

#include "reports/report.h"
#include "reports/sheet.h"

#define PDF_LEFT   40.0
#define PDF_WIDTH  (SHEET_W - 2 * PDF_LEFT)
#define PDF_GUTTER 14.0
#define PDF_COLUMN ((PDF_WIDTH - PDF_GUTTER) / 2)
#define PDF_BOTTOM 802.0 /* end of the body; the footer stands below */

#define PDF_INK   0x1a1a1au
#define PDF_GREY  0x5a5f66u /* 6:1 on white */
#define PDF_LINE  0xb8bdc4u
#define PDF_TRACK 0xe6e9edu
#define PDF_ALARM 0x9b1c1fu

extern const struct sheet_type pdf_body, pdf_bold, pdf_small, pdf_label, pdf_heading;

struct flow {
    struct sheet *sheet;
    const struct report *report;
    enum language language;
    double y, top; /* next free line; where the body starts on each page */
};

/* Text at x, moving `y` down by its height. */
void flow_text(struct flow *f, double x, double w, const struct sheet_type *type, const char *text);
void flow_string(struct flow *f, double x, double w, const struct sheet_type *type, enum string id);
/* The buffer's text, which is then released. */
void flow_buf(struct flow *f, double x, double w, const struct sheet_type *type, struct buf *text);

/* What was placed since `mark`, from `start` on, goes to the next page when it passes the end. */
void flow_keep(struct flow *f, int mark, double start);

/* A box to tick with its text behind; returns the x behind it. */
double flow_tick(struct flow *f, double x, double y, const char *text);
/* The same for a row of texts, broken into lines. */
void flow_ticks(struct flow *f, double x, double w, int n, const char *const texts[]);

void pdf_plate(struct flow *f, const struct plate *v);            /* pdf_plate.c */
void pdf_scores(struct flow *f, double x, const struct plate *v); /* pdf_scores.c */
void pdf_abcd(struct flow *f, double x, const struct plate *v);
void pdf_end(struct flow *f); /* pdf_end.c: decision, use and limits */

#endif
