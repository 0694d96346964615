/* labels.h -- labels.csv of a labelled set: which picture, which diagnosis, which split.
 *
 * The set's folder holds images/<id>.jpg, masks/<id>.png (0 or 255, the picture's size) and
 * labels.csv (common/csv.h) with at least the columns id, dx (MEL, NV, BCC, AKIEC, BKL, DF, VASC)
 * and split. Two more are used where they are: source (archive or clinic that a picture comes from)
 * and lesion_id (pictures of one lesion share it). */
#ifndef DATASET_LABELS_H
#define DATASET_LABELS_H

#include "common/err.h"

struct label {
    char id[64];
    char split[16];
    char source[32];    /* "" when not known */
    char lesion_id[64]; /* "" when not known: a lesion of its own */
    int class;          /* 1 MEL ... 7 VASC */
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

#endif
