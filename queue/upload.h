/* upload.h -- the images of an upload in order: patients, their studies, and every name that must
 * differ from its neighbours'.
 *
 * The order is bytewise by patient, study and path, whatever the order in the manifest or on the
 * disk was; so the same upload gives the same numbers, names and id. */
#ifndef QUEUE_UPLOAD_H
#define QUEUE_UPLOAD_H

#include "queue/contents.h"
#include "queue/gather.h"
#include "queue/study.h"

struct upload_image {
    const struct gather_image *from; /* borrowed */
    int patient, study;              /* index of each */
    char *stem;                      /* owned */
    bool is_duplicate;
};

struct upload_patient {
    int first, n; /* images */
    int n_studies;
    char *id, *folder; /* owned */
};

struct upload_study {
    int first, n; /* images */
    int patient;
    char *folder; /* within the patient's; owned, NULL when it is the patient's only one */
};

struct upload {
    char id[18]; /* "u" and 16 digits */
    int n_images, n_patients, n_studies;
    const char *site; /* where the manifest gives none; borrowed, NULL = none */
    struct upload_image *images;
    struct upload_patient *patients;
    struct upload_study *studies;
};

/* `g` is borrowed for the life of `out`; `threads` as in crew.h. ERR_CONFIG: a study is too large. */
int upload_arrange(struct upload *out, const struct gather *g, int threads, struct err *err);
void upload_release(struct upload *u); /* safe on a zeroed one */

/* The site of study `k`, as its record has it; "" = none. */
void upload_site(const struct upload *u, int k, char out[STUDY_FIELD_SIZE]);

/* What its study records will say, in short. The caller releases `out`. ERR_NOMEM. */
int upload_contents(const struct upload *u, struct contents *out, struct err *err);

/* The record of study `k`, from any thread. Only the array of its images is the caller's, to free;
 * what the images point to is borrowed: no study_release. */
int upload_study_record(const struct upload *u, int k, const char *accepted_at, struct study *out,
                        struct err *err);

#endif
