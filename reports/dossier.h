/* dossier.h -- one study with what became of each of its images, worst lesion first.
 *
 * Made of study.json and results/<n>.json. Pictures of one lesion (same lesion_id) stay together;
 * a picture without lesion_id is a lesion of its own. An image that never became a picture makes at
 * least `retake`; none is left out. A study may hold 100,000 images, so only a short finding of
 * each is kept; dossier_entry reads the whole record again when a page needs it. */
#ifndef REPORTS_DOSSIER_H
#define REPORTS_DOSSIER_H

#include "common/buf.h"
#include "lesion/entry.h"
#include "queue/result.h"
#include "queue/spool.h"

struct finding {
    int index; /* in study.images */
    enum result_status status;
    enum reason reason; /* when set aside */
    enum risk risk;
    char why[96];     /* risk words joined by '+', as struct risk_decision has them */
    double malignant; /* malignant probability, NAN when not done */
    int lesion;       /* number of its lesion, from 1, worst first */
    bool is_twice;    /* the same bytes stand in this study more than once */
};

struct dossier {
    char dir[SPOOL_PATH_SIZE];
    struct study study;
    struct finding *findings; /* worst lesion first, within a lesion worst picture first */
    int n_lesions;
    int n_done, n_set_aside, n_cancelled;
    enum risk risk; /* the worst one */
    json_t *model;  /* of the results; NULL when no image was done */
};

/* `entries` (may be NULL) receives one line of JSON for each image in the order of the study, the
 * lines parted by ",\n": the images of report.json. ERR_AGAIN: an image is not terminal yet. */
int dossier_open(struct dossier *out, const char *study_dir, struct buf *entries, struct err *err);
void dossier_close(struct dossier *d); /* safe on a zeroed one */

/* The image's whole entry. What a result does not hold is taken from the study. */
int dossier_entry(const struct dossier *d, const struct finding *f, struct image_entry *out,
                  struct err *err);

/* The spool of the run that wrote `out`; ERR_CONFIG when there is none (and none is made). */
int dossier_open_spool(struct spool **spool, const char *out, struct err *err);

#endif
