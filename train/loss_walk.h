/* loss_walk.h -- one image's logits resized row by row, and gradients on their way back.
 *
 * The bilinear resize (specification 1.7) is done along x once for each of the head's few rows, into
 * planes of 8 classes, and between two of those for each row of the label's size: no full-size map is
 * ever made. Gradients go the same way back. Scratch of one thread. */
#ifndef TRAIN_LOSS_WALK_H
#define TRAIN_LOSS_WALK_H

#include "common/err.h"
#include "train/loss_rows.h"

struct walk {
    int w, h;           /* of the labels */
    int from_w, from_h; /* of the head */
    /* taps along x: column x is lo*(1 - f) + hi*f; w each */
    int *lo, *hi;
    float *f;
    /* the two rows of the head that are in work, w wide, 8 planes: values and gradients; row r is at
     * [r % 2], `held` says which, -1 none */
    float *value[2], *gradient[2];
    int held[2];
    const float *logits; /* from_h,from_w,8 */
    float *out;          /* the same for the gradient; NULL: none is wanted */
    int capacity;        /* w that there is room for */
};

void walk_release(struct walk *k); /* safe on a zeroed one */

/* Makes ready for an image of `w` x `h` labels and a head of from_w x from_h. ERR_NOMEM. */
int walk_resize(struct walk *k, int w, int h, int from_w, int from_h, struct err *err);

/* Begins an image; `out` is zeroed. */
void walk_begin(struct walk *k, const float *logits, float *out);

/* The resized logits of row y, 8 planes into `z`. Rows come in rising order. */
void walk_row(struct walk *k, int y, float *z);

/* Adds the gradient of the row that walk_row gave last. */
void walk_back(struct walk *k, int y, const float *g);

/* After the last row: what is still held goes to `out`. */
void walk_end(struct walk *k);

#endif
