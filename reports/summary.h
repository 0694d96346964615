/* summary.h -- a whole run in four files: worklist.csv, set-aside.csv, summary.json, summary.html.
 *
 * Read from the spool, so it can be made again at any time and tells of unfinished work too. */
#ifndef REPORTS_SUMMARY_H
#define REPORTS_SUMMARY_H

#include "common/settings.h"
#include "reports/dossier.h"
#include "reports/strings.h"

/* One study. */
struct summary_row {
    char *patient_id, *study_id, *site;
    char *folder;  /* below OUT: "patients/P1" */
    char *overlay; /* file name within folder, or NULL */
    bool has_page; /* report.html, else only report.json */
    enum risk risk;
    double malignant;
    char *reason; /* risk words of the worst picture, '+' between */
    int n_images, n_retake;
};

/* One file that was set aside, or (patient NULL) that was no picture of the upload at all. */
struct summary_aside {
    char *file, *patient_id, *study_id, *site;
    enum reason reason;
};

struct summary {
    struct summary_row *rows; /* worst first */
    int n_rows;
    struct summary_aside *asides; /* pictures first, then other files */
    int n_asides, n_others;       /* n_others of n_asides are no pictures */
    int64_t received, done, set_aside, cancelled, unfinished;
    int64_t patients, flagged;   /* flagged: pictures that are urgent or review */
    double wall_s, images_per_s; /* NAN when unknown */
    char model[128], precision[16], device[32];
};

/* `out` is the folder of a run, its spool at OUT/.lentigo/spool. */
int summary_gather(struct summary *s, const char *out, struct err *err);
void summary_release(struct summary *s); /* safe on a zeroed one */

int summary_worklist(const struct summary *s, enum language l, struct buf *out, struct err *err);
int summary_set_aside(const struct summary *s, enum language l, struct buf *out, struct err *err);
int summary_html(const struct summary *s, enum language l, struct buf *out, struct err *err);
json_t *summary_json(const struct summary *s); /* NULL when memory is gone */

/* What to do with this study, in words. */
void summary_action(struct buf *out, enum language l, const struct summary_row *row);

/* Gather and write the four files into settings.output; the exit status: 1 when something is
 * unfinished. */
int summary_run(const struct settings *settings);

#endif
