/* curves.h -- a run's history as one SVG: loss, learning rate, images a second, validation.
 *
 * A pure function of the history; no script, no outside resource. */
#ifndef TRAIN_CURVES_H
#define TRAIN_CURVES_H

#include "common/buf.h"
#include "train/history.h"

/* Appends an <svg> element over iterations 0 to `total`. */
void curves_draw(struct buf *out, const struct history *h, int64_t total);

#endif
