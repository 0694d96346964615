/* demo_upload.h -- the synthetic upload: who sends what, and how it is written to disk.
 *
 * Twelve patients make a block that holds one of each case worth seeing: several lesions, two
 * studies, the same picture filed under two patients, all formats, and files that cannot be read.
 * More patients repeat the block with other pictures. */
#ifndef CLI_DEMO_UPLOAD_H
#define CLI_DEMO_UPLOAD_H

#include "cli/demo_scene.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/reason.h"

enum { DEMO_BLOCK = 12 };

enum demo_kind {
    DEMO_PICTURE,
    DEMO_BLURRED, /* out of focus */
    DEMO_REPEAT,  /* the picture before it once more, under another patient */
    DEMO_TRUNCATED,
    DEMO_DAMAGED,
    DEMO_EMPTY,
    DEMO_TEXT,
    DEMO_GIF,
    DEMO_BOMB, /* a header that promises 2.5 gigapixels */
    DEMO_MISSING,
};

enum demo_format { DEMO_JPEG, DEMO_PNG, DEMO_TIFF, DEMO_TIFF16 };

struct demo_item {
    enum demo_kind kind;
    enum demo_format format;
    int patient;       /* 0.. */
    int study, lesion; /* 1.. of the patient */
    int number;        /* 1.. of the upload; names the mask */
    char file[512];    /* below upload/ */
    struct demo_scene scene;
    struct demo_picture picture; /* what was drawn; empty for kinds that show nothing */
};

/* NONE for a file that can be read, else why it is to be set aside. */
enum reason demo_kind_reason(enum demo_kind kind);

/* The bytes of a good file of this format, or of a broken one of this kind; appended to `out`.
 * (demo_files.c) */
int demo_file_good(const struct demo_picture *p, enum demo_format format, struct buf *out,
                   struct err *err);
int demo_file_broken(const struct demo_picture *p, enum demo_kind kind, struct buf *out,
                     struct err *err);

/* The patients and the two records of each file: its line of manifest.csv and its object in
 * truth.json. (demo_manifest.c) */
void demo_patient_id(char *out, size_t size, int patient);
int demo_patient_skin(int patient); /* 1..6 */
void demo_manifest_head(struct buf *out);
void demo_manifest_row(struct buf *out, const struct demo_item *item);
json_t *demo_truth(const struct demo_item *item, const char *repeated); /* new; NULL: no memory */

/* Write DIR/upload and DIR/truth; `n_files` receives the number of rows of the manifest. ERR_INPUT
 * when DIR holds the upload of another seed or number of patients. (demo_upload.c) */
int demo_upload_write(const char *dir, int64_t patients, int64_t seed, int *n_files,
                      struct err *err);

#endif
