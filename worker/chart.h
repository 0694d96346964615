/* chart.h -- the drawings of an evaluation's page, as inline SVG. Text that is not ours is escaped by
 * whoever passes it (text_add_html). Pure functions, any thread. */
#ifndef WORKER_CHART_H
#define WORKER_CHART_H

#include "common/buf.h"
#include "common/resample.h"
#include "dataset/metrics.h"
#include "dataset/roc.h"

/* The curve of n points in a square, its chance line, and the two corners that policies aim at. */
void chart_roc(struct buf *out, const struct roc_point *points, int n);

/* Share that is malignant against probability, before (hollow) and after (filled) a temperature; the
 * size of a dot goes with its images. */
void chart_reliability(struct buf *out, const struct metrics_bin before[METRICS_BINS],
                       const struct metrics_bin after[METRICS_BINS]);

/* Images by Jaccard index, twenty bars; those below METRICS_FAILURE stand out. */
void chart_jaccard(struct buf *out, const struct metrics *m);

/* A value between `low` and `high` on a line from `from` to `to`; nothing for a NAN. */
void chart_interval(struct buf *out, double value, const struct interval *range, double from,
                    double to);

#endif
