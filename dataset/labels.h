/* labels.h -- labels.csv of a labelled set: which picture, which diagnosis, which split.
 *
 * The set's folder holds images/<id>.<jpg or another ending>, masks/<id>.png (mask.h; the picture's
 * size as displayed) and labels.csv (common/csv.h) with at least the columns id, dx (MEL, NV, BCC,
 * AKIEC, BKL, DF, VASC, or empty when the mask is a class map) and split. Two more are used where they
 * are: source (archive or clinic that a picture comes from) and lesion_id (pictures of one lesion share
 * it). */
#ifndef DATASET_LABELS_H
#define DATASET_LABELS_H

#include <stddef.h>

#include "common/err.h"

struct label {
    char id[64];
    char split[16];
    char source[32];    /* "" when not known */
    char lesion_id[64]; /* "" when not known: a lesion of its own */
    int class;          /* 1 MEL ... 7 VASC; 0: each pixel's own, the mask is a class map */
};

struct labels {
    struct label *rows;
    int n;
};

/* Rows of `split` ("all": every row), at most `limit` (0: no limit), in the file's order.
 * ERR_CONFIG names file and line. */
int labels_read(struct labels *out, const char *dir, const char *split, long limit,
                struct err *err);
void labels_release(struct labels *l);

/* Where the picture of `id` stands: images/<id> with the first ending of jpg, jpeg, png, tif, tiff,
 * webp, heic and heif that is there. ERR_CONFIG when none is. */
int labels_image_path(char *out, size_t size, const char *dir, const char *id, struct err *err);

#endif
