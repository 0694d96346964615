/* worst.h -- a small picture with two outlines, for an evaluation's page. */
#ifndef WORKER_WORST_H
#define WORKER_WORST_H

#include "common/buf.h"
#include "dataset/metrics.h"
#include "preprocess/decode.h"

enum { WORST_SIDE = 300 }; /* px, longest side */

/* `picture` made small, the true outline drawn in light blue and the predicted one, dashed, in orange;
 * appended to `out` as JPEG. `seen` has the same field of view. ERR_NOMEM. */
int worst_draw(const struct picture *picture, const struct metrics_case *seen, struct buf *out,
               struct err *err);

#endif
