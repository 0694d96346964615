/* contents.h -- which studies an upload has and how many images each: uploads/<upload>/contents.
 *
 *   lentigo-contents 1
 *   s000000 4 0                    key, images (numbered from 0), those that intake set aside
 *   ...
 *   sha256 <of all lines before>
 *
 * An abstract of the upload's study.json files, which are the truth: a scheduler that starts reads one
 * file for an upload instead of one for each study. Intake writes it before the upload is accepted. An
 * upload without one, or with one that is not whole, is read study by study and gets one anew. */
#ifndef QUEUE_CONTENTS_H
#define QUEUE_CONTENTS_H

#include <stdbool.h>

#include "queue/spool.h"

#define CONTENTS_FILE "contents"

struct contents_study {
    char key[32];
    int n_images, n_set_aside;
};

struct contents {
    struct contents_study *studies; /* owned; in order of their keys */
    int n, cap;
};

void contents_release(struct contents *c); /* safe on a zeroed one; leaves it zeroed */

/* A study behind the others. ERR_NOMEM. */
int contents_add(struct contents *c, const char *key, int n_images, int n_set_aside,
                 struct err *err);

/* The same from what its study.json says. */
int contents_add_study(struct contents *c, const struct study *study, struct err *err);

/* From the study.json files of an upload. Errors as spool_study_read; ERR_INPUT also when the images of a
 * study are not numbered from 0 on. */
int contents_gather(struct contents *out, const struct spool *s, const char *upload,
                    struct err *err);

/* Into the folder of an upload, or of one that is being taken in; by rename, not synced. */
int contents_write(const struct contents *c, const char *upload_dir, struct err *err);

/* `*is_there` is false when there is none, or one that is not whole. ERR_AGAIN, ERR_NOMEM. */
int contents_read(struct contents *out, const char *upload_dir, bool *is_there, struct err *err);

bool contents_equal(const struct contents *a, const struct contents *b);

#endif
