/* sweep_page.h -- what a person looks at: DIR/index.html, table.csv and ranking.json.
 *
 * index.html needs nothing else and no script, and asks for itself again every ten seconds while the
 * search goes on. table.csv and ranking.json have all trials, best first; times and machines are in none
 * of them. */
#ifndef TRAIN_SWEEP_PAGE_H
#define TRAIN_SWEEP_PAGE_H

#include "common/buf.h"
#include "train/sweep.h"

/* Writes the three; `note` is said of the search while it is not over. An error is a line of the log. */
void sweep_page_write(const struct sweep *w, const char *note);

/* sweep_picture.c: appends an <svg> of parallel coordinates, an axis each and the score at the right. A
 * line is a trial, the better the darker; one without a score is dashed. */
void sweep_picture_draw(struct buf *out, const struct sweep *w);

#endif
