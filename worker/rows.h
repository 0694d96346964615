/* rows.h -- figures of each image as a table, so that a run can be compared with later ones and with
 * programs of others.
 *
 * Columns: id and jaccard (0..1) are needed; dice; MEL, NV, BCC, AKIEC, BKL, DF, VASC (scores, 0..1, all
 * seven or none; their sum becomes 1); hit_px, predicted_px, lesion_px (pixels of both outlines, of the
 * predicted and of the true one: all three or none). Others are left alone. */
#ifndef WORKER_ROWS_H
#define WORKER_ROWS_H

#include "worker/judge.h"

/* All columns above and source, dx, lesion_id. */
int rows_write(const struct judgement *j, const char *path, struct err *err);

/* The images of `j`, in its order, as the table at `path` has them; `*known` gets a bit (1 << metric) for
 * each figure that the columns allow. ERR_CONFIG: a column or an image of `j` is missing, an id twice, a
 * number out of range; it names the line or the image. The caller releases `out`. */
int rows_read(struct metrics *out, uint32_t *known, const struct judgement *j, const char *path,
              struct err *err);

#endif
