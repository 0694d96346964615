/* study.h -- one patient's study as the spool keeps it: study.json.
 *
 * Written once at intake and never changed. Patient fields are text from outside: they leave this
 * record only into reports, never into a log, a Redis value or a file name (design section 6). */
#ifndef QUEUE_STUDY_H
#define QUEUE_STUDY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/json.h"
#include "common/reason.h"

enum { STUDY_FIELD_SIZE = 256, STUDY_NAME_SIZE = 1024, STUDY_IMAGES_MAX = 100000 };

struct study_image {
    int n; /* its number within the study, from 0: originals/<n> */
    /* Path in the upload, as text_add_name writes it; one that is too long is cut and ends in '~'
     * and eight digits of its SHA-256. */
    char file[STUDY_NAME_SIZE];
    char stem[STUDY_NAME_SIZE]; /* unique within the patient, fit for a file name */
    char sha256[65];            /* "" when there is no original */
    int64_t size_bytes;
    char lesion_id[STUDY_FIELD_SIZE];
    char body_site[STUDY_FIELD_SIZE];
    char acquired_at[STUDY_FIELD_SIZE];
    char notes[STUDY_NAME_SIZE];
    double mm_per_px;      /* NAN when unknown */
    bool is_duplicate;     /* the same bytes are filed under another patient too */
    enum reason set_aside; /* found at intake: there is no original; else REASON_NONE */
    char detail[240];
    json_t *extra; /* unknown manifest columns, an object; owned, may be NULL */
};

struct study {
    char upload[64];                  /* id of the upload */
    char key[32];                     /* its folder: uploads/<upload>/studies/<key> */
    char accepted_at[32];             /* ISO 8601; created_at of its report */
    char publish[STUDY_NAME_SIZE];    /* "patients/<patient>[/<study>]", fit for a path */
    char patient_id[STUDY_NAME_SIZE]; /* ids are never cut: work lists are imported by them */
    char study_id[STUDY_NAME_SIZE];
    char patient_name[STUDY_FIELD_SIZE];
    char birth_date[STUDY_FIELD_SIZE];
    char sex[STUDY_FIELD_SIZE];
    char site[STUDY_FIELD_SIZE];
    int n_images;
    struct study_image *images; /* owned */
};

void study_release(struct study *s); /* safe on a zeroed one; leaves it zeroed */

/* A new object of the caller; NULL when memory is gone. */
json_t *study_to_json(const struct study *s);
int study_from_json(struct study *out, const json_t *object, struct err *err);

#endif
