/* made.h -- studies made up for tests: known records and a tiny drawn JPEG in a spool of their own. */
#ifndef TESTS_REPORTS_MADE_H
#define TESTS_REPORTS_MADE_H

#include "common/settings.h"
#include "lesion/entry.h"
#include "queue/result.h"
#include "queue/spool.h"

enum { MADE_MODEL_SIZE = 512 };

/* A run's folder below /tmp with an empty spool; removed by made_release. */
struct made {
    char out[256];   /* OUT */
    char spool[300]; /* OUT/.lentigo/spool */
    char model[300]; /* folder with policy.json */
    int n_studies;
    const void *jpeg; /* display copy of every image; a small drawn one when NULL */
    size_t jpeg_n;
    int width, height; /* of the originals */
};

void made_init(struct made *m);
void made_release(struct made *m);

/* Settings of a reporter for this run. */
void made_settings(const struct made *m, struct settings *s, const char *reports,
                   const char *language);

/* A study of `n` images with ids made of `patient`; the caller may change it, then made_study
 * writes it with a result for each image. */
void made_fill(struct study *s, const char *patient, int n);

/* An entry with a lesion in the middle. `malignant` decides risk: >= 0.6 urgent, >= 0.2 review. */
void made_entry(const struct made *m, struct image_entry *e, const struct study_image *image,
                double malignant);

/* Write study.json and results: `edit` (may be NULL) changes the entry of image i and may answer
 * RESULT_SET_ASIDE, RESULT_CANCELLED or RESULT_NONE (no result). `dir` receives the study's folder.
 * The study is released. */
void made_study(struct made *m, struct study *s,
                enum result_status (*edit)(struct image_entry *e, int i),
                char dir[SPOOL_PATH_SIZE]);

/* upload.json with one file that was no picture, for summaries. */
void made_upload(struct made *m);

/* The whole file; free() it. */
char *made_read(const char *dir, const char *name, size_t *n);

/* Exit status of a shell command line, output thrown away; 77 when its first word is not there. */
int made_shell(const char *line);

#endif
